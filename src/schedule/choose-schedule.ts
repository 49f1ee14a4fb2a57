/**
 * Chooses how a fusion group runs on a device. All judgement about lanes, vectors and residency is here; lowering obeys.
 *
 * The contiguous axis of most bytes decides which lanes are neighbours: an axis of the row (lanes walk a row together) or of
 * the grid (lanes take neighbouring grid points: columns, and groups without a row). Then the device decides how many
 * lanes share a row: software devices pay thousands of cycles for a barrier, so there one invocation takes a whole row
 * (measured on SwiftShader, 4096x1024: 37 ms against 544 ms with 64 lanes and 2,200 ms with 256).
 */
import { coefficientOf, isAxisTerm } from "../ir/index-expr.ts";
import { elementCount } from "../ir/dtype.ts";
import { irregularAxes, type Access, type GroupView } from "../ir/group-view.ts";
import type { Width } from "../ir/kernel.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { KernelSchedule } from "../ir/schedule.ts";

/** Registers (f32) per invocation that cached rows may take. FIELD.md 4.2: more only after timing. */
const REGISTER_BUDGET = 64;
/** vec4 accesses per invocation and sweep that the choice of lanes aims at. */
const ACCESSES_PER_LANE = 4;
/** A software device shares a row among lanes only when there are too few rows to keep its cores busy. */
const SOFTWARE_SHARED_ROW = 16384;

export function chooseSchedule(view: GroupView, profile: DeviceProfile): KernelSchedule {
  const contiguous = contiguousAxis(view);
  const gridAxes = orderAxes(view, view.gridAxes, contiguous);
  const rowAxes = orderAxes(view, view.rowAxes, contiguous);
  const laneAxis = contiguous !== null && rowAxes.includes(contiguous) ? "row" : "grid";
  const vectorWidth = contiguous === null ? 1 : chooseWidth(view, contiguous);
  const vectorAxis = vectorWidth === 1 ? null : contiguous;
  const points = product(view, gridAxes) / (laneAxis === "grid" ? vectorWidth : 1);
  const steps = product(view, rowAxes) / (laneAxis === "row" ? vectorWidth : 1);
  const lanes = rowAxes.length === 0 ? 1 : chooseLanes(view, profile, laneAxis, points, steps);
  const rowsPerWorkgroup = chooseRows(profile, lanes, points);
  const residency = fitsRegisters(view, lanes, steps, vectorWidth, profile) ? "registers" : "reload";
  return {
    threadsPerRow: lanes,
    rowsPerWorkgroup,
    laneAxis,
    vectorWidth,
    vectorAxis,
    residency,
    reduction: lanes === 1 ? "serial" : "tree",
    gridAxes,
    rowAxes,
    serialAxes:
      residency === "registers"
        ? 0
        : serialAxes(view, rowAxes, lanes * (laneAxis === "row" ? vectorWidth : 1)),
  };
}

const product = (view: GroupView, axes: readonly string[]): number =>
  axes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);

/** The axis with stride 1 in most bytes of the group's accesses; ties go to writes, which cannot be cached away. */
function contiguousAxis(view: GroupView): string | null {
  const weight = new Map<string, number>();
  for (const access of view.accesses) {
    const term = access.index.terms.find((t) => isAxisTerm(t) && t.coefficient === 1);
    if (term === undefined || !isAxisTerm(term)) continue;
    const elements = access.index.terms.reduce(
      (n, t) => n * (isAxisTerm(t) ? (view.sizes.get(t.axis) ?? 1) : 1),
      1,
    );
    weight.set(term.axis, (weight.get(term.axis) ?? 0) + elements * (access.write ? 1.01 : 1));
  }
  let best: string | null = null;
  for (const [axis, w] of weight) if (best === null || w > (weight.get(best) ?? 0)) best = axis;
  return best;
}

