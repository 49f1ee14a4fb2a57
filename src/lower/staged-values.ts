/** Where the values of stages lie in workgroup memory, and how the rest of the kernel reads them. */
import type { GroupView } from "../ir/group-view.ts";
import { computeType, type Expr, type SharedArray } from "../ir/kernel.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { bind, type Emitter, type Scope } from "./emitter.ts";
import { nameOf } from "./kernel-expr.ts";

/** Workgroup arrays for the values of stages that have more than one point, row-major over the points. */
export function chooseStageArrays(view: GroupView): ReadonlyMap<string, SharedArray> {
  const arrays = new Map<string, SharedArray>();
  for (const { pointAxes, reductions } of view.stages) {
    const length = countPoints(view, pointAxes);
    if (length === 1) continue;
    for (const { name, dtype } of reductions)
      arrays.set(name, {
        name: `stage${String(arrays.size)}`,
        type: { scalar: computeType(dtype), width: 1 },
        length,
      });
  }
  return arrays;
}

export const countPoints = (view: GroupView, axes: readonly string[]): number =>
  axes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);

/** Where a staged value of these point axes lies in its array, at the coordinates of a scope. */
export function placeIn(emitter: Emitter, pointAxes: readonly string[], scope: Scope): Expr {
  return pointAxes.reduce<Expr>((place, axis) => {
    const size = emitter.view.sizes.get(axis) ?? 1;
    const at = scope.axes.get(axis) ?? scope.parent?.axes.get(axis) ?? u32(0);
    return makeIndex("add", makeIndex("mul", place, u32(size)), at);
  }, u32(0));
}

/** A staged value at the coordinates of a scope: from workgroup memory, element by element where they are a vector's. */
export function readStaged(emitter: Emitter, scope: Scope, statement: string): Expr | undefined {
  const array = emitter.stageArrays.get(statement);
  const stage = emitter.view.stages.find((s) => s.reductions.some((r) => r.name === statement));
  if (array === undefined || stage === undefined) return undefined;
  const known = scope.values.get(statement);
  if (known !== undefined) return known;
  const { vectorAxis, vectorWidth } = emitter.schedule;
  const isWide = vectorAxis !== null && stage.pointAxes.includes(vectorAxis);
  const parts = Array.from({ length: isWide ? vectorWidth : 1 }, (_, c) => {
    const axes = new Map(scope.axes);
    const first =
      vectorAxis === null ? undefined : (scope.axes.get(vectorAxis) ?? scope.parent?.axes.get(vectorAxis));
    if (vectorAxis !== null && c > 0) axes.set(vectorAxis, makeIndex("add", first ?? u32(0), u32(c)));
    const name = emitter.fresh("w");
    const index = placeIn(emitter, stage.pointAxes, { ...scope, axes });
    scope.out.push({ kind: "sharedLoad", name, array: array.name, index });
    return nameOf(name, array.type);
  });
  const [only] = parts;
  const value: Expr =
    parts.length === 1 && only !== undefined
      ? only
      : bind(emitter, scope, "w", { kind: "vector", type: { ...array.type, width: vectorWidth }, parts });
  scope.values.set(statement, value);
  return value;
}
