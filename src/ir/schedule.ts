/**
 * How a fusion group runs, apart from what it computes. Plain data: chosen by `schedule/`, obeyed by `lower/`, printable
 * and overridable by hand. Serial rows, rows shared by a workgroup, columns and pointwise groups are points of this space.
 */
import type { Width } from "./kernel.ts";

/** Invocations along an axis. */
export interface LaneAxis {
  readonly axis: string;
  readonly lanes: number;
}

/**
 * A block of a pointwise group's grid that some accesses pass through in workgroup memory: those that are contiguous along
 * another axis than the one that neighbouring lanes take. Lanes go along two axes then, the fastest digit along the axis
 * that most accesses are contiguous along; the block is their lanes along that axis, times `steps` times the lanes along `axis`.
 */
export interface Tile {
  /** The axis along which the accesses in `through` are contiguous. */
  readonly axis: string;
  /** Points along `axis` that each lane computes; divides the lanes of the fastest digit. */
  readonly steps: number;
  /** Keys `tensor[index]` of the reads and stores that go through workgroup memory. */
  readonly through: readonly string[];
}

/** The words of a schedule, listed for whoever reads one that was written elsewhere. */
export const RESIDENCIES = ["registers", "reload"] as const;
export const PAIRINGS = ["one-walk", "two-walks"] as const;
export const REDUCTIONS = ["serial", "tree", "subgroup"] as const;

export interface KernelSchedule {
  /**
   * The invocations of a workgroup as digits of the lane index, slowest first; the product is the workgroup size. Lanes
   * along a grid axis take neighbouring grid points; lanes along a row axis share the row.
   */
  readonly lanes: readonly LaneAxis[];
  /** Elements per memory access, along `vectorAxis`. */
  readonly vectorWidth: Width;
  /** Name of the contiguous axis that vectors run along, or null for width 1. */
  readonly vectorAxis: string | null;
  /** Where inputs that several phases read wait in between: registers (loops unrolled), or read again. */
  readonly residency: (typeof RESIDENCIES)[number];
  /** Paired reductions (a maximum and a sum of exponentials, a mean and squared deviations) share one walk over the row. */
  readonly pairing: (typeof PAIRINGS)[number];
  /** How lanes of a row combine their partial results. */
  readonly reduction: (typeof REDUCTIONS)[number];
  /** Order of grid axes among the workgroups, slowest first. */
  readonly gridAxes: readonly string[];
  /** Axes that each workgroup walks row by row, outermost first, carrying sums over them in registers. */
  readonly walkAxes: readonly string[];
  /** Grid axes whose lanes also share the walk over the row, for values that do not depend on those axes. */
  readonly helperAxes: readonly string[];
  /** Order in which the loops over row axes nest, outermost first. */
  readonly rowAxes: readonly string[];
  /** Only for groups without rows. */
  readonly tile: Tile | null;
}

/** Grid points (in units of the vector width) that a workgroup takes along an axis. */
export const pointsAlong = (schedule: KernelSchedule, axis: string): number =>
  lanesAlong(schedule, axis) * (schedule.tile?.axis === axis ? schedule.tile.steps : 1);

/** Lanes that share an axis of the row: its own, or on the innermost axis those along the helper axes. */
export const lanesSharing = (schedule: KernelSchedule, axis: string): number =>
  schedule.helperAxes.length > 0 && axis === schedule.rowAxes[schedule.rowAxes.length - 1]
    ? schedule.helperAxes.reduce((n, helper) => n * lanesAlong(schedule, helper), 1)
    : lanesAlong(schedule, axis);

/** Lanes along an axis, 1 where none are. */
export const lanesAlong = (schedule: KernelSchedule, axis: string): number =>
  schedule.lanes.find((l) => l.axis === axis)?.lanes ?? 1;

/**
 * The schedule with its axes called otherwise, or undefined where one of them has no other name. A tile loses the accesses
 * that go through it: they are called by tensors, too, and follow from the group.
 */
export function renameAxes(
  schedule: KernelSchedule,
  names: ReadonlyMap<string, string>,
): KernelSchedule | undefined {
  const { lanes, vectorAxis, gridAxes, walkAxes, helperAxes, rowAxes, tile } = schedule;
  const single = [vectorAxis ?? [], tile?.axis ?? [], ...lanes.map((l) => l.axis)].flat();
  const own = [...single, ...gridAxes, ...walkAxes, ...helperAxes, ...rowAxes];
  if (!own.every((axis) => names.has(axis))) return undefined;
  const rename = (axis: string): string => names.get(axis) ?? axis;
  return {
    ...schedule,
    lanes: lanes.map((l) => ({ ...l, axis: rename(l.axis) })),
    vectorAxis: vectorAxis === null ? null : rename(vectorAxis),
    gridAxes: gridAxes.map(rename),
    walkAxes: walkAxes.map(rename),
    helperAxes: helperAxes.map(rename),
    rowAxes: rowAxes.map(rename),
    tile: tile === null ? null : { ...tile, axis: rename(tile.axis), through: [] },
  };
}
