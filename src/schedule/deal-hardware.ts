/**
 * Lanes on hardware: along each axis from the fastest in memory on, so that neighbours read neighbouring elements, as many as
 * fill 32-byte sectors and leave the device full.
 */
import type { GroupView } from "../ir/group-view.ts";
import type { Width } from "../ir/kernel.ts";
import { WORKGROUP_LANES } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { LaneAxis } from "../ir/schedule.ts";
import { elementsPerSector, longRun } from "../ir/sectors.ts";
import { fitLanes, SOFTWARE_LANES } from "./deal-software.ts";
import { estimateSectors } from "./estimate-sectors.ts";
import { elementsOf } from "./access-size.ts";
import { startsAtSectors, type MemoryOrder } from "./order-axes.ts";
import { lanesToRepeat } from "./repeated-sums.ts";

/** Accesses per lane and sweep that the choice of lanes aims at. */
const ACCESSES_PER_LANE = 4;
/** Fewer lanes than these leave most of a compute unit idle: more grid points join the workgroup. */
const FEWEST_LANES = 128;
/** Sectors of 32 bytes that neighbouring lanes should cover without a gap, at best. */
const GOOD_RUN = 4;
/** Lanes that are left for a row beside a good run of f32. */
const ROW_LANES = 8;
/** Below this share of the workgroups that fill the device, parallelism is worth more than whole sectors. */
const FEW_WORKGROUPS = 0.75;
/** Elements that keep a workgroup busy for one turn of its lanes. */
const LITTLE_WORK = 1024;
/** Sectors side by side that are tried where the usual number is not good. */
const OTHER_NEIGHBOURS = [4, 3, 2, 1.5, 1];
/** Sectors touched over those filled: so many are good, and so many bearable for the sake of a busy device. */
export const GOOD_SECTORS = 1.35;
const MOST_SECTORS = 1.6;
/** Share of the modelled cost that other lanes than the usual ones must come down to. */
const WORTH = 0.8;
/** Share of the lanes along a padded axis that must have something to do. */
const FULL_ENOUGH = 3 / 4;

const product = (axes: readonly string[], units: (axis: string) => number): number =>
  axes.reduce((n, axis) => n * units(axis), 1);

const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

/** Lanes are for grid points alone: there is no row, or only partial results that lanes of any points add up together. */
export const isPointwise = (view: GroupView): boolean =>
  view.rowAxes.length === 0 || view.helperAxes.length > 0;

/** Elements side by side that are tried where the usual number is not good, for sectors of so many. */
export const otherNeighbours = (sector: number): readonly number[] =>
  OTHER_NEIGHBOURS.map((sectors) => sectors * sector);

/**
 * Vectors along the grid cost parallelism: each lane takes several points. They stay as wide as keeps the device full. A word of
 * memory is never less: lanes that take one of its two 16-bit elements load it twice, and store it by atomics. Those that take both
 * load as many words each, and wait as long, in half as many workgroups.
 */
export function narrowForGrid(
  view: GroupView,
  profile: DeviceProfile,
  { sector }: MemoryOrder,
  widest: Width,
): Width {
  const points = product(view.gridAxes, (axis) => view.sizes.get(axis) ?? 1);
  const rowLanes = isPointwise(view) ? 1 : ROW_LANES;
  const wanted = profile.usefulWorkgroups * (profile.software ? SOFTWARE_LANES : WORKGROUP_LANES / rowLanes);
  const fits = (width: Width): boolean => width <= widest && points / width >= wanted;
  if (fits(4)) return 4;
  if (fits(2)) return 2;
  if (isPointwise(view)) return widest;
  return sector > elementsPerSector("f32") && widest > 1 ? 2 : 1;
}

/**
 * Lanes along each axis, fastest axis first. Where the usual number of grid points side by side leaves too few workgroups or
 * gaps in sectors, others are judged by both, also with idle lanes behind each run.
 */
