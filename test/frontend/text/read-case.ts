/** Golden cases of the text language: the header says which kernel is instantiated, and at which shapes. */
import { type Diagnostic } from "../../../src/diagnostics/diagnostic.ts";
import { type GivenShape } from "../../../src/frontend/text/bind-params.ts";
import { checkModule } from "../../../src/frontend/text/check.ts";
import { lowerKernel, type LoweredKernel } from "../../../src/frontend/text/lower-kernel.ts";
import { parseModule } from "../../../src/frontend/text/parse.ts";
import { isDType } from "../../../src/ir/dtype.ts";
import { type Golden } from "../../support/golden.ts";

/** The file name that places in expectations carry. */
export const FILE = "norms.weft";

/** `x=8,256` or `x=f16:8,256`; `x=` is rank 0. */
function readShape(text: string): readonly [string, GivenShape] {
  const [name = "", type = ""] = text.split("=");
  const [prefix = "", lengths] = type.split(":");
  const shape = (lengths ?? prefix).split(",").filter((n) => n !== "");
  const given = { shape: shape.map(Number) };
  return [name, lengths !== undefined && isDType(prefix) ? { ...given, dtype: prefix } : given];
}

/** Instantiates the kernel that the header names, after a parse that may have failed. */
export function lowerCase({
  header,
  input,
}: Golden): LoweredKernel | { readonly diagnostics: readonly Diagnostic[] } {
  const { module, diagnostics } = parseModule(input, FILE);
  const [kernel] = header.get("kernel") ?? [];
  if (module === undefined) return { diagnostics };
  if (kernel === undefined) return { diagnostics: [...diagnostics, ...checkModule(module)] };
  const shapes = Object.fromEntries((header.get("shape") ?? []).map(readShape));
  const [dtype] = header.get("dtype") ?? [];
  const options = dtype !== undefined && isDType(dtype) ? { dtype } : {};
  const lowered = lowerKernel(module, kernel, shapes, options);
  return { ...lowered, diagnostics: [...diagnostics, ...lowered.diagnostics] };
}
