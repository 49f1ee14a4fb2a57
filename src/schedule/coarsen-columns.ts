/**
 * How many lanes' work an invocation does (thread coarsening), on devices that run on the CPU: where a lane walks down a column
 * of a large matrix, each load waits for a page of its own (ir/far-walks.ts); the vectors beside it are in the next lines of that
 * page. Measured on SwiftShader in one run, with and without: l2-normalise axis 0 of [8192, 1024] 0.76, softmax over axis 1 of
 * [32, 197, 768] 0.76 to 0.83, layer norm of it 1.1 (hence `MOST_STATES`), layer norm backward of [8192, 1024] 0.85; where rows are
 * near each other or small, up to twice as long. Subgroups of 8 have as many bytes side by side without it (lavapipe, the first of these: 1.2).
 */
import { FAR_BYTES, VECTORS_ABREAST } from "../ir/far-walks.ts";
import type { GroupView } from "../ir/group-view.ts";
import { monoidOf } from "../ir/monoids.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { KernelSchedule } from "../ir/schedule.ts";
import { subgroupLanes, WIDE_SUBGROUP } from "../ir/subgroup-blocks.ts";
import { farthestStep } from "./far-steps.ts";

/**
 * Vectors of states of each lane at most: those of a sum, or of a maximum and its sum of exponentials. The five of a mean and
 * moments are as much as a CPU has registers, without any coarsening.
 */
const MOST_STATES = 3;

/** From one column to the next, where a row is made of short runs: a line of a cache has them and their neighbours. */
const MOST_STEP_BYTES = 64;

/** Numbers of lanes that are tried. */
export const COARSENINGS = [1, 2, 4] as const;

export function chooseCoarsening(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): number {
  const { lanes, rowAxes, vectorAxis, vectorWidth, reduction, stages, turns } = schedule;
  const [columns, ...others] = lanes;
  if (!profile.software || columns === undefined || others.length > 0 || reduction !== "serial") return 1;
  if (stages.length > 0 || turns !== null || countStates(view) > MOST_STATES) return 1;
  const subgroup = subgroupLanes(profile, columns.lanes);
  const isVector = columns.axis === vectorAxis && vectorWidth === 4;
  const isRun = vectorAxis === null && farthestStep(view, columns.axis) <= MOST_STEP_BYTES;
  if (!isRun && (!isVector || subgroup >= WIDE_SUBGROUP)) return 1;
  if (!rowAxes.some((axis) => farthestStep(view, axis) >= FAR_BYTES)) return 1;
  for (let times = VECTORS_ABREAST; times > 1; times--)
    if (columns.lanes % (times * subgroup) === 0) return times;
  return 1;
}

/** Components of the states that a walk over the row keeps. */
const countStates = (view: GroupView): number =>
  Math.max(
    0,
    ...view.phases.map(({ reductions }) =>
      reductions.reduce(
        (n, { reduce }) => n + (reduce === undefined ? 0 : monoidOf(reduce.fn).start.length),
        0,
      ),
    ),
  );
