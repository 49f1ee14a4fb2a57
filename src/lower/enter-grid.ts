/** Where an invocation stands: coordinates of its grid point from the workgroup index and the digits of its lane index. */
import { BOOL, U32, type Expr } from "../ir/kernel.ts";
import type { GroupView } from "../ir/group-view.ts";
import { lanesAlong, NO_AXIS, pointsAlong, type KernelSchedule } from "../ir/schedule.ts";
import { bind, unitsOf, type Emitter, type OpenAxis, type Scope } from "./emitter.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { less, nameOf, op } from "./kernel-expr.ts";

export interface Position {
  /** The lane's place along an axis; 0 where no lanes are. */
  readonly laneAlong: (axis: string) => Expr;
  /** The lane's place among those that share an axis of the row. */
  readonly laneSharing: (axis: string) => Expr;
  /** Present when the grid does not fill the last workgroups: stores happen only where it holds. */
  readonly inRange: Expr | undefined;
  /** True in one lane of each row; absent where a row is one lane's. */
  readonly isFirst: Expr | undefined;
  /** The workgroup's place along a grid axis, in blocks. */
  readonly blockAlong: (axis: string) => Expr;
}

const blocksOf = (view: GroupView, schedule: KernelSchedule, axis: string): number =>
  Math.ceil(unitsOf(view, schedule, axis) / pointsAlong(schedule, axis));

/** Workgroups that the schedule makes of the grid. */
export const countWorkgroups = (view: GroupView, schedule: KernelSchedule): number =>
  schedule.gridAxes.reduce((n, axis) => n * blocksOf(view, schedule, axis), 1);

export const and = (a: Expr | undefined, b: Expr | undefined): Expr | undefined =>
  a === undefined ? b : b === undefined ? a : op("and", BOOL, a, b);

/** Fills the coordinates of the grid scope and says where the lane stands. */
export function enterGrid(emitter: Emitter, grid: Scope, axes: Map<string, Expr>): Position {
  const { schedule } = emitter;
  const digits = enterLanes(emitter, grid);
  const laneAlong = (axis: string): Expr => digits.get(axis) ?? u32(0);
  const helper = schedule.lanes
    .filter((l) => schedule.helperAxes.includes(l.axis))
    .reduce<Expr>(
      (place, l) => makeIndex("add", makeIndex("mul", place, u32(l.lanes)), laneAlong(l.axis)),
      u32(0),
    );
  const innermost =
    schedule.helperAxes.length > 0 ? schedule.rowAxes[schedule.rowAxes.length - 1] : undefined;
  const helperLane = innermost === undefined ? undefined : bind(emitter, grid, "helper", helper);
  const laneSharing = (axis: string): Expr =>
    axis === innermost && helperLane !== undefined ? helperLane : laneAlong(axis);
  const blocks = enterBlocks(emitter, grid);
  let inRange: Expr | undefined;
  for (const axis of schedule.gridAxes) {
    if (axis === schedule.tile?.axis) continue; // a coordinate of its own in each step
    if (axis === schedule.turns?.axis) continue; // another coordinate in each turn
    const { at, isInside } = enterAxis(emitter, grid, axis, blocks.get(axis) ?? u32(0), laneAlong(axis));
    inRange = and(inRange, isInside);
    axes.set(axis, at);
  }
  // Lanes that only the stages need compute what the first of them computes, and store nothing.
  if (digits.has(NO_AXIS)) inRange = and(inRange, op("eq", BOOL, laneAlong(NO_AXIS), u32(0)));
  const shared = schedule.lanes.filter((l) => l.lanes > 1 && schedule.rowAxes.includes(l.axis));
  const isFirst = shared.reduce<Expr | undefined>(
    (all, { axis }) => and(all, op("eq", BOOL, laneAlong(axis), u32(0))),
    undefined,
  );
  if (inRange !== undefined) inRange = bind(emitter, grid, "inside", inRange);
  return {
    laneAlong,
    laneSharing,
    inRange,
    isFirst: isFirst === undefined ? undefined : bind(emitter, grid, "first", isFirst),
    blockAlong: (axis) => blocks.get(axis) ?? u32(0),
  };
}

/** Coordinate of a lane along a grid axis in the given block; where blocks are not full, whether it is inside. */
export function enterAxis(
  emitter: Emitter,
  scope: Pick<Scope, "out">,
  axis: string,
  block: Expr,
  lane: Expr,
): { readonly at: Expr; readonly isInside: Expr | undefined } {
  const { schedule, view } = emitter;
  const units = unitsOf(view, schedule, axis);
  const lanes = lanesAlong(schedule, axis);
  const size = axis === emitter.open?.axis ? openSize(emitter.open) : u32(units);
  let unit = bind(emitter, scope, axis, makeIndex("add", makeIndex("mul", block, u32(lanes)), lane));
  let isInside: Expr | undefined;
  if (size.kind === "uniform" || units % pointsAlong(schedule, axis) !== 0) {
    isInside = less(unit, size);
    const last = size.kind === "uniform" ? makeIndex("sub", size, u32(1)) : u32(units - 1);
    unit = bind(emitter, scope, axis, makeIndex("min", unit, last));
  }
  const isVector = axis === schedule.vectorAxis;
  const at = isVector ? bind(emitter, scope, axis, makeIndex("mul", unit, u32(schedule.vectorWidth))) : unit;
  return { at, isInside };
}

export const openSize = ({ scalar }: OpenAxis): Expr => ({ kind: "uniform", type: U32, name: scalar });

function enterLanes(emitter: Emitter, grid: Scope): ReadonlyMap<string, Expr> {
  const used = emitter.schedule.lanes.filter((l) => l.lanes > 1);
  const [only] = used;
  if (only === undefined) return new Map();
  if (used.length === 1) return new Map([[only.axis, bind(emitter, grid, "lane", { kind: "lane" })]]);
  const names = used.map((l) => emitter.fresh(`lane_${l.axis}`));
  grid.out.push({ kind: "delinearize", names, sizes: used.map((l) => l.lanes), from: { kind: "lane" } });
  return new Map(used.map((l, i) => [l.axis, nameOf(names[i] ?? "")]));
}

function enterBlocks(emitter: Emitter, grid: Scope): ReadonlyMap<string, Expr> {
  const { schedule, view, open } = emitter;
  const isOpen = (axis: string): boolean => axis === open?.axis;
  // The open axis first: the coordinates of the others then do not depend on its size.
  const order = [...schedule.gridAxes.filter(isOpen), ...schedule.gridAxes.filter((axis) => !isOpen(axis))];
  const many = order.filter((axis) => isOpen(axis) || blocksOf(view, schedule, axis) > 1);
  const [only] = many;
  if (only === undefined) return new Map();
  if (many.length === 1) return new Map([[only, { kind: "workgroup" }]]);
  const names = many.map((axis) => emitter.fresh(`block_${axis}`));
  const sizes = many.map((axis) => Math.max(isOpen(axis) ? 2 : 1, blocksOf(view, schedule, axis)));
  grid.out.push({ kind: "delinearize", names, sizes, from: { kind: "workgroup" } });
  return new Map(many.map((axis, i) => [axis, nameOf(names[i] ?? "")]));
}
