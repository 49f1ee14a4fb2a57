/**
 * Lanes of kernels in which every workgroup adds up partial results for its points (`helperAxes`), as where columns are scaled
 * by their sums. A workgroup that takes few rows of all columns reads every piece of every sum; one that takes more rows of few
 * columns reads as much of what is scaled, and few of the pieces:
 *
 *     512 columns in 256 pieces:     4 rows of 512 columns read 131,072 partial sums for 2,048 elements,
 *                                  256 rows of 8 columns          2,048
 */
import type { GroupView } from "../ir/group-view.ts";
import { coefficientOf } from "../ir/index-expr.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { CACHE_SPEED, workgroupsWithStages } from "../ir/stage-view.ts";
import { bytesTouched, elementsOf } from "./access-size.ts";

/** Time for sums that every workgroup repeats, over that for the rest of its work. */
const REPEATED_SHARE = 1 / 8;

/**
 * Lanes along an axis whose points have sums that every workgroup repeats: as many as leave those little beside the rest of
 * its work, and no fewer than `least`, which fill sectors. Lanes along the other axes share the sums.
 */
export function lanesToRepeat(
  view: GroupView,
  { usefulWorkgroups, limits }: DeviceProfile,
  lanes: number,
  least: number,
  pointsOf: (lanes: number) => number,
): number {
  const isLarge = bytesTouched(view).some((bytes) => bytes > limits.maxStorageBufferBindingSize);
  if (isLarge) return lanes; // it runs in parts, each of which reaches some of the rows: a workgroup must not take many
  const reductions = view.phases.reduce((n, phase) => n + phase.reductions.length, 0);
  const terms = reductions * view.rowAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  const elements = view.accesses.reduce(
    (n, access) =>
      view.helperAxes.some((axis) => coefficientOf(access.index, axis) !== 0)
        ? n + elementsOf(view, access)
        : n,
    0,
  );
  const isLittle = (repeated: number): boolean =>
    repeated / CACHE_SPEED <=
    (REPEATED_SHARE * elements) / (usefulWorkgroups * workgroupsWithStages(repeated));
  let fewer = lanes;
  while (fewer > least && !isLittle(terms * pointsOf(fewer))) fewer = Math.max(least, Math.floor(fewer / 2));
  return fewer;
}
