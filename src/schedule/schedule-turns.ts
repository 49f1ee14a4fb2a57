/**
 * Turns of loops that one invocation takes under a schedule, before the kernel is lowered: devices may end loops after a
 * number of them (`DeviceProfile.maxLoopTurns`), and then what the rest would have added is silently missing.
 *
 * Ensures: no less than `countTurns` finds in the kernel that lowering makes of it.
 */
import { groupTurns } from "../ir/count-turns.ts";
import type { GroupView } from "../ir/group-view.ts";
import { assignSlots } from "../ir/row-arrays.ts";
import { lanesSharing, pointsAlong, type KernelSchedule } from "../ir/schedule.ts";
import { countWalkTurns, loopTurns, type AxisWalk } from "../ir/walk-shape.ts";
import { stepsPerLane, unitsAlong } from "./row-steps.ts";

export function countScheduleTurns(view: GroupView, schedule: KernelSchedule): number {
  const walkedRows = schedule.walkAxes.reduceRight(
    (inside, axis) => loopTurns(view.sizes.get(axis) ?? 1, inside),
    countPointTurns(view, schedule),
  );
  // Rows that all blocks share are reduced once, before the blocks.
  const repeated = view.stages.length > 0 ? walkedRows : 0;
  const main =
    schedule.turns === null ? walkedRows : walkedRows - repeated + loopTurns(schedule.turns.count, repeated);
  const size = schedule.lanes.reduce((n, l) => n * l.lanes, 1);
  const shared = schedule.tile?.memory === "workgroup" ? clearingTurns(schedule, size) : 0;
  return main + shared + rowClearingTurns(view, schedule) + countStageTurns(view, schedule, size);
}

/** Turns of the phases of one row. */
function countPointTurns(view: GroupView, schedule: KernelSchedule): number {
  const axes = schedule.rowAxes.map((axis): AxisWalk => {
    const [units, lanes] = [unitsAlong(view, schedule, axis), lanesSharing(schedule, axis)];
    return { trips: Math.floor(units / lanes), tailLanes: units % lanes };
  });
  const sharing = [...new Set([...schedule.rowAxes, ...schedule.helperAxes])];
  const lanes = schedule.lanes.reduce((n, l) => (sharing.includes(l.axis) ? n * l.lanes : n), 1);
  const isUnrolled =
    (schedule.residency === "registers" && view.rowArrays.length > 0) ||
    view.phases.some((phase) => phase.carried.length > 0);
  const walks = isUnrolled ? 0 : view.phases.length * countWalkTurns(axes);
  const states = view.phases.reduce((n, phase) => n + phase.reductions.length, 0);
  return walks + (lanes > 1 ? groupTurns(states, lanes) : 0);
}

/** Tiles in workgroup memory: it is cleared before a kernel starts. */
const clearingTurns = (schedule: KernelSchedule, size: number): number => {
  const points = schedule.gridAxes.reduce((n, axis) => n * pointsAlong(schedule, axis), 1);
  return (schedule.tile?.through.length ?? 0) * loopTurns(2 * Math.ceil(points / size), 0);
};

/** So does what waits of rows there. */
const rowClearingTurns = (view: GroupView, schedule: KernelSchedule): number =>
  schedule.residency === "workgroup"
    ? assignSlots(view.rowArrays, schedule).length * loopTurns(stepsPerLane(view, schedule), 0)
    : 0;

function countStageTurns(view: GroupView, schedule: KernelSchedule, size: number): number {
  const count = (axes: readonly string[]): number =>
    axes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  return view.stages.reduce((turns, stage, i) => {
    const lanes = schedule.stages[i]?.lanesPerPoint ?? 1;
    const [points, terms] = [count(stage.pointAxes), count(stage.rowAxes)];
    const walk = countWalkTurns([{ trips: Math.floor(terms / lanes), tailLanes: terms % lanes }]);
    const group = lanes > 1 ? groupTurns(stage.reductions.length, lanes) : 0;
    const arrays = points > 1 ? stage.reductions.length * loopTurns(Math.ceil(points / size), 0) : 0;
    return turns + loopTurns(Math.ceil((points * lanes) / size), walk + group) + arrays;
  }, 0);
}
