/**
 * Lanes on devices that run on the CPU. Lanes of a subgroup are the elements of the CPU's vectors there: what they exchange
 * among themselves costs instructions, while a barrier costs a switch of contexts (`barrierUs` of the profile).
 *
 * - Rows that are contiguous get the lanes of one subgroup each, so that a vector load takes neighbouring elements. Measured
 *   in processor time against one lane a row: lavapipe (subgroups of 8) 0.78 to 0.9, SwiftShader (of 4) 0.65 to 1.0; with
 *   64 lanes a row and barriers 1.5 to 3.4 on lavapipe, 15 on SwiftShader.
 * - Columns get a lane each, and so do rows where nothing is known of subgroups. Subgroups of 8 share columns of vectors:
 *   their loads go to 8 lines of memory at once, and the subgroups beside them find the rest of the lines in a cache
 *   (lavapipe: norm of axis 1 of [256, 512, 512] 332 to 66 ms, layer norm of [32, 197, 768] 49 to 14, softmax of it 64 to
 *   22; SwiftShader's of 4 take 1.2 to 1.8 times as long so). Rows that together span too many pages (ir/far-walks.ts) are
 *   left to a lane each (lavapipe, l2-normalise axis 0 of [8192, 1024]: 0.47 of the time).
 * - Points come in large workgroups: each workgroup has a price of its own (SwiftShader, 16 M points: 375 ms with 16
 *   lanes, 255 ms with 64 or 128). But where a workgroup takes one block of them after the other, it has the lanes of one
 *   subgroup: subgroups run one after the other, and each would stride over all blocks again (lavapipe, scaling by a norm
 *   of [1024, 1024, 7]: 65 ms with 128 lanes, 17 with 8; SwiftShader: the same with 4).
 */
import { FAR_BYTES, MOST_SPAN_BYTES } from "../ir/far-walks.ts";
import type { GroupView } from "../ir/group-view.ts";
import type { Width } from "../ir/kernel.ts";
import { mostLanes } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { LaneAxis } from "../ir/schedule.ts";
import { farthestStep } from "./far-steps.ts";
import type { MemoryOrder } from "./order-axes.ts";
import { hasWideSubgroups, subgroupLanes, WIDE_SUBGROUP } from "../ir/subgroup-blocks.ts";

/** Lanes of a workgroup of columns. */
export const SOFTWARE_LANES = 16;
/** Lanes of a workgroup of columns of vectors whose rows are far apart, where subgroups are wide: an invocation has four of them. */
const FAR_COLUMN_LANES = 32;
/**
 * Bytes of a run, where rows are made of short runs far apart: lanes that shared one would take another page each turn, lanes that
 * each have a row take the runs beside. Measured on SwiftShader and lavapipe, normalised over the axes 0 and 2 of f32: [512, 256, 16]
 * 0.82 and 0.71, [512, 128, 32] 0.67 and 0.66, [256, 64, 128] 0.80 and 0.78, [128, 64, 256] 0.85 and 1.05.
 */
const MOST_RUN_BYTES = 512;
/** Lanes of a workgroup with such rows, of elements that vectors do not divide: an invocation has several (choose-far-walk.ts). */
const APART_LANES = 32;
/**
 * Lanes of a workgroup that gives each row a subgroup, and those (also of wide subgroups) where so many of its rows leave several
 * workgroups for each core: starting one has a price. SwiftShader, rows of 128: softmax 0.97, layer norm 0.92, rms norm 0.75 of the time, rows of 1024 0.88 to
 * 0.98; lavapipe, rows of 128: 0.94, 0.94 and 0.86.
 */
const ROW_WORKGROUP_LANES = 32;
const MANY_ROWS_WORKGROUP_LANES = 128;
const MANY_ROWS_WIDE_LANES = 256;
const WORKGROUPS_PER_CORE = 4;
/**
 * Lanes for each row of so many elements where subgroups are wide, and lanes of such a workgroup: lanes in many rows wait for
 * memory at once. lavapipe, norms of rows of 1024 in vectors: 0.54 of the time with 8 lanes a row; rows of 512 take 1.3 to 1.6
 * times as long so. Rows that wait in registers for another walk have the lanes of a subgroup: with fewer lanes their texts would be longer.
 */
