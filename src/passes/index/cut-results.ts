/**
 * Cuts pointwise results as the reduction beside them was cut: a result over all points of a reduction that has become one of
 * pieces, and that reads what it reads, gets the axes of the pieces. Both have the same points again, and can be one kernel.
 *
 *     y[i] = silu(x[i])                            y[ia,ib] = silu(x[4096*ia + ib])
 *     n_part[ia] = sum(ib) x[4096*ia + ib]   =>    n_part[ia] = sum(ib) x[4096*ia + ib]
 *     n[] = sum(ia) n_part[ia]                     n[] = sum(ia) n_part[ia]
 *
 * Requires: cuts of axes that have names of their own (`splitReductions`).
 * Ensures:  same values. Only results that nothing else reads, that do not wait for what was cut, and whose axis the pieces fill; and
 *           not those that would leave rows on the chip for it, which a reduction that they need has read.
 */
import { indexSubstitute, type AxisSizes, type IndexExpr } from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  readsIn,
  valuesIn,
  valuesRead,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
  type Store,
} from "../../ir/index-notation.ts";
import { expandRow, type StatementsByName } from "../../ir/expand-row.ts";
import { dropDead } from "./inline-reads.ts";
import { needs } from "./needs.ts";
import { positionIn, type Piece } from "./rfactor.ts";

/** Statements behind a result that are looked at. */
const SEARCH_LIMIT = 64;

export function cutResults(program: IndexProgram, cuts: Iterable<Piece>): IndexProgram {
  const exact = [...cuts].filter(({ pieces, length, size }) => pieces * length === size);
  if (exact.length === 0) return program;
  const statements: StatementsByName = new Map(program.statements.map((s) => [s.name, s]));
  const read = new Set(program.statements.flatMap(valuesRead));
  const stored = new Set(program.stores.map((s) => s.statement));
  const sizes = axisSizes(program);
  const changed = new Map<string, Cut>();
  for (const statement of program.statements) {
    if (statement.reduce !== undefined || read.has(statement.name) || !stored.has(statement.name)) continue;
    const piece = exact.find(({ axis }) => statement.axes.includes(axis));
    const cut = piece && cutAlong(statements, statement, piece, sizes);
    if (cut !== undefined && program.statements.some((part) => isBeside(statements, part, cut)))
      changed.set(statement.name, cut);
  }
  if (changed.size === 0) return program;
  return dropDead({
    ...program,
    statements: program.statements.map((s) => changed.get(s.name)?.statement ?? s),
    stores: program.stores.map((store): Store => {
      const cut = changed.get(store.statement);
      return cut === undefined ? store : { ...store, index: cut.at(store.index) };
    }),
  });
}

interface Cut {
  readonly piece: Piece;
  readonly statement: Statement;
  readonly at: (index: IndexExpr) => IndexExpr;
}

/** The result over pieces; undefined where it reads values that it would not find at its own points any more. */
function cutAlong(
  statements: StatementsByName,
  statement: Statement,
  piece: Piece,
  sizes: AxisSizes,
): Cut | undefined {
  const value = expandRow(statements, statement.value, new Set([piece.axis]));
  const isOfPieces = ({ reduce }: Statement): boolean => reduce?.axes.includes(piece.outer) === true;
  if (value === undefined || needs(statements, value, isOfPieces, SEARCH_LIMIT)) return undefined;
  const position = new Map([[piece.axis, positionIn(piece)]]);
  const at = (index: IndexExpr): IndexExpr => indexSubstitute(index, position, sizes);
  const axes = statement.axes.flatMap((axis) =>
    axis === piece.axis ? [piece.outer, ...(piece.inner === undefined ? [] : [piece.inner])] : axis,
  );
  return { piece, statement: { ...statement, axes, value: mapIndices(value, at) }, at };
}

/**
 * Whether a reduction of pieces has the points of the result, and reads more of what it reads than the reductions of rows do that the
 * result needs: these would be left without it.
 */
function isBeside(statements: StatementsByName, part: Statement, { piece, statement }: Cut): boolean {
  const { axes, reduce, value } = part;
  if (reduce === undefined || !axes.includes(piece.outer)) return false;
  const points = [...axes, ...reduce.axes];
  if (points.length !== statement.axes.length || !statement.axes.every((axis) => points.includes(axis)))
    return false;
  const shared = countShared(statement, [value]);
  const ofRows = valuesIn(statement.value).flatMap((name): readonly ScalarExpr[] => {
    const row = statements.get(name);
    if (row?.reduce === undefined || !row.axes.includes(piece.axis)) return [];
    return [expandRow(statements, row.value, new Set([...row.axes, ...row.reduce.axes])) ?? row.value];
  });
  return shared > countShared(statement, ofRows);
}

/** Tensors that a result reads and one of these expressions reads as well. */
function countShared({ value }: Statement, others: readonly ScalarExpr[]): number {
  const own = new Set(readsIn(value).map(({ read }) => read.tensor));
  return new Set(
    others.flatMap((other) =>
      readsIn(other).flatMap(({ read }) => (own.has(read.tensor) ? read.tensor : [])),
    ),
  ).size;
}