export function dealHardware(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  units: (axis: string) => number,
  width: number,
): LaneAxis[] {
  const deal = (options: DealOptions): LaneAxis[] =>
    dealNeighbours(view, profile, order, units, width, options);
  const usual = deal({});
  if (isPointwise(view) || view.walkAxes.length > 0) return usual;
  const shareOf = (lanes: readonly LaneAxis[]): number => shareOfDevice(view, profile, lanes, units);
  const sectors = estimateSectors(view, usual, width, profile);
  if (shareOf(usual) === 1 && sectors <= GOOD_SECTORS) return usual;
  let [best, least] = [usual, sectors / shareOf(usual)];
  const tried = new Set([printLanes(usual)]);
  for (const isPadded of [false, true])
    for (const neighbours of otherNeighbours(order.sector)) {
      const lanes = deal({ neighbours, isPadded });
      if (tried.has(printLanes(lanes))) continue;
      tried.add(printLanes(lanes));
      const wasted = estimateSectors(view, lanes, width, profile);
      const cost = wasted / shareOf(lanes);
      const isBetter = cost < least * (best === usual ? WORTH : 1);
      if (isBetter && wasted <= Math.max(MOST_SECTORS, sectors)) [best, least] = [lanes, cost];
    }
  return best;
}

const printLanes = (lanes: readonly LaneAxis[]): string =>
  lanes.map(({ axis, lanes: count }) => `${axis}${String(count)}`).join();

/** Share of the workgroups that fill the device, or that so little data can keep busy. */
export function shareOfDevice(
  view: GroupView,
  profile: DeviceProfile,
  lanes: readonly LaneAxis[],
  units: (axis: string) => number,
): number {
  const elements = view.accesses.reduce((n, access) => n + elementsOf(view, access), 0);
  const busy = Math.max(1, Math.min(profile.usefulWorkgroups, Math.floor(elements / LITTLE_WORK)));
  return Math.min(1, countWorkgroups(view, lanes, units) / busy);
}

const countWorkgroups = (
  view: GroupView,
  lanes: readonly LaneAxis[],
  units: (axis: string) => number,
): number =>
  view.gridAxes.reduce(
    (n, axis) => n * Math.ceil(units(axis) / (lanes.find((l) => l.axis === axis)?.lanes ?? 1)),
    1,
  );

/** What lanes are dealt by, where it is not the usual. */
export interface DealOptions {
  /** Neighbours in the grid that read without a gap. */
  readonly neighbours?: number | undefined;
  /** Lanes of a workgroup at most. */
  readonly most?: number;
  /**
   * The contiguous axis of the row gets a power of two of lanes, a few of which have nothing to do: subgroups then end where runs
   * of neighbours do, or nearer to it.
   */
  readonly isPadded?: boolean;
}

