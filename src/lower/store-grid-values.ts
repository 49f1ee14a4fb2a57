/** Values over the grid alone are written once per point. */
import type { Store } from "../ir/index-notation.ts";
import { BOOL, type Expr } from "../ir/kernel.ts";
import { u32 } from "../ir/walk-kernel.ts";
import type { Emitter, Scope } from "./emitter.ts";
import { and, type Position } from "./enter-grid.ts";
import { op } from "./kernel-expr.ts";
import { writeStore } from "./lower-phase.ts";

/** Writes `stores` of one grid point; those of row values are left out, they are written step by step. */
export function storeGridValues(
  emitter: Emitter,
  grid: Scope,
  stores: readonly Store[],
  position: Pick<Position, "isFirst" | "inRange">,
): void {
  const { view, schedule } = emitter;
  for (const store of stores) {
    const axes = view.statements.get(store.statement)?.axes ?? [];
    if (axes.some((axis) => view.rowAxes.includes(axis))) continue;
    // A value that lacks axes of the grid is written by the points at the start of those axes.
    const atStart = [...schedule.gridAxes, ...schedule.walkAxes]
      .filter((axis) => !axes.includes(axis))
      .reduce<Expr | undefined>(
        (all, axis) => and(all, op("eq", BOOL, grid.axes.get(axis) ?? u32(0), u32(0))),
        undefined,
      );
    writeStore(emitter, grid, store, and(and(position.isFirst, atStart), position.inRange));
  }
}
