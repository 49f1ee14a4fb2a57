/** Split and merge of src/library/weight-norm-split.ts for traced tensors. `weightNorm` of src/weight-norm.ts offers them. */
import { mergeWeight, splitGain } from "../../library/weight-norm-split.ts";
import { type TracedTensor, traceOp } from "./traced-tensor.ts";

type T = TracedTensor;

export const traceSplit = (weight: T, dim: number | null | undefined, eps: number | undefined): T =>
  traceOp("split", [weight], (c) => splitGain(c.builder, c.value(weight), { dim, eps }, c.span));

export const traceMerge = (v: T, g: T, dim: number | null | undefined, eps: number | undefined): T =>
  traceOp("merge", [v, g], (c) => mergeWeight(c.builder, c.value(v), c.value(g), { dim, eps }, c.span));
