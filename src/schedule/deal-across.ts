/**
 * Rows that some tensors have side by side and others across (`softmax(x + transpose(y))`): lanes that go along the row alone
 * read a memory sector for each element of the latter. A workgroup takes a few neighbouring rows instead, neighbouring lanes
 * take these, and each lane a vector along the row where the tensors allow it:
 *
 *     8 rows, vectors of 4: a subgroup of 32 lanes reads 8 runs of 4 vectors of x[i, j], and of y[j, i] one element of each
 *     vector after the other, 4 runs of 8 elements: whole sectors of both, with no workgroup memory
 *     4 rows, scalars:      8 runs of 4 elements of y: half of a sector; runs of 8 of x
 *
 * CPUs have caches that hold the sectors until they are used; what they pay for is each access, and each lane. There a lane takes
 * the rows of a vector across them, and reads of y[j, i] a vector. Measured in processor time, 1536x1536 f32, against one row per
 * lane: softmax(x + transpose(y)) 0.7 to 0.9 on SwiftShader and 0.8 to 0.95 on lavapipe, transpose(softmax(x)) 0.9 and 0.7.
 *
 * Requires: a schedule of a group with one row axis.
 * Ensures:  a legal schedule, which touches fewer sectors (on CPUs: takes fewer lanes) by enough to make up for fewer workgroups;
 *           else the given one.
 */
import type { Access, GroupView } from "../ir/group-view.ts";
import { coefficientOf, isAxisTerm } from "../ir/index-expr.ts";
import type { Width } from "../ir/kernel.ts";
import { mostLanes, WORKGROUP_LANES } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { KernelSchedule, LaneAxis } from "../ir/schedule.ts";
import { chooseResidency, countRegisters } from "./choose-residency.ts";
import { fitLanes } from "./deal-software.ts";
import { estimateSectors } from "./estimate-sectors.ts";
import { bytesOf, elementsOf, sectorOf } from "./access-size.ts";
import { widthAcross } from "./vector-width.ts";
import { fitsSubgroups } from "./subgroup-lanes.ts";

/** Lanes that access memory together where the device does not say. */
const DEFAULT_SUBGROUP = 32;
/** Share of the group's elements below which it does not matter how they are read. */
const WORTH = 1 / 8;
/** Share of the modelled cost that the sectors must come down to. */
const GAIN = 0.8;
/** Registers of a lane that rows may take: they are read a vector at a time, and reading them again costs a sweep. */
const REGISTERS = 96;
/** Rows side by side that are tried, most first. */
const ROWS = [8, 4];

interface Crossing {
  readonly row: string;
  readonly grid: string;
}

export function dealAcross(view: GroupView, profile: DeviceProfile, usual: KernelSchedule): KernelSchedule {
  const crossing = findCrossing(view);
  if (crossing === undefined) return usual;
  if (profile.software) return takeVectors(view, profile, usual, crossing);
  let best = usual;
  let least =
    GAIN *
    costOf(
      view,
      profile,
      usual,
      estimateSectors(view, [...usual.lanes].reverse(), usual.vectorWidth, profile),
    );
  for (const rows of ROWS) {
    for (const vectorWidth of widthsOf(view, crossing)) {
      const schedule = takeRows(view, profile, usual, crossing, rows, vectorWidth);
      const cost = costOf(view, profile, schedule, sectorsWith(view, profile, crossing, rows, vectorWidth));
      if (cost < least) [best, least] = [schedule, cost];
    }
  }
  return best;
}

/** Lanes along the row as before, each with the rows of a vector, where there are rows enough. */
function takeVectors(
  view: GroupView,
  profile: DeviceProfile,
  usual: KernelSchedule,
  { row, grid }: Crossing,
): KernelSchedule {
  const vectorWidth = widthAcross(view, grid);
  const vectors = (view.sizes.get(grid) ?? 1) / vectorWidth;
  const most = Math.floor(vectors / profile.usefulWorkgroups);
  if (vectorWidth === 1 || most === 0 || usual.vectorAxis !== null || usual.turns !== null) return usual;
  const lanes = usual.lanes.map((l) =>
    l.axis === grid ? { ...l, lanes: fitLanes(vectors, Math.min(l.lanes, most)) } : l,
  );
  // A lane with a row of its own has nothing to gain: it reads what lies along its row, or is one of neighbours that read together.
  const isShared = lanes.some((l) => l.axis === row && l.lanes > 1);
  if (!isShared || !fitsSubgroups(lanes, (axis) => axis === row, profile)) return usual;
  return {
    ...usual,
    lanes: lanes.filter((l) => l.lanes > 1),
    coarsening: 1,
    unroll: 1,
    vectorWidth,
    vectorAxis: grid,
  };
}

