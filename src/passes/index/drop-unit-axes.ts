/**
 * Size-1 elimination: an axis of one point is no axis. Its coordinate is 0 in every index, values lose the position along it,
 * and a reduction over nothing else is its one element; the position of an extreme among one is 0. Keepdims, the ones of a
 * broadcast and kernels of width 1 leave no trace in what follows.
 *
 * Requires: no axis of size 0 (`foldEmptyReductions`).
 * Ensures:  the same values, but for the sign of a sum that consists of a single -0, which is promised nowhere; axes have size 2
 *           or more. Names stay.
 *
 *     axes a0=64 a1=1 a2=9                                          axes a0=64 a2=9
 *     m[a0,a2] = max(a1) v[9*a0 + 9*a1 + a2]                =>      m[a0,a2] = v[9*a0 + a2]
 *     w[a0,a1,a2] = m[a0, a2] * g[a0 + a1]                          w[a0,a2] = m[a0, a2] * g[a0]
 */
import { indexConst, indexSubstitute, type IndexExpr } from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { monoidOf } from "../../ir/monoids.ts";
import { liftElement } from "./rfactor.ts";

export function dropUnitAxes(program: IndexProgram): IndexProgram {
  const units = new Set(program.axes.filter(({ size }) => size === 1).map(({ name }) => name));
  if (units.size === 0) return program;
  const sizes = axisSizes(program);
  const start = new Map([...units].map((axis) => [axis, indexConst(0)]));
  const edit = (index: IndexExpr): IndexExpr => indexSubstitute(index, start, sizes);
  const isKept = (axis: string): boolean => !units.has(axis);
  const axesOf = new Map(program.statements.map(({ name, axes }) => [name, axes]));
  const dropPositions = (e: ScalarExpr): ScalarExpr => {
    if (e.kind !== "value") return e;
    const axes = axesOf.get(e.statement) ?? [];
    return { ...e, index: e.index.filter((_, position) => isKept(axes[position] ?? "")) };
  };
  const statements = program.statements.map((statement): Statement => {
    const value = mapIndices(mapScalar(statement.value, dropPositions), edit);
    return dropReduced({ ...statement, axes: statement.axes.filter(isKept), value }, isKept);
  });
  return {
    ...program,
    axes: program.axes.filter(({ name }) => isKept(name)),
    statements,
    stores: program.stores.map((store) => ({ ...store, index: edit(store.index) })),
  };
}

/** The statement without the axes that it reduced one element along. */
function dropReduced(statement: Statement, isKept: (axis: string) => boolean): Statement {
  const { reduce, value } = statement;
  if (reduce === undefined) return statement;
  const axes = reduce.axes.filter(isKept);
  if (axes.length > 0) return { ...statement, reduce: { ...reduce, axes } };
  const state = liftElement(reduce.fn, value);
  return { ...statement, reduce: undefined, value: state[monoidOf(reduce.fn).result] ?? value };
}
