/**
 * Recognises reductions that need another one's result, and yet can run in the same walk over the row:
 *
 *     m[i] = max(j) f          s[i] = sum(j) exp(f - m[i])                        exp_sum (online softmax)
 *                              or exp(f - where(isinf(m[i]), 0, m[i]))
 *     a[i] = sum(j) f          u[i] = a[i] * (1/n)      q[i] = sum(j) (f - u[i])^2        moments (Welford)
 *
 * The second is then a monoid of its own, whose state holds what the first would have told it (monoids.ts). It pays where a row does not stay on
 * the chip: one sweep less. Where it does, two plain reductions are cheaper and as exact.
 *
 * Requires: aligned axes.
 * Ensures:  nothing changes; pairs name the first and the second reduction.
 */
import { indexAxes } from "../../ir/index-expr.ts";
import {
  mapScalar,
  visitScalar,
  type IndexProgram,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { printScalarExpr } from "../../ir/print-index.ts";
import { isIdentityRead } from "./collapse-axes.ts";

/** Largest operand, in nodes, that is compared. */
const MAX_NODES = 64;

interface Context {
  readonly statements: ReadonlyMap<string, Statement>;
  readonly sizes: ReadonlyMap<string, number>;
}

export function pairReductions(program: IndexProgram): readonly ReductionPair[] {
  const context: Context = {
    statements: new Map(program.statements.map((s) => [s.name, s])),
    sizes: new Map(program.axes.map((a) => [a.name, a.size])),
  };
  return program.statements.flatMap((second) => {
    if (second.reduce?.fn !== "sum" || second.dtype !== "f32") return [];
    const pair = matchPair(context, second);
    return pair === undefined ? [] : [pair];
  });
}

function matchPair(context: Context, second: Statement): ReductionPair | undefined {
  const reduced = new Set(second.reduce?.axes ?? []);
  const operand = expandRow(context, second.value, reduced);
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
  const shift = readOwn(context, m);
  const first = shift?.reduce === undefined ? finiteOf(context, shift) : shift;
  return f !== undefined && first?.reduce?.fn === "max" && isReductionOf(context, first, second, f)
    ? {
        monoid: "exp_sum",
        first: first.name,
        second: second.name,
        infinite: first === shift ? "nan" : "exp",
      }
    : undefined;
}

/** The statement that an expression reads at its own point. */
function readOwn(context: Context, e: ScalarExpr | undefined): Statement | undefined {
  const read = e?.kind === "value" ? context.statements.get(e.statement) : undefined;
  return e?.kind === "value" && read !== undefined && isIdentityRead(e.index, read.axes) ? read : undefined;
}

/** m of where(isinf(m), 0, m), which is what logsumexp takes away. */
function finiteOf(context: Context, shift: Statement | undefined): Statement | undefined {
  if (shift?.value.kind !== "map" || shift.value.fn !== "where") return undefined;
  const [condition, zero, m] = shift.value.args;
  if (condition?.kind !== "map" || condition.fn !== "isinf") return undefined;
  const tested = readOwn(context, condition.args[0]);
  return zero?.kind === "const" && zero.value === 0 && tested === readOwn(context, m) ? tested : undefined;
}

/** f - u with u the mean of f. */
function matchDeviations(
  context: Context,
  second: Statement,
  centered: ScalarExpr,
): ReductionPair | undefined {
  if (centered.kind !== "map" || centered.fn !== "sub") return undefined;
  const [f, u] = centered.args;
  const mean = readOwn(context, u)?.value;
  if (f === undefined || mean?.kind !== "map" || (mean.fn !== "mul" && mean.fn !== "div")) return undefined;
  const [total, scale] = mean.args;
  const first = readOwn(context, total);
  if (first?.reduce?.fn !== "sum" || scale?.kind !== "const") return undefined;
  const count = first.reduce.axes.reduce((n, axis) => n * (context.sizes.get(axis) ?? 1), 1);
  const expected = mean.fn === "div" ? count : 1 / count;
  const isMean = Math.abs(scale.value - expected) <= 1e-6 * expected;
  return isMean && isReductionOf(context, first, second, f)
    ? { monoid: "moments", first: first.name, second: second.name }
    : undefined;
}

/** Whether `first` reduces f over the same axes to the same points as `second` does. */
function isReductionOf(context: Context, first: Statement, second: Statement, f: ScalarExpr): boolean {
  const [a, b] = [first.reduce?.axes ?? [], second.reduce?.axes ?? []];
  const same =
    a.length === b.length && a.every((axis) => b.includes(axis)) && sameAxes(first.axes, second.axes);
  const operand = same ? expandRow(context, first.value, new Set(a)) : undefined;
  return operand !== undefined && printScalarExpr(operand) === printScalarExpr(f);
}

const sameAxes = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((axis) => b.includes(axis));

/** The operand with pointwise values over the row written out; values over the grid stay as they are. */
export function expandRow(
  context: Pick<Context, "statements">,
  expr: ScalarExpr,
  row: ReadonlySet<string>,
): ScalarExpr | undefined {
  let current = expr;
  for (;;) {
    let nodes = 0;
    visitScalar(current, () => nodes++);
    if (nodes > MAX_NODES) return undefined;
    const next = mapScalar(current, (e) => {
      if (e.kind !== "value") return e;
      const producer = context.statements.get(e.statement);
      const isRow = e.index.some((index) => [...indexAxes(index)].some((axis) => row.has(axis)));
      return producer === undefined ||
        producer.reduce !== undefined ||
        !isRow ||
        !isIdentityRead(e.index, producer.axes)
        ? e
        : producer.value;
    });
    if (next === current) return current;
    current = next;
  }
}
