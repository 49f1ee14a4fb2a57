/**
 * Recognises reductions that need another one's result, and yet can run in the same walk over the row:
 *
 *     m[i] = max(j) f          s[i] = sum(j) exp(f - m[i])                        exp_sum (online softmax)
 *                              or exp(f - where(isinf(m[i]), 0, m[i]))
 *                              or w * exp(f - m[i])
 *     a[i] = sum(j) f          u[i] = a[i] * (1/n)      q[i] = sum(j) (f - u[i])^2        moments (Welford)
 *                                                       or w * (f - u[i])                 co_moment
 *
 * The second is then a monoid of its own, whose state holds what the first would have told it (monoids.ts). It pays where a row does not stay on
 * the chip: one sweep less. Where it does, two plain reductions are cheaper and as exact.
 *
 * Requires: aligned axes.
 * Ensures:  nothing changes; pairs name the first and the second reduction.
 */
import { maximumBelow, isReductionOf, meanBelow, type RowContext } from "../../ir/dependent-factors.ts";
import { expandRow, readOwn } from "../../ir/expand-row.ts";
import {
  axisSizes,
  valuesIn,
  type IndexProgram,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { printScalarExpr } from "../../ir/print-index.ts";
import { readWeights } from "../../ir/read-weights.ts";

export function pairReductions(program: IndexProgram): readonly ReductionPair[] {
  const context: RowContext = {
    statements: new Map(program.statements.map((s) => [s.name, s])),
    sizes: axisSizes(program),
  };
  const pairs: ReductionPair[] = [];
  for (const second of program.statements) {
    if (second.reduce?.fn !== "sum" || second.dtype !== "f32") continue;
    const pair = matchPair(context, second) ?? matchWeights(context, second, pairs);
    if (pair !== undefined) pairs.push(pair);
  }
  return pairs;
}

/** exp(f - m) or f - u times weights, which must not wait for m or u themselves. Deviations alone add up to nothing. */
function matchWeights(
  context: RowContext,
  sum: Statement,
  pairs: readonly ReductionPair[],
): ReductionPair | undefined {
  const found = readWeights(context, sum, pairs);
  if (found === undefined) return undefined;
  const { monoid, first, weight } = found;
  const names = { first: first.name, second: sum.name, needs: weight === undefined ? [] : valuesIn(weight) };
  if (monoid === "exp_sum") return { monoid, ...names, infinite: "nan" };
  return weight === undefined ? undefined : { monoid, ...names };
}

function matchPair(context: RowContext, second: Statement): ReductionPair | undefined {
  const operand = expandRow(context.statements, second.value, new Set(second.reduce?.axes ?? []));
  if (operand?.kind !== "map") return undefined;
  if (operand.fn === "exp") return matchExpSum(context, second, operand.args[0]);
  if (operand.fn !== "mul") return undefined;
  const [x, y] = operand.args;
  if (x === undefined || y === undefined || printScalarExpr(x) !== printScalarExpr(y)) return undefined;
  const first = meanBelow(context, second, x);
  return first === undefined ? undefined : { monoid: "moments", first: first.name, second: second.name };
}

/** exp(f - m) with m the maximum of f, or 0 where that is infinite. */
function matchExpSum(
  context: RowContext,
  second: Statement,
  shifted: ScalarExpr | undefined,
): ReductionPair | undefined {
  const first = maximumBelow(context, second, shifted);
  if (first !== undefined)
    return { monoid: "exp_sum", first: first.name, second: second.name, infinite: "nan" };
  if (shifted?.kind !== "map" || shifted.fn !== "sub") return undefined;
  const [f, m] = shifted.args;
  const finite = finiteOf(context, readOwn(context.statements, m));
  return finite?.reduce?.fn === "max" && isReductionOf(context, finite, second, f)
    ? { monoid: "exp_sum", first: finite.name, second: second.name, infinite: "exp" }
    : undefined;
}

/** m of where(isinf(m), 0, m), which is what logsumexp takes away. */
function finiteOf({ statements }: RowContext, shift: Statement | undefined): Statement | undefined {
  if (shift?.value.kind !== "map" || shift.value.fn !== "where") return undefined;
  const [condition, zero, m] = shift.value.args;
  if (condition?.kind !== "map" || condition.fn !== "isinf") return undefined;
  const tested = readOwn(statements, condition.args[0]);
  return zero?.kind === "const" && zero.value === 0 && tested === readOwn(statements, m) ? tested : undefined;
}
