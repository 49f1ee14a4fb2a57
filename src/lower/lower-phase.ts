/** One phase of a group: a walk over the row, then the combination of what the lanes have found. */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { isClampTerm } from "../ir/index-expr.ts";
import type { Statement, Store } from "../ir/index-notation.ts";
import { combineExprs } from "../ir/kernel-states.ts";
import { printScalarExpr } from "../ir/print-index.ts";
import { statementsOf, type Phase } from "../ir/row-arrays.ts";
import { computeType, type Expr, type Stmt, type Width } from "../ir/kernel.ts";
import { lanesSharing } from "../ir/schedule.ts";
import { findLeading } from "../ir/shared-states.ts";
import {
  accumulatorFor,
  bindIn,
  combineLanes,
  operandsOf,
  startOfStatement,
  stateOf,
  widthOf,
  type Accumulator,
} from "./accumulators.ts";
import {
  bind,
  isVectorIndex,
  lowerClamp,
  lowerIndex,
  stepsPerLane,
  unitsOf,
  type Emitter,
  type Scope,
} from "./emitter.ts";
import { and, type Position } from "./enter-grid.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { component, nameOf, widen } from "./kernel-expr.ts";
import { keepValue, keptType, takeKept } from "./keep-rows.ts";
import { lowerValue, readValue } from "./lower-value.ts";
import { assignState, declareState, walkRow, type WalkAxis } from "./walk-row.ts";

export function lowerPhase(emitter: Emitter, grid: Scope, whole: Phase, position: Position): void {
  const { schedule, fresh } = emitter;
  const leading = findLeading(whole.reductions);
  const phase = { ...whole, reductions: whole.reductions.filter((r) => !leading.has(r.name)) };
  const accumulators = phase.reductions.map((r) => accumulatorFor(emitter, r));
  for (const a of accumulators) grid.out.push(...declareState(a));
  const loops = walkRow(
    {
      axes: schedule.rowAxes.map((axis) => walkAxisOf(emitter, axis, position)),
      unroll: namesRegisters(emitter),
      turn: whole.stores.length === 0 ? schedule.unroll : 1,
      fresh,
      bindIn: (out) => bindIn(emitter, out),
      body: (steps, accs) => {
        const scope = rowScope(emitter, grid, steps, position);
        writeStep(emitter, scope, phase, accs, position);
        return [...scope.out, ...(scope.late ?? [])];
      },
    },
    accumulators,
  );
  grid.out.push(...loops);
  for (const name of emitter.filling) emitter.filled.add(name);
  emitter.filling.clear();
  combineLanes(emitter, grid, phase.reductions, accumulators, leading);
}

/** Whether steps of a row name registers: their loops are unrolled then. */
const namesRegisters = ({ schedule, rowSlots, carried }: Emitter): boolean =>
  carried.size > 0 || (schedule.residency === "registers" && rowSlots.size > 0);

