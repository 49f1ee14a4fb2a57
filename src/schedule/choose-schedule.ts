/**
 * Chooses how a fusion group runs on a device. All judgement about lanes, vectors and residency is here; lowering obeys.
 *
 * Lanes are dealt out along the axes from the fastest in memory to the slowest, so that neighbouring lanes touch neighbouring
 * elements whether the contiguous axis is the row's (lanes share a row), the grid's (columns, pointwise groups) or
 * both (a short kernel axis of a convolution weight, then channels). Software devices pay thousands of cycles for a
 * barrier: there lanes that share a row share a subgroup (deal-software.ts; measured on SwiftShader, 4096x1024: 37 ms
 * without barriers against 544 ms with 64 lanes and 2,200 ms with 256).
 */
import { elementCount, storageBytes } from "../ir/dtype.ts";
import type { GroupView, ViewOptions } from "../ir/group-view.ts";
import { LONGEST_DISPATCH_US } from "../ir/kernel-time.ts";
import type { Width } from "../ir/kernel.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { KernelSchedule, LaneAxis } from "../ir/schedule.ts";
import { dealSoftware, fitLanes, SOFTWARE_LANES } from "./deal-software.ts";
import { chooseTile } from "./choose-tile.ts";
import {
  chooseWidth,
  elementsOf,
  findMemoryOrder,
  startsAtSectors,
  type MemoryOrder,
} from "./memory-order.ts";
import { addStageLanes, chooseStages, chooseTurns } from "./choose-stages.ts";
import { estimateSectors } from "./estimate-sectors.ts";
import { countScheduleTurns } from "./schedule-turns.ts";
import { fitsSubgroups } from "./subgroup-lanes.ts";

/** Registers (f32) per invocation that cached rows may take. More only after timing. */
const REGISTER_BUDGET = 64;
/** CPUs have 16 vector registers, and caches that make reading again cheap. */
const REGISTER_BUDGET_SOFTWARE = 16;
/** Accesses per lane and sweep that the choice of lanes aims at. */
const ACCESSES_PER_LANE = 4;
/** Lanes of a workgroup on hardware. */
const WORKGROUP_LANES = 256;
/** Fewer lanes than these leave most of a compute unit idle: more grid points join the workgroup. */
const FEWEST_LANES = 128;
/** Elements that neighbouring lanes should cover without a gap: two sectors of 32 bytes at least, four at best. */
const GOOD_RUN = 32;
/** A run of so many elements wastes at most a third of the sectors that it touches, wherever it starts. */
const LONG_RUN = 26;
/** Below this share of the workgroups that fill the device, parallelism is worth more than whole sectors. */
const FEW_WORKGROUPS = 0.75;
/** Elements that keep a workgroup busy for one turn of its lanes. */
const LITTLE_WORK = 1024;
/** Elements of one 32-byte sector. */
const SECTOR = 8;
/** Elements side by side that are tried where the usual number is not good. */
const OTHER_NEIGHBOURS = [32, 24, 16, 12, 8];
/** Sectors touched over those filled: so many are good, and so many bearable for the sake of a busy device. */
const GOOD_SECTORS = 1.35;
const MOST_SECTORS = 1.6;
/** Share of the modelled cost that other neighbours than the usual ones must come down to. */
const WORTH = 0.8;

/** Lays the group out under a pairing of its reductions. */
type ViewGroup = (options: ViewOptions) => GroupView;

/** Plain reductions where rows stay on the chip; where they are read again for each walk, pairs save a walk. */
export function chooseSchedule(viewWith: ViewGroup, device: DeviceProfile): KernelSchedule {
  const view = viewWith({ pairing: "two-walks" });
  // A kernel that is dispatched in parts has to fill the device in each of them.
  const parts = foreseeParts(view, device);
  const profile = parts === 1 ? device : { ...device, usefulWorkgroups: parts * device.usefulWorkgroups };
  const schedule = scheduleView(view, profile);
  const paired = schedule.residency === "registers" ? view : viewWith({ pairing: "one-walk" });
  if (paired.pairs.length === 0) return schedule;
  return { ...scheduleView(paired, profile), pairing: "one-walk" };
}

/** About how many dispatches the group will take (split-dispatch.ts decides): for its largest tensor, or for its bytes. */
function foreseeParts(view: GroupView, { limits, software, copyGBps }: DeviceProfile): number {
  const tensors = [...new Set(view.accesses.map(({ tensor }) => tensor))];
  const bytes = tensors.map(({ shape, dtype }) => elementCount(shape) * storageBytes(dtype));
  const largest = Math.max(0, ...bytes);
  const bySize = largest > limits.maxBufferSize ? 1 : largest / limits.maxStorageBufferBindingSize;
  const us = bytes.reduce((sum, one) => sum + one, 0) / (copyGBps * 1e3);
  // Parts are whole workgroups: twice as many as the size asks for can always be cut to fit.
  return Math.ceil(Math.max(1, bySize > 1 ? 2 * bySize : 1, software ? us / LONGEST_DISPATCH_US : 1));
}

