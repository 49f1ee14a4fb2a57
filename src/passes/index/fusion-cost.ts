/**
 * The cost model of fusion: launch + bytes / (bandwidth x min(1, workgroups / useful workgroups)), in microseconds. It
 * sees a candidate group as bytes read and written, sweeps over them, and workgroups.
 */
import { elementCount, storageBytes } from "../../ir/dtype.ts";
import { isAxisTerm, sizeOf, type AxisSizes, type IndexExpr } from "../../ir/index-expr.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import type { StoredTensor } from "../../ir/index-notation.ts";

export interface CandidateTraffic {
  /** Bytes read once per sweep, and how many sweeps (1 where the row stays on the chip). */
  readonly readBytes: number;
  readonly sweeps: number;
  readonly writtenBytes: number;
  readonly workgroups: number;
  /** Rows are contiguous and no longer than `SHORT_ROW`. */
  readonly isShortRow: boolean;
  /** Bytes that every workgroup reads again, from a cache. */
  readonly replicatedBytes: number;
}

/** Elements that one workgroup walks at once: parallelism inside a row counts up to here. */
export const ELEMENTS_PER_WORKGROUP = 1024;
/**
 * Elements of a contiguous row that a workgroup holds and passes over in a few microseconds, however idle the rest of the
 * device: less than another launch costs. Such rows are neither cut nor kept apart from what follows them.
 */
export const SHORT_ROW = 8192;
/** Share of the bandwidth that few workgroups with short rows reach at least. */
const SHORT_ROW_SHARE = 1 / 8;
/** How much faster than memory the caches are from which partial results are read again. */
const CACHE_SPEED = 4;

export function kernelTime(profile: DeviceProfile, traffic: CandidateTraffic): number {
  const bytes = traffic.readBytes * traffic.sweeps + traffic.writtenBytes;
  const cached = (traffic.replicatedBytes * traffic.workgroups) / CACHE_SPEED;
  const least = traffic.isShortRow ? SHORT_ROW_SHARE : 0;
  const share = Math.min(1, Math.max(least, traffic.workgroups / profile.usefulWorkgroups));
  return profile.launchUs + (bytes + cached) / (profile.copyGBps * 1e3 * share);
}

/** f32 elements of a 32-byte memory sector. */
const SECTOR = 8;
/** A run of so many elements wastes at most a third of the sectors that it touches, wherever it starts. */
const LONG_RUN = 26;

/** Runs that start anywhere should be at least so long. */
const UNALIGNED_RUN = 32;

/** Grid points that must be taken together so that what they read fills whole sectors: 1 where a row is contiguous. */
export function pointsPerWorkgroup(read: IndexExpr, grid: readonly string[], sizes: AxisSizes): number {
  let run = 1;
  const terms = read.terms.filter(isAxisTerm).sort((a, b) => a.coefficient - b.coefficient);
  for (const { axis, coefficient } of terms) {
    if (coefficient !== run) return 1;
    const isAligned = terms.every((t) => t.coefficient <= coefficient || t.coefficient % SECTOR === 0);
    if (grid.includes(axis))
      return Math.min(sizeOf(axis, sizes), isAligned ? neighboursFor(run) : Math.ceil(UNALIGNED_RUN / run));
    run *= sizeOf(axis, sizes);
    if (run >= LONG_RUN) return 1;
  }
  return 1;
}

/** Fewest runs of that length side by side that fill sectors. */
export function neighboursFor(run: number): number {
  let points = 1;
  while ((points * run) % SECTOR !== 0 && points * run < LONG_RUN) points++;
  return points;
}

export const tensorBytes = (tensor: StoredTensor): number =>
  elementCount(tensor.shape) * storageBytes(tensor.dtype);

export const printBytes = (bytes: number): string =>
  bytes < 1e4
    ? `${String(bytes)} B`
    : bytes < 1e7
      ? `${(bytes / 1e3).toFixed(1)} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`;
