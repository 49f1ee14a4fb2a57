/**
 * Statements of a group whose paired reductions run in one walk over the row: the second no longer needs the result of the
 * first, because its state holds what it needs.
 *
 *     m[i] = max(j) x[8*i + j]                        m[i] = max(j) x[8*i + j]
 *     s[i] = sum(j) exp(x[8*i + j] - m[i])      =>    s_raw[i] = exp_sum(j) x[8*i + j]
 *                                                     s[i] = where(isinf(m[i]), nan, s_raw[i])
 *
 * Requires: pairs that `pairReductions` has found, both of which are members.
 * Ensures:  the same values up to rounding; names stay, and none is taken twice.
 */
import type { ReductionPair, ScalarExpr, Statement } from "./index-notation.ts";
import { indexAxis } from "./index-expr.ts";

export function runInOneWalk(
  statements: readonly Statement[],
  pairs: readonly ReductionPair[],
): readonly Statement[] {
  const bySecond = new Map(pairs.map((pair) => [pair.second, pair]));
  const byName = new Map(statements.map((s) => [s.name, s]));
  return statements.flatMap((second): readonly Statement[] => {
    const pair = bySecond.get(second.name);
    const first = pair === undefined ? undefined : byName.get(pair.first);
    if (pair === undefined || first?.reduce === undefined) return [second];
    const reduce = { fn: pair.monoid, axes: first.reduce.axes };
    if (pair.monoid === "moments") return [{ ...second, reduce, value: first.value }];
    let name = `${second.name}_raw`;
    while (byName.has(name)) name += "_";
    const raw: Statement = { ...second, name, reduce, value: first.value };
    return [raw, { ...second, reduce: undefined, value: expSumOf(pair, first, raw) }];
  });
}

/** Where m is infinite, the state holds a number that other pieces need, and that is not what the program says. */
export function expSumOf({ infinite }: ReductionPair, top: Statement, raw: Statement): ScalarExpr {
  const m = readOf(top);
  const isInfinite: ScalarExpr = { kind: "map", fn: "isinf", dtype: "bool", args: [m] };
  const there: ScalarExpr =
    infinite === "exp"
      ? { kind: "map", fn: "exp", dtype: "f32", args: [m] }
      : { kind: "const", dtype: "f32", value: Number.NaN };
  return { kind: "map", fn: "where", dtype: "f32", args: [isInfinite, there, readOf(raw)] };
}

/** The value of a statement at its own point. */
export const readOf = ({ name, dtype, axes }: Statement): ScalarExpr => ({
  kind: "value",
  dtype,
  statement: name,
  index: axes.map((axis) => indexAxis(axis)),
});
