/**
 * Reductions of any monoid over rows, with bounds: those that passes make (partial results, one-walk states) beside those
 * of graphs. Bounds of a sum of exponentials, or of squared deviations, are those of the formula that it stands for.
 *
 * Requires: operands of one length, whose rows are contiguous, one operand or all components of states.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { mapElements, type Elements } from "./interpret-map.ts";
import { reduceRows } from "./interpret-reduce.ts";
import { monoidOf, reduceNumbers, takesStates, type MonoidName } from "./monoids.ts";
import type { ReduceOp } from "./reduce-ops.ts";
import type { ScalarOp } from "./scalar-ops.ts";
import { instantiate } from "./state-expr.ts";

/** Each of `rows` rows of `length` elements or states becomes one element. */
export function reduceStates(
  fn: MonoidName,
  operands: readonly Elements[],
  rows: number,
  length: number,
): Elements {
  const [first] = operands;
  if (first === undefined) return missing(fn);
  if (fn !== "exp_sum" && fn !== "moments" && fn !== "co_moment") {
    const reduced = reduceRows(fn, first, rows, length);
    if (operands.length === 1) return reduced;
    return { ...reduced, values: reduceValues(fn, operands, rows, length) };
  }
  const values = reduceValues(fn, operands, rows, length);
  const states = takesStates(fn, operands.length) ? operands : lift(fn, operands);
  const bounds = BOUNDS[fn](states, rows, length);
  const weights = fn === "exp_sum" ? operands[1] : undefined;
  const isNonnegative = fn !== "co_moment" && (weights?.isNonnegative ?? true);
  return { dtype: "f32", values, bounds, isNonnegative };
}

function reduceValues(
  fn: MonoidName,
  operands: readonly Elements[],
  rows: number,
  length: number,
): Float64Array {
  const dtype = operands[0]?.dtype ?? "f32";
  const data = operands.map((operand) => operand.values);
  return Float64Array.from({ length: rows }, (_, r) =>
    reduceNumbers(fn, { dtype, operands: data, start: r * length, end: (r + 1) * length }),
  );
}

const constantLike = (x: Elements, value: number): Elements => ({
  dtype: "f32",
  values: new Float64Array(x.values.length).fill(value),
  bounds: new Float64Array(x.values.length),
  isNonnegative: value >= 0,
});

const map = (fn: ScalarOp, ...args: readonly Elements[]): Elements => mapElements(fn, args, "f32");

/** Elements as states. */
const lift = (fn: MonoidName, x: readonly Elements[]): readonly Elements[] =>
  instantiate(
    monoidOf(fn).lift,
    { x },
    {
      constant: (value) => constantLike(x[0] ?? missing(fn), value),
      apply: (op, args) => map(op, ...args),
    },
  );

function missing(fn: MonoidName): never {
  throw new CompilerBug("interpreter", [`${fn} has no operand`]);
}

/** The result of each row, at each element of it. */
function spread(fn: ReduceOp, x: Elements, rows: number, length: number): Elements {
  const row = reduceRows(fn, x, rows, length);
  const repeat = (data: Float64Array): Float64Array =>
    Float64Array.from({ length: rows * length }, (_, i) => data[Math.floor(i / length)] ?? 0);
  return {
    ...row,
    values: repeat(row.values),
    bounds: row.bounds === undefined ? undefined : repeat(row.bounds),
  };
}

/** sum of s exp(m - max m) over states (m, s). */
function boundExpSum(states: readonly Elements[], rows: number, length: number): Float64Array | undefined {
  const [m, s] = complete("exp_sum", states);
  if (m === undefined || s === undefined) return undefined;
  const terms = map("mul", s, map("exp", map("sub", m, spread("max", m, rows, length))));
  return reduceRows("sum", terms, rows, length).bounds;
}

/** sum of q + n (pivot + mean - M)^2 over states (n, mean, q, pivot), with M the mean of all. */
function boundMoments(states: readonly Elements[], rows: number, length: number): Float64Array | undefined {
  const [n, offset, q, pivot] = complete("moments", states);
  if (n === undefined || offset === undefined || q === undefined || pivot === undefined) return undefined;
  const apart = distanceFromMean(n, map("add", pivot, offset), rows, length);
  const terms = map("add", q, map("mul", n, map("mul", apart, apart)));
  return reduceRows("sum", terms, rows, length).bounds;
}

/** sum of c + w (pivot + mean - M) over states (n, mean, c, pivot, w). */
function boundCoMoment(states: readonly Elements[], rows: number, length: number): Float64Array | undefined {
  const [n, offset, c, pivot, w] = complete("co_moment", states);
  if (n === undefined || offset === undefined || c === undefined) return undefined;
  if (pivot === undefined || w === undefined) return undefined;
  const apart = distanceFromMean(n, map("add", pivot, offset), rows, length);
  return reduceRows("sum", map("add", c, map("mul", w, apart)), rows, length).bounds;
}

/** Means of n elements each less the mean of all. */
function distanceFromMean(n: Elements, mean: Elements, rows: number, length: number): Elements {
  const total = map("div", spread("sum", map("mul", n, mean), rows, length), spread("sum", n, rows, length));
  return map("sub", mean, total);
}

const BOUNDS = { exp_sum: boundExpSum, moments: boundMoments, co_moment: boundCoMoment };

function complete(fn: MonoidName, states: readonly Elements[]): readonly Elements[] {
  const wanted = monoidOf(fn).components.length;
  if (states.length !== wanted)
    throw new CompilerBug("interpreter", [
      `${fn} has ${String(states.length)} of ${String(wanted)} components`,
    ]);
  return states;
}
