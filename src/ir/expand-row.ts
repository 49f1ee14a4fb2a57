/** Expressions over a row as what they are made of: for whoever looks for a form behind the statements that hold its parts. */
import { indexAxes, plainAxis, type IndexExpr } from "./index-expr.ts";
import { mapOperands, visitScalar, type ScalarExpr, type Statement } from "./index-notation.ts";

/** Largest expression, in nodes, that is looked at. */
const MAX_NODES = 64;

export type StatementsByName = ReadonlyMap<string, Statement>;

/** Whether a value is read at its own point: every axis as itself. */
export const isIdentityRead = (index: readonly IndexExpr[], axes: readonly string[]): boolean =>
  index.length === axes.length && index.every((at, position) => plainAxis(at) === axes[position]);

/** The statement that an expression reads at its own point. */
export function readOwn(statements: StatementsByName, e: ScalarExpr | undefined): Statement | undefined {
  const read = e?.kind === "value" ? statements.get(e.statement) : undefined;
  return e?.kind === "value" && read !== undefined && isIdentityRead(e.index, read.axes) ? read : undefined;
}

/** The pointwise value over the row that an expression reads at its own point. */
export function rowProducer(
  statements: StatementsByName,
  e: ScalarExpr,
  row: ReadonlySet<string>,
): Statement | undefined {
  const producer = readOwn(statements, e);
  return producer?.reduce === undefined && producer?.axes.some((axis) => row.has(axis)) === true
    ? producer
    : undefined;
}

/**
 * The operand with pointwise values over the row written out; values over the grid stay as they are. undefined where that has more
 * than `MAX_NODES` nodes.
 */
export function expandRow(
  statements: StatementsByName,
  expr: ScalarExpr,
  row: ReadonlySet<string>,
): ScalarExpr | undefined {
  let nodes = 0;
  const expand = (e: ScalarExpr): ScalarExpr => {
    const producer = rowProducer(statements, e, row);
    if (producer !== undefined) return expand(producer.value);
    return nodes++ < MAX_NODES ? mapOperands(e, expand) : e;
  };
  const expanded = expand(expr);
  return nodes > MAX_NODES ? undefined : expanded;
}

/** Axes that an expression depends on. */
export function axesRead(e: ScalarExpr): ReadonlySet<string> {
  const axes = new Set<string>();
  visitScalar(e, (part) => {
    if (part.kind === "tensor" || part.kind === "index") indexAxes(part.index, axes);
    if (part.kind === "value") for (const index of part.index) indexAxes(index, axes);
    if (part.kind === "guard") for (const bound of part.bounds) indexAxes(bound.index, axes);
  });
  return axes;
}
