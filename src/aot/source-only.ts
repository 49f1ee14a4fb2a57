/** Functions that exist for the type checker and for the build. */
import { fail } from "../diagnostics/diagnostic.ts";

/** A function of source that is compiled and never runs. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the declared type is all that there is
export function sourceOnly<F>(name: string): F {
  const refuse = (): never =>
    fail("wrong-argument", `${name} of tensorweft/aot was called: this module is source, to be compiled`, {
      help: "run weft build on it and import the module that it writes",
    });
  return refuse as unknown as F;
}
