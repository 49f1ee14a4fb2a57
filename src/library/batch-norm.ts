/**
 * Normalizations with running statistics, `[N, C, ...]`, channels on axis 1. PyTorch changes the running statistics in
 * place; here nothing is changed in place, and the training forms return the new ones beside the result.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { populationVariance } from "./moments.ts";
import { addEps, axesExcept, bindOps, requireFloat, requireRank } from "./ops.ts";
import type { Ops } from "./ops.ts";
import { applyPerChannel, CHANNELS, perChannel, requireSeveral } from "./per-channel.ts";
import type { ChannelNormOptions } from "./per-channel.ts";

/**
 * Batch norm of an evaluated model: `(x - runningMean) / sqrt(runningVar + eps) * weight + bias`. Ioffe and Szegedy,
 * "Batch Normalization" (2015), algorithm 2; torch.nn.functional.batch_norm with training=False, and instance_norm with
 * use_input_stats=False, which is the same.
 */
export function batchNorm(
  b: GraphBuilder,
  x: Value,
  runningMean: Value,
  runningVar: Value,
  options: ChannelNormOptions = {},
  span?: Span,
): Value {
  requireFloat("batchNorm", x, span);
  requireRank("batchNorm", x, CHANNELS, span);
  const ops = bindOps(b, span);
  const shift = perChannel("batchNorm", ops, x, "runningMean", runningMean, span);
  const power = perChannel("batchNorm", ops, x, "runningVar", runningVar, span);
  const normal = ops.mul(ops.sub(x, shift), ops.rsqrt(addEps(ops, power, options.eps ?? 1e-5)));
  return applyPerChannel("batchNorm", ops, normal, options, span);
}

export interface TrainingNormOptions<T = Value> extends ChannelNormOptions<T> {
  /** `[C]`. Absent: the new running mean is that of the batch alone. */
  readonly runningMean?: T | undefined;
  /** `[C]`. Absent: the new running variance is that of the batch alone. */
  readonly runningVar?: T | undefined;
  /** Weight of the batch in the new running statistics. Default 0.1. (ONNX's momentum is the weight of the old ones.) */
  readonly momentum?: number | undefined;
}

/** A normalized tensor with the running statistics after it, `[C]` each. */
export interface TrainingNorm<T = Value> {
  readonly y: T;
  readonly runningMean: T;
  readonly runningVar: T;
}

/**
 * Batch norm of a model in training: `(x - mean) / sqrt(var + eps) * weight + bias`, moments over all axes but the
 * channels', variance divided by n. New running statistics are `(1 - momentum) * old + momentum * batch`, with the
 * variance divided by n - 1. Ioffe and Szegedy (2015), algorithm 1; torch.nn.functional.batch_norm with training=True. As
 * there, one value per channel is refused: its variance says nothing.
 */
export function batchNormTraining(
  b: GraphBuilder,
  x: Value,
  options: TrainingNormOptions = {},
  span?: Span,
): TrainingNorm {
  requireFloat("batchNormTraining", x, span);
  requireRank("batchNormTraining", x, CHANNELS, span);
  const axes = axesExcept(x.type.shape.length, 1);
  return normalizeTraining(b, { name: "batchNormTraining", x, axes, options, span });
}

/**
 * Instance norm that keeps running statistics: each sample and channel by its own moments (over the spatial axes), the
 * running statistics from the average of those moments over the batch. torch.nn.functional.instance_norm with running
 * statistics and use_input_stats=True. As there, a single spatial element is refused.
 */
export function instanceNormTraining(
  b: GraphBuilder,
  x: Value,
  options: TrainingNormOptions = {},
  span?: Span,
): TrainingNorm {
  requireFloat("instanceNormTraining", x, span);
  requireRank("instanceNormTraining", x, { least: 3, layout: "[N, C, ...]" }, span);
  const axes = axesExcept(x.type.shape.length, 1).slice(1);
  return normalizeTraining(b, { name: "instanceNormTraining", x, axes, options, span });
}

interface TrainingCall {
  readonly name: string;
  readonly x: Value;
  /** What the moments are taken over: never axis 1. */
  readonly axes: readonly number[];
  readonly options: TrainingNormOptions;
  readonly span: Span | undefined;
}

function normalizeTraining(b: GraphBuilder, { name, x, axes, options, span }: TrainingCall): TrainingNorm {
  const count = requireSeveral(name, x, axes, span);
  const ops = bindOps(b, span);
  const over = { axis: axes, keepdims: true };
  const average = ops.mean(x, over);
  const centered = ops.sub(x, average);
  const variance = populationVariance(ops, x, centered, axes);
  const normal = ops.mul(centered, ops.rsqrt(addEps(ops, variance, options.eps ?? 1e-5)));
  const { momentum = 0.1, runningMean, runningVar } = options;
  const update = (role: string, old: Value | undefined, batch: Value): Value => {
    const fresh = averageOverBatch(ops, batch);
    if (old === undefined) return fresh;
    perChannel(name, ops, x, role, old, span); // checks its shape
    return ops.add(ops.mul(old, 1 - momentum), ops.mul(fresh, momentum));
  };
  return {
    y: applyPerChannel(name, ops, normal, options, span),
    runningMean: update("runningMean", runningMean, average),
    runningVar: update("runningVar", runningVar, ops.mul(variance, count / (count - 1))),
  };
}

/** Moments of `[1 or N, C, 1, ...]` as `[C]`. */
function averageOverBatch(ops: Ops, moments: Value): Value {
  const [batch = 1, channels = 1] = moments.type.shape;
  if (batch === 1) return ops.reshape(moments, [channels]);
  return ops.mean(ops.reshape(moments, [batch, channels]), { axis: 0 });
}
