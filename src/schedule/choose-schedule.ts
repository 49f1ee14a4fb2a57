/**
 * Chooses how a fusion group runs on a device. All judgement about lanes, vectors and residency is here; lowering obeys.
 *
 * Lanes are dealt out along the axes from the fastest in memory to the slowest, so that neighbouring lanes touch neighbouring
 * elements whether the contiguous axis is the row's (lanes share a row), the grid's (columns, pointwise groups) or
 * both (a short kernel axis of a convolution weight, then channels). Software devices pay thousands of cycles for a
 * barrier: there lanes that share a row share a subgroup (deal-software.ts; measured on SwiftShader, 4096x1024: 37 ms
 * without barriers against 544 ms with 64 lanes and 2,200 ms with 256).
 */
import type { GroupView, ViewOptions } from "../ir/group-view.ts";
import { LONGEST_DISPATCH_US } from "../ir/kernel-time.ts";
import type { Width } from "../ir/kernel.ts";
import { mostLanes } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { hasWideSubgroups, WIDE_SUBGROUP } from "../ir/subgroup-blocks.ts";
import { workgroupSizeOf, type KernelSchedule, type LaneAxis, type Tile } from "../ir/schedule.ts";
import { chooseResidency, isBestAlone, runsLong } from "./choose-residency.ts";
import { addStageLanes, chooseStages, chooseTurns } from "./choose-stages.ts";
import { chooseTile } from "./choose-tile.ts";
import { chooseFarWalk } from "./choose-far-walk.ts";
import { dealAcross } from "./deal-across.ts";
import { dealHardware, dealNeighbours, narrowForGrid } from "./deal-hardware.ts";
import { dealHeldRows, dealSoftware, type SoftwareDeal } from "./deal-software.ts";
import { holdRows } from "./hold-rows.ts";
import { bytesTouched } from "./access-size.ts";
import { orderAxes, type MemoryOrder } from "./order-axes.ts";
import { chooseWidth } from "./vector-width.ts";
import { unitsAlong } from "./row-steps.ts";
import { countScheduleTurns } from "./schedule-turns.ts";
import { fitsSubgroups } from "./subgroup-lanes.ts";

/** Lays the group out under a pairing of its reductions. */
type ViewGroup = (options: ViewOptions) => GroupView;

/** Plain reductions where rows stay on the chip; where they are read again for each walk, pairs save a walk. */
export function chooseSchedule(viewWith: ViewGroup, device: DeviceProfile): KernelSchedule {
  const view = viewWith({ pairing: "two-walks" });
  // A kernel that is dispatched in parts has to fill the device in each of them.
  const parts = foreseeParts(view, device);
  const profile = parts === 1 ? device : { ...device, usefulWorkgroups: parts * device.usefulWorkgroups };
  const isReadAgain =
    profile.software && hasWideSubgroups(profile) && viewWith({ pairing: "one-walk" }).rowArrays.length > 0;
  const deal = (dealt: GroupView): KernelSchedule =>
    dealAcross(dealt, profile, scheduleView(dealt, profile, isReadAgain));
  const schedule = deal(view);
  const paired = schedule.residency === "reload" ? viewWith({ pairing: "one-walk" }) : view;
  return paired.pairs.length === 0 ? schedule : { ...deal(paired), pairing: "one-walk" };
}

/** About how many dispatches the group will take (split-dispatch.ts decides): for its largest tensor, or for its bytes. */
function foreseeParts(view: GroupView, { limits, software, copyGBps }: DeviceProfile): number {
  const bytes = bytesTouched(view);
  const largest = Math.max(0, ...bytes);
  const bySize = largest > limits.maxBufferSize ? 1 : largest / limits.maxStorageBufferBindingSize;
  const us = bytes.reduce((sum, one) => sum + one, 0) / (copyGBps * 1e3);
  // Parts are whole workgroups: twice as many as the size asks for can always be cut to fit.
  return Math.ceil(Math.max(1, bySize > 1 ? 2 * bySize : 1, software ? us / LONGEST_DISPATCH_US : 1));
}

/**
 * As few lanes per row as the device is best with, and more where its loops would not run to their end. Rows that are read again even in
 * one walk (`isReadAgain`) may get more to be kept.
 */
function scheduleView(view: GroupView, profile: DeviceProfile, isReadAgain: boolean): KernelSchedule {
  const chosen = dealView(view, profile, 1, isReadAgain);
  const { maxLoopTurns, limits } = profile;
  if (maxLoopTurns === null || countScheduleTurns(view, chosen) <= maxLoopTurns) return chosen;
  for (let lanes = 2; lanes <= limits.maxComputeInvocationsPerWorkgroup; lanes *= 2) {
    const schedule = dealView(view, profile, lanes, isReadAgain);
    if (countScheduleTurns(view, schedule) <= maxLoopTurns) return schedule;
  }
  return chosen;
}

