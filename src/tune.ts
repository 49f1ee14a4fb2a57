/**
 * Tuning: times the legal schedules of a program's kernels on the device at hand and keeps the fastest of each, by the
 * canonical text of its group, in `device.tuning`; in Node, also in the user's cache folder. Compilation asks
 * `device.tuning`, so programs that are compiled later for this device have the same schedules.
 *
 * Loaded only by those who tune.
 */
import { compileGraph, compileGroup, type Compiled, type CompileOptions } from "./compile.ts";
import { CompilerBug, TensorweftError } from "./diagnostics/diagnostic.ts";
import { canonicalizeGroup } from "./ir/canonical-group.ts";
import { elementCount, storageBytes } from "./ir/dtype.ts";
import type { Graph } from "./ir/graph.ts";
import { viewGroup } from "./ir/group-view.ts";
import type { Plan } from "./ir/plan.ts";
import { renameAxes, type KernelSchedule } from "./ir/schedule.ts";
import type { TunedKernel } from "./ir/tuning-record.ts";
import { createJudge } from "./judge-candidate.ts";
import { isolateGroups, type IsolatedGroup } from "./passes/index/isolate-groups.ts";
import { planGroup } from "./make-plan.ts";
import type { Device } from "./runtime/device.ts";
import {
  countSets,
  createBufferSets,
  destroyBufferSets,
  interfaceBytes,
  type BufferSet,
} from "./runtime/prepare-plan.ts";
import { loadTuning, saveTuning } from "./runtime/profile-store.ts";
import { raceCandidates } from "./runtime/race-candidates.ts";
import { readBuffer } from "./runtime/read-buffer.ts";
import { ratioTo } from "./runtime/statistics.ts";
import { createStopwatch, type Stopwatch } from "./runtime/stopwatch.ts";
import { chooseCandidates, isSameSchedule, MOST_CANDIDATES } from "./schedule/schedule-space.ts";

export interface TuneOptions {
  /** Where the record is kept, in Node. Default: the user's cache folder; null: nowhere but in `device.tuning`. */
  readonly cacheFolder?: string | null | undefined;
  /** Times kernels again that have an entry. Default false. */
  readonly renew?: boolean | undefined;
  /** Candidates per kernel at most, the default included. Default 24. */
  readonly candidates?: number | undefined;
  /** Told of progress: kernels that are done, of how many, and how far the next one is (0 to 1). */
  readonly onProgress?: ((progress: TuneProgress) => void) | undefined;
}

export interface TuneProgress {
  readonly kernel: string;
  readonly done: number;
  readonly total: number;
  readonly fraction: number;
}

/** What became of one kernel. */
export interface TunedReport {
  readonly kernel: string;
  /** timed now; known from before; or left alone: too large for the oracle to judge, or refused by the device. */
  readonly status: "timed" | "known" | "left";
  /** Left alone for good: no run of the tuner will do more. */
  readonly isUnjudged?: boolean | undefined;
  /** Schedules that were run, the default included, and how many of them were wrong or refused. */
  readonly candidates: number;
  readonly rejected: number;
  /** Microseconds of a dispatch under the default schedule and under the one that is kept; 0 where it was left alone. */
  readonly defaultUs: number;
  readonly us: number;
  /** Median over rounds of the time under the schedule that is kept, over that under the default in the same round. */
  readonly ratio: number;
  readonly schedule: KernelSchedule;
  readonly isDefault: boolean;
  /** What was timed now, the default first: rounds over the default's, null for what was rejected or far too slow. */
  readonly tried: readonly { readonly schedule: KernelSchedule; readonly ratio: number | null }[];
}

export interface TuningResult {
  readonly compiled: Compiled;
  readonly reports: readonly TunedReport[];
  /** Whether tuning again would find no more: no kernel was left alone for want of room, say. */
  readonly isFinal: boolean;
}

/**
 * Tunes the kernels of a graph on a device, those without an entry in `device.tuning` or the stored record, and compiles
 * the graph with what was found.
 *
 * @throws {TensorweftError} what `compileGraph` throws
 */
export async function tuneGraph(
  device: Device,
  graph: Graph,
  options: TuneOptions & Pick<CompileOptions, "check" | "dump" | "tuned"> = {},
): Promise<TuningResult> {
  const { profile, tuning } = device;
  const { check, cacheFolder, tuned = tuning } = options;
  const standard = compileGraph(graph, { profile, check });
  const reports = await tuning.alone(async () => {
    const isKept = cacheFolder !== null;
    if (isKept && options.renew !== true) await loadTuning(tuning, cacheFolder);
    const before = tuning.timedKernels;
    const found = await tuneKernels(device, standard, options);
    if (isKept && tuning.timedKernels > before) await saveTuning(tuning, cacheFolder);
    return found;
  });
  const { dump } = options;
  const compiled = compileGraph(graph, { profile, check, dump, tuned, sources: check });
  const isFinal = reports.every(({ status, isUnjudged }) => status !== "left" || isUnjudged === true);
  return { compiled, reports, isFinal };
}

async function tuneKernels(
  device: Device,
  { grouped, kernels }: Compiled,
  options: TuneOptions,
): Promise<readonly TunedReport[]> {
  const gpu = device.gpuDevice;
  if (gpu === null) return [];
  const stopwatch = createStopwatch(gpu, () => performance.now());
  const reports = new Map<string, TunedReport>();
  try {
    const groups = isolateGroups(grouped);
    for (const [done, alone] of groups.entries()) {
      const { text } = canonicalizeGroup(alone.program, alone.group);
      const chosen = kernels[done]?.schedule;
      if (reports.has(text) || chosen === undefined) continue; // equal kernels are tuned once
      const { name } = alone.group;
      const onStep = (step: number, total: number): void =>
        options.onProgress?.({ kernel: name, done, total: groups.length, fraction: step / total });
      onStep(0, 1);
      reports.set(text, await tuneGroup({ device, gpu, stopwatch, alone, text, options, onStep }));
      device.trim();
    }
  } finally {
    stopwatch.destroy();
  }
  return [...reports.values()];
}

