/**
 * The cost model of fusion: launch + bytes / (bandwidth x min(1, workgroups / useful workgroups)), in microseconds. It
 * sees a candidate group as bytes read and written, sweeps over them, workgroups, and on a CPU what it computes.
 */
import { elementCount, storageBytes } from "../../ir/dtype.ts";
import { axisTerms, sizeOf, type AxisSizes, type IndexExpr } from "../../ir/index-expr.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { longRun } from "../../ir/sectors.ts";
import type { StoredTensor } from "../../ir/index-notation.ts";
import { CACHE_SPEED, workgroupsWithStages } from "../../ir/stage-view.ts";

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
  /** What it computes, in bytes of copying: 0 on hardware, where that hides behind memory. */
  readonly work: number;
  readonly stages: StageTraffic | undefined;
}

/** What every workgroup does for itself before the rest. */
export interface StageTraffic {
  /** Stages that wait for each other. */
  readonly depth: number;
  /** Terms that they reduce together, and bytes that these are read from. */
  readonly terms: number;
  readonly bytes: number;
  /** Barriers of reductions over more points than the workgroup takes at once. */
  readonly barriers: number;
  /** Workgroups at least: a workgroup has one coordinate of the pinned axes. */
  readonly leastWorkgroups: number;
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
/** Terms of a reduction that every workgroup may repeat; on software devices every lane repeats it. */
const MAX_REPEATED = 1024;
const MAX_REPEATED_SOFTWARE = 16;
/** Points of the grid for each partial result, at least. */
const POINTS_PER_REPEATED = 4;
const POINTS_PER_REPEATED_SOFTWARE = 16;
/** Barriers of a stage: two of its reduction, one behind it. */
const BARRIERS_PER_STAGE = 3;
/** From a load out of a cache to what depends on it. */
const STAGE_LATENCY_US = 0.5;

export function kernelTime(profile: DeviceProfile, traffic: CandidateTraffic): number {
  const bytes = traffic.readBytes * traffic.sweeps + traffic.writtenBytes + traffic.work;
  // Workgroups that repeat something are few (choose-stages.ts).
  const repeats = workgroupsWithStages(traffic.replicatedBytes / 4) * profile.usefulWorkgroups;
  const cached = (traffic.replicatedBytes * Math.min(traffic.workgroups, repeats)) / CACHE_SPEED;
  const least = traffic.isShortRow ? SHORT_ROW_SHARE : 0;
  const share = Math.min(1, Math.max(least, traffic.workgroups / profile.usefulWorkgroups));
  const memoryUs = (bytes + cached) / (profile.copyGBps * 1e3 * share);
  return (
    profile.launchUs +
    (traffic.stages === undefined ? memoryUs : withStages(profile, traffic, traffic.stages, memoryUs))
  );
}

/** So many sums of so many terms each, for a grid of so many points. */
export interface Repeated {
  readonly terms: number;
  readonly sums: number;
  readonly points: number;
}

/** Whether every workgroup of a kernel may add up partial results for itself. What that costs `kernelTime` says. */
export const canRepeat = ({ software }: DeviceProfile, { terms, sums, points }: Repeated): boolean =>
  terms <= (software ? MAX_REPEATED_SOFTWARE : MAX_REPEATED) &&
  points >= (software ? POINTS_PER_REPEATED_SOFTWARE : POINTS_PER_REPEATED) * terms * sums;

/** Time of a kernel with barriers over that of one without, on a CPU. Measured: lavapipe, norm of norms of [8,96,28,28]. */
const BARRIER_SLOWDOWN = 1.5;

/** How long a workgroup takes for a stage of few terms. */
export const stageUs = (profile: DeviceProfile): number =>
  BARRIERS_PER_STAGE * profile.barrierUs + STAGE_LATENCY_US;

/**
 * Stages are a chain of loads and barriers that comes before the rest, in each of the workgroups that repeat them (few, which
 * take several blocks of points each). On hardware the chains of later workgroups pass while others use the memory; on a CPU
 * nothing else runs meanwhile, and what lives across a barrier leaves the registers.
 */
function withStages(
  profile: DeviceProfile,
  { workgroups }: CandidateTraffic,
  stages: StageTraffic,
  memoryUs: number,
): number {
  const most = workgroupsWithStages(stages.terms) * profile.usefulWorkgroups;
  const repeats = Math.max(1, stages.leastWorkgroups, Math.min(workgroups, most));
  const bytesPerUs = profile.copyGBps * 1e3;
  // What one workgroup reads alone comes from memory.
  const speed = repeats > stages.leastWorkgroups ? CACHE_SPEED : 1;
  const readUs = (stages.bytes * profile.usefulWorkgroups) / (bytesPerUs * speed);
  const chain = stages.depth * stageUs(profile) + stages.barriers * profile.barrierUs + readUs;
  const busy = Math.min(repeats, profile.usefulWorkgroups);
  if (profile.software) return memoryUs * BARRIER_SLOWDOWN + (chain * repeats) / busy;
  const allReadUs = (stages.bytes * repeats) / (bytesPerUs * speed);
  const waves = Math.ceil(repeats / most);
  return chain + Math.max(memoryUs + allReadUs - readUs, (waves - 1) * chain, memoryUs);
}

/** A run of so many sectors touches a third more than it fills. */
const BEARABLE_RUN = 2.5;

/** Sectors of runs that start anywhere, at least. */
const UNALIGNED_RUN = 4;

/** Where a group reads most, and elements side by side that fill memory sectors there. */
export interface MainRead {
  readonly index: IndexExpr;
  readonly sector: number;
}

/** Grid points that must be taken together so that what they read fills whole sectors: 1 where a row is contiguous. */
export const pointsPerWorkgroup = (read: MainRead, grid: readonly string[], sizes: AxisSizes): number =>
  pointsTogether(read, grid, sizes, (run) => Math.ceil((UNALIGNED_RUN * read.sector) / run));

/** Fewest points that schedules take together to keep their rows on the chip. */
export const pointsHeldTogether = (read: MainRead, grid: readonly string[], sizes: AxisSizes): number =>
  pointsTogether(
    read,
    grid,
    sizes,
    (run) => Math.ceil((UNALIGNED_RUN * read.sector) / run),
    // Rows that are read once may waste more.
    (run) => runsUpTo(run, BEARABLE_RUN * read.sector, read.sector),
  );

/** Points that schedules take together where there are enough: whole sectors next to each other, wherever the first starts. */
export const usualPoints = (read: MainRead, grid: readonly string[], sizes: AxisSizes): number =>
  pointsTogether(read, grid, sizes, (run) => {
    let step = 1;
    while ((run * step) % read.sector !== 0) step++;
    return Math.max(step, Math.ceil((UNALIGNED_RUN * read.sector) / run));
  });

function pointsTogether(
  { index, sector }: MainRead,
  grid: readonly string[],
  sizes: AxisSizes,
  unaligned: (run: number) => number,
  aligned = (run: number): number => runsUpTo(run, longRun(sector), sector),
): number {
  let run = 1;
  const terms = [...axisTerms(index)].sort((a, b) => a.coefficient - b.coefficient);
  for (const { axis, coefficient } of terms) {
    if (coefficient !== run) return 1;
    const isAligned = terms.every((t) => t.coefficient <= coefficient || t.coefficient % sector === 0);
    if (grid.includes(axis)) return Math.min(sizeOf(axis, sizes), isAligned ? aligned(run) : unaligned(run));
    run *= sizeOf(axis, sizes);
    if (run >= longRun(sector)) return 1;
  }
  return 1;
}

/** Fewest runs of that length side by side that fill sectors, or are `most` long together. */
function runsUpTo(run: number, most: number, sector: number): number {
  let points = 1;
  while ((points * run) % sector !== 0 && points * run < most) points++;
  return points;
}

export const tensorBytes = (tensor: StoredTensor): number =>
  elementCount(tensor.shape) * storageBytes(tensor.dtype);
