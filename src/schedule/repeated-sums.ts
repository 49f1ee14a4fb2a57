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
import { fitLanes } from "./deal-software.ts";

/** Share of the modelled time that fewer lanes must come down to. */
const WORTH = 0.8;
/** More lanes are as good as few up to this share of the time: they read longer runs. */
const AS_GOOD = 1.1;
/** Sectors of a run that starts anywhere, at least. */
const LONG_RUN = 4;

export interface LanesAlong {
  /** Accesses along the axis, and lanes that there are for them. */
  readonly units: number;
  readonly most: number;
  /** Elements that a lane reads side by side with those of the next; 0 where there is a gap between them. */
  readonly run: number;
  /** Runs start at memory sectors. */
  readonly isAligned: boolean;
  /** Elements that fill a memory sector. */
  readonly sector: number;
  /** Elements that each lane takes. */
  readonly width: number;
  /** Lanes along other axes whose points have sums. */
  readonly others: number;
}

/**
 * Lanes along an axis whose points have sums that every workgroup repeats, `usual` or fewer. Lanes along the other axes share the
 * sums. Judged by the elements that a workgroup reads for them beside what it does else, and by sectors.
 */
export function lanesToRepeat(
  view: GroupView,
  profile: DeviceProfile,
  usual: number,
  { units, most, run, isAligned, sector, width, others }: LanesAlong,
): number {
  const isLarge = bytesTouched(view).some((bytes) => bytes > profile.limits.maxStorageBufferBindingSize);
  if (isLarge) return usual; // it runs in parts, each of which reaches some of the rows: a workgroup must not take many
  const repeatedShare = shareOfRepeated(view, profile);
  const costOf = (lanes: number): number => {
    const isWhole = lanes >= units || run === 0;
    const sectors = isAligned || isWhole ? 1 : 1 + (sector - 1) / (lanes * run);
    return sectors * (1 + width * repeatedShare(lanes * others));
  };
  const step = run === 0 ? 1 : Math.ceil(sector / run);
  const least = isAligned || run === 0 ? step : Math.ceil((LONG_RUN * sector) / run);
  const fewer: number[] = [];
  for (let wanted = Math.min(most, units); wanted >= least; wanted--) {
    const blocks = Math.ceil(units / wanted);
    const lanes = fitLanes(units, Math.ceil(units / (blocks * step)) * step);
    if (lanes < usual && lanes >= least && lanes % step === 0 && lanes !== fewer.at(-1)) fewer.push(lanes);
  }
  const best = Math.min(...fewer.map(costOf));
  if (!(best <= WORTH * costOf(usual))) return usual;
  return fewer.find((lanes) => costOf(lanes) <= AS_GOOD * best) ?? usual;
}

/** How long a workgroup adds up the pieces for lanes along so many points, over the time for the rest of its work. */
function shareOfRepeated(view: GroupView, { usefulWorkgroups }: DeviceProfile): (lanes: number) => number {
  const reductions = view.phases.reduce((n, phase) => n + phase.reductions.length, 0);
  const terms = reductions * view.rowAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  const others = view.accesses.filter(({ index }) =>
    view.helperAxes.some((axis) => coefficientOf(index, axis) !== 0),
  );
  const elements = others.reduce((n, access) => n + elementsOf(view, access), 0);
  return (lanes) => {
    const workgroups = usefulWorkgroups * workgroupsWithStages(terms * lanes);
    return (terms * lanes * workgroups) / (CACHE_SPEED * elements);
  };
}
