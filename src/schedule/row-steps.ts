/** How many accesses and steps a schedule makes of the axes of a group. */
import type { GroupView } from "../ir/group-view.ts";
import { lanesSharing, type KernelSchedule } from "../ir/schedule.ts";

/** Accesses along an axis. */
export const unitsAlong = (
  view: GroupView,
  { vectorAxis, vectorWidth }: Pick<KernelSchedule, "vectorAxis" | "vectorWidth">,
  axis: string,
): number => (view.sizes.get(axis) ?? 1) / (axis === vectorAxis ? vectorWidth : 1);

/** Steps of the row that one lane takes. */
export const stepsPerLane = (view: GroupView, schedule: KernelSchedule): number =>
  schedule.rowAxes.reduce(
    (n, axis) => n * Math.ceil(unitsAlong(view, schedule, axis) / lanesSharing(schedule, axis)),
    1,
  );
