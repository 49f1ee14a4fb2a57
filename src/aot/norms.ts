/** Norms, softmax and statistics for source, as `functions.ts`. */
import { sourceOnly } from "./source-only.ts";
import type { Axis, Operand, ReduceOptions, Result } from "./types.ts";

type Reduction = (x: Operand, options?: ReduceOptions) => Result;

/** The norm of order `ord` (default 2; 0, 1, any number, infinities) over axes. `safe`: right where squares leave f32. */
export const norm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly ord?: number | undefined;
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly safe?: boolean | undefined;
    },
  ) => Result
>("norm");
/** PyTorch's `norm_except_dim`: the norm of order `pow` (default 2) over all axes but `dim` (default 0), kept with length 1. */
export const normExceptDim =
  /* @__PURE__ */ sourceOnly<
    (v: Operand, options?: { readonly pow?: number | undefined; readonly dim?: Axis | undefined }) => Result
  >("normExceptDim");
/** `x / max(norm(x), eps)` over `axis` (default 1), of order `p` (default 2), as PyTorch's. */
export const normalize = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly p?: number | undefined;
      readonly axis?: Axis | undefined;
      readonly eps?: Operand | undefined;
      readonly safe?: boolean | undefined;
    },
  ) => Result
>("normalize");
/** The cosine of the angle between `x` and `y` along `axis` (default 1). */
export const cosineSimilarity =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      y: Operand,
      options?: { readonly axis?: number | undefined; readonly eps?: Operand | undefined },
    ) => Result
  >("cosineSimilarity");
/** `g * x / max(norm(x), eps)` over the last axis, `g` one number. */
export const scaleNorm =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, g: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("scaleNorm");
/** `x / sqrt(mean(x ** 2) + eps)` over the channels (axis 1). */
export const pixelNorm =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly eps?: Operand | undefined }) => Result>(
    "pixelNorm",
  );
/** `g * v / norm(v)` over all axes but `dim` (default 0), as PyTorch's; `dim: null` or -1 is one norm of all. `eps` is added to the norm. */
export const weightNorm = /* @__PURE__ */ sourceOnly<
  (
    v: Operand,
    g: Operand,
    options?: {
      readonly dim?: Axis | undefined;
      readonly eps?: Operand | undefined;
      readonly safe?: boolean | undefined;
    },
  ) => Result
>("weightNorm");
/** Weight norm of `v` minus its mean over all axes but 0. */
export const centeredWeightNorm =
  /* @__PURE__ */ sourceOnly<
    (v: Operand, g: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("centeredWeightNorm");
/** `(w - mean) / sqrt(variance + eps) * gain` over all axes but 0. */
export const weightStandardize =
  /* @__PURE__ */ sourceOnly<
    (
      w: Operand,
      options?: { readonly gain?: Operand | undefined; readonly eps?: Operand | undefined },
    ) => Result
  >("weightStandardize");
/** `w` over its greatest singular value, by power iteration from `u` and `v`: the result, that value, and the new `u` and `v`. */
export const spectralNorm = /* @__PURE__ */ sourceOnly<
  (
    w: Operand,
    u: Operand,
    v: Operand,
    options?: {
      readonly dim?: number | undefined;
      readonly nPowerIterations?: number | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => readonly [Result, Result, Result, Result]
>("spectralNorm");
/** StyleGAN2: weights `[O, I, ...]` times styles `[B, I]`, with norm 1 for each output of each sample. */
export const demodulate =
  /* @__PURE__ */ sourceOnly<
    (w: Operand, s: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("demodulate");
/** `exp(x) / sum(exp(x))` over `axis` (default -1), without overflow. */
export const softmax =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: Axis | undefined }) => Result>(
    "softmax",
  );
/** `softmax(-x)`. */
export const softmin =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: Axis | undefined }) => Result>(
    "softmin",
  );
/** 1 at the first greatest element along `axis` (default -1), 0 elsewhere. */
export const hardmax =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: number | undefined }) => Result>(
    "hardmax",
  );
/** `log(softmax(x))`, exact where that is tiny. */
export const logSoftmax =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: Axis | undefined }) => Result>(
    "logSoftmax",
  );
/** `log(sum(exp(x)))` over axes, without overflow. */
export const logsumexp = /* @__PURE__ */ sourceOnly<Reduction>("logsumexp");
/** The variance over axes, over `n - correction` (default 1), as PyTorch's `var`. */
export const variance = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly correction?: number | undefined;
    },
  ) => Result
>("variance");
/** The square root of `variance`. */
export const std = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly correction?: number | undefined;
    },
  ) => Result
>("std");
/** `(x - mean) / sqrt(variance + eps)` over the last dimension, or over trailing ones of the lengths `normalizedShape`, times `weight`, plus `bias`. */
export const layerNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly normalizedShape?: Axis | undefined;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("layerNorm");
/** `x / sqrt(mean(x ** 2) + eps)` over the last dimension, or over trailing ones of the lengths `normalizedShape`, times `weight`. */
export const rmsNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly normalizedShape?: Axis | undefined;
      readonly weight?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("rmsNorm");
/** `(x - mean) / sqrt(variance + eps) * weight + bias` over each of `numGroups` groups of channels (axis 1). */
export const groupNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options: {
      readonly numGroups: number;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("groupNorm");
/** `(x - mean) / sqrt(variance + eps) * weight + bias` for each sample and channel (axis 1). */
export const instanceNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("instanceNorm");
/** Batch norm at inference: with the statistics that are given, for each channel (axis 1). */
export const batchNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    runningMean: Operand,
    runningVar: Operand,
    options?: {
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("batchNorm");
/** Batch norm with the statistics of the batch, and the new running mean and variance. */
export const batchNormTraining = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly runningMean?: Operand | undefined;
      readonly runningVar?: Operand | undefined;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
      readonly momentum?: number | undefined;
    },
  ) => readonly [Result, Result, Result]
>("batchNormTraining");
/** `instanceNorm`, and the new running mean and variance. */
export const instanceNormTraining = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly runningMean?: Operand | undefined;
      readonly runningVar?: Operand | undefined;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
      readonly momentum?: number | undefined;
    },
  ) => readonly [Result, Result, Result]
>("instanceNormTraining");
/** PyTorch's `local_response_norm`: `x` over a power of the squares of `size` neighbouring channels. */
export const localResponseNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options: {
      readonly size: number;
      readonly alpha?: Operand | undefined;
      readonly beta?: Operand | undefined;
      readonly k?: Operand | undefined;
    },
  ) => Result
>("localResponseNorm");
/** ConvNeXt V2: `gamma * x * n + beta + x` for `[N, H, W, C]`, with the norm of each channel over their mean as `n`. */
export const globalResponseNorm =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, gamma: Operand, beta: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("globalResponseNorm");
/** Adaptive instance norm: `(1 + gamma) * instanceNorm(x) + beta`, with `gamma` and `beta` of `[N, C]`. */
export const adain =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, gamma: Operand, beta: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("adain");
