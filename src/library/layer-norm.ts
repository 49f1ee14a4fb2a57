/**
 * Normalizations over the trailing dimensions of activations. Moments in two passes, as in moments.ts.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType, sameShape } from "../ir/dtype.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { printShape } from "../ir/shape-rules.ts";
import { populationVariance } from "./moments.ts";
import { addEps, bindOps, requireFloat } from "./ops.ts";
import type { NumberOrValue, Ops } from "./ops.ts";

interface TrailingOptions<T> {
  /** The trailing shape that is normalised as one, as in PyTorch. A number n means [n]; default: the last dimension. */
  readonly normalizedShape?: number | readonly number[] | undefined;
  /** Broadcasts to the normalised shape; multiplies the result. */
  readonly weight?: T | undefined;
}

export interface LayerNormOptions<T = Value> extends TrailingOptions<T> {
  /** Broadcasts to the normalised shape; added last. */
  readonly bias?: T | undefined;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `(x - mean) / sqrt(var + eps) * weight + bias` over the trailing dimensions, variance divided by n. Ba, Kiros and
 * Hinton, "Layer Normalization" (2016), section 3; torch.nn.functional.layer_norm.
 */
export function layerNorm(b: GraphBuilder, x: Value, options: LayerNormOptions = {}, span?: Span): Value {
  const { eps = 1e-5, weight, bias } = options;
  requireFloat("layerNorm", x, span);
  const axis = resolveTrailing("layerNorm", x, options, span);
  checkAffine("layerNorm", "weight", x, weight, axis, span);
  checkAffine("layerNorm", "bias", x, bias, axis, span);
  const ops = bindOps(b, span);
  return applyAffine(ops, standardize(ops, x, axis, eps), weight, bias);
}

export interface RmsNormOptions<T = Value> extends TrailingOptions<T> {
  /** Added to the mean of squares. Default 2^-23, the f32 epsilon (PyTorch: that of the input's dtype). */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `x / sqrt(mean(x^2) + eps) * weight` over the trailing dimensions. Zhang and Sennrich, "Root Mean Square Layer
 * Normalization" (2019), equation 4; torch.nn.functional.rms_norm.
 */
export function rmsNorm(b: GraphBuilder, x: Value, options: RmsNormOptions = {}, span?: Span): Value {
  const { eps = 2 ** -23, weight } = options;
  requireFloat("rmsNorm", x, span);
  const axis = resolveTrailing("rmsNorm", x, options, span);
  checkAffine("rmsNorm", "weight", x, weight, axis, span);
  const ops = bindOps(b, span);
  const power = ops.mean(ops.square(x), { axis, keepdims: true });
  return applyAffine(ops, ops.mul(x, ops.rsqrt(addEps(ops, power, eps))), weight, undefined);
}

/** `(x - mean) / sqrt(var + eps)` over `axis`: the core of layer, group and instance norm. */
export function standardize(ops: Ops, x: Value, axis: readonly number[], eps: NumberOrValue): Value {
  const centered = ops.sub(x, ops.mean(x, { axis, keepdims: true }));
  const variance = populationVariance(ops, x, centered, axis);
  return ops.mul(centered, ops.rsqrt(addEps(ops, variance, eps)));
}

/** `x * weight + bias`, either of which may be absent. */
export function applyAffine(ops: Ops, x: Value, weight: Value | undefined, bias: Value | undefined): Value {
  const scaled = weight === undefined ? x : ops.mul(x, weight);
  return bias === undefined ? scaled : ops.add(scaled, bias);
}

/** The axes of the normalised shape, which has to be the end of x's shape. */
function resolveTrailing(
  name: string,
  x: Value,
  { normalizedShape }: TrailingOptions<Value>,
  span: Span | undefined,
): readonly number[] {
  const { shape } = x.type;
  const wanted =
    typeof normalizedShape === "number" ? [normalizedShape] : (normalizedShape ?? shape.slice(-1));
  const first = shape.length - wanted.length;
  if (wanted.length === 0 || first < 0 || !sameShape(shape.slice(first), wanted))
    fail("shape-mismatch", `${name} over ${printShape(wanted)} does not fit ${printType(x.type)}`, {
      span,
      help: "normalizedShape is the end of the shape of x, at least its last dimension",
    });
  return wanted.map((_, d) => first + d);
}

/** A weight that would enlarge the result is a mistake; PyTorch asks for exactly the normalised shape. */
function checkAffine(
  name: string,
  role: "weight" | "bias",
  x: Value,
  given: Value | undefined,
  axes: readonly number[],
  span: Span | undefined,
): void {
  if (given === undefined) return;
  const wanted = axes.map((d) => x.type.shape[d] ?? 1);
  const offset = wanted.length - given.type.shape.length;
  if (offset < 0 || given.type.shape.some((n, d) => n !== 1 && n !== wanted[d + offset]))
    fail("shape-mismatch", `the ${role} of ${name} is ${printType(given.type)}`, {
      span,
      notes: [{ message: `x is ${printType(x.type)}, normalised over ${printShape(wanted)}` }],
      help: `reshape the ${role} to ${printShape(wanted)}`,
    });
}
