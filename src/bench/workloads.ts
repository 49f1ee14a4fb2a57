/**
 * The workloads of `weft bench`: forward norms and what surrounds them. Formulas that the library has are called from it;
 * the others stand here as a paper would write them. Backward passes are in backward-workloads.ts.
 */
import {
  cosineSimilarity,
  gelu,
  groupNorm,
  instanceNorm,
  layerNorm,
  globalResponseNorm,
  logSoftmax,
  norm,
  normalize,
  rmsNorm,
  rsqrt,
  scaleNorm,
  softmax,
  sum,
  tanh,
  type TracedTensor,
  weightNorm,
  weightStandardize,
} from "../index.ts";
import { BACKWARD_WORKLOADS } from "./backward-workloads.ts";
import { defineWorkload as define, type Workload } from "./workload.ts";

type Shape = readonly number[];

/** One tensor. */
const x = (shape: Shape): Readonly<Record<string, Shape>> => ({ x: shape });
const lastOf = (shape: Shape): number => shape.at(-1) ?? 1;
const kept = (shape: Shape, isKept: (d: number) => boolean): Shape =>
  shape.map((length, d) => (isKept(d) ? length : 1));

const ROWS = { full: [8192, 1024], quick: [128, 256] };
/** Rows of a transformer's width, of a hidden layer's, of GPT-2's vocabulary (odd, so that no vector width divides it). */
const SOFTMAX_SHAPES = [
  { full: [4096, 1024], quick: [64, 256] },
  { full: [32768, 128], quick: [256, 64] },
  { full: [64, 50257], quick: [4, 1009] },
];
const WEIGHT_SHAPES = [
  { full: [512, 512, 3], quick: [32, 32, 3] },
  { full: [512, 256, 16], quick: [32, 16, 16] },
  { full: [1024, 1024, 7], quick: [32, 32, 7] },
];
const MIDDLE = { full: [32, 197, 768], quick: [2, 19, 64] };
const IMAGE = { full: [8, 64, 56, 56], quick: [2, 16, 14, 14] };
const IMAGE_LAST = { full: [8, 56, 56, 64], quick: [2, 14, 14, 16] };
const SQUARE = { full: [1536, 1536], quick: [64, 64] };

const NORMS: readonly Workload[] = [
  define("l2-normalise last axis", ROWS, x, (x) => normalize(x, { axis: -1 })),
  define("l2-normalise axis 0", ROWS, x, (x) => normalize(x, { axis: 0 })),
  define("l1-normalise last axis", ROWS, x, (x) => normalize(x, { p: 1, axis: -1 })),
  define("linf-normalise last axis", ROWS, x, (x) => normalize(x, { p: Infinity, axis: -1 })),
  define("p3-normalise last axis", ROWS, x, (x) => normalize(x, { p: 3, axis: -1 })),
];

const weightParams =
  (dim: number | null) =>
  (shape: Shape): Readonly<Record<string, Shape>> => ({
    v: shape,
    g: dim === null ? [] : kept(shape, (d) => d === dim),
  });
const weightNormOf = (dim: number | null): readonly Workload[] =>
  WEIGHT_SHAPES.map((shapes) =>
    define(`weight_norm dim=${dim ?? "none"}`, shapes, weightParams(dim), (v, g) =>
      weightNorm(v, g, { dim }),
    ),
  );
const WEIGHT_NORMS: readonly Workload[] = [0, 1, 2, null].flatMap(weightNormOf);

const affine = (shape: Shape): Readonly<Record<string, Shape>> => ({
  x: shape,
  weight: [lastOf(shape)],
  bias: [lastOf(shape)],
});
const gained = (shape: Shape): Readonly<Record<string, Shape>> => ({ x: shape, weight: [lastOf(shape)] });
const ROW_NORMS: readonly Workload[] = SOFTMAX_SHAPES.flatMap((shapes) => [
  define("softmax", shapes, x, (x) => softmax(x)),
  define("log_softmax", shapes, x, (x) => logSoftmax(x)),
  define("layer_norm", shapes, affine, (x, weight, bias) => layerNorm(x, { weight, bias })),
  define("rms_norm", shapes, gained, (x, weight) => rmsNorm(x, { weight })),
  define(
    "cosine similarity",
    shapes,
    (shape) => ({ x: shape, y: shape }),
    (x, y) => cosineSimilarity(x, y, { axis: -1 }),
  ),
]);

/** Moments over any axes, as batch norm and others need them. */
const momentsOf = (
  x: TracedTensor,
  axis: readonly number[],
): { mean: TracedTensor; variance: TracedTensor } => {
  const mean = x.mean({ axis, keepdims: true });
  const centred = x.sub(mean);
  return { mean, variance: centred.mul(centred).mean({ axis, keepdims: true }) };
};

const perChannel =
  (channelAxis: number) =>
  (shape: Shape): Readonly<Record<string, Shape>> => {
    const channels = [shape[channelAxis] ?? 1];
    return { x: shape, weight: channels, bias: channels };
  };