/** As few lanes per row as the device is best with, and more where its loops would not run to their end. */
function scheduleView(view: GroupView, profile: DeviceProfile): KernelSchedule {
  const chosen = dealView(view, profile, 1);
  const { maxLoopTurns, limits } = profile;
  if (maxLoopTurns === null || countScheduleTurns(view, chosen) <= maxLoopTurns) return chosen;
  for (let lanes = 2; lanes <= limits.maxComputeInvocationsPerWorkgroup; lanes *= 2) {
    const schedule = dealView(view, profile, lanes);
    if (countScheduleTurns(view, schedule) <= maxLoopTurns) return schedule;
  }
  return chosen;
}

function dealView(view: GroupView, profile: DeviceProfile, leastPerRow: number): KernelSchedule {
  const order = findMemoryOrder(view);
  const { contiguous } = order;
  // Stages share the lanes and the workgroup memory that a tile would take.
  const tiled = view.stages.length > 0 ? undefined : chooseTile(view, profile, order);
  // Vectors along a walked axis would be several rows at once, along a pinned one several coordinates.
  const single = [...view.walkAxes, ...view.pinnedAxes];
  const widest =
    contiguous === null || single.includes(contiguous) || tiled !== undefined
      ? 1
      : chooseWidth(view, contiguous);
  const vectorWidth =
    order.contiguous !== null && view.gridAxes.includes(order.contiguous)
      ? narrowForGrid(view, profile, widest)
      : widest;
  const vectorAxis = vectorWidth === 1 ? null : order.contiguous;
  const units = (axis: string): number =>
    (view.sizes.get(axis) ?? 1) / (axis === vectorAxis ? vectorWidth : 1);
  // A workgroup has one coordinate along pinned axes: no lanes go along them.
  const free = { ...order, axes: order.axes.filter((axis) => !view.pinnedAxes.includes(axis)) };
  const dealt =
    tiled?.lanes ??
    (profile.software
      ? dealSoftware(view, profile, free, units, leastPerRow)
      : dealHardware(view, profile, free, units, vectorWidth));
  const lanes = addStageLanes(view, profile, dealt.filter((l) => l.lanes > 1).reverse());
  const slowestFirst = (axes: readonly string[]): string[] =>
    order.axes.filter((axis) => axes.includes(axis)).reverse();
  const isShared = (axis: string): boolean =>
    view.rowAxes.includes(axis) || (!profile.software && view.helperAxes.includes(axis));
  return {
    lanes,
    vectorWidth,
    vectorAxis,
    residency: fitsRegisters(view, lanes, units, vectorWidth, profile) ? "registers" : "reload",
    pairing: "two-walks",
    reduction: !lanes.some(({ axis }) => isShared(axis))
      ? "serial"
      : fitsSubgroups(lanes, isShared, profile)
        ? "subgroup"
        : "tree",
    helperAxes: profile.software ? [] : view.helperAxes.filter((axis) => lanes.some((l) => l.axis === axis)),
    walkAxes: slowestFirst(view.walkAxes),
    gridAxes: slowestFirst(view.gridAxes),
    rowAxes: slowestFirst(view.rowAxes),
    tile: tiled?.tile ?? null,
    stages: chooseStages(
      view,
      lanes.reduce((n, l) => n * l.lanes, 1),
      profile,
    ),
    turns: chooseTurns(view, lanes, slowestFirst(view.gridAxes), units, profile),
  };
}

const product = (axes: readonly string[], units: (axis: string) => number): number =>
  axes.reduce((n, axis) => n * units(axis), 1);

const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

/** Lanes are for grid points alone: there is no row, or only partial results that lanes of any points add up together. */
const isPointwise = (view: GroupView): boolean => view.rowAxes.length === 0 || view.helperAxes.length > 0;

/** Vectors along the grid cost parallelism: each lane takes several points. They stay as wide as keeps the device full. */
function narrowForGrid(view: GroupView, profile: DeviceProfile, widest: Width): Width {
  const points = product(view.gridAxes, (axis) => view.sizes.get(axis) ?? 1);
  const rowLanes = isPointwise(view) ? 1 : WORKGROUP_LANES / GOOD_RUN;
  const wanted = profile.usefulWorkgroups * (profile.software ? SOFTWARE_LANES : WORKGROUP_LANES / rowLanes);
  const fits = (width: Width): boolean => width <= widest && points / width >= wanted;
  return fits(4) ? 4 : fits(2) ? 2 : isPointwise(view) ? widest : 1;
}

/**
 * Lanes along each axis, fastest axis first. Where the usual number of grid points side by side leaves too few workgroups or
 * gaps in sectors, others are judged by both.
 */
