/**
 * The stages of a group (stage-view.ts): what every workgroup computes for itself before its main part. All lanes take part,
 * dealt over the points of a stage and over the rows of these as the schedule says; values of more than one point go through
 * workgroup memory, with a barrier behind each stage.
 *
 * Requires: coordinates of the pinned axes in `grid`.
 * Ensures:  the value of a stage of one point is a value of `grid`; others are read by `readStaged`.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { StageView } from "../ir/stage-view.ts";
import { BOOL, type Expr, type Stmt } from "../ir/kernel.ts";
import type { KernelSchedule, StageSchedule } from "../ir/schedule.ts";
import { LANE, makeIndex, u32 } from "../ir/walk-kernel.ts";
import {
  accumulatorFor,
  bindIn,
  combineLanes,
  operandsOf,
  stateOf,
  type Accumulator,
} from "./accumulators.ts";
import { bind, scopeFor, type Emitter, type Scope } from "./emitter.ts";
import { and, type Position } from "./enter-grid.ts";
import { less, nameOf, op } from "./kernel-expr.ts";
import { writeStore } from "./lower-phase.ts";
import { lowerValue } from "./lower-value.ts";
import { countPoints, placeIn } from "./staged-values.ts";
import { assignState, declareState, walkRow } from "./walk-row.ts";

export function lowerStages(emitter: Emitter, grid: Scope, position: Position): void {
  const { view, schedule } = emitter;
  const pinned = new Map(view.pinnedAxes.map((axis) => [axis, grid.axes.get(axis) ?? u32(0)] as const));
  const base: Scope = { ...grid, axes: pinned, values: new Map(), parent: undefined };
  // The first workgroup of those that compute the same values writes what leaves.
  const isFirst = schedule.gridAxes
    .filter((axis) => !view.pinnedAxes.includes(axis))
    .reduce<Expr | undefined>((all, axis) => {
      const block = position.blockAlong(axis);
      return block.kind === "const" ? all : and(all, op("eq", BOOL, block, u32(0)));
    }, undefined);
  view.stages.forEach((stage, i) => {
    const how = schedule.stages[i];
    if (how === undefined) throw new CompilerBug("lowering", [`no schedule for stage ${String(i)}`]);
    lowerStage(emitter, base, stage, how, isFirst);
  });
  for (const { reductions } of view.stages)
    for (const { name } of reductions) {
      const value = base.values.get(name);
      if (value !== undefined) grid.values.set(name, value);
    }
}

/** Where the lanes of a stage stand. */
interface StageLanes {
  /** Points that the workgroup takes at once. */
  readonly together: number;
  readonly point: Expr;
  readonly place: Expr;
}

function lowerStage(
  emitter: Emitter,
  base: Scope,
  stage: StageView,
  how: StageSchedule,
  isFirst: Expr | undefined,
): void {
  const { view, fresh } = emitter;
  const workgroupSize = emitter.schedule.lanes.reduce((n, l) => n * l.lanes, 1);
  const isInner = how.fastAxis === null || stage.rowAxes.includes(how.fastAxis);
  const ordered = (axes: readonly string[]): readonly string[] =>
    [...axes].sort((a, b) => Number(a === how.fastAxis) - Number(b === how.fastAxis));
  const own = stageEmitter(emitter, stage, how, workgroupSize, isInner);
  const points = countPoints(view, stage.pointAxes);
  const lanes = dealStage(emitter, base, workgroupSize, how.lanesPerPoint, isInner);
  const rounds = Math.ceil(points / lanes.together);
  const counter = fresh("k");
  const body: Scope = { ...base, out: rounds === 1 ? base.out : [], values: new Map(base.values) };
  const raw = makeIndex(
    "add",
    makeIndex("mul", rounds === 1 ? u32(0) : nameOf(counter), u32(lanes.together)),
    points === 1 ? u32(0) : lanes.point,
  );
  const isPartial = rounds * lanes.together > points;
  let inside: Expr | undefined;
  let point = points === 1 ? u32(0) : bind(emitter, body, "point", raw);
  if (points > 1 && isPartial) {
    inside = bind(emitter, body, "inside", less(point, u32(points)));
    point = bind(emitter, body, "point", makeIndex("min", point, u32(points - 1)));
  }
  const axes = new Map([...base.axes, ...split(emitter, body, ordered(stage.pointAxes), point)]);
  const at: Scope = { ...body, axes };
  reduceRow(own, at, stage, ordered(stage.rowAxes), how.lanesPerPoint, lanes.place);
  const isOne = how.lanesPerPoint === 1 ? undefined : op("eq", BOOL, lanes.place, u32(0));
  const writes = and(isOne, inside);
  for (const { name } of stage.reductions) {
    const array = emitter.stageArrays.get(name);
    const value = at.values.get(name);
    if (value === undefined) continue;
    if (array === undefined) base.values.set(name, value);
    else {
      const index = placeIn(emitter, stage.pointAxes, at);
      guarded(at.out, writes, [{ kind: "sharedStore", array: array.name, index, value }]);
    }
  }
  for (const store of stage.stores) writeStore(own, at, store, and(writes, isFirst));
  if (rounds > 1) base.out.push({ kind: "for", counter, trips: rounds, unroll: false, body: at.out });
  if (points > 1) base.out.push({ kind: "barrier" });
}

