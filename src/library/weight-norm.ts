/**
 * Normalizations of weights rather than of activations.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { elementCount, printType } from "../ir/dtype.ts";
import type { TensorType } from "../ir/dtype.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { resolveKeptAxis } from "./kept-axis.ts";
import { populationVariance } from "./moments.ts";
import { buildNorm } from "./norm.ts";
import type { NormOptions } from "./norm.ts";
import { addEps, axesExcept, bindOps, requireFloat, requireRank } from "./ops.ts";
import type { NumberOrValue, Ops } from "./ops.ts";

export interface WeightNormOptions<T = Value> {
  /**
   * The axis that keeps its own norms. Default 0 (one norm per output channel). null or -1: one norm over the whole
   * tensor. -2, -3, ... count from the end.
   */
  readonly dim?: number | null | undefined;
  /** Added to the norm. Default 0, as in PyTorch: a row of zeros gives NaN. MLX code often adds 1e-7. */
  readonly eps?: NumberOrValue<T> | undefined;
  /** The norm as `norm` takes it with `safe`: rows near 1e30 and 1e-30 keep their direction. Default false. */
  readonly safe?: boolean | undefined;
}

/**
 * `v * (g / (norm(v) + eps))`, the norm over all axes but `dim`. Salimans and Kingma, "Weight Normalization" (2016),
 * equation 2; torch._weight_norm. `g` broadcasts to the norms: `[O, 1, 1]` for a `v` of `[O, I, K]` and `dim` 0, one
 * element where `dim` is null. PyTorch does not check `g` and reads beyond its end; other shapes are refused here.
 */
export function weightNorm(
  b: GraphBuilder,
  v: Value,
  g: Value,
  options: WeightNormOptions = {},
  span?: Span,
): Value {
  const { dim = 0, eps = 0, safe } = options;
  requireFloat("weightNorm", v, span);
  requireFloat("weightNorm", g, span);
  const kept = resolveKeptAxis("weightNorm", v.type, dim, span);
  checkGain("weightNorm", v.type, g.type, kept, span);
  const ops = bindOps(b, span);
  const axis = kept === null ? undefined : axesExcept(v.type.shape.length, kept);
  const divisor = addEps(ops, buildDivisor(ops, v, { axis, keepdims: true, safe }, span), eps);
  return ops.mul(v, ops.div(gainOf(ops, v, g), divisor));
}

/**
 * The gain. Of an empty tensor nothing depends on it, so that its gradient is 0, as in newer versions of PyTorch; a sum over
 * nothing divided by a norm of 0 would make it NaN.
 */
const gainOf = (ops: Ops, v: Value, g: Value): Value =>
  elementCount(v.type.shape) === 0 ? ops.stopGradient(g) : g;

/**
 * The norm that weights are divided by. At a row of zeros its derivative is that of a root at 0, hence NaN, as in PyTorch
 * and in MLX, with and without an epsilon; `norm` has 0 there.
 */
const buildDivisor = (
  ops: Ops,
  v: Value,
  options: Omit<NormOptions, "ord">,
  span: Span | undefined,
): Value =>
  options.safe === true
    ? buildNorm(ops, v, 2, options, span)
    : ops.sqrt(ops.reduce("sum", ops.square(v), options));

/** Refuses a gain that has not one number per norm. */
function checkGain(
  name: string,
  v: TensorType,
  g: TensorType,
  kept: number | null,
  span: Span | undefined,
): void {
  const norms = v.shape.map((n, d) => (d === kept ? n : 1));
  const offset = norms.length - g.shape.length;
  const fits = offset >= 0 && g.shape.every((n, d) => n === 1 || n === norms[d + offset]);
  if (!fits)
    fail("shape-mismatch", `${name} of ${printType(v)} cannot take the gain ${printType(g)}`, {
      span,
      help:
        kept === null
          ? `one norm is taken over the whole tensor: reshape g to [] or [${norms.join(",")}]`
          : `a norm is taken for each position of axis ${String(kept)}: reshape g to [${norms.join(",")}]`,
    });
}