/** The axis of the row, and one of the grid, along which much of what the group touches is contiguous in turn. */
function findCrossing(view: GroupView): Crossing | undefined {
  const [row, ...others] = view.rowAxes;
  const isPlain = view.walkAxes.length === 0 && view.helperAxes.length === 0 && view.stages.length === 0;
  if (row === undefined || others.length > 0 || !isPlain) return undefined;
  const total = view.accesses.reduce((n, access) => n + elementsOf(view, access), 0);
  const shareOf = (axis: string, other: string): number =>
    view.accesses.reduce(
      (n, a) => n + (isContiguous(a, axis) && coefficientOf(a.index, other) > 1 ? elementsOf(view, a) : 0),
      0,
    ) / total;
  const grid = view.gridAxes.find((axis) => shareOf(axis, row) > WORTH && shareOf(row, axis) > WORTH);
  return grid === undefined ? undefined : { row, grid };
}

const isContiguous = ({ index }: Access, axis: string): boolean => coefficientOf(index, axis) === 1;

const widthsOf = (view: GroupView, { row }: Crossing): readonly Width[] => {
  const widest = widthAcross(view, row);
  return ([4, 2, 1] as const).filter((width) => width <= widest);
};

function takeRows(
  view: GroupView,
  profile: DeviceProfile,
  usual: KernelSchedule,
  { row, grid }: Crossing,
  rows: number,
  vectorWidth: Width,
): KernelSchedule {
  const most = mostLanes(profile);
  const units = (view.sizes.get(row) ?? 1) / vectorWidth;
  const together = Math.min(rows, view.sizes.get(grid) ?? 1);
  const vectorAxis = vectorWidth === 1 ? null : row;
  const isShared = (axis: string): boolean => axis === row;
  const withLanes = (wanted: number): KernelSchedule => {
    const along = Math.min(units, Math.floor(Math.min(wanted, most) / together));
    const lanes: readonly LaneAxis[] = [
      { axis: row, lanes: along },
      { axis: grid, lanes: together },
    ].filter((l) => l.lanes > 1);
    const reduction = along === 1 ? "serial" : fitsSubgroups(lanes, isShared, profile) ? "subgroup" : "tree";
    const schedule = {
      ...usual,
      lanes,
      vectorWidth,
      vectorAxis,
      reduction,
      coarsening: 1,
      unroll: 1,
      turns: null,
    } as const;
    const { registers } = countRegisters(view, schedule);
    const fits = view.rowArrays.length > 0 && registers <= REGISTERS;
    return { ...schedule, residency: fits ? "registers" : chooseResidency(view, schedule, profile) };
  };
  for (let wanted = WORKGROUP_LANES; wanted <= most; wanted *= 2) {
    const schedule = withLanes(wanted);
    if (view.rowArrays.length === 0 || schedule.residency !== "reload") return schedule;
  }
  return withLanes(WORKGROUP_LANES);
}

/**
 * Sectors touched over those filled, times sweeps over what does not wait, and for the part of the device that is idle the
 * root of its share: where half of it has work, memory is still more than half busy.
 */
function costOf(view: GroupView, profile: DeviceProfile, schedule: KernelSchedule, sectors: number): number {
  const workgroups = view.gridAxes.reduce((n, axis) => {
    const lanes = schedule.lanes.find((l) => l.axis === axis)?.lanes ?? 1;
    return n * Math.ceil((view.sizes.get(axis) ?? 1) / lanes);
  }, 1);
  const sweeps = schedule.residency === "reload" && view.rowArrays.length > 0 ? view.phases.length : 1;
  return sectors * sweeps * Math.sqrt(Math.max(1, profile.usefulWorkgroups / workgroups));
}

/** What the lanes of a subgroup touch, with so many rows side by side. */
function sectorsWith(
  view: GroupView,
  profile: DeviceProfile,
  { row, grid }: Crossing,
  rows: number,
  width: number,
): number {
  const along = Math.max(1, (profile.subgroups?.[1] ?? DEFAULT_SUBGROUP) / rows);
  // A tensor that is touched both ways is bound as scalars: its vectors are read an element at a time.
  const isWide = (access: Access): boolean =>
    view.accesses.every((a) => a.tensor !== access.tensor || isContiguous(a, row));
  let [bytes, touched] = [0, 0];
  for (const access of view.accesses) {
    const own = bytesOf(view, access);
    const sector = sectorOf(access);
    const alongRow = isContiguous(access, row);
    const run = alongRow ? along * (isWide(access) ? width : 1) : isContiguous(access, grid) ? rows : sector;
    const gaps = alongRow && !isWide(access) ? width : 1;
    const isAligned = access.index.terms.every(
      (t) => (isAxisTerm(t) && t.coefficient === 1) || t.coefficient % sector === 0,
    );
    const sectors = isAligned ? Math.max(1, (run * gaps) / sector) : 1 + (run * gaps - 1) / sector;
    bytes += own;
    touched += (own * sectors * sector) / Math.max(run, isAligned ? Math.min(run, sector) : 1);
  }
  return bytes === 0 ? 1 : touched / bytes;
}
