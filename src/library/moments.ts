/**
 * Mean, variance and standard deviation. Two passes: the squared deviations are summed after the mean is known, because
 * the mean of squares minus the squared mean cancels where the mean is far from zero (Chan, Golub and LeVeque,
 * "Algorithms for computing the sample variance", 1983).
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, ReduceOptions, Value } from "../ir/graph-builder.ts";
import { resolveReduceAxes } from "../ir/shape-rules.ts";
import { bindOps, requireFloat, rootOfSum } from "./ops.ts";
import type { Ops } from "./ops.ts";

export interface VarOptions extends ReduceOptions {
  /** The sum of squared deviations is divided by n - correction. Default 1 (Bessel), as in PyTorch; NumPy's is 0. */
  readonly correction?: number | undefined;
}

/** `sum(x) / n` over `axis` (all axes when absent); integers and bools are taken as f32. torch.mean. */
export const mean = (b: GraphBuilder, x: Value, options: ReduceOptions = {}, span?: Span): Value =>
  b.mean(x, options, span);

/**
 * `sum((x - mean)^2) / max(0, n - correction)` over `axis`. torch.var; public name `var`. One value with correction 1
 * gives NaN.
 */
export function variance(b: GraphBuilder, x: Value, options: VarOptions = {}, span?: Span): Value {
  const { axis, keepdims, correction = 1 } = options;
  requireFloat("var", x, span);
  const ops = bindOps(b, span);
  const axes = resolveReduceAxes(axis, x.type, span);
  const count = axes.reduce((n, d) => n * (x.type.shape[d] ?? 1), 1);
  const centered = ops.sub(x, ops.mean(x, { axis: axes, keepdims: true }));
  const total = sumOfSquaredDeviations(ops, x, centered, axes, keepdims === true);
  return ops.div(total, Math.max(0, count - correction));
}

/**
 * `sum((x - mean)^2)` over `axes`, given `x - mean`. Its derivative by x is `2 (x - mean)`: what goes through the mean adds
 * up to 0, and is not computed.
 */
const sumOfSquaredDeviations = (
  ops: Ops,
  x: Value,
  centered: Value,
  axes: readonly number[],
  keepdims: boolean,
): Value =>
  ops.withDerivative(
    [x],
    () => ops.reduce("sum", ops.square(ops.stopGradient(centered)), { axis: axes, keepdims }),
    (c) => {
      const kept = x.type.shape.map((n, d) => (axes.includes(d) ? 1 : n));
      return [ops.mul(centered, ops.mul(ops.reshape(c, kept), 2))];
    },
  );

/** The mean of squared deviations over `axes`, which stay with length 1; `centered` is `x - mean`. */
export function populationVariance(ops: Ops, x: Value, centered: Value, axes: readonly number[]): Value {
  const count = axes.reduce((n, d) => n * (x.type.shape[d] ?? 1), 1);
  return ops.div(sumOfSquaredDeviations(ops, x, centered, axes, true), count);
}

/** `sqrt(var(x))`. torch.std; its gradient is 0 where the deviation is 0. */
export const std = (b: GraphBuilder, x: Value, options: VarOptions = {}, span?: Span): Value =>
  rootOfSum(bindOps(b, span), variance(b, x, options, span));
