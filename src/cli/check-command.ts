/** `weft check`: the mistakes of a text program, without instantiating any kernel. */
import { TensorweftError } from "../diagnostics/diagnostic.ts";
import { checkModule, listKernels } from "../text.ts";
import type { Session } from "./terminal.ts";
import { readProgram, showWarnings } from "./text-program.ts";

/** Runs the command. */
export async function checkProgram(path: string, session: Session): Promise<void> {
  const module = await readProgram(path, session);
  const diagnostics = checkModule(module);
  if (diagnostics.some(({ severity }) => severity === "error")) throw new TensorweftError(diagnostics);
  showWarnings(diagnostics, session);
  const names = listKernels(module).map(({ name }) => name);
  session.terminal.write(`${path}: ${names.length === 0 ? "no kernels" : `kernels ${names.join(", ")}`}\n`);
}