export interface CenteredWeightNormOptions<T = Value> {
  /** Added to the norm. Default 0. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `g * c / (norm(c) + eps)` with `c = v - mean(v)`, mean and norm over all axes but 0. Huang et al., "Centered Weight
 * Normalization in Accelerating Training of Deep Neural Networks" (2017), section 3.2.
 */
export function centeredWeightNorm(
  b: GraphBuilder,
  v: Value,
  g: Value,
  options: CenteredWeightNormOptions = {},
  span?: Span,
): Value {
  requireFloat("centeredWeightNorm", v, span);
  const kept = resolveKeptAxis("centeredWeightNorm", v.type, 0, span);
  checkGain("centeredWeightNorm", v.type, g.type, kept, span);
  const ops = bindOps(b, span);
  const over = { axis: axesExcept(v.type.shape.length, 0), keepdims: true };
  const centered = ops.sub(v, ops.mean(v, over));
  const { eps = 0 } = options;
  const divisor = addEps(ops, buildDivisor(ops, centered, over, span), eps);
  return ops.mul(centered, ops.div(gainOf(ops, v, g), divisor));
}

export interface WeightStandardizeOptions<T = Value> {
  /** One number per output channel, `[O, 1, 1]` for weights of `[O, I, K]`. */
  readonly gain?: T | undefined;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `(w - mean) / sqrt(var + eps) * gain` over all axes but 0, variance divided by n. Qiao et al., "Micro-Batch Training
 * with Batch-Channel Normalization and Weight Standardization" (2019), equations 8 to 10.
 */
export function weightStandardize(
  b: GraphBuilder,
  w: Value,
  options: WeightStandardizeOptions = {},
  span?: Span,
): Value {
  const { gain, eps = 1e-5 } = options;
  requireFloat("weightStandardize", w, span);
  const kept = resolveKeptAxis("weightStandardize", w.type, 0, span);
  if (gain !== undefined) checkGain("weightStandardize", w.type, gain.type, kept, span);
  const ops = bindOps(b, span);
  const over = { axis: axesExcept(w.type.shape.length, 0), keepdims: true };
  const centered = ops.sub(w, ops.mean(w, over));
  const variance = populationVariance(ops, w, centered, over.axis);
  const standardized = ops.mul(centered, ops.rsqrt(addEps(ops, variance, eps)));
  return gain === undefined ? standardized : ops.mul(standardized, gain);
}

export interface DemodulateOptions<T = Value> {
  /** Added to the sum of squares. Default 1e-8. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * Modulated and demodulated convolution weights: `m = w * s`, `m / sqrt(sum(m^2) + eps)` over inputs and kernel, for
 * weights `w` of `[O, I, ...kernel]` and styles `s` of `[B, I]`; the result is `[B, O, I, ...kernel]`. Karras et al.,
 * "Analyzing and Improving the Image Quality of StyleGAN" (2020), equations 1 to 3.
 */
export function demodulate(
  b: GraphBuilder,
  w: Value,
  s: Value,
  options: DemodulateOptions = {},
  span?: Span,
): Value {
  requireFloat("demodulate", w, span);
  requireRank("demodulate", w, { least: 2, layout: "[O, I, ...kernel]" }, span);
  requireRank("demodulate", s, { least: 2, most: 2, layout: "[B, I]" }, span);
  const [batch = 0, inputs = 0] = s.type.shape;
  const ops = bindOps(b, span);
  const kernel = w.type.shape.slice(2).map(() => 1);
  const modulated = ops.mul(
    ops.reshape(w, [1, ...w.type.shape]),
    ops.reshape(s, [batch, 1, inputs, ...kernel]),
  );
  const axis = modulated.type.shape.map((_, d) => d).slice(2);
  const power = ops.reduce("sum", ops.square(modulated), { axis, keepdims: true });
  return ops.mul(modulated, ops.rsqrt(addEps(ops, power, options.eps ?? 1e-8)));
}
