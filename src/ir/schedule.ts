/**
 * How a fusion group runs, apart from what it computes. Plain data: chosen by `schedule/`, obeyed by `lower/`, printable
 * and overridable by hand. Serial rows, rows shared by a workgroup, columns and pointwise groups are points of this space.
 */
import type { LaneOrder, Width } from "./kernel.ts";

/** Lanes along it take part in the stages of a group alone. */
export const NO_AXIS = "";

/** Invocations along an axis, or along `NO_AXIS`. */
export interface LaneAxis {
  readonly axis: string;
  readonly lanes: number;
}

/**
 * A block of a pointwise group's grid that some accesses pass through: those that are contiguous along another axis than the
 * one that neighbouring lanes take.
 *
 * - In workgroup memory lanes go along two axes, the fastest digit along the axis that most accesses are contiguous along; the
 *   block is their lanes along that axis, times `steps` times the lanes along `axis`.
 * - In registers each lane has a block of its own, a vector along the vector axis times `steps` points along `axis`, and turns
 *   it component by component: no barriers.
 */
export interface Tile {
  readonly memory: (typeof TILE_MEMORIES)[number];
  /** The axis along which the accesses in `through` are contiguous. */
  readonly axis: string;
  /** Points along `axis` that each lane computes: they divide the lanes of the fastest digit, or are the vector width. */
  readonly steps: number;
  /** Keys `tensor[index]` of the reads and stores that go through the block. */
  readonly through: readonly string[];
}

/** The words of a schedule, listed for whoever reads one that was written elsewhere. */
export const RESIDENCIES = ["registers", "workgroup", "reload"] as const;
export const PAIRINGS = ["one-walk", "two-walks"] as const;
export const TILE_MEMORIES = ["workgroup", "registers"] as const;
export const REDUCTIONS = ["serial", "tree", "subgroup"] as const;

/** How the lanes of a workgroup compute a stage (stage-view.ts). */
export interface StageSchedule {
  /** Lanes that share one point; divides the workgroup size. The workgroup takes so many points at a time as that leaves. */
  readonly lanesPerPoint: number;
  /** Axis along which neighbouring lanes go, of the stage's points or of its row; null where lanes have nothing to go along. */
  readonly fastAxis: string | null;
  /** How lanes of a point combine their partial results. */
  readonly reduction: (typeof REDUCTIONS)[number];
}

/** Blocks of points along a grid axis that a workgroup takes one after the other. */
export interface Turns {
  readonly axis: string;
  readonly count: number;
}

export interface KernelSchedule {
  /**
   * The lanes of a workgroup as digits of the lane index, slowest first; each is an invocation, or as many are as `coarsening`
   * says. Lanes along a grid axis take neighbouring grid points; lanes along a row axis share the row.
   */
  readonly lanes: readonly LaneAxis[];
  /**
   * Lanes whose work one invocation does (thread coarsening; lower/coarsen-lanes.ts): the workgroup has so many times fewer
   * invocations. More than 1 only where lanes have nothing to share.
   */
  readonly coarsening: number;
  /**
   * Steps along the innermost row axis that one turn of a walk takes, where the walk only reduces: their loads are under way
   * together, and sums add them up among themselves first. 1 leaves it to what comes after (codegen/wgsl/unroll-partly.ts).
   */
  readonly unroll: number;
  /** Elements per memory access, along `vectorAxis`. */
  readonly vectorWidth: Width;
  /** Name of the contiguous axis that vectors run along, or null for width 1. */
  readonly vectorAxis: string | null;
  /**
   * Where what several phases need of a row waits in between: in registers (loops unrolled), in workgroup memory (each lane has
   * slots of its own: no barriers, and no bank conflicts), or nowhere, and is read again.
   */
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
  /** One for each stage of the group. */
  readonly stages: readonly StageSchedule[];
  /** Where workgroups have stages or shared reductions to repeat, they are few, and take several blocks each. */
  readonly turns: Turns | null;
}

/** Lanes of a workgroup. */
export const workgroupSizeOf = ({ lanes }: Pick<KernelSchedule, "lanes">): number =>
  lanes.reduce((n, l) => n * l.lanes, 1);

/** Lanes that share an axis of the row: its own, or on the innermost axis those along the helper axes. */
export const lanesSharing = (schedule: KernelSchedule, axis: string): number =>
  schedule.helperAxes.length > 0 && axis === schedule.rowAxes[schedule.rowAxes.length - 1]
    ? schedule.helperAxes.reduce((n, helper) => n * lanesAlong(schedule, helper), 1)
    : lanesAlong(schedule, axis);

/** Points (in units of the vector width) that a workgroup takes along a grid axis. */
export const pointsAlong = (schedule: KernelSchedule, axis: string): number =>
  lanesAlong(schedule, axis) *
  (schedule.tile?.axis === axis ? schedule.tile.steps : 1) *
  (schedule.turns?.axis === axis ? schedule.turns.count : 1);

/** Lanes along an axis, 1 where none are. */
export const lanesAlong = (schedule: KernelSchedule, axis: string): number =>
  schedule.lanes.find((l) => l.axis === axis)?.lanes ?? 1;

/** How the lanes of a row lie in the workgroup. */
export function laneOrder(schedule: KernelSchedule): { readonly lanes: number; readonly order: LaneOrder } {
  const digits = schedule.lanes
    .filter((l) => l.lanes > 1)
    .map((l) => ({
      size: l.lanes,
      shared: schedule.rowAxes.includes(l.axis) || schedule.helperAxes.includes(l.axis),
    }));
  const lanes = digits.reduce((n, d) => (d.shared ? n * d.size : n), 1);
  const turns = digits.filter((d, i) => i > 0 && d.shared !== digits[i - 1]?.shared).length;
  if (turns === 0 || (turns === 1 && digits[0]?.shared === false)) return { lanes, order: "inner" };
  return { lanes, order: turns === 1 ? "outer" : digits };
}

/**
 * The schedule with its axes called otherwise, or undefined where one of them has no other name. A tile loses the accesses
 * that go through it: they are called by tensors, too, and follow from the group.
 */
export function renameAxes(
  schedule: KernelSchedule,
  names: ReadonlyMap<string, string>,
): KernelSchedule | undefined {
  const { lanes, vectorAxis, gridAxes, walkAxes, helperAxes, rowAxes, tile, stages, turns } = schedule;
  const single = [vectorAxis, tile?.axis, turns?.axis, ...stages.map((s) => s.fastAxis)];
  const own = [...single, ...lanes.map((l) => l.axis), ...gridAxes, ...walkAxes, ...helperAxes, ...rowAxes];
  const isKnown = (axis: string | null | undefined): boolean =>
    axis === null || axis === undefined || axis === NO_AXIS || names.has(axis);
  if (!own.every(isKnown)) return undefined;
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
    stages: stages.map((s) => ({ ...s, fastAxis: s.fastAxis === null ? null : rename(s.fastAxis) })),
    turns: turns === null ? null : { ...turns, axis: rename(turns.axis) },
  };
}
