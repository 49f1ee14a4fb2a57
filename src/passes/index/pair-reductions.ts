/**
 * Recognises reductions that need another one's result, and yet can run in the same walk over the row:
 *
 *     m[i] = max(j) f          s[i] = sum(j) exp(f - m[i])                        "exp-sum"
 *     a[i] = sum(j) f          u[i] = a[i] * (1/n)      q[i] = sum(j) (f - u[i])^2        "deviations"
 *
 * A walk that keeps (m, s) rescales s whenever m grows (online softmax); one that keeps a count, a mean and q follows
 * Welford, and partial results merge as Chan, Golub and LeVeque (1979) have it. It pays where a row does not stay on
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
  const first = m?.kind === "value" ? context.statements.get(m.statement) : undefined;
  return f !== undefined && first?.reduce?.fn === "max" && isReductionOf(context, first, second, f)
    ? { kind: "exp-sum", first: first.name, second: second.name }
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
  const mean = u?.kind === "value" ? context.statements.get(u.statement)?.value : undefined;
  if (f === undefined || mean?.kind !== "map" || (mean.fn !== "mul" && mean.fn !== "div")) return undefined;
  const [total, scale] = mean.args;
  const first = total?.kind === "value" ? context.statements.get(total.statement) : undefined;
  if (first?.reduce?.fn !== "sum" || scale?.kind !== "const") return undefined;
  const count = first.reduce.axes.reduce((n, axis) => n * (context.sizes.get(axis) ?? 1), 1);
  const expected = mean.fn === "div" ? count : 1 / count;
  const isMean = Math.abs(scale.value - expected) <= 1e-6 * expected;
  return isMean && isReductionOf(context, first, second, f)
    ? { kind: "deviations", first: first.name, second: second.name }
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