const guarded = (out: Stmt[], condition: Expr | undefined, body: Stmt[]): void => {
  if (condition === undefined) out.push(...body);
  else out.push({ kind: "if", condition, body });
};

/** The emitter under which one stage is written: no vectors, no registers, lanes as the stage has them. */
function stageEmitter(
  emitter: Emitter,
  stage: StageView,
  how: StageSchedule,
  workgroupSize: number,
  isInner: boolean,
): Emitter {
  const ofRow = { axis: stage.rowAxes.at(-1) ?? "", lanes: how.lanesPerPoint };
  const ofPoints = { axis: "", lanes: workgroupSize / how.lanesPerPoint };
  const schedule: KernelSchedule = {
    ...emitter.schedule,
    lanes: isInner ? [ofPoints, ofRow] : [ofRow, ofPoints],
    vectorAxis: null,
    vectorWidth: 1,
    reduction: how.reduction,
    gridAxes: stage.pointAxes,
    walkAxes: [],
    helperAxes: [],
    rowAxes: stage.rowAxes,
  };
  const statements = new Map([
    ...emitter.view.statements,
    ...[...stage.statements, ...stage.reductions].map((s) => [s.name, s] as const),
  ]);
  const view = { ...emitter.view, statements, pairs: [] };
  return { ...emitter, view, schedule, rowSlots: new Map(), carried: new Map() };
}

function dealStage(
  emitter: Emitter,
  base: Scope,
  workgroupSize: number,
  lanesPerPoint: number,
  isInner: boolean,
): StageLanes {
  const together = workgroupSize / lanesPerPoint;
  if (lanesPerPoint === 1) return { together, point: LANE, place: u32(0) };
  if (together === 1) return { together, point: u32(0), place: LANE };
  const [slow, fast] = [emitter.fresh("slow"), emitter.fresh("fast")];
  const sizes = isInner ? [together, lanesPerPoint] : [lanesPerPoint, together];
  base.out.push({ kind: "delinearize", names: [slow, fast], sizes, from: LANE });
  const [point, place] = isInner ? [slow, fast] : [fast, slow];
  return { together, point: nameOf(point), place: nameOf(place) };
}

/** Coordinates along axes (the last one fastest) from a position among their points. */
function split(
  emitter: Emitter,
  scope: Scope,
  axes: readonly string[],
  from: Expr,
): ReadonlyMap<string, Expr> {
  const [only] = axes;
  if (only === undefined) return new Map();
  if (axes.length === 1) return new Map([[only, from]]);
  const names = axes.map((axis) => emitter.fresh(axis));
  const sizes = axes.map((axis) => emitter.view.sizes.get(axis) ?? 1);
  scope.out.push({ kind: "delinearize", names, sizes, from });
  return new Map(axes.map((axis, i) => [axis, nameOf(names[i] ?? "")]));
}

/** Walks the row of a point and puts together what the lanes have found. */
function reduceRow(
  own: Emitter,
  at: Scope,
  stage: StageView,
  rowAxes: readonly string[],
  lanesPerPoint: number,
  place: Expr,
): void {
  const terms = countPoints(own.view, rowAxes);
  const accumulators = stage.reductions.map((r) => accumulatorFor(own, r));
  for (const a of accumulators) at.out.push(...declareState(a));
  const loops = walkRow(
    {
      axes: [{ trips: Math.floor(terms / lanesPerPoint), tailLanes: terms % lanesPerPoint, lane: place }],
      unroll: false,
      turn: 1,
      fresh: own.fresh,
      bindIn: (out) => bindIn(own, out),
      body: ([step = u32(0)], accs) => {
        const row: Scope = { ...at, out: [], values: new Map(), parent: at };
        const term = bind(
          own,
          row,
          "term",
          makeIndex("add", makeIndex("mul", step, u32(lanesPerPoint)), place),
        );
        const axes = split(own, row, rowAxes, term);
        addTerm(own, { ...row, axes }, stage, accs);
        return row.out;
      },
    },
    accumulators,
  );
  at.out.push(...loops);
  combineLanes(own, at, stage.reductions, accumulators, new Map());
}

function addTerm(own: Emitter, row: Scope, stage: StageView, accumulators: readonly Accumulator[]): void {
  for (const { name, axes, value } of stage.statements) {
    const home = scopeFor(row, axes);
    if (!home.values.has(name)) home.values.set(name, bind(own, home, "x", lowerValue(own, home, value)));
  }
  stage.reductions.forEach((statement, i) => {
    const accumulator = accumulators[i];
    if (accumulator === undefined) return;
    const operands = operandsOf(statement).map((e) => bind(own, row, "x", lowerValue(own, row, e)));
    const bindTo = bindIn(own, row.out);
    assignState(accumulator, accumulator.add(stateOf(accumulator), operands, bindTo), bindTo, row.out);
  });
}
