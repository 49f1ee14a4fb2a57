/**
 * `weightNorm` with `weightNorm.split` and `weightNorm.merge`, on traced tensors and on tensors with data.
 *
 * On tensors with data each call traces and compiles anew (a few milliseconds; the device keeps the compiled kernel, since
 * its text is the same). What runs often belongs in a function of `jit`.
 */
import { weightNorm as traced } from "./frontend/trace/library-functions.ts";
import { TracedTensor } from "./frontend/trace/traced-tensor.ts";
import { traceMerge, traceSplit } from "./frontend/trace/weight-norm-functions.ts";
import { jit } from "./jit.ts";
import type { WeightNormOptions } from "./library/weight-norm.ts";
import type { Tensor } from "./runtime/device.ts";

/** The halves of a weight: magnitude g, direction v. */
export interface WeightHalves<T> {
  readonly g: T;
  readonly v: T;
}

interface SplitOptions {
  /** What the merge will add to the norm. Default 0. */
  readonly eps?: number | undefined;
}

interface MergeOptions extends SplitOptions {
  /** As in `weightNorm`. Default: read off the shape of g. */
  readonly dim?: number | null | undefined;
}

type Either = Tensor | TracedTensor;

function split(weight: TracedTensor, dim?: number | null, options?: SplitOptions): WeightHalves<TracedTensor>;
function split(weight: Tensor, dim?: number | null, options?: SplitOptions): WeightHalves<Tensor>;
function split(weight: Either, dim: number | null = 0, { eps }: SplitOptions = {}): WeightHalves<Either> {
  if (weight instanceof TracedTensor) return { g: traceSplit(weight, dim, eps), v: weight };
  const gainOf = jit((w: TracedTensor) => traceSplit(w, dim, eps), { name: "split" });
  return { g: gainOf(weight), v: weight };
}

function merge(halves: WeightHalves<TracedTensor>, options?: MergeOptions): TracedTensor;
function merge(halves: WeightHalves<Tensor>, options?: MergeOptions): Tensor;
function merge({ g, v }: WeightHalves<Either>, { dim, eps }: MergeOptions = {}): Either {
  if (g instanceof TracedTensor && v instanceof TracedTensor) return traceMerge(v, g, dim, eps);
  const weightOf = jit((v: TracedTensor, g: TracedTensor) => traceMerge(v, g, dim, eps), { name: "merge" });
  // By the overloads, both are tensors with data here; a mixture is refused by jit, which names the traced one.
  return weightOf(v as Tensor, g as Tensor);
}

/**
 * `v * (g / (norm(v) + eps))`, the norm over all axes but `dim` (default 0; null or -1: over the whole tensor). Salimans and
 * Kingma, "Weight Normalization" (2016), equation 2; torch._weight_norm. The result has the shape of v; g broadcasts to the
 * norms.
 *
 * `weightNorm.split(weight, dim, { eps })` gives the halves that a weight starts from: v is the weight itself, g of its dtype
 * holds `norm(weight) + eps`, shape `[O,1,1]` for a weight `[O,I,K]` and dim 0, `[]` for dim null.
 *
 * `weightNorm.merge({ g, v }, { dim, eps })` gives the weight, in the dtype of v. Without `dim`, the axis is read off the
 * shape of g.
 *
 * @throws {TensorweftError} `shape-mismatch` where g has not one number per norm, `ambiguous-dim` where its shape fits several
 *   axes, `invalid-axis`, `invalid-shape`, `dtype-mismatch` for what is no floating-point tensor with axes
 */
export const weightNorm = Object.assign(
  (v: TracedTensor, g: TracedTensor, options?: WeightNormOptions<TracedTensor>): TracedTensor =>
    traced(v, g, options),
  { split, merge },
);