function dealView(
  view: GroupView,
  profile: DeviceProfile,
  leastPerRow: number,
  isReadAgain: boolean,
): KernelSchedule {
  const order = orderAxes(view, profile);
  const { contiguous } = order;
  // Stages share the lanes and the workgroup memory that a tile would take.
  const tiled = view.stages.length > 0 ? undefined : chooseTile(view, profile, order);
  // Vectors along a walked axis would be several rows at once, along a pinned one several coordinates.
  const single = [...view.walkAxes, ...view.pinnedAxes];
  const widest = contiguous === null || single.includes(contiguous) ? 1 : chooseWidth(view, contiguous);
  const isAcross = contiguous !== null && view.gridAxes.includes(contiguous);
  const width = tiled?.vectorWidth ?? (isAcross ? narrowForGrid(view, profile, order, widest) : widest);
  // A workgroup has one coordinate along pinned axes: no lanes go along them.
  const free = { ...order, axes: order.axes.filter((axis) => !view.pinnedAxes.includes(axis)) };
  const unitsOf = (vectorWidth: Width) => (axis: string) =>
    unitsAlong(view, { vectorAxis: vectorWidth === 1 ? null : contiguous, vectorWidth }, axis);
  const units = unitsOf(width);
  const lay = (dealt: readonly LaneAxis[]): KernelSchedule =>
    layOut(view, profile, order, { width, tile: tiled?.tile ?? null, dealt });
  if (profile.software && tiled === undefined) {
    return dealOnCpu(view, profile, isReadAgain, {
      deal: (how) => lay(dealSoftware(view, profile, free, units, { leastPerRow, width, ...how })),
      hold: (lanesPerRow) => lay(dealHeldRows(view, profile, free, units, lanesPerRow)),
    });
  }
  const usual = lay(tiled?.lanes ?? dealHardware(view, profile, free, units, width));
  if (profile.software || usual.residency !== "reload" || view.rowArrays.length === 0) return usual;
  return holdRows(view, profile, usual, (vectorWidth, options) =>
    layOut(view, profile, order, {
      width: vectorWidth,
      tile: null,
      dealt: dealNeighbours(view, profile, free, unitsOf(vectorWidth), vectorWidth, options),
    }),
  );
}

interface CpuDeals {
  readonly deal: (how: Pick<SoftwareDeal, "fewPerLongRow" | "laneEach" | "inTurns">) => KernelSchedule;
  /** So many lanes to a row that waits in registers. */
  readonly hold: (lanesPerRow: number) => KernelSchedule;
}

/** On a CPU: rows in registers where they fit (a lane's, a subgroup's, those of several), and else rows that are read again. */
function dealOnCpu(
  view: GroupView,
  profile: DeviceProfile,
  isReadAgain: boolean,
  { deal, hold }: CpuDeals,
): KernelSchedule {
  if (isReadAgain && isBestAlone(view, profile)) {
    const alone = deal({ fewPerLongRow: false, laneEach: true });
    if (alone.residency === "registers") return alone;
  }
  const held = deal({ fewPerLongRow: false });
  if (held.residency === "registers") return held;
  const long = isReadAgain ? holdLongRows(view, profile, hold) : undefined;
  if (long !== undefined) return long;
  const again = deal({ fewPerLongRow: true });
  return again.turns === null || view.stages.length > 0
    ? again
    : deal({ fewPerLongRow: true, inTurns: true });
}

/** Rows in registers of as few subgroups as can keep them, where these are wide: narrow ones pay for barriers what it saves. */
function holdLongRows(
  view: GroupView,
  profile: DeviceProfile,
  hold: CpuDeals["hold"],
): KernelSchedule | undefined {
  if (view.rowArrays.length === 0 || view.helperAxes.length > 0 || !runsLong(view, profile)) return undefined;
  for (let lanes = WIDE_SUBGROUP; lanes <= mostLanes(profile); lanes *= 2) {
    const schedule = hold(lanes);
    if (schedule.residency === "registers") return schedule;
  }
  return undefined;
}

interface Layout {
  readonly width: Width;
  readonly tile: Tile | null;
  /** Lanes along each axis, the fastest first. */
  readonly dealt: readonly LaneAxis[];
}

/** All that follows from how lanes are dealt. */
function layOut(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  { width: vectorWidth, tile, dealt }: Layout,
): KernelSchedule {
  const vectorAxis = vectorWidth === 1 ? null : order.contiguous;
  const units = (axis: string): number => unitsAlong(view, { vectorAxis, vectorWidth }, axis);
  const lanes = addStageLanes(view, profile, dealt.filter((l) => l.lanes > 1).reverse());
  const slowestFirst = (axes: readonly string[]): string[] =>
    order.axes.filter((axis) => axes.includes(axis)).reverse();
  const isShared = (axis: string): boolean =>
    view.rowAxes.includes(axis) || (!profile.software && view.helperAxes.includes(axis));
  // Where an axis has more lanes than units, they are told apart once, outside of the other loops.
  const isPadded = (axis: string): boolean => lanes.some((l) => l.axis === axis && l.lanes > units(axis));
  const rowAxes = slowestFirst(view.rowAxes);
  const schedule: KernelSchedule = {
    lanes,
    coarsening: 1,
    unroll: 1,
    vectorWidth,
    vectorAxis,
    residency: "reload",
    pairing: "two-walks",
    reduction: !lanes.some(({ axis }) => isShared(axis))
      ? "serial"
      : fitsSubgroups(lanes, isShared, profile)
        ? "subgroup"
        : "tree",
    helperAxes: profile.software ? [] : view.helperAxes.filter((axis) => lanes.some((l) => l.axis === axis)),
    walkAxes: slowestFirst(view.walkAxes),
    gridAxes: orderGrid(slowestFirst(view.gridAxes), tile),
    rowAxes: [...rowAxes.filter(isPadded), ...rowAxes.filter((axis) => !isPadded(axis))],
    tile,
    stages: chooseStages(view, workgroupSizeOf({ lanes }), profile),
    turns: chooseTurns(view, lanes, slowestFirst(view.gridAxes), units, profile),
  };
  const resident = { ...schedule, residency: chooseResidency(view, schedule, profile) };
  return { ...resident, ...chooseFarWalk(view, resident, profile) };
}

/** Neighbouring workgroups go along the axis of blocks in registers: they read on where the ones before have ended. */
const orderGrid = (axes: readonly string[], tile: Tile | null): readonly string[] =>
  tile?.memory === "registers" ? [...axes.filter((axis) => axis !== tile.axis), tile.axis] : axes;
