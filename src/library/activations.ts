/**
 * Activation functions, names and defaults of torch.nn.functional. Each is written so that no intermediate overflows:
 * WGSL leaves the result of an overflow open.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { bindOps, clampMax, clampMin } from "./ops.ts";
import type { NumberOrValue } from "./ops.ts";

/** `max(x, 0)`; NaN stays NaN. The gradient at 0 is 0, as in PyTorch (threshold_backward). */
export function relu(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  const ops = bindOps(b, span);
  return ops.withDerivative(
    [x],
    (y = x) => ops.max(y, 0),
    (c) => [ops.where(ops.map("le", x, 0), 0, c)],
  );
}

/** `1 / (1 + exp(-x))`, by way of `exp(-|x|)`, which is at most 1. */
export function sigmoid(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  const ops = bindOps(b, span);
  const e = ops.exp(ops.map("neg", ops.abs(x)));
  return ops.div(ops.where(ops.map("ge", x, 0), 1, e), ops.add(1, e));
}

/** `x * sigmoid(x)`. Elfwing, Uchibe and Doya, "Sigmoid-Weighted Linear Units" (2017), equation 6. */
export const silu = (b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value =>
  bindOps(b, span).mul(x, sigmoid(b, x, {}, span));

export interface GeluOptions {
  /** "none" (default) uses erf; "tanh" is the approximation of the paper, as in GPT-2. */
  readonly approximate?: "none" | "tanh" | undefined;
}

/**
 * `x * (1 + erf(x / sqrt(2))) / 2`, or `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2`. Hendrycks and Gimpel,
 * "Gaussian Error Linear Units" (2016), section 2.
 */
export function gelu(b: GraphBuilder, x: Value, options: GeluOptions = {}, span?: Span): Value {
  const ops = bindOps(b, span);
  const half = ops.mul(x, 0.5);
  if (options.approximate === "tanh") {
    const cubic = ops.add(x, ops.mul(0.044715, ops.mul(ops.square(x), x)));
    return ops.mul(half, ops.add(1, ops.map("tanh", ops.mul(Math.sqrt(2 / Math.PI), cubic))));
  }
  return ops.mul(half, ops.add(1, ops.map("erf", ops.mul(x, Math.SQRT1_2))));
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
  const tail = ops.map("log1p", ops.exp(ops.map("neg", ops.abs(scaled))));
  const sum = ops.add(ops.max(scaled, 0), tail);
  return beta === 1 ? sum : ops.div(sum, beta);
}

export interface ClipOptions<T = Value> {
  readonly min?: NumberOrValue<T> | undefined;
  readonly max?: NumberOrValue<T> | undefined;
}

/**
 * `min(max(x, options.min), options.max)`; an absent bound does not bind. torch.clip, whose gradient passes x at a bound, too.
 */
export function clip(b: GraphBuilder, x: Value, options: ClipOptions = {}, span?: Span): Value {
  const ops = bindOps(b, span);
  const raised = options.min === undefined ? x : clampMin(ops, x, options.min);
  return options.max === undefined ? raised : clampMax(ops, raised, options.max);
}