function dealHardware(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  units: (axis: string) => number,
  width: number,
): LaneAxis[] {
  const deal = (neighbours?: number): LaneAxis[] =>
    dealNeighbours(view, profile, order, units, width, neighbours);
  const usual = deal();
  if (isPointwise(view) || view.walkAxes.length > 0) return usual;
  const elements = view.accesses.reduce((n, access) => n + elementsOf(view, access), 0);
  const busy = Math.max(1, Math.min(profile.usefulWorkgroups, Math.floor(elements / LITTLE_WORK)));
  const shareOf = (lanes: readonly LaneAxis[]): number =>
    Math.min(1, countWorkgroups(view, lanes, units) / busy);
  const sectors = estimateSectors(view, usual, width, profile);
  if (shareOf(usual) === 1 && sectors <= GOOD_SECTORS) return usual;
  let [best, least] = [usual, sectors / shareOf(usual)];
  for (const neighbours of OTHER_NEIGHBOURS) {
    const lanes = deal(neighbours);
    const wasted = estimateSectors(view, lanes, width, profile);
    const cost = wasted / shareOf(lanes);
    const isBetter = cost < least * (best === usual ? WORTH : 1);
    if (isBetter && wasted <= Math.max(MOST_SECTORS, sectors)) [best, least] = [lanes, cost];
  }
  return best;
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

/** Lanes along each axis, with so many neighbours in the grid that read without a gap, where the number is given. */
function dealNeighbours(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  units: (axis: string) => number,
  width: number,
  neighbours: number | undefined,
): LaneAxis[] {
  const most = Math.min(WORKGROUP_LANES, profile.limits.maxComputeInvocationsPerWorkgroup);
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
  let run = width;
  let isWhole = true; // every axis so far is covered by lanes: neighbours go on where it ends
  for (const axis of order.axes) {
    const free = Math.floor(most / total(order.axes));
    if (free < 2) break;
    const isRow = view.rowAxes.includes(axis);
    if (isWalk && !isRow) continue;
    const toRun = isWhole && run < GOOD_RUN;
    let wanted = 1;
    if (isPointwise(view)) wanted = isRow ? 1 : most;
    else if (isRow)
      wanted = Math.max(Math.floor(rowLanes / total(view.rowAxes)), toRun ? Math.ceil(GOOD_RUN / run) : 1);
    else if (toRun) {
      const isAligned = startsAtSectors(order, axis);
      wanted =
        neighbours === undefined
          ? neighboursFor(run, points / total(view.gridAxes), steps * reads, profile, isAligned)
          : Math.ceil(neighbours / run);
      // A rest shorter than this is taken along: what is slower in memory then goes on without a gap.
      if (units(axis) <= 2 * wanted && units(axis) % SECTOR !== 0) wanted = units(axis);
    }
    const atMost = Math.min(wanted, free);
    // Neighbours in the grid are as many as fill sectors: another number that divides the axis would not.
    const lanes = isRow || isPointwise(view) ? fitLanes(units(axis), atMost) : Math.min(units(axis), atMost);
    dealt.set(axis, lanes);
    if (isWhole) run *= lanes;
    isWhole &&= lanes === units(axis);
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
  isAligned: boolean,
): number {
  const long = Math.ceil(LONG_RUN / run);
  let step = 1;
  while ((run * step) % SECTOR !== 0) step++;
  // So little data that it cannot keep the device busy: more workgroups are worth more than whole sectors.
  const busy = (run * points * steps) / LITTLE_WORK;
  const good = Math.ceil(GOOD_RUN / run);
  const isLittle = busy < profile.usefulWorkgroups && points / good < FEW_WORKGROUPS * busy;
  if (!isAligned && !isLittle) return Math.max(step, good);
  if (long < step && points / step < FEW_WORKGROUPS * profile.usefulWorkgroups) return long;
  let lanes = step;
  while (run * lanes < GOOD_RUN && points / (lanes + step) >= profile.usefulWorkgroups) lanes += step;
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

/** Whether what several phases read fits the registers of the lanes that share a row. */
function fitsRegisters(
  view: GroupView,
  lanes: readonly LaneAxis[],
  units: (axis: string) => number,
  width: number,
  profile: DeviceProfile,
): boolean {
  const shared = new Set(
    view.accesses.filter((a) => !a.write && a.phases.length > 0).map((a) => a.tensor.name),
  );
  if (view.phases.length < 2 || shared.size === 0) return false;
  const along = (axis: string): number => lanes.find((l) => l.axis === axis)?.lanes ?? 1;
  const steps = view.rowAxes.reduce((n, axis) => n * Math.ceil(units(axis) / along(axis)), 1);
  const isShared = view.rowAxes.some((axis) => along(axis) > 1);
  // One lane per row reads its row again from the caches of a CPU: unrolling it would only make the text long.
  if (profile.software && !isShared) return false;
  return steps * width * shared.size <= (profile.software ? REGISTER_BUDGET_SOFTWARE : REGISTER_BUDGET);
}
