/**
 * Recognises reductions that need another one's result, and yet can run in the same walk over the row:
 *
 *     m[i] = max(j) f          s[i] = sum(j) exp(f - m[i])                        exp_sum (online softmax)
 *                              or exp(f - where(isinf(m[i]), 0, m[i]))
 *                              or w * exp(f - m[i])
 *     a[i] = sum(j) f          u[i] = a[i] * (1/n)      q[i] = sum(j) (f - u[i])^2        moments (Welford)
 *
 * The second is then a monoid of its own, whose state holds what the first would have told it (monoids.ts). It pays where a row does not stay on
 * the chip: one sweep less. Where it does, two plain reductions are cheaper and as exact.
 *
 * Requires: aligned axes.
 * Ensures:  nothing changes; pairs name the first and the second reduction.
 */
import { expandRow, readOwn } from "../../ir/expand-row.ts";
import {
  valuesIn,
  type IndexProgram,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { printScalarExpr } from "../../ir/print-index.ts";
import { isReductionOf, weighExponential } from "../../ir/weigh-exponential.ts";

interface Context {
  readonly statements: ReadonlyMap<string, Statement>;
  readonly sizes: ReadonlyMap<string, number>;
}

export function pairReductions(program: IndexProgram): readonly ReductionPair[] {
  const context: Context = {
    statements: new Map(program.statements.map((s) => [s.name, s])),
    sizes: new Map(program.axes.map((a) => [a.name, a.size])),
  };
  const pairs: ReductionPair[] = [];
  for (const second of program.statements) {
    if (second.reduce?.fn !== "sum" || second.dtype !== "f32") continue;
    const pair = matchPair(context, second) ?? matchWeights(context, second, pairs);
    if (pair !== undefined) pairs.push(pair);
  }
  return pairs;
}

/** exp(f - m) times weights, which must not wait for the maximum themselves. */
function matchWeights(
  { statements }: Context,
  second: Statement,
  pairs: readonly ReductionPair[],
): ReductionPair | undefined {
  const found = weighExponential(statements, second, pairs);
  if (found === undefined) return undefined;
  const { first, weight } = found;
  const needs = weight === undefined ? [] : valuesIn(weight);
  return { monoid: "exp_sum", first: first.name, second: second.name, infinite: "nan", needs };
}

function matchPair(context: Context, second: Statement): ReductionPair | undefined {
  const reduced = new Set(second.reduce?.axes ?? []);
  const operand = expandRow(context.statements, second.value, reduced);
  if (operand?.kind !== "map") return undefined;
  if (operand.fn === "exp") return matchExpSum(context, second, operand.args[0]);
  if (operand.fn !== "mul") return undefined;
  const [x, y] = operand.args;
  return x !== undefined && y !== undefined && printScalarExpr(x) === printScalarExpr(y)
    ? matchDeviations(context, second, x)
    : undefined;
}

/** exp(f - m) with m the maximum of f. */
function matchExpSum(
  context: Context,
  second: Statement,
  shifted: ScalarExpr | undefined,
): ReductionPair | undefined {
  if (shifted?.kind !== "map" || shifted.fn !== "sub") return undefined;
  const [f, m] = shifted.args;
  const shift = readOwn(context.statements, m);
  const first = shift?.reduce === undefined ? finiteOf(context, shift) : shift;
  return f !== undefined && first?.reduce?.fn === "max" && isReductionOf(context.statements, first, second, f)
    ? {
        monoid: "exp_sum",
        first: first.name,
        second: second.name,
        infinite: first === shift ? "nan" : "exp",
      }
    : undefined;
}

/** m of where(isinf(m), 0, m), which is what logsumexp takes away. */
function finiteOf(context: Context, shift: Statement | undefined): Statement | undefined {
  if (shift?.value.kind !== "map" || shift.value.fn !== "where") return undefined;
  const [condition, zero, m] = shift.value.args;
  if (condition?.kind !== "map" || condition.fn !== "isinf") return undefined;
  const tested = readOwn(context.statements, condition.args[0]);
  return zero?.kind === "const" && zero.value === 0 && tested === readOwn(context.statements, m)
    ? tested
    : undefined;
}

/** f - u with u the mean of f. */
function matchDeviations(
  context: Context,
  second: Statement,
  centered: ScalarExpr,
): ReductionPair | undefined {
  if (centered.kind !== "map" || centered.fn !== "sub") return undefined;
  const [f, u] = centered.args;
  const mean = readOwn(context.statements, u)?.value;
  if (f === undefined || mean?.kind !== "map" || (mean.fn !== "mul" && mean.fn !== "div")) return undefined;
  const [total, scale] = mean.args;
  const first = readOwn(context.statements, total);
  if (first?.reduce?.fn !== "sum" || scale?.kind !== "const") return undefined;
  const count = first.reduce.axes.reduce((n, axis) => n * (context.sizes.get(axis) ?? 1), 1);
  const expected = mean.fn === "div" ? count : 1 / count;
  const isMean = Math.abs(scale.value - expected) <= 1e-6 * expected;
  return isMean && isReductionOf(context.statements, first, second, f)
    ? { monoid: "moments", first: first.name, second: second.name }
    : undefined;
}
