/**
 * Measures one graph: fused, unfused and a copy of its floor, interleaved. In every round each variant runs once, in an
 * order that rotates, so that what disturbs the machine for a while disturbs all alike.
 */
import { findNodeModules } from "../cache/node-modules.ts";
import { openPlanCache } from "../cache/open-cache.ts";
import { compileGraph, explainCompiled } from "../index.ts";
import type { Graph } from "../ir/graph.ts";
import type { Plan } from "../ir/plan.ts";
import { findPlan } from "../find-plan.ts";
import type { Device } from "../runtime/device.ts";
import { COPY_FORMS, type CopyForm, planCopy } from "./copy-plan.ts";
import { type Traffic, trafficOf } from "./explain-workload.ts";
import { measureHost } from "./measure-host.ts";
import type { Timing, WorkloadMeasurement } from "./measurement.ts";
import {
  countSets,
  createBufferSets,
  destroyBufferSets,
  interfaceBytes,
  preparePlan,
  type PreparedPlan,
} from "../runtime/prepare-plan.ts";
import { median, spreadOf } from "../runtime/statistics.ts";
import {
  countExecutions,
  type HostClock,
  LEAST_SAMPLE_US,
  MOST_EXECUTIONS,
  type Stopwatch,
} from "../runtime/stopwatch.ts";

export interface MeasureContext {
  readonly device: Device;
  readonly gpu: GPUDevice;
  readonly stopwatch: Stopwatch;
  readonly now: HostClock;
  readonly rounds: number;
  readonly copyForm: CopyForm;
}

const WARM_COMPILES = 5;

interface CompiledVariant {
  readonly plan: Plan;
  readonly traffic: Traffic;
}

export async function measureWorkload(
  subject: { readonly name: string; readonly shape: string; readonly graph: Graph },
  context: MeasureContext,
): Promise<WorkloadMeasurement> {
  const { device, gpu, now } = context;
  const { profile } = device;
  const compile = (fuse: boolean): CompiledVariant => {
    const compiled = compileGraph(subject.graph, { profile, fuse });
    return { plan: compiled.plan, traffic: trafficOf(explainCompiled(compiled, profile)) };
  };
  const compileMs = timeCompile(() => compileGraph(subject.graph, { profile }), now);
  const [fused, unfused] = [compile(true), compile(false)];
  const copyPlan = planCopy(fused.traffic.bytesFloor, context.copyForm, profile.limits);
  const sets = createBufferSets(gpu, fused.plan, countSets(profile.software, interfaceBytes(fused.plan)));
  const copySets = createBufferSets(gpu, copyPlan, countSets(profile.software, interfaceBytes(copyPlan)));
  const start = now();
  const prepared = [await preparePlan(gpu, fused.plan, sets)];
  const pipelineMs = now() - start;
  prepared.push(await preparePlan(gpu, unfused.plan, sets), await preparePlan(gpu, copyPlan, copySets));
  try {
    const [f = [], u = [], c = []] = await interleave(prepared, context);
    const hostUs = await measureHost(device, fused.plan, sets[0], now);
    const memory = await timeCached(device, fused.plan, now);
    const disk = await timeFromDisk(device, subject.graph, now);
    return {
      name: subject.name,
      shape: subject.shape,
      fused: { ...fused.traffic, time: timingOf(f) },
      unfused: { ...unfused.traffic, time: timingOf(u) },
      copy: timingOf(c),
      speedup: median(f.map((us, round) => (u[round] ?? Number.NaN) / us)),
      copyFraction: median(f.map((us, round) => (c[round] ?? Number.NaN) / us)),
      saved: savedShare(fused.traffic, unfused.traffic, { fused: f, unfused: u, copy: c }),
      hostUs,
      compileMs,
      pipelineMs,
      cachedMs: { memory, disk },
    };
  } finally {
    for (const plan of prepared) plan.destroy();
    destroyBufferSets([...sets, ...copySets]);
  }
}

/** Bytes that fusion must save, over the floor, before time can be held against them. */
const LEAST_SAVED = 0.01;

