/** A weight as the two halves of weight normalization, and the halves as a weight again. */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { resolveKeptAxis } from "./kept-axis.ts";
import { normExceptDim } from "./norm.ts";
import { addEps, bindOps, type NumberOrValue } from "./ops.ts";
import { gainShape, inferDim } from "./weight-norm-dim.ts";
import { weightNorm } from "./weight-norm.ts";

export interface SplitWeightOptions<T = Value> {
  /** The axis that keeps its own norms. Default 0; null and -1 keep none, other negative numbers count from the end. */
  readonly dim?: number | null | undefined;
  /** What the merge adds to the norm. Default 0. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * The gain g of a weight that is split into g and v = weight: `norm(weight) + eps` over all axes but `dim`, in the weight's
 * dtype, other axes with length 1 (shape `[]` where `dim` is null). torch.nn.utils.weight_norm at its start, where eps is 0;
 * with eps, merging gives the weight back as well.
 */
export function splitGain(
  b: GraphBuilder,
  weight: Value,
  { dim = 0, eps = 0 }: SplitWeightOptions = {},
  span?: Span,
): Value {
  const ops = bindOps(b, span);
  const g = addEps(ops, normExceptDim(b, weight, { dim }, span), eps);
  return g.type.dtype === weight.type.dtype ? g : ops.cast(g, weight.type.dtype);
}

export interface MergeWeightOptions<T = Value> {
  /** As in `weightNorm`. Default: read off the shape of g. */
  readonly dim?: number | null | undefined;
  /** Added to the norm. Default 0. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `weightNorm` of the halves, in the dtype of v. Without `dim` the axis is that of g's shape: the only one that is not 1,
 * or, where g has one axis, the only one of v with its length; a g of one element is one norm over the whole tensor.
 */
export function mergeWeight(
  b: GraphBuilder,
  v: Value,
  g: Value,
  { dim, eps }: MergeWeightOptions = {},
  span?: Span,
): Value {
  const kept =
    dim === undefined ? readDim(v, g, span) : resolveKeptAxis("weightNorm.merge", v.type, dim, span);
  const ops = bindOps(b, span);
  // One axis alone would be read as the last one when g is broadcast.
  const isVector = g.type.shape.length === 1 && v.type.shape.length > 1;
  const gain = isVector ? ops.reshape(g, gainShape(v.type.shape, kept)) : g;
  const w = weightNorm(b, v, gain, { dim: kept, eps }, span);
  return w.type.dtype === v.type.dtype ? w : ops.cast(w, v.type.dtype);
}

function readDim(v: Value, g: Value, span: Span | undefined): number | null {
  const inferred = inferDim(v.type.shape, g.type.shape);
  if (inferred.kind === "known") return inferred.dim;
  if (inferred.kind === "ambiguous")
    return fail(
      "ambiguous-dim",
      `the gain ${printType(g.type)} may belong to axis ${inferred.dims.join(" or ")} of ${printType(v.type)}`,
      { span, help: "say which with dim, or reshape g so that the other axes are 1" },
    );
  return fail(
    "shape-mismatch",
    `weightNorm.merge of ${printType(v.type)} cannot take the gain ${printType(g.type)}`,
    {
      span,
      help: "g has one number for each position of one axis of v, or one for all",
    },
  );
}
