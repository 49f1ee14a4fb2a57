/**
 * Statements of a group whose paired reductions run in one walk over the row: the second no longer needs the result of the
 * first, because its state holds what it needs.
 *
 *     m[i] = max(j) x[8*i + j]                        m[i] = max(j) x[8*i + j]
 *     s[i] = sum(j) exp(x[8*i + j] - m[i])      =>    s_raw[i] = exp_sum(j) x[8*i + j]
 *                                                     s[i] = where(isinf(m[i]), nan, s_raw[i])
 *
 * An exponential with a weight is a state by itself, of the one element: (x, w) stands for w exp(x - x).
 *
 *     r[i] = sum(j) w[j] * exp(x - m[i]) / s[i]       r_raw[i] = exp_sum(j) tuple(x, w[j])
 *                                               =>    r[i] = where(isinf(m[i]), nan, r_raw[i]) / s[i]
 *
 * Deviations from a mean with weights take the tuple of both as well: sum(j) w[j] * (x - u[i]) is co_moment(j) tuple(x, w[j]).
 *
 * Requires: pairs that `pairReductions` has found, both of which are members.
 * Ensures:  the same values up to rounding; names stay, and none is taken twice. Pairs that nothing came of, because what is
 *           between the two is not in the group or weights come late, are left as they were.
 */
import { findLevels } from "./find-levels.ts";
import { valuesIn, type ReductionPair, type ScalarExpr, type Statement } from "./index-notation.ts";
import { indexAxis } from "./index-expr.ts";
import { readWeights, type WeightedSum } from "./read-weights.ts";

export interface OneWalk {
  readonly statements: readonly Statement[];
  /** The pairs that share a walk now. */
  readonly pairs: readonly ReductionPair[];
}

export function runInOneWalk(
  statements: readonly Statement[],
  pairs: readonly ReductionPair[],
  sizes: ReadonlyMap<string, number>,
): OneWalk {
  const bySecond = new Map(pairs.map((pair) => [pair.second, pair]));
  const byName = new Map(statements.map((s) => [s.name, s]));
  const levels = findLevels(statements);
  const done: ReductionPair[] = [];
  const rewritten = statements.flatMap((second): readonly Statement[] => {
    const pair = bySecond.get(second.name);
    const first = pair === undefined ? undefined : byName.get(pair.first);
    if (pair === undefined || first?.reduce === undefined) return [second];
    const reduce = { fn: pair.monoid, axes: first.reduce.axes };
    const weighed =
      pair.needs === undefined ? undefined : readWeights({ statements: byName, sizes }, second, done);
    if (pair.needs !== undefined && (weighed?.first !== first || isLate(levels, first, weighed.weight)))
      return [second];
    done.push(pair);
    if (pair.monoid === "moments") return [{ ...second, reduce, value: first.value }];
    let name = `${second.name}_raw`;
    while (byName.has(name)) name += "_";
    const raw: Statement = { ...second, name, reduce, value: weighedOperand(first.value, weighed?.weight) };
    const value =
      pair.monoid === "exp_sum"
        ? expSumOf(pair, first, raw, weighed)
        : (weighed?.applied(readOf(raw)) ?? readOf(raw));
    return [raw, { ...second, reduce: undefined, value }];
  });
  return { statements: rewritten, pairs: done };
}

/** Whether weights are there only after the walk that finds the maximum: a walk of their own is as good then, and cheaper. */
const isLate = (
  levels: ReadonlyMap<string, number>,
  first: Statement,
  weight: ScalarExpr | undefined,
): boolean =>
  weight !== undefined &&
  valuesIn(weight).some((name) => (levels.get(name) ?? 0) >= (levels.get(first.name) ?? 1));

/** An element with its weight: of exp_sum, that is the state which it makes. */
export const weighedOperand = (value: ScalarExpr, weight: ScalarExpr | undefined): ScalarExpr =>
  weight === undefined ? value : { kind: "tuple", dtype: "f32", args: [value, weight] };

/** Where m is infinite, the state holds a number that other pieces need, and that is not what the program says. */
export function expSumOf(
  { infinite }: ReductionPair,
  top: Statement,
  raw: Statement,
  weighed?: WeightedSum,
): ScalarExpr {
  const m = readOf(top);
  const isInfinite: ScalarExpr = { kind: "map", fn: "isinf", dtype: "bool", args: [m] };
  const there: ScalarExpr =
    infinite === "exp"
      ? { kind: "map", fn: "exp", dtype: "f32", args: [m] }
      : { kind: "const", dtype: "f32", value: Number.NaN };
  const sum: ScalarExpr = { kind: "map", fn: "where", dtype: "f32", args: [isInfinite, there, readOf(raw)] };
  return weighed?.applied(sum) ?? sum;
}

/** The value of a statement at its own point. */
export const readOf = ({ name, dtype, axes }: Statement): ScalarExpr => ({
  kind: "value",
  dtype,
  statement: name,
  index: axes.map((axis) => indexAxis(axis)),
});
