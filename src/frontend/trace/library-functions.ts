/**
 * The library of norms for traced functions: the functions of src/library, with traced tensors for values. What each
 * computes, its defaults and its source stand there.
 */
import * as batch from "../../library/batch-norm.ts";
import * as channel from "../../library/channel-norm.ts";
import * as layer from "../../library/layer-norm.ts";
import { localResponseNorm as buildLocalResponseNorm } from "../../library/local-response-norm.ts";
import type { LocalResponseNormOptions } from "../../library/local-response-norm.ts";
import * as moments from "../../library/moments.ts";
import * as norms from "../../library/norm.ts";
import * as rows from "../../library/softmax.ts";
import * as spectral from "../../library/spectral-norm.ts";
import type { ChannelNormOptions } from "../../library/per-channel.ts";
import * as weights from "../../library/weight-norm.ts";
import type { ReduceOptions } from "../../ir/graph-builder.ts";
import { lowerOptions } from "./lower-options.ts";
import { traceSeveral } from "./trace-several.ts";
import { traceOp } from "./traced-tensor.ts";
import type { TracedTensor } from "./traced-tensor.ts";

type T = TracedTensor;

export const norm = (x: T, options: norms.NormOptions = {}): T =>
  traceOp("norm", [x], (c) => norms.norm(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const normExceptDim = (v: T, options: norms.NormExceptDimOptions = {}): T =>
  traceOp("normExceptDim", [v], (c) =>
    norms.normExceptDim(c.builder, c.value(v), lowerOptions(options, c), c.span),
  );

export const normalize = (x: T, options: norms.NormalizeOptions<T> = {}): T =>
  traceOp("normalize", [x], (c) => norms.normalize(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const cosineSimilarity = (x: T, y: T, options: norms.CosineSimilarityOptions<T> = {}): T =>
  traceOp("cosineSimilarity", [x, y], (c) =>
    norms.cosineSimilarity(c.builder, c.value(x), c.value(y), lowerOptions(options, c), c.span),
  );

export const scaleNorm = (x: T, g: T, options: norms.ScaleNormOptions<T> = {}): T =>
  traceOp("scaleNorm", [x, g], (c) =>
    norms.scaleNorm(c.builder, c.value(x), c.value(g), lowerOptions(options, c), c.span),
  );

export const pixelNorm = (x: T, options: norms.PixelNormOptions<T> = {}): T =>
  traceOp("pixelNorm", [x], (c) => norms.pixelNorm(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const weightNorm = (v: T, g: T, options: weights.WeightNormOptions<T> = {}): T =>
  traceOp("weightNorm", [v, g], (c) =>
    weights.weightNorm(c.builder, c.value(v), c.value(g), lowerOptions(options, c), c.span),
  );

export const centeredWeightNorm = (v: T, g: T, options: weights.CenteredWeightNormOptions<T> = {}): T =>
  traceOp("centeredWeightNorm", [v, g], (c) =>
    weights.centeredWeightNorm(c.builder, c.value(v), c.value(g), lowerOptions(options, c), c.span),
  );

export const weightStandardize = (w: T, options: weights.WeightStandardizeOptions<T> = {}): T =>
  traceOp("weightStandardize", [w], (c) =>
    weights.weightStandardize(c.builder, c.value(w), lowerOptions(options, c), c.span),
  );

export const demodulate = (w: T, s: T, options: weights.DemodulateOptions<T> = {}): T =>
  traceOp("demodulate", [w, s], (c) =>
    weights.demodulate(c.builder, c.value(w), c.value(s), lowerOptions(options, c), c.span),
  );

export const softmax = (x: T, options: rows.SoftmaxOptions = {}): T =>
  traceOp("softmax", [x], (c) => rows.softmax(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const softmin = (x: T, options: rows.SoftmaxOptions = {}): T =>
  traceOp("softmin", [x], (c) => rows.softmin(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const hardmax = (x: T, options: rows.HardmaxOptions = {}): T =>
  traceOp("hardmax", [x], (c) => rows.hardmax(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const logSoftmax = (x: T, options: rows.SoftmaxOptions = {}): T =>
  traceOp("logSoftmax", [x], (c) => rows.logSoftmax(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const logsumexp = (x: T, options: ReduceOptions = {}): T =>
  traceOp("logsumexp", [x], (c) => rows.logsumexp(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const variance = (x: T, options: moments.VarOptions = {}): T =>
  traceOp("var", [x], (c) => moments.variance(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const std = (x: T, options: moments.VarOptions = {}): T =>
  traceOp("std", [x], (c) => moments.std(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const layerNorm = (x: T, options: layer.LayerNormOptions<T> = {}): T =>
  traceOp("layerNorm", [x], (c) => layer.layerNorm(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const rmsNorm = (x: T, options: layer.RmsNormOptions<T> = {}): T =>
  traceOp("rmsNorm", [x], (c) => layer.rmsNorm(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const groupNorm = (x: T, options: channel.GroupNormOptions<T>): T =>
  traceOp("groupNorm", [x], (c) =>
    channel.groupNorm(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const instanceNorm = (x: T, options: ChannelNormOptions<T> = {}): T =>
  traceOp("instanceNorm", [x], (c) =>
    channel.instanceNorm(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const batchNorm = (x: T, runningMean: T, runningVar: T, options: ChannelNormOptions<T> = {}): T =>
  traceOp("batchNorm", [x, runningMean, runningVar], (c) =>
    batch.batchNorm(
      c.builder,
      c.value(x),
      c.value(runningMean),
      c.value(runningVar),
      lowerOptions(options, c),
      c.span,
    ),
  );

export const batchNormTraining = (x: T, options: batch.TrainingNormOptions<T> = {}): batch.TrainingNorm<T> =>
  traceSeveral("batchNormTraining", [x], (c) =>
    batch.batchNormTraining(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const instanceNormTraining = (
  x: T,
  options: batch.TrainingNormOptions<T> = {},
): batch.TrainingNorm<T> =>
  traceSeveral("instanceNormTraining", [x], (c) =>
    batch.instanceNormTraining(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const localResponseNorm = (x: T, options: LocalResponseNormOptions<T>): T =>
  traceOp("localResponseNorm", [x], (c) =>
    buildLocalResponseNorm(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const spectralNorm = (
  w: T,
  u: T,
  v: T,
  options: spectral.SpectralNormOptions<T> = {},
): spectral.SpectralNorm<T> =>
  traceSeveral("spectralNorm", [w, u, v], (c) =>
    spectral.spectralNorm(c.builder, c.value(w), c.value(u), c.value(v), lowerOptions(options, c), c.span),
  );

export const globalResponseNorm = (
  x: T,
  gamma: T,
  beta: T,
  options: channel.GlobalResponseNormOptions<T> = {},
): T =>
  traceOp("globalResponseNorm", [x, gamma, beta], (c) =>
    channel.globalResponseNorm(
      c.builder,
      c.value(x),
      c.value(gamma),
      c.value(beta),
      lowerOptions(options, c),
      c.span,
    ),
  );

export const adain = (x: T, gamma: T, beta: T, options: channel.AdainOptions<T> = {}): T =>
  traceOp("adain", [x, gamma, beta], (c) =>
    channel.adain(c.builder, c.value(x), c.value(gamma), c.value(beta), lowerOptions(options, c), c.span),
  );

export { variance as var };
