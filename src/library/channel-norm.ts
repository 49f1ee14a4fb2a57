/**
 * Normalizations of activations whose channels are axis 1, `[N, C, ...]` (global response norm: the last axis, as in its
 * paper). Moments in two passes, as in moments.ts.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { standardize } from "./layer-norm.ts";
import { buildNorm } from "./norm.ts";
import { addEps, bindOps, requireFloat, requireRank } from "./ops.ts";
import type { NumberOrValue } from "./ops.ts";
import { applyPerChannel, CHANNELS, requireSeveral } from "./per-channel.ts";
import type { ChannelNormOptions } from "./per-channel.ts";

export interface GroupNormOptions<T = Value> extends ChannelNormOptions<T> {
  /** Has to divide the number of channels. */
  readonly numGroups: number;
}

/**
 * `(x - mean) / sqrt(var + eps) * weight + bias`, moments over each group of channels. Wu and He, "Group Normalization"
 * (2018), equations 1 to 7; torch.nn.functional.group_norm.
 */
export function groupNorm(b: GraphBuilder, x: Value, options: GroupNormOptions, span?: Span): Value {
  const { numGroups, eps = 1e-5 } = options;
  requireFloat("groupNorm", x, span);
  requireRank("groupNorm", x, CHANNELS, span);
  const [batch = 0, channels = 0, ...rest] = x.type.shape;
  if (!Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0)
    fail("invalid-value", `${String(numGroups)} groups do not divide the channels of ${printType(x.type)}`, {
      span,
      help: `numGroups is a divisor of ${String(channels)}`,
    });
  const ops = bindOps(b, span);
  const grouped = ops.reshape(x, [batch, numGroups, channels / numGroups, ...rest]);
  const axis = grouped.type.shape.map((_, d) => d).slice(2);
  const normal = ops.reshape(standardize(ops, grouped, axis, eps), x.type.shape);
  return applyPerChannel("groupNorm", ops, normal, options, span);
}

/**
 * `(x - mean) / sqrt(var + eps) * weight + bias`, moments over the spatial axes of each sample and channel. Ulyanov,
 * Vedaldi and Lempitsky, "Instance Normalization" (2016), equation 2; torch.nn.functional.instance_norm. As there, a single
 * spatial element is refused. With running statistics: `instanceNormTraining`, and `batchNorm` to use them.
 */
export function instanceNorm(
  b: GraphBuilder,
  x: Value,
  options: ChannelNormOptions = {},
  span?: Span,
): Value {
  requireFloat("instanceNorm", x, span);
  requireRank("instanceNorm", x, { least: 3, layout: "[N, C, ...]" }, span);
  const ops = bindOps(b, span);
  const axis = x.type.shape.map((_, d) => d).slice(2);
  requireSeveral("instanceNorm", x, axis, span);
  return applyPerChannel("instanceNorm", ops, standardize(ops, x, axis, options.eps ?? 1e-5), options, span);
}

export interface GlobalResponseNormOptions<T = Value> {
  /** Added to the mean of the responses. Default 1e-6. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `gamma * (x * n) + beta + x` for `x` of `[N, H, W, C]`, where `n = g / (mean(g) + eps)` and g is the 2-norm of x over
 * H and W. Woo et al., "ConvNeXt V2" (2023), section 3 and algorithm 1.
 */
export function globalResponseNorm(
  b: GraphBuilder,
  x: Value,
  gamma: Value,
  beta: Value,
  options: GlobalResponseNormOptions = {},
  span?: Span,
): Value {
  requireFloat("globalResponseNorm", x, span);
  requireRank("globalResponseNorm", x, { least: 4, most: 4, layout: "[N, H, W, C]" }, span);
  const ops = bindOps(b, span);
  const response = buildNorm(ops, x, 2, { axis: [1, 2], keepdims: true }, span);
  const average = ops.mean(response, { axis: -1, keepdims: true });
  const relative = ops.div(response, addEps(ops, average, options.eps ?? 1e-6));
  return ops.add(ops.add(ops.mul(gamma, ops.mul(x, relative)), beta), x);
}

export interface AdainOptions<T = Value> {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `(1 + gamma) * instanceNorm(x) + beta` with one gamma and beta per sample and channel, `[N, C]`. Huang and Belongie,
 * "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization" (2017), equation 8, with the gain written
 * as 1 + gamma, as StyleTTS and its descendants do.
 */
export function adain(
  b: GraphBuilder,
  x: Value,
  gamma: Value,
  beta: Value,
  options: AdainOptions = {},
  span?: Span,
): Value {
  const normal = instanceNorm(b, x, { eps: options.eps }, span);
  requireRank("adain", gamma, { least: 2, most: 2, layout: "[N, C]" }, span);
  requireRank("adain", beta, { least: 2, most: 2, layout: "[N, C]" }, span);
  const ops = bindOps(b, span);
  const spatial = x.type.shape.slice(2).map(() => 1);
  const spread = (style: Value): Value => ops.reshape(style, [...style.type.shape, ...spatial]);
  return ops.add(ops.mul(ops.add(1, spread(gamma)), normal), spread(beta));
}