const CHANNEL_NORMS: readonly Workload[] = [
  define("softmax middle axis", MIDDLE, x, (x) => softmax(x, { axis: 1 })),
  define("layer_norm middle axis", MIDDLE, x, (x) => {
    const { mean, variance } = momentsOf(x, [1]);
    return x.sub(mean).mul(rsqrt(variance.add(1e-5)));
  }),
  define("instance_norm", IMAGE, perChannel(1), (x, weight, bias) => instanceNorm(x, { weight, bias })),
  define("group_norm NCHW", IMAGE, perChannel(1), (x, weight, bias) =>
    groupNorm(x, { numGroups: 8, weight, bias }),
  ),
  define("group_norm NHWC", IMAGE_LAST, perChannel(3), (x, weight, bias) =>
    groupNorm(x.transpose([0, 3, 1, 2]), { numGroups: 8, weight, bias }).transpose([0, 2, 3, 1]),
  ),
  define(
    "batch_norm training",
    { full: [32, 64, 28, 28], quick: [4, 16, 7, 7] },
    (shape) => ({ x: shape, weight: [1, shape[1] ?? 1, 1, 1], bias: [1, shape[1] ?? 1, 1, 1] }),
    (x, weight, bias) => {
      const { mean, variance } = momentsOf(x, [0, 2, 3]);
      const y = x
        .sub(mean)
        .mul(rsqrt(variance.add(1e-5)))
        .mul(weight)
        .add(bias);
      return [y, mean, variance];
    },
  ),
  define(
    "global response norm",
    { full: [8, 28, 28, 96], quick: [2, 7, 7, 32] },
    (shape) => ({ x: shape, gamma: [lastOf(shape)], beta: [lastOf(shape)] }),
    (x, gamma, beta) => globalResponseNorm(x, gamma, beta),
  ),
  define("global response norm NCHW", { full: [8, 96, 28, 28], quick: [2, 32, 7, 7] }, x, (x) => {
    const norms = norm(x, { axis: [2, 3], keepdims: true });
    return x.mul(norms.div(norms.mean({ axis: 1, keepdims: true }).add(1e-6))).add(x);
  }),
  define("softmax over channel means", { full: [8, 28, 28, 96], quick: [2, 7, 7, 32] }, x, (x) =>
    x.mul(softmax(x.mean({ axis: [1, 2], keepdims: true }), { axis: -1 })),
  ),
  define("norm of column norms", { full: [16384, 256], quick: [256, 32] }, x, (x) =>
    x.div(norm(norm(x, { axis: 0, keepdims: true }))),
  ),
  define("mean of column maxima", { full: [16384, 256], quick: [256, 32] }, x, (x) =>
    x.sub(x.max({ axis: 0, keepdims: true }).mean()),
  ),
  define("weight standardisation", { full: [512, 512, 3], quick: [32, 32, 3] }, x, (w) =>
    weightStandardize(w),
  ),
];

const BLOCKS: readonly Workload[] = [
  define(
    "scale norm",
    ROWS,
    (shape) => ({ x: shape, g: [] }),
    (x, g) => scaleNorm(x, g),
  ),
  define(
    "dynamic tanh",
    ROWS,
    (shape) => ({ x: shape, alpha: [], weight: [lastOf(shape)], bias: [lastOf(shape)] }),
    (x, alpha, weight, bias) => tanh(x.mul(alpha)).mul(weight).add(bias),
  ),
  define(
    "rms norm + residual + gelu",
    ROWS,
    (shape) => ({ x: shape, residual: shape, weight: [lastOf(shape)] }),
    (x, residual, weight) => gelu(rmsNorm(x.add(residual), { weight })),
  ),
];

const REDUCTIONS: readonly Workload[] = [
  define("sum of squares", { full: [16777216], quick: [16384] }, x, (x) => sum(x.mul(x))),
  define("mean and variance of columns", { full: [8192, 300], quick: [256, 30] }, x, (x) => {
    const { mean, variance } = momentsOf(x, [0]);
    return [mean, variance];
  }),
  define("sinkhorn step", { full: [1024, 512], quick: [64, 32] }, x, (x) => {
    const rows = x.div(x.sum({ axis: 1, keepdims: true }));
    return rows.div(rows.sum({ axis: 0, keepdims: true }));
  }),
  define("softmax + its transpose", SQUARE, x, (x) => {
    const y = softmax(x);
    return y.add(y.transpose());
  }),
  define("x + transpose(x)", SQUARE, x, (x) => x.add(x.transpose())),
  define(
    "contraction",
    { full: [512, 256, 384], quick: [16, 32, 24] },
    ([rows = 1, inner = 1, columns = 1]) => ({ x: [rows, inner], w: [inner, columns] }),
    (x, w) => sum(x.expandDims(2).mul(w.expandDims(0)), { axis: 1 }),
  ),
];

export const WORKLOADS: readonly Workload[] = [
  ...NORMS,
  ...WEIGHT_NORMS,
  ...ROW_NORMS,
  ...CHANNEL_NORMS,
  ...BLOCKS,
  ...REDUCTIONS,
  ...BACKWARD_WORKLOADS,
];