/** Microseconds of the rounds of each variant. */
interface Rounds {
  readonly fused: readonly number[];
  readonly unfused: readonly number[];
  readonly copy: readonly number[];
}

/** The median over rounds of (unfused - fused) over the copy's time for the bytes that fusion does not move. */
export function savedShare(
  fused: Pick<Traffic, "bytesMoved" | "bytesFloor">,
  unfused: Pick<Traffic, "bytesMoved">,
  rounds: Rounds,
): number | null {
  const floors = (unfused.bytesMoved - fused.bytesMoved) / fused.bytesFloor;
  if (!(floors >= LEAST_SAVED) || !Number.isFinite(floors)) return null;
  return median(
    rounds.fused.map((us, round) => {
      const [apart = Number.NaN, copy = Number.NaN] = [rounds.unfused[round], rounds.copy[round]];
      return (apart - us) / (floors * copy);
    }),
  );
}

const timingOf = (rounds: readonly number[]): Timing => ({ us: spreadOf(rounds), rounds });

function timeCompile(compile: () => unknown, now: HostClock): WorkloadMeasurement["compileMs"] {
  const time = (): number => {
    const start = now();
    compile();
    return now() - start;
  };
  const cold = time();
  return { cold, warm: median(Array.from({ length: WARM_COMPILES }, time)) };
}

/** Loading a plan whose pipelines the device has. */
async function timeCached(device: Device, plan: Plan, now: HostClock): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < WARM_COMPILES; run++) {
    const start = now();
    await device.load({ plan }).ready;
    times.push(now() - start);
  }
  return median(times);
}

/** As a later process finds it: the plan read from a folder of its own, its pipelines known to the device. */
async function timeFromDisk(device: Device, graph: Graph, now: HostClock): Promise<number | null> {
  const node = findNodeModules();
  if (node === null) return null;
  const { fs, os, path } = node;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "weft-bench-"));
  try {
    const { profile, tuning } = device;
    const open = () => ({ profile, tuning, cache: openPlanCache({ folder }) });
    findPlan(open(), graph, {});
    const times: number[] = [];
    for (let run = 0; run < WARM_COMPILES; run++) {
      const opened = open();
      const start = now();
      await device.load(findPlan(opened, graph, {})).ready;
      times.push(now() - start);
      if (opened.cache.counters.storedHits !== 1) return null; // the disk is full, say
    }
    return median(times);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Samples by variant, one per round. */
export async function interleave(
  plans: readonly PreparedPlan[],
  { stopwatch, rounds }: Pick<MeasureContext, "stopwatch" | "rounds">,
): Promise<readonly (readonly number[])[]> {
  const executions: number[] = [];
  for (const plan of plans)
    executions.push(await countExecutions(stopwatch, plan, LEAST_SAMPLE_US, MOST_EXECUTIONS));
  const samples = plans.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < plans.length; turn++) {
      const variant = (round + turn) % plans.length;
      const plan = plans[variant];
      if (plan !== undefined) samples[variant]?.push(await stopwatch.time(plan, executions[variant] ?? 1));
    }
  return samples;
}

/** The form of the copy that moves 16 MiB soonest. */
export async function chooseCopyForm(
  { gpu, device, stopwatch }: Pick<MeasureContext, "gpu" | "device" | "stopwatch">,
  rounds = 5,
): Promise<CopyForm> {
  const plans = COPY_FORMS.map((form) => planCopy(32 * 2 ** 20, form, device.profile.limits));
  const [first] = plans;
  if (first === undefined) return { workgroupSize: 64, vectorsPerInvocation: 1 };
  const sets = createBufferSets(gpu, first, countSets(device.profile.software, interfaceBytes(first)));
  const prepared = await Promise.all(plans.map((plan) => preparePlan(gpu, plan, sets)));
  const times = (await interleave(prepared, { stopwatch, rounds })).map(median);
  destroyBufferSets(sets);
  const best = times.indexOf(Math.min(...times));
  return COPY_FORMS[best] ?? { workgroupSize: 64, vectorsPerInvocation: 1 };
}