/** Lanes along each axis, fastest axis first. */
export function dealNeighbours(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  units: (axis: string) => number,
  width: number,
  { neighbours, most: wantedMost = WORKGROUP_LANES, isPadded = false }: DealOptions,
): LaneAxis[] {
  const most = Math.min(wantedMost, profile.limits.maxComputeInvocationsPerWorkgroup);
  const points = product(view.gridAxes, units);
  const steps = product(view.rowAxes, units);
  const reads = new Set(view.accesses.flatMap((a) => (a.write ? [] : [a.tensor.name]))).size;
  const isWalk = view.walkAxes.length > 0;
  const aim = isWalk ? 1 : ACCESSES_PER_LANE; // registers for carried sums are scarce: as few columns per lane as can be
  const rowLanes = isPointwise(view)
    ? 1
    : Math.min(most, Math.max(powerOfTwo(steps / aim), Math.min(8, powerOfTwo(steps))));
  const dealt = new Map<string, number>();
  const total = (axes: readonly string[]): number => axes.reduce((n, axis) => n * (dealt.get(axis) ?? 1), 1);
  const isRepeated = (axis: string): boolean =>
    view.helperAxes.length > 0 && view.gridAxes.includes(axis) && !view.helperAxes.includes(axis);
  const goodRun = GOOD_RUN * order.sector;
  let run = width;
  let isWhole = true; // every axis so far is covered by lanes: neighbours go on where it ends
  for (const axis of order.axes) {
    const free = Math.floor(most / total(order.axes));
    if (free < 2) break;
    const isRow = view.rowAxes.includes(axis);
    if (isWalk && !isRow) continue;
    const toRun = isWhole && run < goodRun;
    let wanted = 1;
    if (isRepeated(axis))
      wanted = lanesToRepeat(view, profile, fitLanes(units(axis), free), {
        units: units(axis),
        most: free,
        run: isWhole ? run : 0,
        isAligned: startsAtSectors(order, axis),
        sector: order.sector,
        width: axis === order.contiguous ? width : 1,
        others: total(view.gridAxes.filter(isRepeated)),
      });
    else if (isPointwise(view)) wanted = isRow ? 1 : most;
    else if (isRow)
      wanted = Math.max(Math.floor(rowLanes / total(view.rowAxes)), toRun ? Math.ceil(goodRun / run) : 1);
    else if (toRun) {
      const isAligned = startsAtSectors(order, axis);
      wanted =
        neighbours === undefined
          ? neighboursFor(run, points / total(view.gridAxes), steps * reads, profile, order.sector, isAligned)
          : Math.ceil(neighbours / run);
      // A rest shorter than this is taken along: what is slower in memory then goes on without a gap.
      if (units(axis) <= 2 * wanted && units(axis) % order.sector !== 0) wanted = units(axis);
    }
    const atMost = Math.min(wanted, free);
    // Neighbours in the grid are as many as fill sectors: another number that divides the axis would not.
    const lanes = isRow || isPointwise(view) ? fitLanes(units(axis), atMost) : Math.min(units(axis), atMost);
    if (isWhole) run *= lanes;
    isWhole &&= lanes === units(axis);
    const padded = powerOfTwo(lanes);
    const isWorthPadding = isRow && axis === order.contiguous && isWhole && lanes >= FULL_ENOUGH * padded;
    dealt.set(axis, isPadded && isWorthPadding ? padded : lanes);
  }
  if (!isWalk) fillWorkgroup(view, profile, order, units, dealt, most);
  return order.axes.map((axis) => ({ axis, lanes: dealt.get(axis) ?? 1 }));
}

/**
 * Grid points side by side so that runs of `run` elements fill whole sectors, more where the device stays full. Where it
 * does not even then, a long run that wastes at most a third of its sectors must do.
 */
function neighboursFor(
  run: number,
  points: number,
  steps: number,
  profile: DeviceProfile,
  sector: number,
  isAligned: boolean,
): number {
  const long = Math.ceil(longRun(sector) / run);
  let step = 1;
  while ((run * step) % sector !== 0) step++;
  // So little data that it cannot keep the device busy: more workgroups are worth more than whole sectors.
  const busy = (run * points * steps) / LITTLE_WORK;
  const good = Math.ceil((GOOD_RUN * sector) / run);
  const isLittle = busy < profile.usefulWorkgroups && points / good < FEW_WORKGROUPS * busy;
  if (!isAligned && !isLittle) return Math.max(step, good);
  if (long < step && points / step < FEW_WORKGROUPS * profile.usefulWorkgroups) return long;
  let lanes = step;
  while (run * lanes < GOOD_RUN * sector && points / (lanes + step) >= profile.usefulWorkgroups)
    lanes += step;
  return lanes;
}

/** Small rows leave a workgroup half empty: more grid points fill it, as long as every core still gets one. */
function fillWorkgroup(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  units: (axis: string) => number,
  dealt: Map<string, number>,
  most: number,
): void {
  const lanesNow = (): number => order.axes.reduce((n, axis) => n * (dealt.get(axis) ?? 1), 1);
  const blocks = (): number =>
    view.gridAxes.reduce((n, axis) => n * Math.ceil(units(axis) / (dealt.get(axis) ?? 1)), 1);
  for (const axis of order.axes) {
    if (!view.gridAxes.includes(axis)) continue;
    for (;;) {
      const now = dealt.get(axis) ?? 1;
      const fits = lanesNow() * 2 <= most && now * 2 <= units(axis) && lanesNow() < FEWEST_LANES;
      if (!fits || blocks() < 2 * profile.usefulWorkgroups) break;
      dealt.set(axis, now * 2);
    }
  }
}
