/**
 * What a term of a sum may have that needs another reduction of the same row: the exponential of f less its maximum, and the
 * deviation of f from its mean.
 */
import { expandRow, readOwn, type StatementsByName } from "./expand-row.ts";
import type { ScalarExpr, Statement } from "./index-notation.ts";
import { printScalarExpr } from "./print-index.ts";

export interface RowContext {
  readonly statements: StatementsByName;
  readonly sizes: ReadonlyMap<string, number>;
}

/** The maximum m of f - m, for a sum over the row of f. */
export function maximumBelow(
  context: RowContext,
  sum: Statement,
  shifted: ScalarExpr | undefined,
): Statement | undefined {
  const [f, m] = differenceOf(context, sum, shifted);
  const first = readOwn(context.statements, m);
  return first?.reduce?.fn === "max" && isReductionOf(context, first, sum, f) ? first : undefined;
}

/** The sum behind the mean u of f - u, for a sum over the row of f. */
export function meanBelow(
  context: RowContext,
  sum: Statement,
  centered: ScalarExpr | undefined,
): Statement | undefined {
  const [f, u] = differenceOf(context, sum, centered);
  const read = readOwn(context.statements, u);
  const mean = read === undefined ? u : read.value;
  if (read?.reduce !== undefined || mean?.kind !== "map" || (mean.fn !== "mul" && mean.fn !== "div"))
    return undefined;
  const [total, scale] = mean.args;
  const first = readOwn(context.statements, total);
  if (first?.reduce?.fn !== "sum" || scale?.kind !== "const") return undefined;
  const count = first.reduce.axes.reduce((n, axis) => n * (context.sizes.get(axis) ?? 1), 1);
  const expected = mean.fn === "div" ? count : 1 / count;
  const isMean = Math.abs(scale.value - expected) <= 1e-6 * expected;
  return isMean && isReductionOf(context, first, sum, f) ? first : undefined;
}

const rowOf = ({ reduce }: Statement): ReadonlySet<string> => new Set(reduce?.axes ?? []);

function differenceOf(
  { statements }: RowContext,
  sum: Statement,
  expr: ScalarExpr | undefined,
): readonly ScalarExpr[] {
  const written = expr === undefined ? undefined : expandRow(statements, expr, rowOf(sum));
  return written?.kind === "map" && written.fn === "sub" ? written.args : [];
}

/** Whether `first` reduces f over the same axes to the same points as `second` does. */
export function isReductionOf(
  { statements }: RowContext,
  first: Statement,
  second: Statement,
  f: ScalarExpr | undefined,
): boolean {
  const isSameRow =
    areSame(first.reduce?.axes ?? [], second.reduce?.axes ?? []) && areSame(first.axes, second.axes);
  if (f === undefined || !isSameRow) return false;
  const operand = expandRow(statements, first.value, rowOf(first));
  return operand !== undefined && printScalarExpr(operand) === printScalarExpr(f);
}

const areSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((axis) => b.includes(axis));