/** Slowest first: by falling stride in the largest access that has the axis; the contiguous axis last. */
function orderAxes(view: GroupView, axes: readonly string[], contiguous: string | null): string[] {
  const bySize = [...view.accesses].sort(
    (a, b) => elementCount(b.tensor.shape) - elementCount(a.tensor.shape),
  );
  const strideOf = (axis: string): number => {
    if (axis === contiguous) return 0;
    const access = bySize.find((a) => coefficientOf(a.index, axis) !== 0);
    return access === undefined ? Infinity : coefficientOf(access.index, axis);
  };
  return [...axes].sort((a, b) => strideOf(b) - strideOf(a));
}

/** Widest vectors such that every access along the axis is aligned, broadcast, or at worst gathered from few. */
function chooseWidth(view: GroupView, axis: string): Width {
  if (irregularAxes(view).has(axis)) return 1;
  const size = view.sizes.get(axis) ?? 1;
  const fits = (width: 2 | 4): boolean =>
    size % width === 0 &&
    view.accesses.every((a) => coefficientOf(a.index, axis) === 0 || isAligned(a, axis, width));
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}

const isAligned = (access: Access, axis: string, width: number): boolean =>
  coefficientOf(access.index, axis) === 1 &&
  access.index.offset % width === 0 &&
  access.index.terms.every((t) => (isAxisTerm(t) && t.axis === axis) || t.coefficient % width === 0);

const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

function chooseLanes(
  view: GroupView,
  profile: DeviceProfile,
  laneAxis: "row" | "grid",
  points: number,
  steps: number,
): number {
  const most = Math.min(256, profile.limits.maxComputeInvocationsPerWorkgroup);
  if (profile.software) {
    const few = points < profile.usefulWorkgroups && steps >= SOFTWARE_SHARED_ROW;
    return few && view.phases.some((p) => p.reductions.length > 0) ? 16 : 1;
  }
  // Short rows still get neighbours enough to fill whole sectors.
  if (laneAxis === "row")
    return Math.min(most, Math.max(powerOfTwo(steps / ACCESSES_PER_LANE), Math.min(8, powerOfTwo(steps))));
  // Columns: enough lanes share a column to fill the device, but neighbours in the grid keep whole cache lines.
  const wanted = (profile.usefulWorkgroups * 256) / Math.max(1, points);
  return Math.max(1, Math.min(most / 8, powerOfTwo(wanted), powerOfTwo(steps / ACCESSES_PER_LANE)));
}

function chooseRows(profile: DeviceProfile, lanes: number, points: number): number {
  const size = profile.software ? 16 : Math.min(256, profile.limits.maxComputeInvocationsPerWorkgroup);
  const wanted = Math.max(1, Math.floor(size / lanes));
  // No more rows side by side than still leave a workgroup for every core.
  const spread = powerOfTwo(Math.ceil(points / profile.usefulWorkgroups));
  return Math.max(1, Math.min(wanted, Math.max(spread, Math.floor(32 / lanes)), powerOfTwo(points)));
}

/** Whether what several phases read fits the registers of the lanes that share a row. */
function fitsRegisters(
  view: GroupView,
  lanes: number,
  steps: number,
  width: number,
  profile: DeviceProfile,
): boolean {
  const shared = new Set<string>();
  for (const a of view.accesses) {
    if (!a.write && a.phases.length > 0 && view.phases.length > 1) shared.add(a.tensor.name);
  }
  if (shared.size === 0 || (profile.software && lanes === 1)) return false;
  const perLane = Math.ceil(steps / lanes) * width * shared.size;
  return perLane <= REGISTER_BUDGET;
}

/** Leading row axes that every lane walks serially: as many as leave the rest long enough to share. */
function serialAxes(view: GroupView, rowAxes: readonly string[], lanes: number): number {
  let length = 1;
  let shared = 0;
  for (const axis of [...rowAxes].reverse()) {
    if (shared > 0 && length >= lanes) break;
    length *= view.sizes.get(axis) ?? 1;
    shared++;
  }
  return rowAxes.length - shared;
}
