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
import type { Shape } from "../../ir/shape-types.ts";
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

export const normalize = <S extends Shape>(
  x: TracedTensor<S>,
  options: norms.NormalizeOptions<T> = {},
): TracedTensor<S> =>
  traceOp("normalize", [x], (c) => norms.normalize(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const cosineSimilarity = (x: T, y: T, options: norms.CosineSimilarityOptions<T> = {}): T =>
  traceOp("cosineSimilarity", [x, y], (c) =>
    norms.cosineSimilarity(c.builder, c.value(x), c.value(y), lowerOptions(options, c), c.span),
  );

export const scaleNorm = <S extends Shape>(
  x: TracedTensor<S>,
  g: T,
  options: norms.ScaleNormOptions<T> = {},
): TracedTensor<S> =>
  traceOp("scaleNorm", [x, g], (c) =>
    norms.scaleNorm(c.builder, c.value(x), c.value(g), lowerOptions(options, c), c.span),
  );

export const pixelNorm = <S extends Shape>(
  x: TracedTensor<S>,
  options: norms.PixelNormOptions<T> = {},
): TracedTensor<S> =>
  traceOp("pixelNorm", [x], (c) => norms.pixelNorm(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const weightNorm = <S extends Shape>(
  v: TracedTensor<S>,
  g: T,
  options: weights.WeightNormOptions<T> = {},
): TracedTensor<S> =>
  traceOp("weightNorm", [v, g], (c) =>
    weights.weightNorm(c.builder, c.value(v), c.value(g), lowerOptions(options, c), c.span),
  );

export const centeredWeightNorm = <S extends Shape>(
  v: TracedTensor<S>,
  g: T,
  options: weights.CenteredWeightNormOptions<T> = {},
): TracedTensor<S> =>
  traceOp("centeredWeightNorm", [v, g], (c) =>
    weights.centeredWeightNorm(c.builder, c.value(v), c.value(g), lowerOptions(options, c), c.span),
  );

export const weightStandardize = <S extends Shape>(
  w: TracedTensor<S>,
  options: weights.WeightStandardizeOptions<T> = {},
): TracedTensor<S> =>
  traceOp("weightStandardize", [w], (c) =>
    weights.weightStandardize(c.builder, c.value(w), lowerOptions(options, c), c.span),
  );

export const demodulate = (w: T, s: T, options: weights.DemodulateOptions<T> = {}): T =>
  traceOp("demodulate", [w, s], (c) =>
    weights.demodulate(c.builder, c.value(w), c.value(s), lowerOptions(options, c), c.span),
  );

export const softmax = <S extends Shape>(
  x: TracedTensor<S>,
  options: rows.SoftmaxOptions = {},
): TracedTensor<S> =>
  traceOp("softmax", [x], (c) => rows.softmax(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const softmin = <S extends Shape>(
  x: TracedTensor<S>,
  options: rows.SoftmaxOptions = {},
): TracedTensor<S> =>
  traceOp("softmin", [x], (c) => rows.softmin(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const hardmax = <S extends Shape>(
  x: TracedTensor<S>,
  options: rows.HardmaxOptions = {},
): TracedTensor<S> =>
  traceOp("hardmax", [x], (c) => rows.hardmax(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const logSoftmax = <S extends Shape>(
  x: TracedTensor<S>,
  options: rows.SoftmaxOptions = {},
): TracedTensor<S> =>
  traceOp("logSoftmax", [x], (c) => rows.logSoftmax(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const logsumexp = (x: T, options: ReduceOptions = {}): T =>
  traceOp("logsumexp", [x], (c) => rows.logsumexp(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const variance = (x: T, options: moments.VarOptions = {}): T =>
  traceOp("var", [x], (c) => moments.variance(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const std = (x: T, options: moments.VarOptions = {}): T =>
  traceOp("std", [x], (c) => moments.std(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const layerNorm = <S extends Shape>(
  x: TracedTensor<S>,
  options: layer.LayerNormOptions<T> = {},
): TracedTensor<S> =>
  traceOp("layerNorm", [x], (c) => layer.layerNorm(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const rmsNorm = <S extends Shape>(
  x: TracedTensor<S>,
  options: layer.RmsNormOptions<T> = {},
): TracedTensor<S> =>
  traceOp("rmsNorm", [x], (c) => layer.rmsNorm(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const groupNorm = <S extends Shape>(
  x: TracedTensor<S>,
  options: channel.GroupNormOptions<T>,
): TracedTensor<S> =>
  traceOp("groupNorm", [x], (c) =>
    channel.groupNorm(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const instanceNorm = <S extends Shape>(
  x: TracedTensor<S>,
  options: ChannelNormOptions<T> = {},
): TracedTensor<S> =>
  traceOp("instanceNorm", [x], (c) =>
    channel.instanceNorm(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const batchNorm = <S extends Shape>(
  x: TracedTensor<S>,
  runningMean: T,
  runningVar: T,
  options: ChannelNormOptions<T> = {},
): TracedTensor<S> =>
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

export const localResponseNorm = <S extends Shape>(
  x: TracedTensor<S>,
  options: LocalResponseNormOptions<T>,
): TracedTensor<S> =>
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

export const globalResponseNorm = <S extends Shape>(
  x: TracedTensor<S>,
  gamma: T,
  beta: T,
  options: channel.GlobalResponseNormOptions<T> = {},
): TracedTensor<S> =>
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

export const adain = <S extends Shape>(
  x: TracedTensor<S>,
  gamma: T,
  beta: T,
  options: channel.AdainOptions<T> = {},
): TracedTensor<S> =>
  traceOp("adain", [x, gamma, beta], (c) =>
    channel.adain(c.builder, c.value(x), c.value(gamma), c.value(beta), lowerOptions(options, c), c.span),
  );

export { variance as var };
