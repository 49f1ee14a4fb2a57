/**
 * The softmax family. The greatest element of a row is taken away before `exp`, so nothing overflows: exp(x - max) is at
 * most 1 (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, section 2).
 *
 * NaN and infinity as in PyTorch: NaN, +inf, or a row of nothing but -inf make the whole row NaN; a single -inf is fine.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import { elementCount } from "../ir/dtype.ts";
import type { GraphBuilder, ReduceOptions, Value } from "../ir/graph-builder.ts";
import { resolveReduceAxes } from "../ir/shape-rules.ts";
import { bindOps, requireFloat } from "./ops.ts";
import type { Ops } from "./ops.ts";

export interface SoftmaxOptions {
  /** One axis, or several that are normalised together. Default -1. */
  readonly axis?: number | readonly number[] | undefined;
}

/** `exp(x) / sum(exp(x))`, max-subtracted. torch.softmax. */
export function softmax(b: GraphBuilder, x: Value, options: SoftmaxOptions = {}, span?: Span): Value {
  const over = checkSoftmax("softmax", x, options, span);
  const ops = bindOps(b, span);
  // There is no greatest element of nothing, but the softmax of nothing is nothing.
  if (elementCount(x.type.shape) === 0) return ops.exp(x);
  const e = ops.exp(ops.sub(x, greatestOf(ops, x, over)));
  return ops.div(e, ops.reduce("sum", e, over));
}

/** What is taken away. Results do not depend on it, hence no derivative does. */
const greatestOf = (ops: Ops, x: Value, over: ReduceOptions): Value =>
  ops.stopGradient(ops.reduce("max", x, over));

/** `x - log(sum(exp(x)))`, max-subtracted. torch.log_softmax. */
export function logSoftmax(b: GraphBuilder, x: Value, options: SoftmaxOptions = {}, span?: Span): Value {
  const over = checkSoftmax("logSoftmax", x, options, span);
  const ops = bindOps(b, span);
  if (elementCount(x.type.shape) === 0) return ops.exp(x);
  const shifted = ops.sub(x, greatestOf(ops, x, over));
  return ops.sub(shifted, ops.map("log", ops.reduce("sum", ops.exp(shifted), over)));
}

/** `softmax(-x)`: the least element gets the most. torch.nn.functional.softmin. */
export const softmin = (b: GraphBuilder, x: Value, options: SoftmaxOptions = {}, span?: Span): Value =>
  softmax(b, bindOps(b, span).neg(x), options, span);

export interface HardmaxOptions {
  /** Default -1. */
  readonly axis?: number | undefined;
}

/**
 * 1 at the greatest element along an axis (the first of equals; nan counts as greatest), 0 elsewhere. ONNX Hardmax; the
 * one-hot form of torch.argmax.
 */
export function hardmax(b: GraphBuilder, x: Value, options: HardmaxOptions = {}, span?: Span): Value {
  requireFloat("hardmax", x, span);
  const { axis = -1 } = options;
  const place = b.reduce("argmax", x, { axis, keepdims: true }, span);
  return b.cast(b.map("eq", [b.iota(x.type.shape, axis, "i32", span), place], span), x.type.dtype, span);
}

function checkSoftmax(
  name: string,
  x: Value,
  { axis = -1 }: SoftmaxOptions,
  span: Span | undefined,
): ReduceOptions {
  requireFloat(name, x, span);
  return { axis: resolveReduceAxes(axis, x.type, span), keepdims: true };
}

/**
 * `log(sum(exp(x)))` over `axis` (all axes when absent), max-subtracted. torch.logsumexp. Over zero elements -inf. An
 * infinite maximum is not taken away, since inf - inf is NaN: +inf stays +inf, a row of nothing but -inf gives -inf.
 */
export function logsumexp(b: GraphBuilder, x: Value, options: ReduceOptions = {}, span?: Span): Value {
  requireFloat("logsumexp", x, span);
  const { axis, keepdims } = options;
  const ops = bindOps(b, span);
  const total = (terms: Value): Value => ops.map("log", ops.reduce("sum", terms, { axis, keepdims }));
  if (elementCount(x.type.shape) === 0) return total(ops.exp(x));
  const greatest = greatestOf(ops, x, { axis, keepdims: true });
  const shift = ops.where(ops.map("isinf", greatest), 0, greatest);
  const sum = total(ops.exp(ops.sub(x, shift)));
  return ops.add(sum, keepdims === true ? shift : ops.reshape(shift, sum.type.shape));
}
