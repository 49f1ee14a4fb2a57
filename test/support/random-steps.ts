/** The steps that random graphs are made of. Each picks its operands by number and gives a value, or nothing where it does not apply. */
import { elementCount, isFloat, MAX_RANK } from "../../src/ir/dtype.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { REDUCE_OPS } from "../../src/ir/reduce-ops.ts";
import type { ReduceOp } from "../../src/ir/reduce-ops.ts";
import type { ScalarOp } from "../../src/ir/scalar-ops.ts";

/** Simplest first: shrinking moves towards the front. */
export const STEP_KINDS = [
  "binary",
  "binary",
  "binary",
  "unary",
  "unary",
  "literal",
  "literal",
  "reduce",
  "reduce",
  "reshape",
  "transpose",
  "broadcast",
  "slice",
  "pad",
  "concat",
  "compare",
  "cast",
  "mean",
  "position",
  "iota",
  "center",
  "normalize",
  "softmax",
  "standardize",
] as const;
export interface Step {
  readonly kind: (typeof STEP_KINDS)[number];
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export interface StepLimits {
  readonly dtypes: readonly DType[];
  readonly maxElements: number;
}

interface Context extends StepLimits {
  readonly builder: GraphBuilder;
  readonly values: readonly Value[];
  readonly x: Value;
  readonly step: Step;
}

const FLOAT_OPS: readonly ScalarOp[] = [
  "neg",
  "abs",
  "sqrt",
  "rsqrt",
  "exp",
  "log",
  "tanh",
  "sign",
  "floor",
  "ceil",
  "round",
  "trunc",
  "exp2",
  "expm1",
  "log2",
  "log1p",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "ndtr",
  "isnan",
  "isinf",
  "isfinite",
];
const INTEGER_OPS: readonly ScalarOp[] = ["neg", "abs", "sign"];
const FLOAT_PAIRS: readonly ScalarOp[] = [
  "add",
  "sub",
  "mul",
  "div",
  "max",
  "min",
  "pow",
  "atan2",
  "quotient",
  "fmod",
  "remainder",
];
const INTEGER_PAIRS: readonly ScalarOp[] = [
  "add",
  "sub",
  "mul",
  "max",
  "min",
  "quotient",
  "fmod",
  "remainder",
];
const BOOL_PAIRS: readonly ScalarOp[] = ["and", "or", "xor"];
const POSITIONS: readonly ReduceOp[] = ["argmax", "argmin", "argmax_last", "argmin_last"];
const COMPARISONS: readonly ScalarOp[] = ["lt", "eq", "ne", "le", "gt", "ge"];
const LITERALS = [1, 2, 0, -1, 0.5, 3, 1e-5, 1e-7, -2.5];

const pick = <T>(from: readonly T[], n: number): T | undefined => from[n % from.length];

export function applyStep(
  builder: GraphBuilder,
  values: readonly Value[],
  step: Step,
  limits: StepLimits,
): Value | undefined {
  // Recent values are likelier, so that programs grow deep.
  const back = step.a % 4 === 0 ? step.a : step.a % 3;
  const x = values[values.length - 1 - (back % values.length)];
  if (x === undefined) return undefined;
  return STEPS[step.kind]({ ...limits, builder, values, x, step });
}

const STEPS: Readonly<Record<Step["kind"], (context: Context) => Value | undefined>> = {
  unary: ({ builder, x, step }) => {
    const ops: readonly ScalarOp[] = isFloat(x.type.dtype)
      ? FLOAT_OPS
      : x.type.dtype === "bool"
        ? ["not"]
        : INTEGER_OPS;
    const fn = pick(ops, step.b);
    return fn === undefined ? undefined : builder.map(fn, [x]);
  },
  binary: (context) => mapPair(context, context.builder, context.x, chooseOperand(context)),
  literal: (context) => {
    const literal = pick(LITERALS, context.step.c) ?? 1;
    if (context.x.type.dtype === "bool") return undefined;
    if (!isFloat(context.x.type.dtype) && (!Number.isInteger(literal) || literal < 0)) return undefined;
    return mapPair(context, context.builder, context.x, literal);
  },
  compare: (context) => {
    const y = chooseOperand(context);
    const fn = pick(COMPARISONS, context.step.b) ?? "lt";
    const condition = context.builder.map(fn, [context.x, y]);
    return context.step.c % 3 === 0 ? condition : context.builder.map("where", [condition, context.x, y]);
  },
  cast: ({ builder, x, step, dtypes }) => builder.cast(x, pick(dtypes, step.b) ?? "f32"),
  iota: ({ builder, x, step, dtypes }) => {
    if (x.type.shape.length === 0) return undefined;
    const dtype = dtypes.includes("i32") && step.b % 2 === 0 ? "i32" : "f32";
    const positions = builder.iota(x.type.shape, step.c % x.type.shape.length, dtype);
    return x.type.dtype === "bool" ? positions : builder.map("add", [x, positions]);
  },
  reduce: ({ builder, x, step }) => {
    const ops: readonly ReduceOp[] =
      x.type.dtype === "bool" ? ["any", "all", "sum"] : ["sum", "max", "min", "prod"];
    const fn = pick(ops, step.b) ?? "sum";
    const axis = chooseAxes(x, step.c);
    const isEmpty = axis.some((d) => x.type.shape[d] === 0);
    if (isEmpty && REDUCE_OPS[fn].identity === null) return undefined;
    return builder.reduce(fn, x, { axis, keepdims: step.b % 3 !== 0 });
  },
  position: ({ builder, x, step }) => {
    const fn = pick(POSITIONS, step.b) ?? "argmax";
    const axis = chooseAxes(x, step.c);
    const isEmpty = axis.some((d) => x.type.shape[d] === 0);
    return isEmpty ? undefined : builder.reduce(fn, x, { axis, keepdims: step.b % 3 !== 0 });
  },
  mean: ({ builder, x, step }) =>
    elementCount(x.type.shape) === 0
      ? undefined
      : builder.mean(x, { axis: chooseAxes(x, step.c), keepdims: step.b % 3 !== 0 }),
  reshape: ({ builder, x, step }) => builder.reshape(x, chooseShape(x.type.shape, step)),
  transpose: ({ builder, x, step }) => builder.transpose(x, choosePermutation(x.type.shape.length, step.b)),
  broadcast: ({ builder, x, step, maxElements }) => {
    const length = (step.b % 4) + 1;
    const grown = x.type.shape.map((n, d) => (n === 1 && (step.c >> d) % 2 === 1 ? length : n));
    const shape = step.b % 2 === 0 && grown.length < MAX_RANK ? [length, ...grown] : grown;
    return elementCount(shape) > maxElements ? undefined : builder.broadcastTo(x, shape);
  },
  slice: ({ builder, x, step }) =>
    builder.slice(
      x,
      x.type.shape.map((n, d) => {
        const choice = (step.b >> (2 * d)) % 4;
        if (choice === 0 || n < 2) return {};
        return choice === 1 ? { start: 1 } : choice === 2 ? { stop: n - 1 } : { start: step.c % 2, step: 2 };
      }),
    ),
  pad: ({ builder, x, step, maxElements }) => {
    const low = x.type.shape.map((_, d) => (step.b >> d) % 2);
    const high = x.type.shape.map((_, d) => (step.c >> d) % 3);
    const grown = x.type.shape.map((n, d) => n + (low[d] ?? 0) + (high[d] ?? 0));
    return elementCount(grown) > maxElements ? undefined : builder.pad(x, low, high, (step.b >> 3) % 2);
  },
  concat: ({ builder, values, x, step, maxElements }) => {
    if (x.type.shape.length === 0) return undefined;
    const axis = step.b % x.type.shape.length;
    const fits = (y: Value): boolean =>
      y.type.dtype === x.type.dtype &&
      y.type.shape.length === x.type.shape.length &&
      y.type.shape.every((n, d) => d === axis || n === x.type.shape[d]);
    const y = pick(values.filter(fits), step.c) ?? x;
    const count = elementCount(x.type.shape) + elementCount(y.type.shape);
    return count > maxElements ? undefined : builder.concat([x, y], axis);
  },
  center: (context) => (hasRows(context.x) ? center(context) : undefined),
  normalize: (context) => (hasRows(context.x) ? normalize(context, context.x) : undefined),
  standardize: (context) => (hasRows(context.x) ? normalize(context, center(context)) : undefined),
  softmax: ({ builder, x, step }) => {
    if (!hasRows(x)) return undefined;
    const options = { axis: chooseAxes(x, step.c), keepdims: true };
    const shifted = builder.map("exp", [builder.map("sub", [x, builder.reduce("max", x, options)])]);
    return builder.map("div", [shifted, builder.reduce("sum", shifted, options)]);
  },
};

const hasRows = (x: Value): boolean => isFloat(x.type.dtype) && elementCount(x.type.shape) > 0;

function center({ builder, x, step }: Context): Value {
  return builder.map("sub", [x, builder.mean(x, { axis: chooseAxes(x, step.c), keepdims: true })]);
}

/** By the root of the sum of squares, with one of the ways to keep zero rows away from 0 / 0. */
function normalize({ builder, step }: Context, x: Value): Value {
  const options = { axis: chooseAxes(x, step.c), keepdims: true };
  const squares = builder.reduce("sum", builder.map("mul", [x, x]), options);
  switch (step.b % 3) {
    case 0:
      return builder.map("div", [x, builder.map("sqrt", [squares])]);
    case 1:
      return builder.map("mul", [x, builder.map("rsqrt", [builder.map("add", [squares, 1e-5])])]);
    default:
      return builder.map("div", [x, builder.map("max", [builder.map("sqrt", [squares]), 1e-7])]);
  }
}

function mapPair({ step }: Context, builder: GraphBuilder, x: Value, y: Value | number): Value | undefined {
  const dtypes = [x.type.dtype, typeof y === "number" ? x.type.dtype : y.type.dtype];
  const ops = dtypes.every((d) => d === "bool")
    ? BOOL_PAIRS
    : dtypes.some((d) => isFloat(d))
      ? FLOAT_PAIRS
      : INTEGER_PAIRS;
  const fn = pick(ops, step.b);
  return fn === undefined ? undefined : builder.map(fn, [x, y]);
}

/** Another value whose shape broadcasts against x's without growing past the limit; x itself where there is none. */
function chooseOperand({ values, x, step, maxElements }: Context): Value {
  const fits = (y: Value): boolean => {
    const rank = Math.max(x.type.shape.length, y.type.shape.length);
    let count = 1;
    for (let d = 1; d <= rank; d++) {
      const n = x.type.shape.at(-d) ?? 1;
      const m = y.type.shape.at(-d) ?? 1;
      if (d <= x.type.shape.length && d <= y.type.shape.length && n !== m && n !== 1 && m !== 1) return false;
      count *= n === 1 ? m : n;
    }
    return count <= maxElements;
  };
  return pick(values.filter(fits), step.c) ?? x;
}

/** Some axes, the last one most often, at times all. */
function chooseAxes(x: Value, n: number): number[] {
  const all = x.type.shape.map((_, d) => d);
  if (n % 3 === 0) return all.slice(-1);
  const chosen = all.filter((d) => (n >> (d + 2)) % 2 === 1);
  return n % 3 === 1 || chosen.length === 0 ? all : chosen;
}

function choosePermutation(rank: number, n: number): number[] {
  const rest = Array.from({ length: rank }, (_, d) => d).reverse();
  let code = n;
  return Array.from({ length: rank }, () => {
    const [taken = 0] = rest.splice(code % rest.length, 1);
    code = Math.floor(code / 2);
    return taken;
  });
}

/** Flattened, a dimension split, two merged, 1s added, or the same elements regrouped without regard to the seams. */
function chooseShape(shape: readonly number[], { b, c }: Step): number[] {
  const count = elementCount(shape);
  const d = c % Math.max(shape.length, 1);
  const n = shape[d] ?? 1;
  const divisor = [2, 3, 5, 7, 13].find((p) => n > p && n % p === 0);
  switch (b % 5) {
    case 0:
      return [count];
    case 1:
      if (divisor === undefined || shape.length >= MAX_RANK) return [...shape];
      return [...shape.slice(0, d), n / divisor, divisor, ...shape.slice(d + 1)];
    case 2:
      return d + 1 < shape.length
        ? [...shape.slice(0, d), n * (shape[d + 1] ?? 1), ...shape.slice(d + 2)]
        : [count];
    case 3:
      return shape.length >= MAX_RANK ? [...shape] : [...shape.slice(0, d), 1, ...shape.slice(d)];
    default: {
      const factor = [4, 3, 2, 5, 7].find((p) => count % p === 0) ?? 1;
      return [count / factor, factor];
    }
  }
}
