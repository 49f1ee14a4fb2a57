/** What can be wrong with a safetensors file: the error, with its place in the file. */
import { type DiagnosticCode, fail } from "../diagnostics/diagnostic.ts";

/** Codes of files that break the format. */
export type FileFault = Extract<
  DiagnosticCode,
  | "truncated-file"
  | "header-too-long"
  | "invalid-header"
  | "duplicate-tensor"
  | "unknown-dtype"
  | "invalid-offsets"
  | "overlapping-tensors"
>;

export interface FaultDetails {
  /** Byte of the file. */
  readonly at?: number | undefined;
  readonly help?: string | undefined;
}

const AGAIN = "download it again, or write it again";

/** Throws: the file breaks the format. `file` is what messages call it. */
export function refuse(
  fault: FileFault,
  file: string,
  reason: string,
  { at, help = AGAIN }: FaultDetails = {},
): never {
  const place = at === undefined ? "" : `, at byte ${at}`;
  fail(fault, `${file} is not a valid safetensors file: ${reason}${place}`, { help });
}
