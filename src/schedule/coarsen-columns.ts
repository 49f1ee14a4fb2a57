/**
 * How many lanes' work an invocation does (thread coarsening), on devices that run on the CPU: where a lane walks down a column
 * of a large matrix, each load waits for a page of its own (ir/far-walks.ts); the vectors beside it are in the next lines of that
 * page. Measured on SwiftShader in one run, with and without: l2-normalise axis 0 of [8192, 1024] 0.59, softmax over axis 1 of
 * [32, 197, 768] 0.76, layer norm of it 1.05, layer norm backward of [8192, 1024] 0.6; where rows are near each other or small,
 * up to twice as long.
 */
import { coefficientOf } from "../ir/index-expr.ts";
import { storageBytes } from "../ir/dtype.ts";
import { FAR_BYTES, LARGE_BYTES, VECTORS_ABREAST } from "../ir/far-walks.ts";
import type { Access, GroupView } from "../ir/group-view.ts";
import { monoidOf } from "../ir/monoids.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { KernelSchedule } from "../ir/schedule.ts";
import { subgroupLanes } from "../ir/subgroup-blocks.ts";
import { elementsOf } from "./access-size.ts";

/**
 * Vectors of states of each lane at most: those of a sum, or of a maximum and its sum of exponentials. The five of a mean and
 * moments are as much as a CPU has registers, without any coarsening.
 */
const MOST_STATES = 3;

/** Numbers of lanes that are tried. */
export const COARSENINGS = [1, 2, 4] as const;

export function chooseCoarsening(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): number {
  const { lanes, vectorAxis, vectorWidth, reduction, stages, turns } = schedule;
  const [columns, ...others] = lanes;
  const isColumns = columns !== undefined && others.length === 0 && columns.axis === vectorAxis;
  if (!profile.software || !isColumns || vectorWidth !== 4 || reduction !== "serial") return 1;
  if (stages.length > 0 || turns !== null || countStates(view) > MOST_STATES) return 1;
  if (!view.accesses.some((access) => isFar(view, schedule, access))) return 1;
  const subgroup = subgroupLanes(profile, columns.lanes);
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

/** Whether the innermost loop over the row takes another page of a large tensor each turn. */
function isFar(view: GroupView, { rowAxes }: KernelSchedule, access: Access): boolean {
  const innermost = rowAxes.findLast((axis) => (view.sizes.get(axis) ?? 1) > 1);
  const bytes = storageBytes(access.tensor.dtype);
  const step = innermost === undefined ? 0 : Math.abs(coefficientOf(access.index, innermost));
  return !access.write && step * bytes >= FAR_BYTES && elementsOf(view, access) * bytes >= LARGE_BYTES;
}
