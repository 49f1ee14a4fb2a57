/**
 * Smooth activation functions; names and defaults are those of torch.nn.functional where it has them. All take a
 * floating-point tensor of any shape and give one of the same shape and dtype. Each is written so that no intermediate
 * overflows: WGSL leaves the result of an overflow open.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { resolveAxis } from "../ir/shape-rules.ts";
import { bindOps, clampMax, requireFloat } from "./ops.ts";
import type { NumberOrValue, Ops } from "./ops.ts";

/** `exp(-|x|)`, which is at most 1: what the functions below are written in. */
const decay = (ops: Ops, x: Value): Value => ops.exp(ops.neg(ops.abs(x)));

/** `1 / (1 + exp(-x))`, by way of `exp(-|x|)`. torch.sigmoid. */
export const sigmoid = (b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value =>
  sigmoidOf(bindOps(b, span), x);

// The kink of |x| cancels in all functions of it below, but its derivative at 0, which is taken as 0, would not. Their own
// derivatives are simpler, too.

const sigmoidOf = (ops: Ops, x: Value): Value =>
  ops.withDerivative(
    [x],
    (y = x) => {
      const e = decay(ops, y);
      return ops.div(ops.where(ops.map("ge", y, 0), 1, e), ops.add(1, e));
    },
    (c, s) => [ops.mul(c, ops.mul(s, ops.sub(1, s)))],
  );

/** `log(sigmoid(x))` as `min(x, 0) - log1p(exp(-|x|))`. torch.nn.functional.logsigmoid. */
export function logSigmoid(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  requireFloat("logSigmoid", x, span);
  const ops = bindOps(b, span);
  return ops.withDerivative(
    [x],
    (y = x) => ops.sub(ops.min(y, 0), ops.map("log1p", decay(ops, y))),
    (c) => [ops.mul(c, sigmoidOf(ops, ops.neg(x)))],
  );
}

/** `x * sigmoid(x)`. Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units" (2017), equation 6. */
export const silu = (b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value =>
  bindOps(b, span).mul(x, sigmoid(b, x, {}, span));

export interface SwishOptions<T = Value> {
  /** Sharpness of the sigmoid. Default 1: silu. */
  readonly beta?: NumberOrValue<T> | undefined;
}

/**
 * `x * sigmoid(beta * x)`. Ramachandran, Zoph and Le, "Searching for Activation Functions" (2017), section 4; ONNX Swish,
 * which calls beta alpha.
 */
export function swish(b: GraphBuilder, x: Value, options: SwishOptions = {}, span?: Span): Value {
  const { beta = 1 } = options;
  requireFloat("swish", x, span);
  const ops = bindOps(b, span);
  return ops.mul(x, sigmoid(b, beta === 1 ? x : ops.mul(x, beta), {}, span));
}

/**
 * `swish(x) * gate`, elementwise on tensors that broadcast: the two halves of a projection. Shazeer, "GLU Variants Improve
 * Transformer" (2020), equation 5; ONNX SwiGLU.
 */
export const swiglu = (
  b: GraphBuilder,
  x: Value,
  gate: Value,
  options: SwishOptions = {},
  span?: Span,
): Value => bindOps(b, span).mul(swish(b, x, options, span), gate);

export interface GluOptions {
  /** The axis that is halved; its length has to be even. Default -1. */
  readonly axis?: number | undefined;
}

/**
 * `first * sigmoid(second)` of the two halves of x along an axis, which comes out half as long. Dauphin et al., "Language
 * Modeling with Gated Convolutional Networks" (2016), equation 1; torch.nn.functional.glu.
 */
export function glu(b: GraphBuilder, x: Value, options: GluOptions = {}, span?: Span): Value {
  requireFloat("glu", x, span);
  const axis = resolveAxis(options.axis ?? -1, x.type, span);
  const length = x.type.shape[axis] ?? 0;
  if (length % 2 !== 0)
    fail("invalid-shape", `glu halves axis ${String(axis)} of ${printType(x.type)}, whose length is odd`, {
      span,
      help: "choose an axis of even length",
    });
  const half = (start: number): Value =>
    b.slice(
      x,
      x.type.shape.map((n, d) => (d === axis ? { start, stop: start + length / 2 } : { stop: n })),
      span,
    );
  return bindOps(b, span).mul(half(0), sigmoid(b, half(length / 2), {}, span));
}

export interface GeluOptions {
  /** "none" (default) uses the normal distribution, ndtr; "tanh" is the approximation of the paper, as in GPT-2. */
  readonly approximate?: "none" | "tanh" | undefined;
}

/**
 * `x * ndtr(x)`, or `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`. Hendrycks and Gimpel, "Gaussian Error Linear
 * Units" (2016), section 2, who write the first as `x * (1 + erf(x / sqrt(2))) / 2`: that sum loses its digits below 0.
 */
export function gelu(b: GraphBuilder, x: Value, options: GeluOptions = {}, span?: Span): Value {
  const ops = bindOps(b, span);
  if (options.approximate !== "tanh") return ops.mul(x, ops.map("ndtr", x));
  const half = ops.mul(x, 0.5);
  const cubic = ops.add(x, ops.mul(0.044715, ops.mul(ops.square(x), x)));
  return ops.mul(half, ops.add(1, ops.map("tanh", ops.mul(Math.sqrt(2 / Math.PI), cubic))));
}

export interface SoftplusOptions<T = Value> {
  /** Sharpness. Default 1. */
  readonly beta?: NumberOrValue<T> | undefined;
}

/**
 * `log(1 + exp(beta x)) / beta` as `(max(beta x, 0) + log1p(exp(-|beta x|))) / beta`, which is exact for large x too:
 * PyTorch's `threshold`, which switches to x beyond 20, is not needed.
 */
export function softplus(b: GraphBuilder, x: Value, options: SoftplusOptions = {}, span?: Span): Value {
  const { beta = 1 } = options;
  const ops = bindOps(b, span);
  const scaled = beta === 1 ? x : ops.mul(x, beta);
  const sum = ops.withDerivative(
    [scaled],
    (y = scaled) => ops.add(ops.max(y, 0), ops.map("log1p", decay(ops, y))),
    (c) => [ops.mul(c, sigmoidOf(ops, scaled))],
  );
  return beta === 1 ? sum : ops.div(sum, beta);
}

/**
 * `x * tanh(softplus(x))`. Misra, "Mish" (2019), equation 1; torch.nn.functional.mish. The hyperbolic tangent of a
 * logarithm is a quotient: with `t = exp(-|x|)`, `(1 + 2t) / (1 + 2t + 2t^2)` for x >= 0 and `(t^2 + 2t) / (t^2 + 2t + 2)`
 * below. All terms are positive, so nothing cancels, and WGSL's tanh, good to 1e-5 only, is not needed.
 */
export function mish(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  requireFloat("mish", x, span);
  const ops = bindOps(b, span);
  const ratio = ops.withDerivative(
    [x],
    (y = x) => {
      const t = decay(ops, y);
      const isPositive = ops.map("ge", y, 0);
      const numerator = ops.where(isPositive, ops.add(1, ops.mul(2, t)), ops.mul(t, ops.add(t, 2)));
      const rest = ops.where(isPositive, ops.mul(2, ops.square(t)), 2);
      return ops.div(numerator, ops.add(numerator, rest));
    },
    (c, tanh) => [ops.mul(c, ops.mul(ops.sub(1, ops.square(tanh)), sigmoidOf(ops, x)))],
  );
  return ops.mul(x, ratio);
}

/** `x / (1 + |x|)`. torch.nn.functional.softsign; as there, an infinity gives NaN. */
export function softsign(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  requireFloat("softsign", x, span);
  const ops = bindOps(b, span);
  return ops.div(x, ops.add(1, ops.abs(x)));
}

/** `x - tanh(x)`. torch.nn.functional.tanhshrink. */
export function tanhshrink(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  requireFloat("tanhshrink", x, span);
  const ops = bindOps(b, span);
  return ops.sub(x, ops.map("tanh", x));
}

export interface EluOptions<T = Value> {
  /** The limit at minus infinity is -alpha. Default 1. */
  readonly alpha?: NumberOrValue<T> | undefined;
}

/** `x` above 0, `alpha * (exp(x) - 1)` elsewhere. Clevert, Unterthiner and Hochreiter (2015), equation 16; torch elu. */
export function elu(b: GraphBuilder, x: Value, options: EluOptions = {}, span?: Span): Value {
  requireFloat("elu", x, span);
  const { alpha = 1 } = options;
  const ops = bindOps(b, span);
  const negative = ops.map("expm1", clampMax(ops, x, 0));
  return ops.where(ops.map("gt", x, 0), x, alpha === 1 ? negative : ops.mul(alpha, negative));
}

export interface SeluOptions<T = Value> {
  /** Default 1.6732632423543772. */
  readonly alpha?: NumberOrValue<T> | undefined;
  /** Default 1.0507009873554805; ONNX calls it gamma. */
  readonly scale?: NumberOrValue<T> | undefined;
}

/**
 * `scale * elu(x, alpha)`, which keeps mean 0 and variance 1 with the default constants. Klambauer et al.,
 * "Self-Normalizing Neural Networks" (2017), equation 2; torch.nn.functional.selu.
 */
export function selu(b: GraphBuilder, x: Value, options: SeluOptions = {}, span?: Span): Value {
  const { alpha = 1.6732632423543772, scale = 1.0507009873554805 } = options;
  requireFloat("selu", x, span);
  return bindOps(b, span).mul(scale, elu(b, x, { alpha }, span));
}

/**
 * `x` above 0, `alpha * (exp(x / alpha) - 1)` elsewhere: an elu whose slope is continuous for every alpha. Barron,
 * "Continuously Differentiable Exponential Linear Units" (2017), equation 2; torch.nn.functional.celu.
 */
export function celu(b: GraphBuilder, x: Value, options: EluOptions = {}, span?: Span): Value {
  const { alpha = 1 } = options;
  requireFloat("celu", x, span);
  if (alpha === 0)
    fail("invalid-value", "celu divides by alpha, which is 0", {
      span,
      help: "choose another alpha; relu is what it tends to",
    });
  if (alpha === 1) return elu(b, x, {}, span);
  const ops = bindOps(b, span);
  const negative = ops.mul(alpha, ops.map("expm1", ops.div(clampMax(ops, x, 0), alpha)));
  return ops.where(ops.map("gt", x, 0), x, negative);
}
