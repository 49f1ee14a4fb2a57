/**
 * The weight norms of a whole state dict, folded into plain weights or taken apart again.
 *
 * Ensures: names and shapes decide what is a weight norm (src/library/weight-norm-pairs.ts), before any tensor is read;
 *          every other tensor comes back as it was, the same object or the same bytes; one compilation per distinct shape.
 */
import {
  type FoldOptions,
  foldSources,
  type StreamOptions,
  type TensorSource,
  type TensorStream,
  unfoldSources,
} from "./fold-streams.ts";
import { traceMerge } from "./frontend/trace/weight-norm-functions.ts";
import type { TracedTensor } from "./frontend/trace/traced-tensor.ts";
import { jit } from "./jit.ts";
import { planFold } from "./library/weight-norm-pairs.ts";
import { planUnfold, type UnfoldChoice } from "./library/weight-norm-unfold.ts";
import type { Tensor } from "./runtime/device.ts";
import { weightNorm } from "./weight-norm.ts";

export type { FoldOptions, StreamOptions, TensorSource, TensorStream } from "./fold-streams.ts";
export {
  planFold,
  type TensorInfo,
  type WaysOut,
  type WeightNormPair,
  type WeightNormRule,
} from "./library/weight-norm-pairs.ts";
export { planUnfold, type UnfoldChoice } from "./library/weight-norm-unfold.ts";

/**
 * Folds every weight norm of a state dict: `NAME_g` and `NAME_v`, or `parametrizations.NAME.original0` and `.original1`, become
 * `NAME`, in the place of v. The dim is read off the shape of g.
 *
 * Tensors with data are folded on their device by one fused kernel per weight (the accuracy is that of `weightNorm`); g and v
 * stay the caller's. Tensors that are read in parts are folded when their chunks are asked for, in bounded memory, within 1 ulp
 * of the exact weight.
 *
 * @throws {TensorweftError} with all that is wrong: `broken-pair` (half of a pair is missing, shapes do not fit, the name is
 *   taken), `ambiguous-dim` (g fits several axes), `invalid-axis`, `unsupported-dtype`
 */
export function foldWeightNorm(
  tensors: ReadonlyMap<string, Tensor>,
  options?: FoldOptions,
): Map<string, Tensor>;
export function foldWeightNorm(
  tensors: ReadonlyMap<string, TensorSource>,
  options: FoldOptions & StreamOptions,
): Map<string, TensorStream>;
export function foldWeightNorm(
  tensors: ReadonlyMap<string, Tensor> | ReadonlyMap<string, TensorSource>,
  options: FoldOptions & Partial<StreamOptions> = {},
): Map<string, Tensor> | Map<string, TensorStream> {
  const { device } = options;
  if (device === undefined) return foldTensors(tensors as ReadonlyMap<string, Tensor>, options);
  return foldSources(tensors as ReadonlyMap<string, TensorSource>, options, { ...options, device });
}

function foldTensors(
  tensors: ReadonlyMap<string, Tensor>,
  { rules, dtype }: FoldOptions,
): Map<string, Tensor> {
  const merged = jit(
    (v: TracedTensor, g: TracedTensor, dim: number | null, eps: number, to: FoldOptions["dtype"]) => {
      const w = traceMerge(v, g, dim, eps);
      return to === undefined ? w : w.cast(to);
    },
    { name: "fold" },
  );
  const folded = new Map<string, Tensor>();
  for (const step of planFold(tensors, rules)) {
    const source = tensors.get(step.kind === "keep" ? step.name : step.pair.v);
    if (source === undefined) continue;
    if (step.kind === "keep") folded.set(step.name, source);
    else {
      const { name, dim, eps, g } = step.pair;
      const gain = tensors.get(g);
      if (gain !== undefined) folded.set(name, merged(source, gain, dim, eps, dtype));
    }
  }
  return folded;
}

/** Splits the named weights of a state dict: the inverse of `foldWeightNorm`. Of tensors with data, v is the weight itself. */
export function unfoldWeightNorm(
  tensors: ReadonlyMap<string, Tensor>,
  choice: UnfoldChoice,
): Map<string, Tensor>;
export function unfoldWeightNorm(
  tensors: ReadonlyMap<string, TensorSource>,
  choice: UnfoldChoice,
  options: StreamOptions,
): Map<string, TensorStream>;
export function unfoldWeightNorm(
  tensors: ReadonlyMap<string, Tensor> | ReadonlyMap<string, TensorSource>,
  choice: UnfoldChoice,
  options?: StreamOptions,
): Map<string, Tensor> | Map<string, TensorStream> {
  if (options !== undefined)
    return unfoldSources(tensors as ReadonlyMap<string, TensorSource>, choice, options);
  const given = tensors as ReadonlyMap<string, Tensor>;
  const split = new Map<string, Tensor>();
  for (const step of planUnfold(given, choice)) {
    const name = step.kind === "keep" ? step.name : step.pair.name;
    const tensor = given.get(name);
    if (tensor === undefined) continue;
    if (step.kind === "keep") split.set(name, tensor);
    else {
      const { g, v } = weightNorm.split(tensor, step.pair.dim, { eps: step.pair.eps });
      split.set(step.pair.g, g).set(step.pair.v, v);
    }
  }
  return split;
}
