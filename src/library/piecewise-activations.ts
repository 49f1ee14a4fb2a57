/**
 * Activation functions made of pieces of straight lines; names and defaults are those of torch.nn.functional where it has
 * them. NaN stays NaN in all of them. All take a floating-point tensor of any shape and give one of the same type.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { bindOps, clampMax, clampMin, requireFloat } from "./ops.ts";
import type { NumberOrValue, Ops } from "./ops.ts";

/** `max(x, 0)`. torch.relu; the gradient at 0 is 0, as there (threshold_backward). */
export function relu(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  const ops = bindOps(b, span);
  return ops.withDerivative(
    [x],
    (y = x) => ops.max(y, 0),
    (c) => [ops.where(ops.map("le", x, 0), 0, c)],
  );
}

/** `min(max(x, 0), 6)`. Howard et al., "MobileNets" (2017); torch.nn.functional.relu6, whose gradient at 0 and 6 is 0. */
export const relu6 = (b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value =>
  flattenAtBounds(bindOps(b, span), x, 0, 6);

/** `min(max(x, low), high)` whose derivative at the bounds is 0 (hardtanh_backward); that of clip passes there. */
const flattenAtBounds = (ops: Ops, x: Value, low: number, high: number): Value =>
  ops.withDerivative(
    [x],
    (y = x) => ops.min(ops.max(y, low), high),
    (c) => [ops.where(ops.map("and", ops.map("gt", x, low), ops.map("lt", x, high)), c, 0)],
  );

export interface ClipOptions<T = Value> {
  readonly min?: NumberOrValue<T> | undefined;
  readonly max?: NumberOrValue<T> | undefined;
}

/** `min(max(x, options.min), options.max)`; an absent bound does not bind. torch.clip, whose gradient passes at a bound, too. */
export function clip(b: GraphBuilder, x: Value, options: ClipOptions = {}, span?: Span): Value {
  const ops = bindOps(b, span);
  const raised = options.min === undefined ? x : clampMin(ops, x, options.min);
  return options.max === undefined ? raised : clampMax(ops, raised, options.max);
}

export interface LeakyReluOptions<T = Value> {
  /** Slope below 0. Default 0.01. */
  readonly negativeSlope?: NumberOrValue<T> | undefined;
}

/**
 * `x` above 0, `negativeSlope * x` elsewhere. Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network
 * Acoustic Models" (2013), section 3; torch.nn.functional.leaky_relu.
 */
export function leakyRelu(b: GraphBuilder, x: Value, options: LeakyReluOptions = {}, span?: Span): Value {
  requireFloat("leakyRelu", x, span);
  const ops = bindOps(b, span);
  return ops.where(ops.map("gt", x, 0), x, ops.mul(x, options.negativeSlope ?? 0.01));
}

/**
 * A leaky relu with one learned slope, `weight` of `[1]` or `[]`, or one per channel (axis 1), `[C]`. He et al., "Delving
 * Deep into Rectifiers" (2015), equation 1; torch.nn.functional.prelu.
 */
export function prelu(b: GraphBuilder, x: Value, weight: Value, _options: object = {}, span?: Span): Value {
  requireFloat("prelu", x, span);
  requireFloat("prelu", weight, span);
  const { shape } = x.type;
  const [slopes = 1, ...more] = weight.type.shape;
  // PyTorch takes the only axis of a vector, or none at all, for batches of one channel.
  const channels = shape.length > 1 ? (shape[1] ?? 1) : 1;
  if (more.length > 0 || (slopes !== 1 && slopes !== channels))
    fail("shape-mismatch", `the weight of prelu is ${printType(weight.type)}`, {
      span,
      notes: [{ message: `x is ${printType(x.type)}, with ${String(channels)} channels` }],
      help: "give one slope, [1], or one per channel of axis 1; leakyRelu takes slopes that broadcast",
    });
  const ops = bindOps(b, span);
  const spread = slopes === 1 ? [] : [slopes, ...shape.slice(2).map(() => 1)];
  return leakyRelu(b, x, { negativeSlope: ops.reshape(weight, spread) }, span);
}

export interface HardSigmoidOptions<T = Value> {
  /** Slope in the middle. Default 1/6, as in PyTorch; ONNX has 0.2. */
  readonly alpha?: NumberOrValue<T> | undefined;
  /** Value at 0. Default 0.5. */
  readonly beta?: NumberOrValue<T> | undefined;
}

/**
 * `min(max(alpha * x + beta, 0), 1)`. Courbariaux, Bengio and David, "BinaryConnect" (2015), equation 3, has slope 1/2;
 * torch.nn.functional.hardsigmoid 1/6; ONNX HardSigmoid.
 */
export function hardSigmoid(b: GraphBuilder, x: Value, options: HardSigmoidOptions = {}, span?: Span): Value {
  requireFloat("hardSigmoid", x, span);
  const ops = bindOps(b, span);
  return flattenAtBounds(ops, hardLine(ops, x, options), 0, 1);
}

const hardLine = (ops: Ops, x: Value, { alpha = 1 / 6, beta = 0.5 }: HardSigmoidOptions): Value =>
  ops.add(ops.mul(x, alpha), beta);

/** `x * hardSigmoid(x)`. Howard et al., "Searching for MobileNetV3" (2019), section 5.2; torch.nn.functional.hardswish. */
export function hardSwish(b: GraphBuilder, x: Value, _options: object = {}, span?: Span): Value {
  requireFloat("hardSwish", x, span);
  const ops = bindOps(b, span);
  // Not by way of hardSigmoid: the gradient of torch.nn.functional.hardswish passes at the bounds.
  return ops.mul(x, clip(b, hardLine(ops, x, {}), { min: 0, max: 1 }, span));
}

export interface ThresholdOptions<T = Value> {
  /** Default 0. */
  readonly threshold?: NumberOrValue<T> | undefined;
  /** What stands where x does not exceed the threshold. Default 0. */
  readonly value?: NumberOrValue<T> | undefined;
}

/**
 * `x` where it is not at or below `threshold`, `value` elsewhere. torch.nn.functional.threshold; with value 0 ONNX's
 * ThresholdedRelu (Konda, Memisevic and Krueger, "Zero-bias autoencoders", 2014).
 */
export function threshold(b: GraphBuilder, x: Value, options: ThresholdOptions = {}, span?: Span): Value {
  requireFloat("threshold", x, span);
  const ops = bindOps(b, span);
  return ops.where(ops.map("le", x, options.threshold ?? 0), options.value ?? 0, x);
}

export interface ShrinkOptions<T = Value> {
  /** Half the width of what becomes 0. Default 0.5. */
  readonly lambd?: NumberOrValue<T> | undefined;
  /** How far the rest moves towards 0. Default 0: torch hardshrink; equal to lambd: torch softshrink. */
  readonly bias?: NumberOrValue<T> | undefined;
}

/**
 * `x - bias` above lambd, `x + bias` below -lambd, 0 between. ONNX Shrink; torch.nn.functional.hardshrink and softshrink,
 * the proximal operators of counting and of absolute values (Donoho and Johnstone, 1994, equations 5 and 6).
 */
export function shrink(b: GraphBuilder, x: Value, options: ShrinkOptions = {}, span?: Span): Value {
  const { lambd = 0.5, bias = 0 } = options;
  requireFloat("shrink", x, span);
  const ops = bindOps(b, span);
  const below = typeof lambd === "number" ? -lambd : ops.neg(lambd);
  const moved = (fn: "add" | "sub"): Value => (bias === 0 ? x : ops.map(fn, x, bias));
  const isBetween = ops.map("and", ops.map("le", x, lambd), ops.map("ge", x, below));
  return ops.where(isBetween, 0, ops.where(ops.map("lt", x, 0), moved("add"), moved("sub")));
}
