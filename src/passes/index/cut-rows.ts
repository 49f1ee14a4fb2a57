/**
 * Replaces the axis of the rows by pieces and the rows of a piece, and sums over all rows by sums over those of a piece that
 * a second sum adds up (split-columns.ts says which rows and why).
 *
 * Requires: every computed value is read at the axis itself; pieces of different lengths only where nothing but the given
 *           sums reduces over the rows.
 * Ensures:  same values up to the order of additions.
 */
import {
  indexAdd,
  indexAxis,
  indexClamp,
  indexScale,
  indexSubstitute,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { startOf, type MonoidName } from "../../ir/monoids.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { mapOf } from "./rfactor.ts";

/** Axis of the rows -> axes of pieces and of the rows of a piece; the second sum runs over `total`, which may be `outer`. */
export interface RowCut {
  readonly axis: string;
  readonly rows: number;
  readonly outer: string;
  readonly inner: string;
  readonly total: string;
  readonly pieces: number;
  readonly length: number;
}

/** The program with its rows cut; `columns` are the sums over them that are carried along. */
export function cutRows(program: IndexProgram, columns: ReadonlySet<string>, cut: RowCut): IndexProgram {
  const sizes = new Map([...axisSizes(program), [cut.outer, cut.pieces], [cut.inner, cut.length]] as [
    string,
    number,
  ][]);
  const place = indexAdd(indexScale(indexAxis(cut.outer), cut.length), indexAxis(cut.inner));
  const at = new Map([[cut.axis, indexClamp(place, cut.rows - 1, sizes)]]);
  const taken = takenNames(program);
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  const edit = (index: IndexExpr): IndexExpr => indexSubstitute(index, at, sizes);
  const cutAxes = (axes: readonly string[]): string[] =>
    axes.flatMap((a) => (a === cut.axis ? [cut.outer, cut.inner] : a));
  const cutValue = (value: ScalarExpr): ScalarExpr =>
    mapIndices(
      mapScalar(value, (e) => {
        if (e.kind !== "value") return e;
        const axes = byName.get(e.statement)?.axes ?? [];
        return {
          ...e,
          index: e.index.flatMap((index, i) =>
            axes[i] === cut.axis ? [indexAxis(cut.outer), indexAxis(cut.inner)] : index,
          ),
        };
      }),
      edit,
    );
  const statements = program.statements.flatMap((s): Statement[] => {
    const value = cutValue(s.value);
    if (!columns.has(s.name) || s.reduce === undefined) {
      return [
        {
          ...s,
          axes: cutAxes(s.axes),
          reduce: s.reduce && { ...s.reduce, axes: cutAxes(s.reduce.axes) },
          value,
        },
      ];
    }
    const part: Statement = {
      ...s,
      name: freshName(taken, `${s.name}_part`),
      axes: [cut.outer, ...s.axes],
      reduce: { fn: s.reduce.fn, axes: [cut.inner] },
      value: cut.pieces * cut.length === cut.rows ? value : leaveOut(value, place, cut.rows, s.reduce.fn),
    };
    const index = part.axes.map((axis) => indexAxis(axis === cut.outer ? cut.total : axis));
    const total: Statement = {
      ...s,
      reduce: { fn: s.reduce.fn, axes: [cut.total] },
      value: { kind: "value", dtype: s.dtype, statement: part.name, index },
    };
    return [part, total];
  });
  const axes = program.axes.flatMap((a) =>
    a.name === cut.axis
      ? [
          { name: cut.outer, size: cut.pieces },
          { name: cut.inner, size: cut.length },
          ...(cut.total === cut.outer ? [] : [{ name: cut.total, size: cut.pieces }]),
        ]
      : a,
  );
  return {
    ...program,
    axes,
    statements,
    stores: program.stores.map((s) => ({ ...s, index: edit(s.index) })),
  };
}

/** A term of a sum that counts before the end of the rows alone. The clamped row that is read past it is an element like any. */
function leaveOut(value: ScalarExpr, place: IndexExpr, rows: number, fn: MonoidName): ScalarExpr {
  const inside = mapOf(
    "lt",
    "bool",
    { kind: "index", dtype: "u32", index: place },
    { kind: "const", dtype: "u32", value: rows },
  );
  const { dtype } = value;
  return mapOf("where", dtype, inside, value, { kind: "const", dtype, value: startOf(fn, dtype)[0] ?? 0 });
}