const LONG_ROW = 1024;
const LANES_PER_LONG_ROW = 2;
const LONG_ROW_WORKGROUP_LANES = 64;
/**
 * Lanes across columns of vectors that wait in registers of more lanes than a subgroup has (the subgroups of a workgroup go down
 * neighbouring vectors one after the other, and find in a cache what the first of them has read of a line), and lanes of a workgroup with such rows.
 * Measured on lavapipe against fewer lanes that read again: columns of [8192, 1024], l2-normalised 0.6 of the time, less their mean over
 * their deviation 0.5; of [4096, 1024] 0.6 and a softmax 0.6, of [2048, 4096] 0.75, of [1024, 8192] 0.6, of [16384, 256] 0.7; 2 to 16
 * lanes across took much the same. Rows of 4096 to 8192: 0.6; of 50,257 and 65,536: 0.7 to 1.0, in as few lanes as keep them. Rows
 * of short runs far apart, of which a lane takes whole runs (weight norm dim 1): [512, 512, 3] 0.6 to 0.7, [512, 256, 16] 0.55, [1024, 1024, 7] 0.8.
 */
const HELD_COLUMNS = 8;
const HELD_ROW_WORKGROUP_LANES = 64;
/** Lanes of a workgroup whose lanes keep a row each. */
const LANE_EACH_WORKGROUP_LANES = 64;
/** Steps that each lane takes at least where a subgroup shares columns. */
const COLUMN_STEPS = 2;
/** Lanes of a workgroup without rows. */
const POINT_WORKGROUP_LANES = 128;
/** Steps after which a last one that not all lanes take does not matter. */
const LONG_WALK = 8;
/** Without subgroups a row is shared among lanes only when there are too few rows to keep the cores busy. */
const SHARED_ROW_STEPS = 16384;

export interface SoftwareDeal {
  /** Lanes that share a row at least, where it has so many steps. */
  readonly leastPerRow: number;
  readonly width: Width;
  /** Long rows get few lanes each: where none of them waits in registers. */
  readonly fewPerLongRow: boolean;
  /** Rows get a lane each. */
  readonly laneEach?: boolean;
  /** Workgroups take blocks of points in turn. */
  readonly inTurns?: boolean;
}

/** Lanes along each axis, fastest digit of the lane index first. */
export function dealSoftware(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  units: (axis: string) => number,
  { leastPerRow, width, fewPerLongRow, laneEach = false, inTurns = false }: SoftwareDeal,
): LaneAxis[] {
  const rowAxes = order.axes.filter((axis) => view.rowAxes.includes(axis));
  const gridAxes = order.axes.filter((axis) => view.gridAxes.includes(axis));
  const count = (axes: readonly string[]): number => axes.reduce((n, axis) => n * units(axis), 1);
  const reduces = view.phases.some((phase) => phase.reductions.length > 0);
  const isPoint = rowAxes.length === 0 || view.helperAxes.length > 0;
  let lanesPerRow = 1;
  let isLong = false;
  if (reduces && !isPoint && !laneEach) {
    const isContiguous = order.contiguous !== null && rowAxes.includes(order.contiguous);
    const subgroup = subgroupLanes(profile, SOFTWARE_LANES);
    // A subgroup that shares columns loads from as many rows at once: not where these are too many pages.
    const isNear = subgroup * farthestStep(view, rowAxes[0]) < MOST_SPAN_BYTES;
    const isWide = subgroup >= WIDE_SUBGROUP && width > 1 && count(rowAxes) >= COLUMN_STEPS * subgroup;
    const isShared = isContiguous || (isWide && isNear);
    const run = isContiguous ? units(rowAxes[0] ?? "") : 1;
    isLong =
      fewPerLongRow && isContiguous && subgroup >= WIDE_SUBGROUP && width === 4 && run * width >= LONG_ROW;
    lanesPerRow = isLong ? LANES_PER_LONG_ROW : isShared ? subgroup : 1;
    if (lanesPerRow === 1 && count(gridAxes) < profile.usefulWorkgroups && count(rowAxes) >= SHARED_ROW_STEPS)
      lanesPerRow = SOFTWARE_LANES;
    lanesPerRow = Math.max(lanesPerRow, leastPerRow);
  }
  const dealt = dealPowers(rowAxes, units, lanesPerRow);
  const isApart =
    leastPerRow === 1 && dealt.some(({ lanes }) => lanes > 1) && hasShortRuns(view, order, rowAxes);
  const apart = width > 1 ? SOFTWARE_LANES : APART_LANES;
  const rows = isApart ? dealt.map((l) => ({ ...l, lanes: 1 })) : dealt;
  const shared = rows.reduce((n, { lanes }) => n * lanes, 1);
  // Along a short axis the lanes of a subgroup would leave a rest, and gaps.
  const isLongAxis = units(gridAxes[0] ?? "") >= POINT_WORKGROUP_LANES;
  const points = inTurns && isLongAxis ? subgroupLanes(profile, SOFTWARE_LANES) : POINT_WORKGROUP_LANES;
  const busy = floorToPower(count(gridAxes) / (WORKGROUPS_PER_CORE * profile.usefulWorkgroups));
  const isWideDevice = hasWideSubgroups(profile);
  const isFar = reduces && width === 4 && rowAxes.some((axis) => farthestStep(view, axis) >= FAR_BYTES);
  const columns = isWideDevice && isFar ? FAR_COLUMN_LANES : SOFTWARE_LANES;
  const mostLanes = isWideDevice ? MANY_ROWS_WIDE_LANES : MANY_ROWS_WORKGROUP_LANES;
  const many = Math.min(Math.max(ROW_WORKGROUP_LANES, shared * busy), mostLanes);
  const perRows = isLong ? LONG_ROW_WORKGROUP_LANES : many;
  const most = isPoint
    ? points
    : shared > 1
      ? perRows
      : laneEach
        ? LANE_EACH_WORKGROUP_LANES
        : isApart
          ? apart
          : columns;
  const perWorkgroup = shareOfCores(gridAxes, units, profile);
  return [...rows, ...dealAlong(gridAxes, units, Math.min(Math.floor(most / shared) || 1, perWorkgroup))];
}

