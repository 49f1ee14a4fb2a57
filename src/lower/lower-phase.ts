/** One phase of a group: a walk over the row, then the combination of what the lanes have found. */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Phase } from "../ir/group-view.ts";
import type { Statement, Store } from "../ir/index-notation.ts";
import type { Expr, GroupReduceItem, ScalarType, Stmt, Width } from "../ir/kernel.ts";
import { typeOf } from "../ir/kernel.ts";
import { REDUCE_OPS, type ReduceOp } from "../ir/reduce-ops.ts";
import type { ScalarOp } from "../ir/scalar-ops.ts";
import { laneOrder, unitsOf, type Position } from "./enter-grid.ts";
import { lanesAlong } from "../ir/schedule.ts";
import { bind, isVectorIndex, lowerIndex, type Emitter, type Scope } from "./emitter.ts";
import { component, computeType, constant, index, nameOf, op, u32, widen } from "./kernel-expr.ts";
import { foldComponents, lowerValue, readValue } from "./lower-value.ts";
import { accumulatorName, walkRow, type Accumulator } from "./walk-row.ts";

const COMBINE: Readonly<Record<ReduceOp, ScalarOp>> = {
  sum: "add",
  prod: "mul",
  max: "max",
  min: "min",
  any: "or",
  all: "and",
};

const LARGEST: Readonly<Record<ScalarType, readonly [number, number]>> = {
  f32: [-Infinity, Infinity],
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
  bool: [0, 1],
};

function identityOf(fn: ReduceOp, scalar: ScalarType): number {
  if (fn === "max") return LARGEST[scalar][0];
  if (fn === "min") return LARGEST[scalar][1];
  return REDUCE_OPS[fn].identity;
}

export function lowerPhase(emitter: Emitter, grid: Scope, phase: Phase, position: Position): void {
  const { schedule, view, fresh } = emitter;
  const accumulators = phase.reductions.map((r) => accumulatorFor(emitter, r));
  for (const a of accumulators) grid.out.push({ kind: "var", name: a.name, value: a.identity });
  const cached = schedule.residency === "registers" && emitter.caches.size > 0;
  const loops = walkRow(
    {
      axes: schedule.rowAxes.map((axis) => {
        const [units, lanes] = [unitsOf(view, schedule, axis), lanesAlong(schedule, axis)];
        return { trips: Math.floor(units / lanes), tailLanes: units % lanes, lane: position.laneAlong(axis) };
      }),
      unroll: cached,
      fresh,
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
  combineLanes(emitter, grid, phase, accumulators);
}

function accumulatorFor(emitter: Emitter, statement: Statement): Accumulator {
  if (statement.reduce === undefined)
    throw new CompilerBug("lowering", [`${statement.name} is no reduction`]);
  const scalar = computeType(statement.dtype);
  const { fn } = statement.reduce;
  const width = emitter.schedule.vectorWidth;
  return {
    name: emitter.fresh("acc"),
    identity: constant(scalar, identityOf(fn, scalar), width),
    combine: (a, b) => op(COMBINE[fn], typeOf(a), a, b),
    exact: REDUCE_OPS[fn].exact || scalar !== "f32",
  };
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
    const perLane = Math.ceil(unitsOf(view, schedule, axis) / lanesAlong(schedule, axis));
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
    const unit = index("add", index("mul", step, u32(lanesAlong(schedule, axis))), position.laneAlong(axis));
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
    const value = widen(lowerValue(emitter, scope, statement.value), emitter.schedule.vectorWidth);
    scope.out.push({
      kind: "assign",
      name: accumulator.name,
      value: accumulator.combine(accumulatorName(accumulator), value),
    });
  });
  for (const store of phase.stores) writeStore(emitter, scope, store, position.inRange);
}

/** Adds up vector elements and lanes; the results become values of the grid point. */
function combineLanes(
  emitter: Emitter,
  grid: Scope,
  phase: Phase,
  accumulators: readonly Accumulator[],
): void {
  const { schedule } = emitter;
  const inRow = schedule.vectorAxis !== null && schedule.rowAxes.includes(schedule.vectorAxis);
  const items: GroupReduceItem[] = [];
  const { lanes, order } = laneOrder(schedule);
  phase.reductions.forEach((statement, i) => {
    const accumulator = accumulators[i];
    if (accumulator === undefined || statement.reduce === undefined) return;
    const whole = accumulatorName(accumulator);
    const value = bind(emitter, grid, "r", inRow ? foldComponents(whole, accumulator.combine) : whole);
    if (lanes === 1) {
      grid.values.set(statement.name, value);
      return;
    }
    const result = emitter.fresh("sum");
    items.push({ fn: statement.reduce.fn, value, result });
    grid.values.set(statement.name, nameOf(result, typeOf(value)));
  });
  if (items.length === 0) return;
  grid.out.push({
    kind: "groupReduce",
    items,
    lanes,
    order,
    method: schedule.reduction === "subgroup" ? "subgroup" : "tree",
  });
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
