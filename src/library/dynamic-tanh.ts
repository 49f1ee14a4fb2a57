/** A stand-in for layer norm that takes no statistics. */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { applyAffine } from "./layer-norm.ts";
import { bindOps, requireFloat } from "./ops.ts";
import type { NumberOrValue } from "./ops.ts";

export interface DynamicTanhOptions<T = Value> {
  /** Scale before the tanh, one learned number. Default 0.5, the paper's start value. */
  readonly alpha?: NumberOrValue<T> | undefined;
  /** Broadcasts to x, usually `[D]`. */
  readonly weight?: T | undefined;
  /** Broadcasts to x, usually `[D]`. */
  readonly bias?: T | undefined;
}

/**
 * `tanh(alpha * x) * weight + bias` of a floating-point tensor of any shape. Zhu et al., "Transformers without
 * Normalization" (2025), equation 1.
 */
export function dynamicTanh(b: GraphBuilder, x: Value, options: DynamicTanhOptions = {}, span?: Span): Value {
  const { alpha = 0.5, weight, bias } = options;
  requireFloat("dynamicTanh", x, span);
  const ops = bindOps(b, span);
  return applyAffine(ops, ops.map("tanh", ops.mul(x, alpha)), weight, bias);
}
