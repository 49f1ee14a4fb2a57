/**
 * Every function of the library as tests of its numbers call it: how rows of data become its first tensor, and along which axis
 * the rows lie in a result.
 *
 * Ensures: what stands beside the rows (weights, gains, a second tensor) is ordinary, so that a row's own numbers decide what
 *          comes out.
 */
import type { DType } from "../../src/ir/dtype.ts";
import { createGraphBuilder, type GraphBuilder, type Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { LIBRARY } from "../../src/library/registry.ts";

/** Rows of data: so many, so long. */
export interface Rows {
  readonly count: number;
  readonly length: number;
}

/** A tensor with one number everywhere. */
export interface Filled {
  readonly shape: readonly number[];
  readonly value: number;
}

export interface NumericFunction {
  /** In the library. */
  readonly name: string;
  /** Further words where a function has several rows in tables. */
  readonly variant?: string;
  /** Of the first tensor. */
  readonly shape: (rows: Rows) => readonly number[];
  /** The axis of the first tensor that counts rows; all others, row-major, are the row. */
  readonly rowAxis: number;
  /** The axis of the first result that counts rows. */
  readonly resultAxis: number;
  /** Parameters beside the first one: tensors, numbers and choices. */
  readonly rest?: (rows: Rows) => Readonly<Record<string, Filled | number | boolean>>;
  /** No reductions, and so one strategy. */
  readonly isPointwise?: boolean;
  /** Squares of deviations from a mean are taken. */
  readonly hasVariance?: boolean;
}

export const labelOf = ({ name, variant }: NumericFunction): string =>
  variant === undefined ? name : `${name}, ${variant}`;

type Rest = NonNullable<NumericFunction["rest"]>;
const filled = (value: number, ...shape: readonly number[]): Filled => ({ shape, value });

/** Rows along the first axis, in and out. */
const row = (name: string, variant?: string, rest?: Rest): NumericFunction => ({
  name,
  ...(variant === undefined ? {} : { variant }),
  shape: ({ count, length }) => [count, length],
  rowAxis: 0,
  resultAxis: 0,
  ...(rest === undefined ? {} : { rest }),
});
const norm = (ord: number, safe?: boolean): NumericFunction =>
  row("norm", `order ${String(ord)}${safe === true ? ", safe" : ""}`, () => ({
    axis: 1,
    ord,
    ...(safe === true ? { safe } : {}),
  }));
/** One row for each channel of `[N, C, L]`. */
const channels = (name: string, variant?: string, rest?: Rest): NumericFunction => ({
  ...row(name, variant, rest),
  shape: ({ count, length }) => [2, count, length / 2],
  rowAxis: 1,
  resultAxis: 1,
});
const pointwise = (name: string, rest?: Rest): NumericFunction => ({
  ...row(name, undefined, rest),
  isPointwise: true,
});

const REDUCTIONS: readonly NumericFunction[] = [
  ...[2, 1, 3, 0.5, 0, Infinity, -Infinity].map((ord) => norm(ord)),
  norm(2, true),
  norm(3, true),
  { ...row("normExceptDim", undefined, () => ({ dim: 0 })) },
  row("normalize"),
  row("normalize", "safe", () => ({ safe: true })),
  row("cosineSimilarity", undefined, (r) => ({ y: filled(0.5, 1, r.length) })),
  row("scaleNorm", undefined, () => ({ g: filled(1.5) })),
  row("pixelNorm"),
  row("weightNorm", "dim 0", (r) => ({ g: filled(1.5, r.count, 1) })),
  row("weightNorm", "dim 0, safe", (r) => ({ g: filled(1.5, r.count, 1), safe: true })),
  row("weightNorm", "eps 1e-7", (r) => ({ g: filled(1.5, r.count, 1), eps: 1e-7 })),
  {
    ...row("weightNorm", "the last dim", (r) => ({ g: filled(1.5, 1, r.count), dim: 1 })),
    shape: ({ count, length }) => [length, count],
    rowAxis: 1,
    resultAxis: 1,
  },
  row("centeredWeightNorm", undefined, (r) => ({ g: filled(1.5, r.count, 1) })),
  row("weightStandardize"),
  {
    ...row("demodulate", undefined, (r) => ({ s: filled(0.75, 2, r.length / 2) })),
    shape: ({ count, length }) => [count, length / 2, 2],
    resultAxis: 1,
  },
  row("softmax"),
  row("softmin"),
  row("hardmax"),
  row("logSoftmax"),
  row("logsumexp", undefined, () => ({ axis: 1 })),
  row("var", undefined, () => ({ axis: 1 })),
  row("std", undefined, () => ({ axis: 1 })),
  row("layerNorm", undefined, (r) => ({ weight: filled(1.5, r.length) })),
  row("rmsNorm", undefined, (r) => ({ weight: filled(1.5, r.length) })),
  {
    ...row("groupNorm", undefined, () => ({ numGroups: 1, weight: filled(1.5, 4) })),
    shape: ({ count, length }) => [count, 4, length / 4],
  },
  {
    ...channels("instanceNorm"),
    shape: ({ count, length }) => [1, count, length],
  },
  {
    ...channels("instanceNormTraining"),
    shape: ({ count, length }) => [1, count, length],
  },
  channels("batchNorm", undefined, (r) => ({
    runningMean: filled(0.5, r.count),
    runningVar: filled(2, r.count),
  })),
  channels("batchNormTraining", undefined, (r) => ({
    runningMean: filled(0.5, r.count),
    runningVar: filled(2, r.count),
    weight: filled(1.5, r.count),
  })),
  {
    ...row("localResponseNorm", undefined, () => ({ size: 3 })),
    shape: ({ count, length }) => [count, length / 2, 2],
  },
  {
    ...row("globalResponseNorm", undefined, () => ({
      gamma: filled(1.5, 1, 1, 1, 4),
      beta: filled(0, 1, 1, 1, 4),
    })),
    shape: ({ count, length }) => [count, 2, length / 8, 4],
  },
  {
    ...row("adain", undefined, (r) => ({ gamma: filled(0.5, r.count, 2), beta: filled(0, r.count, 2) })),
    shape: ({ count, length }) => [count, 2, length / 2],
  },
  {
    // One row is a matrix; several have one largest singular value between them.
    ...row("spectralNorm", "one matrix", (r) => ({
      u: filled(0.5, 4 * r.count),
      v: filled(0.5, r.length / 4),
    })),
    shape: ({ count, length }) => [count * 4, length / 4],
  },
];

const POINTWISE: readonly NumericFunction[] = [
  ...["relu", "relu6", "sigmoid", "logSigmoid", "silu", "mish", "softsign", "tanhshrink", "hardSwish"].map(
    (name) => pointwise(name),
  ),
  ...["gelu", "geluTanh", "softplus", "swish", "elu", "celu", "selu", "leakyRelu", "hardSigmoid"].map(
    (name) => pointwise(name),
  ),
  ...["threshold", "shrink", "dynamicTanh", "glu"].map((name) => pointwise(name)),
  pointwise("prelu", () => ({ weight: filled(0.25) })),
  pointwise("swiglu", (r) => ({ gate: filled(0.5, 1, r.length) })),
  pointwise("clip", () => ({ min: -1, max: 2 })),
];

const OF_VARIANCE = new Set([
  "weightStandardize",
  "var",
  "std",
  "layerNorm",
  "groupNorm",
  "instanceNorm",
  "instanceNormTraining",
  "batchNormTraining",
  "adain",
  "centeredWeightNorm",
]);

export const FUNCTIONS: readonly NumericFunction[] = [
  ...REDUCTIONS.map((fn) => ({ ...fn, hasVariance: OF_VARIANCE.has(fn.name) })),
  ...POINTWISE,
];

/** Functions whose rows are not apart from each other. */
export const isOneRow = ({ name }: NumericFunction): boolean => name === "spectralNorm";

/** The function's first result, on rows of that dtype; its other tensors are f32. */
export function buildFunction(fn: NumericFunction, rows: Rows, dtype: DType): Graph {
  const b = createGraphBuilder(fn.name);
  const library = LIBRARY.get(fn.name);
  if (library === undefined) throw new Error(`the library has no ${fn.name}`);
  const [first] = library.params;
  const x = b.param("x", { dtype, shape: fn.shape(rows) });
  const rest = Object.entries(fn.rest?.(rows) ?? {}).map(
    ([name, given]) => [name, valueOf(b, name, given)] as const,
  );
  const built = library.build(b, { [first?.name ?? "x"]: x, ...Object.fromEntries(rest) });
  const y = "id" in built ? built : built[0];
  if (y === undefined) throw new Error(`${fn.name} gives nothing`);
  return b.finish([{ name: "y", value: b.cast(y, dtype) }]);
}

const valueOf = (
  b: GraphBuilder,
  name: string,
  given: Filled | number | boolean,
): Value | number | boolean =>
  typeof given === "object" ? b.param(name, { dtype: "f32", shape: given.shape }) : given;

/** Values for the graph's inputs: these rows, and what stands beside them. */
export function inputsOf(
  fn: NumericFunction,
  data: readonly (readonly number[])[],
): Map<string, Float64Array> {
  const rows = { count: data.length, length: data[0]?.length ?? 0 };
  const inputs = new Map([["x", placeRows(data, fn.shape(rows), fn.rowAxis)]]);
  for (const [name, given] of Object.entries(fn.rest?.(rows) ?? {}))
    if (typeof given === "object")
      inputs.set(name, new Float64Array(given.shape.reduce((n, d) => n * d, 1)).fill(given.value));
  return inputs;
}

/** Index of each row's elements in a tensor of this shape. */
export function positionsOf(
  shape: readonly number[],
  axis: number,
  count: number,
): readonly (readonly number[])[] {
  const positions = Array.from({ length: count }, (): number[] => []);
  const total = shape.reduce((n, d) => n * d, 1);
  const stride = shape.slice(axis + 1).reduce((n, d) => n * d, 1);
  const along = shape[axis] ?? 1;
  for (let i = 0; i < total; i++)
    positions[Math.floor(((Math.floor(i / stride) % along) * count) / along)]?.push(i);
  return positions;
}

function placeRows(
  data: readonly (readonly number[])[],
  shape: readonly number[],
  axis: number,
): Float64Array {
  const out = new Float64Array(shape.reduce((n, d) => n * d, 1));
  positionsOf(shape, axis, data.length).forEach((positions, r) => {
    positions.forEach((at, i) => (out[at] = data[r]?.[i] ?? Number.NaN));
  });
  return out;
}
