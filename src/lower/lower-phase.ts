/** One phase of a group: a walk over the row, then the combination of what the lanes have found. */
import type { Phase } from "../ir/group-view.ts";
import type { Store } from "../ir/index-notation.ts";
import type { Expr, Stmt, Width } from "../ir/kernel.ts";
import { lanesSharing } from "../ir/schedule.ts";
import { accumulatorFor, bindIn, combineLanes, stateOf, widthOf, type Accumulator } from "./accumulators.ts";
import { bind, isVectorIndex, lowerIndex, type Emitter, type Scope } from "./emitter.ts";
import { unitsOf, type Position } from "./enter-grid.ts";
import { component, index, u32, widen } from "./kernel-expr.ts";
import { lowerValue, readValue } from "./lower-value.ts";
import { assignState, declareState, walkRow } from "./walk-row.ts";

export function lowerPhase(emitter: Emitter, grid: Scope, phase: Phase, position: Position): void {
  const { schedule, view, fresh } = emitter;
  const accumulators = phase.reductions.map((r) => accumulatorFor(emitter, r));
  for (const a of accumulators) grid.out.push(...declareState(a));
  const cached = schedule.residency === "registers" && emitter.caches.size > 0;
  const loops = walkRow(
    {
      axes: schedule.rowAxes.map((axis) => {
        const [units, lanes] = [unitsOf(view, schedule, axis), lanesSharing(schedule, axis)];
        return {
          trips: Math.floor(units / lanes),
          tailLanes: units % lanes,
          lane: position.laneSharing(axis),
        };
      }),
      unroll: cached,
      fresh,
      bindIn: (out) => bindIn(emitter, out),
      body: (steps, accs) => {
        const scope = rowScope(emitter, grid, steps, position, cached);
        writeStep(emitter, scope, phase, accs, position);
        return scope.out;
      },
    },
    accumulators,
  );
  grid.out.push(...loops);
  for (const cache of emitter.filling) emitter.filled.add(cache);
  emitter.filling.clear();
  combineLanes(emitter, grid, phase.reductions, accumulators);
}

/** The scope of one step: coordinates of all row axes from the step numbers and the lane. */
function rowScope(
  emitter: Emitter,
  grid: Scope,
  steps: readonly Expr[],
  position: Position,
  cached: boolean,
): Scope {
  const { schedule, view } = emitter;
  const axes = new Map<string, Expr>();
  let place: Expr = u32(0);
  schedule.rowAxes.forEach((axis, i) => {
    const perLane = Math.ceil(unitsOf(view, schedule, axis) / lanesSharing(schedule, axis));
    place = index("add", index("mul", place, u32(perLane)), steps[i] ?? u32(0));
  });
  const scope: Scope = {
    out: [],
    axes,
    values: new Map(),
    parent: grid,
    cacheAt: cached ? place : undefined,
  };
  schedule.rowAxes.forEach((axis, i) => {
    const step = steps[i] ?? u32(0);
    const unit = index(
      "add",
      index("mul", step, u32(lanesSharing(schedule, axis))),
      position.laneSharing(axis),
    );
    const at = axis === schedule.vectorAxis ? index("mul", unit, u32(schedule.vectorWidth)) : unit;
    axes.set(axis, bind(emitter, scope, axis, at));
  });
  return scope;
}

function writeStep(
  emitter: Emitter,
  scope: Scope,
  phase: Phase,
  accumulators: readonly Accumulator[],
  position: Position,
): void {
  for (const statement of phase.statements) {
    scope.values.set(statement.name, bind(emitter, scope, "x", lowerValue(emitter, scope, statement.value)));
  }
  phase.reductions.forEach((statement, i) => {
    const accumulator = accumulators[i];
    if (accumulator === undefined) return;
    const pair = emitter.view.pairs.get(statement.name);
    const fed = pair === undefined ? statement : emitter.view.statements.get(pair.first);
    if (fed === undefined) return;
    const key = `operand of ${fed.name}`;
    const known = scope.values.get(key);
    const value =
      known ??
      bind(emitter, scope, "x", widen(lowerValue(emitter, scope, fed.value), widthOf(emitter, statement)));
    scope.values.set(key, value);
    const bindTo = bindIn(emitter, scope.out);
    assignState(accumulator, accumulator.add(stateOf(accumulator), value, bindTo), bindTo, scope.out);
  });
  for (const store of phase.stores) writeStore(emitter, scope, store, position.inRange);
}

export function writeStore(emitter: Emitter, scope: Scope, store: Store, condition: Expr | undefined): void {
  const width: Width = isVectorIndex(emitter, store.index) ? emitter.schedule.vectorWidth : 1;
  const value = widen(readValue(scope, store.statement), width);
  const target: Stmt[] = condition === undefined ? scope.out : [];
  if (width === (emitter.widths.get(store.tensor) ?? 1)) {
    target.push({
      kind: "store",
      buffer: store.tensor,
      index: lowerIndex(emitter, scope, store.index),
      value,
    });
  } else {
    for (let c = 0; c < width; c++) {
      const part = value.kind === "splat" ? value.arg : component(value, c);
      target.push({
        kind: "store",
        buffer: store.tensor,
        index: lowerIndex(emitter, scope, store.index, c),
        value: part,
      });
    }
  }
  if (condition !== undefined) scope.out.push({ kind: "if", condition, body: target });
}