interface GroupTuning {
  readonly device: Device;
  readonly gpu: GPUDevice;
  readonly stopwatch: Stopwatch;
  readonly alone: IsolatedGroup;
  readonly text: string;
  readonly options: TuneOptions;
  readonly onStep: (step: number, total: number) => void;
}

async function tuneGroup(tuning: GroupTuning): Promise<TunedReport> {
  const { device, alone, text, options } = tuning;
  const { profile, tuning: table } = device;
  const grouped = { program: alone.program, groups: [alone.group] };
  const candidates = chooseCandidates((view) => viewGroup(grouped, alone.group, view), profile).slice(
    0,
    Math.max(1, options.candidates ?? MOST_CANDIDATES),
  );
  const [first] = candidates;
  if (first === undefined) throw new CompilerBug("tuning", [`${alone.group.name} has no schedule`]);
  const kernel = alone.group.name;
  const left = {
    kernel,
    status: "left",
    candidates: 0,
    rejected: 0,
    defaultUs: 0,
    us: 0,
    ratio: 1,
    tried: [],
  } as const;
  const entry = table.find(text);
  const { axes } = canonicalizeGroup(alone.program, alone.group);
  if (entry !== undefined && options.renew !== true) {
    const own = renameAxes(entry.schedule, new Map([...axes].map(([name, canonical]) => [canonical, name])));
    const schedule = own ?? first;
    const isDefault = isSameSchedule(schedule, first);
    const { defaultUs, us } = entry;
    return { ...left, status: "known", defaultUs, us, ratio: ratioTo(defaultUs, us), schedule, isDefault };
  }
  // Schedules that differ in words only make the same kernel.
  const plans = new Map<string, { readonly schedule: KernelSchedule; readonly plan: Plan }>();
  for (const schedule of candidates) {
    const plan = planOrNull(alone, schedule, device);
    const same = JSON.stringify([plan?.kernels, plan?.steps]);
    if (plan !== null && !plans.has(same)) plans.set(same, { schedule, plan });
  }
  const distinct = [...plans.values()];
  const raced = await raceGroup(
    tuning,
    distinct.map(({ plan }) => plan),
  );
  if (raced === null || raced === "unjudged")
    return { ...left, schedule: first, isDefault: true, isUnjudged: raced === "unjudged" };
  const schedule = distinct[raced.best]?.schedule ?? first;
  const named = renameAxes(schedule, axes);
  if (named === undefined) throw new CompilerBug("tuning", [`${kernel} has an axis without a name`]);
  const found: TunedKernel = { group: text, schedule: named, defaultUs: raced.standardUs, us: raced.bestUs };
  table.add(found);
  return {
    kernel,
    status: "timed",
    candidates: distinct.length,
    rejected: raced.rejected,
    defaultUs: raced.standardUs,
    us: raced.bestUs,
    ratio: raced.bestRatio,
    tried: distinct.map(({ schedule: tried }, i) => ({ schedule: tried, ratio: raced.ratios[i] ?? null })),
    schedule,
    isDefault: raced.best === 0,
  };
}

/** The group under a schedule, or null where it then needs more of a tensor at once than the device binds. */
function planOrNull(alone: IsolatedGroup, schedule: KernelSchedule, { profile }: Device): Plan | null {
  try {
    return planGroup(alone.program, compileGroup(alone, { profile, schedule: () => schedule }));
  } catch (error) {
    if (error instanceof TensorweftError) return null;
    throw error;
  }
}

/** Runs the plans on buffers of their own; null where the device refuses the first or has no room. */
async function raceGroup(
  { device, gpu, stopwatch, alone, onStep }: GroupTuning,
  plans: readonly Plan[],
): Promise<Awaited<ReturnType<typeof raceCandidates>> | "unjudged"> {
  const [standard] = plans;
  if (standard === undefined) return null;
  const { inputs, outputs } = standard;
  const judge = createJudge(alone, inputs, outputs);
  if (judge === null) return "unjudged";
  gpu.pushErrorScope("validation");
  gpu.pushErrorScope("out-of-memory");
  const sets = createBufferSets(gpu, standard, countSets(device.profile.software, interfaceBytes(standard)));
  const errors = await Promise.all([gpu.popErrorScope(), gpu.popErrorScope()]);
  try {
    if (errors.some((error) => error !== null)) return null;
    let isFirst = true;
    const isRight = async (): Promise<boolean> => {
      const results = await readOutputs(gpu, outputs, sets[0]);
      const verdict = isFirst ? judge.acceptStandard(results) : judge.isRight(results);
      isFirst = false;
      return verdict;
    };
    return await raceCandidates(plans, { gpu, stopwatch, sets, isRight, onStep });
  } finally {
    destroyBufferSets(sets);
  }
}

async function readOutputs(
  gpu: GPUDevice,
  outputs: Plan["outputs"],
  set: BufferSet | undefined,
): Promise<readonly ArrayBuffer[]> {
  const results: ArrayBuffer[] = [];
  for (const [index, { dtype, shape }] of outputs.entries()) {
    const buffer = set?.outputs[index];
    const bytes = Math.ceil((elementCount(shape) * storageBytes(dtype)) / 4) * 4;
    if (buffer !== undefined) results.push(await readBuffer(gpu, buffer, bytes));
  }
  return results;
}
