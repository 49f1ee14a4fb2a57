/**
 * Workgroup memory that a kernel takes under a schedule: what waits of its rows, values of stages, and the scratch of its
 * reductions, each as lowering and `codegen` lay it out. Tiles are for groups that have none of these.
 *
 * Ensures: `least` is no more than the finished kernel declares. It declares more only where that fits.
 */
import { componentDType, monoidOf } from "../ir/monoids.ts";
import type { GroupView } from "../ir/group-view.ts";
import type { Statement } from "../ir/index-notation.ts";
import type { LaneOrder, ValueType } from "../ir/kernel.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { assignSlots } from "../ir/row-arrays.ts";
import { laneOrder, workgroupSizeOf, type KernelSchedule, type StageSchedule } from "../ir/schedule.ts";
import { countScratchBytes, countSlots, type GroupShape, type GroupStates } from "../ir/scratch-slots.ts";
import { findLeading } from "../ir/shared-states.ts";
import type { StageView } from "../ir/stage-view.ts";
import { stepsPerLane } from "./row-steps.ts";

export interface WorkgroupMemory {
  /** What waits of rows; 0 unless that is its place. */
  readonly rows: number;
  /** Values of stages that have more than one point. */
  readonly stages: number;
  /** Scratch where each reduction combines all its states at once. */
  readonly scratch: number;
  /** Scratch where reductions combine one state after the other: the least that works. */
  readonly leastScratch: number;
}

export function countWorkgroupMemory(
  view: GroupView,
  schedule: KernelSchedule,
  profile: DeviceProfile,
): WorkgroupMemory {
  const size = workgroupSizeOf(schedule);
  const perLane =
    schedule.residency === "workgroup"
      ? assignSlots(view.rowArrays, schedule).reduce((n, { type }) => n + 4 * type.width, 0)
      : 0;
  const states = [
    ...statesOfPhases(view, schedule, profile),
    ...view.stages.flatMap((stage, i) => {
      const how = schedule.stages[i];
      return how === undefined ? [] : statesOfStage(stage, how, size, profile);
    }),
  ].filter(({ slots }) => slots > 0);
  const together = states.map(({ slots, items }): GroupStates => ({ slots, types: items.flat() }));
  const apart = states.flatMap(({ slots, items }) => items.map((types): GroupStates => ({ slots, types })));
  return {
    rows: perLane * stepsPerLane(view, schedule) * size,
    stages: view.stages.reduce((bytes, stage) => bytes + stageBytes(view, stage), 0),
    scratch: countScratchBytes(together),
    leastScratch: countScratchBytes(apart),
  };
}

/** A group reduction: the types of the components of each of its states. */
interface States {
  readonly slots: number;
  readonly items: readonly (readonly ValueType[])[];
}

function statesOfPhases(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): States[] {
  const { vectorAxis, vectorWidth, reduction } = schedule;
  const { lanes, order } = laneOrder(schedule);
  const slots = countSlots(shapeOf(lanes, order, reduction), workgroupSizeOf(schedule), profile);
  return view.phases.map(({ reductions }) => {
    const leading = findLeading(reductions);
    const own = reductions.filter(({ name }) => !leading.has(name));
    // Vectors along the row are folded before lanes meet.
    const items = own.map((s) =>
      typesOf(s, vectorAxis !== null && s.axes.includes(vectorAxis) ? vectorWidth : 1),
    );
    return { slots, items };
  });
}

function statesOfStage(
  { reductions, rowAxes }: StageView,
  { lanesPerPoint, fastAxis, reduction }: StageSchedule,
  size: number,
  profile: DeviceProfile,
): States[] {
  const isInner = lanesPerPoint === size || fastAxis === null || rowAxes.includes(fastAxis);
  const shape = shapeOf(lanesPerPoint, isInner ? "inner" : "outer", reduction);
  return [{ slots: countSlots(shape, size, profile), items: reductions.map((s) => typesOf(s, 1)) }];
}

const shapeOf = (lanes: number, order: LaneOrder, reduction: KernelSchedule["reduction"]): GroupShape => ({
  lanes,
  order,
  method: reduction === "subgroup" ? "subgroup" : "tree",
});

function typesOf({ reduce, value, dtype }: Statement, width: ValueType["width"]): ValueType[] {
  const operand = value.kind === "tuple" ? (value.args[0]?.dtype ?? dtype) : value.dtype;
  return reduce === undefined
    ? []
    : monoidOf(reduce.fn).components.map((component) => ({
        scalar: componentDType(component, operand),
        width,
      }));
}

function stageBytes(view: GroupView, { pointAxes, reductions }: StageView): number {
  const points = pointAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  return points === 1 ? 0 : 4 * points * reductions.length;
}