/** Lanes where so many of them keep a row in registers. Short runs far apart are left whole. */
export function dealHeldRows(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  units: (axis: string) => number,
  lanesPerRow: number,
): readonly LaneAxis[] {
  const { contiguous } = order;
  const rowAxes = order.axes.filter((axis) => view.rowAxes.includes(axis));
  const gridAxes = order.axes.filter((axis) => view.gridAxes.includes(axis));
  const isApart = hasShortRuns(view, order, rowAxes);
  const shared = dealPowers(isApart ? rowAxes.slice(1) : rowAxes, units, lanesPerRow);
  const isAcross = isApart || (contiguous !== null && view.gridAxes.includes(contiguous));
  const wanted = isAcross ? HELD_COLUMNS : Math.max(1, HELD_ROW_WORKGROUP_LANES / lanesPerRow);
  const most = Math.min(wanted, mostLanes(profile) / lanesPerRow, shareOfCores(gridAxes, units, profile));
  return [...shared, ...dealAlong(gridAxes, units, most)];
}

/** Points of the grid that leave each core a workgroup, rounded up to a power of two. */
function shareOfCores(
  gridAxes: readonly string[],
  units: (axis: string) => number,
  { usefulWorkgroups }: DeviceProfile,
): number {
  const points = gridAxes.reduce((n, axis) => n * units(axis), 1);
  return 2 ** Math.ceil(Math.log2(Math.max(1, Math.floor(points / usefulWorkgroups))));
}

const floorToPower = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)));

/** Whether rows, with these axes from the fastest on, are made of short runs far apart. */
function hasShortRuns(view: GroupView, { contiguous }: MemoryOrder, rowAxes: readonly string[]): boolean {
  const [run, ...others] = rowAxes;
  if (contiguous === null || run !== contiguous) return false;
  const bytes = farthestStep(view, contiguous) * (view.sizes.get(contiguous) ?? 1);
  return bytes <= MOST_RUN_BYTES && others.some((axis) => farthestStep(view, axis) >= FAR_BYTES);
}

/** Powers of two along the axes, fastest first, at most `free` together: exchanges go by bits of the lane index. */
function dealPowers(axes: readonly string[], units: (axis: string) => number, free: number): LaneAxis[] {
  return axes.map((axis) => {
    let lanes = free;
    // A rest leaves lanes idle: tolerable only where many steps come before it.
    while (lanes > units(axis) || (units(axis) % lanes !== 0 && units(axis) < LONG_WALK * lanes)) lanes /= 2;
    free = Math.floor(free / lanes);
    return { axis, lanes };
  });
}

/** All units of an axis where they are few, else a number that leaves little rest. */
function dealAlong(axes: readonly string[], units: (axis: string) => number, free: number): LaneAxis[] {
  return axes.map((axis) => {
    const lanes = fitLanes(units(axis), free);
    free = Math.floor(free / lanes);
    return { axis, lanes };
  });
}

/** At most `wanted` lanes: all units where they are few, else a number that leaves no or little rest. */
export function fitLanes(units: number, wanted: number): number {
  if (units <= wanted) return units;
  if (wanted <= 1) return 1;
  for (let lanes = wanted; lanes * 4 >= wanted * 3; lanes--) if (units % lanes === 0) return lanes;
  return wanted;
}
