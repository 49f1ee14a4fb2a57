/**
 * Which tensors of which files a kernel's parameters take.
 *
 * Ensures: every mistake is reported, together: parameters that nothing is bound to, names that no file has or several
 * have, dtypes that WebGPU does not compute with.
 */
import { type Diagnostic, errorAt, TensorweftError } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import { computeDType } from "../formats/safetensors-dtype.ts";
import type { TensorEntry } from "../formats/safetensors-header.ts";
import type { SafetensorsFile } from "../formats/safetensors.ts";
import type { DType } from "../ir/dtype.ts";
import type { KernelInfo } from "../text.ts";
import type { Pairs } from "./parse-options.ts";

export interface BoundTensor {
  readonly param: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly file: SafetensorsFile;
  readonly tensor: string;
}

const MOST_NAMES = 8;

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(", ");
  if (names.length === 0) return "there are no tensors";
  return `there are ${shown}${names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ""}`;
}

function bindTensor(
  param: string,
  bound: string | undefined,
  files: readonly SafetensorsFile[],
): BoundTensor | Diagnostic {
  const tensor = bound ?? param;
  const hits = files.flatMap((file): readonly (readonly [SafetensorsFile, TensorEntry])[] => {
    const entry = file.tensors.get(tensor);
    return entry === undefined ? [] : [[file, entry]];
  });
  const [hit, second] = hits;
  if (hit === undefined) {
    const names = files.flatMap((file) => [...file.tensors.keys()]);
    const near = didYouMean(tensor, names);
    const where = files.map(({ file }) => file).join(" and ");
    const why =
      bound === undefined
        ? `and parameter ${param} is bound to no other`
        : `which parameter ${param} is bound to`;
    const way = near ?? listNames(names);
    return errorAt("missing-tensor", `${where} has no tensor ${tensor}, ${why}`, {
      help: bound === undefined ? `pass --bind ${param}=TENSOR; ${way}` : way,
    });
  }
  const [file, { dtype, shape }] = hit;
  if (second !== undefined)
    return errorAt("missing-tensor", `${file.file} and ${second[0].file} both have a tensor ${tensor}`, {
      help: "pass one of the files",
    });
  const computed = computeDType(dtype);
  if (computed === undefined)
    return errorAt(
      "unsupported-dtype",
      `tensor ${tensor} of ${file.file} is ${dtype}, which WebGPU cannot compute with`,
      {
        help: "convert it first: F32, F16, BF16, I32, U32 and BOOL are supported",
      },
    );
  return { param, dtype: computed, shape, file, tensor };
}

/** Binds every tensor parameter of the kernel: as `bindings` say, else to the tensor of its own name. */
export function bindTensors(
  kernel: KernelInfo,
  bindings: Pairs,
  files: readonly SafetensorsFile[],
): readonly BoundTensor[] {
  const params = kernel.params.filter(({ kind }) => kind === "tensor").map(({ name }) => name);
  const unknown = [...bindings.keys()]
    .filter((name) => !params.includes(name))
    .map((name) =>
      errorAt("unknown-argument", `kernel ${kernel.name} has no tensor parameter ${name}`, {
        help: didYouMean(name, params) ?? `its tensor parameters are ${params.join(", ")}`,
      }),
    );
  const outcomes = params.map((param) => bindTensor(param, bindings.get(param), files));
  const bound = outcomes.filter((outcome): outcome is BoundTensor => "param" in outcome);
  const problems = [
    ...unknown,
    ...outcomes.filter((outcome): outcome is Diagnostic => "severity" in outcome),
  ];
  if (problems.length > 0) throw new TensorweftError(problems);
  return bound;
}
