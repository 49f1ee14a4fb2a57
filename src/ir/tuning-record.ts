/**
 * What tuning has found, as plain data: for each kernel, by its group's canonical text (canonical-group.ts), the schedule
 * that was fastest on one device. Versioned JSON that can be kept, sent and read elsewhere.
 *
 * Ensures: `readTuningRecord` takes anything and gives only what has the right form; whether a schedule is legal for the
 *          group is asked by whoever compiles (verify-schedule.ts). A record can make a kernel slow, never wrong.
 */
import type { Width } from "./kernel.ts";
import {
  PAIRINGS,
  REDUCTIONS,
  RESIDENCIES,
  TILE_MEMORIES,
  type KernelSchedule,
  type LaneAxis,
  type StageSchedule,
  type Tile,
  type Turns,
} from "./schedule.ts";

export const TUNING_RECORD_VERSION = 1;
/** Kernels of a record at most; the oldest go first. */
export const MOST_TUNED_KERNELS = 1000;
/** A longer text is no group that this compiler makes. */
const LONGEST_TEXT = 200_000;
/** More axes than any group has: each has two elements or more. */
const MOST_AXES = 64;

export interface TunedKernel {
  /** Canonical text of the group. */
  readonly group: string;
  /** The fastest schedule that was found, in the axes of the text; the default where none was faster. */
  readonly schedule: KernelSchedule;
  /** Microseconds of a dispatch when it was tuned: under the default schedule, and under this one. */
  readonly defaultUs: number;
  readonly us: number;
}

export interface TuningRecord {
  readonly version: typeof TUNING_RECORD_VERSION;
  /** What the figures hold for: compiler version, adapter, its limits and features. */
  readonly device: string;
  /** Oldest first. */
  readonly kernels: readonly TunedKernel[];
}

/** The record in `value`, without kernels that have no right form; null where it is no record of this version. */
export function readTuningRecord(value: unknown): TuningRecord | null {
  if (!isObject(value) || value["version"] !== TUNING_RECORD_VERSION) return null;
  const { device, kernels } = value;
  if (typeof device !== "string" || !Array.isArray(kernels)) return null;
  return {
    version: TUNING_RECORD_VERSION,
    device,
    kernels: kernels.slice(-MOST_TUNED_KERNELS).flatMap((kernel: unknown) => readKernel(kernel) ?? []),
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isTime = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

function readKernel(value: unknown): TunedKernel | null {
  if (!isObject(value)) return null;
  const { group, defaultUs, us } = value;
  const schedule = readSchedule(value["schedule"]);
  if (typeof group !== "string" || group.length > LONGEST_TEXT || schedule === null) return null;
  return isTime(defaultUs) && isTime(us) ? { group, schedule, defaultUs, us } : null;
}

/** Field by field: nothing else of a foreign object gets any further. */
function readSchedule(value: unknown): KernelSchedule | null {
  if (!isObject(value)) return null;
  const { vectorWidth, vectorAxis, coarsening, unroll } = value;
  const lanes = readLanes(value["lanes"]);
  const residency = RESIDENCIES.find((word) => word === value["residency"]);
  const pairing = PAIRINGS.find((word) => word === value["pairing"]);
  const reduction = REDUCTIONS.find((word) => word === value["reduction"]);
  const axes = [value["gridAxes"], value["walkAxes"], value["helperAxes"], value["rowAxes"]].map(readAxes);
  const [gridAxes, walkAxes, helperAxes, rowAxes] = axes;
  if (lanes === null || residency === undefined || pairing === undefined || reduction === undefined)
    return null;
  if (!gridAxes || !walkAxes || !helperAxes || !rowAxes || !isWidth(vectorWidth)) return null;
  if (vectorAxis !== null && typeof vectorAxis !== "string") return null;
  if (typeof coarsening !== "number" || typeof unroll !== "number") return null;
  const tile = readTile(value["tile"]);
  const stages = readStages(value["stages"]);
  const turns = readTurns(value["turns"]);
  if (tile === undefined || stages === null || turns === undefined) return null;
  return {
    lanes,
    coarsening,
    unroll,
    vectorWidth,
    vectorAxis,
    residency,
    pairing,
    reduction,
    gridAxes,
    walkAxes,
    helperAxes,
    rowAxes,
    tile,
    stages,
    turns,
  };
}

function readStages(value: unknown): readonly StageSchedule[] | null {
  if (!Array.isArray(value) || value.length > MOST_AXES) return null;
  const stages = value.flatMap((entry: unknown): readonly StageSchedule[] => {
    if (!isObject(entry)) return [];
    const { lanesPerPoint, fastAxis } = entry;
    const reduction = REDUCTIONS.find((word) => word === entry["reduction"]);
    const hasForm = typeof lanesPerPoint === "number" && (fastAxis === null || typeof fastAxis === "string");
    return hasForm && reduction !== undefined ? [{ lanesPerPoint, fastAxis, reduction }] : [];
  });
  return stages.length === value.length ? stages : null;
}

function readTurns(value: unknown): Turns | null | undefined {
  if (value === null) return null;
  if (!isObject(value)) return undefined;
  const { axis, count } = value;
  return typeof axis === "string" && typeof count === "number" ? { axis, count } : undefined;
}

function readTile(value: unknown): Tile | null | undefined {
  if (value === null) return null;
  if (!isObject(value)) return undefined;
  const { axis, steps } = value;
  const memory = TILE_MEMORIES.find((word) => word === value["memory"]);
  return typeof axis === "string" && typeof steps === "number" && memory !== undefined
    ? { memory, axis, steps, through: [] }
    : undefined;
}

const isWidth = (value: unknown): value is Width => value === 1 || value === 2 || value === 4;

const readAxes = (value: unknown): readonly string[] | null =>
  Array.isArray(value) && value.length <= MOST_AXES && value.every((name) => typeof name === "string")
    ? value
    : null;

function readLanes(value: unknown): readonly LaneAxis[] | null {
  if (!Array.isArray(value) || value.length > MOST_AXES) return null;
  const lanes = value.flatMap((entry: unknown): readonly LaneAxis[] => {
    if (!isObject(entry)) return [];
    const { axis, lanes: count } = entry;
    return typeof axis === "string" && typeof count === "number" ? [{ axis, lanes: count }] : [];
  });
  return lanes.length === value.length ? lanes : null;
}