/** The scope of one step: coordinates of all row axes from the step numbers and the lane. */
function rowScope(emitter: Emitter, grid: Scope, steps: readonly Expr[], position: Position): Scope {
  const { schedule, view } = emitter;
  const axes = new Map<string, Expr>();
  let place: Expr = u32(0);
  schedule.rowAxes.forEach((axis, i) => {
    const perLane = Math.ceil(unitsOf(view, schedule, axis) / lanesSharing(schedule, axis));
    place = makeIndex("add", makeIndex("mul", place, u32(perLane)), steps[i] ?? u32(0));
  });
  const scope: Scope = {
    out: [],
    axes,
    values: new Map(),
    parent: grid,
    step: place,
    late: [],
  };
  schedule.rowAxes.forEach((axis, i) => {
    const step = steps[i] ?? u32(0);
    const unit = makeIndex(
      "add",
      makeIndex("mul", step, u32(lanesSharing(schedule, axis))),
      position.laneSharing(axis),
    );
    const at = axis === schedule.vectorAxis ? makeIndex("mul", unit, u32(schedule.vectorWidth)) : unit;
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
  for (const statement of statementsOf(phase, (name) => emitter.filled.has(name))) {
    scope.values.set(statement.name, rowValue(emitter, scope, statement));
  }
  phase.reductions.forEach((statement, i) => {
    const accumulator = accumulators[i];
    if (accumulator === undefined) return;
    const operands = operandsOf(statement).map((expr) => {
      const key = `operand ${printScalarExpr(expr)}`; // reductions of the same share it
      const value =
        scope.values.get(key) ??
        bind(emitter, scope, "x", widen(lowerValue(emitter, scope, expr), widthOf(emitter, statement)));
      scope.values.set(key, value);
      return value;
    });
    const bindTo = bindIn(emitter, scope.out);
    assignState(accumulator, accumulator.add(stateOf(accumulator), operands, bindTo), bindTo, scope.out);
  });
  for (const statement of phase.carried) addToCarried(emitter, scope, statement);
  for (const store of phase.stores) writeStore(emitter, scope, store, position.inRange);
}

/** Computes a value of the row, or takes it from where an earlier phase has kept it. */
function rowValue(emitter: Emitter, scope: Scope, statement: Statement): Expr {
  const waiting = takeKept(emitter, scope, statement.name);
  if (waiting !== undefined) return waiting;
  const own = lowerValue(emitter, scope, statement.value);
  const type = keptType(emitter, statement.name);
  const value = bind(emitter, scope, "x", type === undefined ? own : widen(own, type.width));
  keepValue(emitter, scope, statement.name, value);
  return value;
}

function addToCarried(emitter: Emitter, scope: Scope, statement: Statement): void {
  const kept = registerOf(emitter, statement, scope.step);
  const value = widen(lowerValue(emitter, scope, statement.value), widthOf(emitter, statement));
  const combined = combineExprs(statement.reduce?.fn ?? "sum", [kept], [value], bindIn(emitter, scope.out));
  for (const total of combined)
    scope.out.push({ kind: "setRegister", array: kept.array, index: kept.index, value: total });
}

type RegisterExpr = Expr & { readonly kind: "register" };

/** The register of a carried sum at a step of the row. */
function registerOf(emitter: Emitter, statement: Statement, step: Expr | undefined): RegisterExpr {
  const array = emitter.carried.get(statement.name);
  if (array === undefined || step === undefined)
    throw new CompilerBug("lowering", [`${statement.name} is not carried`]);
  const type = { scalar: computeType(statement.dtype), width: widthOf(emitter, statement) };
  return { kind: "register", type, array, index: step };
}

/** Declares the sums that a walk carries, and starts them. */
export function declareCarried(emitter: Emitter, grid: Scope): void {
  const length = stepsPerLane(emitter);
  for (const [name, array] of emitter.carried) {
    const statement = emitter.view.statements.get(name);
    if (statement === undefined) continue;
    const counter = emitter.fresh("k");
    const { type } = registerOf(emitter, statement, u32(0));
    const [value = u32(0)] = startOfStatement(emitter, statement);
    grid.out.push({ kind: "registers", name: array, type, length });
    const body: Stmt[] = [
      { kind: "setRegister", array, index: length === 1 ? u32(0) : nameOf(counter), value },
    ];
    if (length === 1) grid.out.push(...body);
    else grid.out.push({ kind: "for", counter, trips: length, unroll: true, body });
  }
}

/** Stores what a walk has carried, after its last row. */
export function storeCarried(emitter: Emitter, grid: Scope, position: Position): void {
  const { view, schedule, carried } = emitter;
  if (carried.size === 0) return;
  const body = (steps: readonly Expr[]): Stmt[] => {
    const scope = rowScope(emitter, grid, steps, position);
    for (const store of view.stores) {
      const statement = view.statements.get(store.statement);
      if (statement === undefined || !carried.has(statement.name)) continue;
      scope.values.set(statement.name, bind(emitter, scope, "c", registerOf(emitter, statement, scope.step)));
      writeStore(emitter, scope, store, position.inRange);
    }
    return scope.out;
  };
  const axes = schedule.rowAxes.map((axis) => walkAxisOf(emitter, axis, position));
  grid.out.push(
    ...walkRow(
      { axes, unroll: true, turn: 1, fresh: emitter.fresh, bindIn: (out) => bindIn(emitter, out), body },
      [],
    ),
  );
}

function walkAxisOf({ view, schedule }: Emitter, axis: string, position: Position): WalkAxis {
  const [units, lanes] = [unitsOf(view, schedule, axis), lanesSharing(schedule, axis)];
  return { trips: Math.floor(units / lanes), tailLanes: units % lanes, lane: position.laneSharing(axis) };
}

export function writeStore(emitter: Emitter, scope: Scope, store: Store, given: Expr | undefined): void {
  // What is clamped lies past the end of an axis.
  const condition = store.index.terms
    .filter(isClampTerm)
    .reduce((all, term) => and(all, lowerClamp(emitter, scope, term).inside), given);
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
