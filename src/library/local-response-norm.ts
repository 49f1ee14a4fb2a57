/** Normalization by the neighbouring channels, `[N, C, ...]`. */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { bindOps, requireFloat, requireRank } from "./ops.ts";
import type { NumberOrValue } from "./ops.ts";
import { CHANNELS } from "./per-channel.ts";

export interface LocalResponseNormOptions<T = Value> {
  /** Channels in a window. */
  readonly size: number;
  /** Default 1e-4. */
  readonly alpha?: NumberOrValue<T> | undefined;
  /** Default 0.75. */
  readonly beta?: NumberOrValue<T> | undefined;
  /** Default 1. */
  readonly k?: NumberOrValue<T> | undefined;
}

/**
 * `x / (k + alpha / size * s)^beta`, where s is the sum of x^2 over the channels c - floor(size / 2) to
 * c + floor((size - 1) / 2), those beyond the ends being 0. Krizhevsky, Sutskever and Hinton, "ImageNet Classification"
 * (2012), section 3.3, with alpha divided by size; torch.nn.functional.local_response_norm. ONNX's LRN is the same for odd
 * sizes; for even ones its window lies one channel further on.
 */
export function localResponseNorm(
  b: GraphBuilder,
  x: Value,
  options: LocalResponseNormOptions,
  span?: Span,
): Value {
  const { size, alpha = 1e-4, beta = 0.75, k = 1 } = options;
  requireFloat("localResponseNorm", x, span);
  requireRank("localResponseNorm", x, CHANNELS, span);
  if (!Number.isInteger(size) || size < 1)
    fail("invalid-value", `a window of ${String(size)} channels`, {
      span,
      help: "size is a whole number from 1",
    });
  const ops = bindOps(b, span);
  const sum = windowSum(b, ops.square(x), size, span);
  const scale = typeof alpha === "number" ? alpha / size : ops.div(alpha, size);
  return ops.div(x, ops.map("pow", ops.add(ops.mul(sum, scale), k), beta));
}

/** Sums over windows of channels: as many shifted copies as a window has channels, but none that only sees padding. */
function windowSum(b: GraphBuilder, x: Value, size: number, span: Span | undefined): Value {
  const { shape } = x.type;
  const channels = shape[1] ?? 0;
  const before = Math.min(Math.floor(size / 2), channels);
  const after = Math.min(Math.floor((size - 1) / 2), channels);
  const onChannels = (n: number): readonly number[] => shape.map((_, d) => (d === 1 ? n : 0));
  const padded = b.pad(x, onChannels(before), onChannels(after), 0, span);
  const shifted = Array.from({ length: before + after + 1 }, (_, start) =>
    b.slice(
      padded,
      shape.map((n, d) => (d === 1 ? { start, stop: start + n } : {})),
      span,
    ),
  );
  return shifted.reduce((sum, copy) => b.map("add", [sum, copy], span));
}
