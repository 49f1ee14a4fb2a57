/**
 * Compiled programs of one function, found again by what they depend on: the device, and a key that holds shapes, dtypes
 * and static arguments. The second call with equal keys costs a look-up.
 */
import { type CompileOptions, compileGraph, optimizeGraph } from "./compile.ts";
import { captureCallSite } from "./diagnostics/call-site.ts";
import { fail } from "./diagnostics/diagnostic.ts";
import type { FoundPlan } from "./cache/plan-cache.ts";
import { printPlanKey } from "./cache/plan-key.ts";
import type { DynamicDimensions } from "./dynamic-dimensions.ts";
import { type DynamicCall, DynamicPrograms } from "./dynamic-programs.ts";
import type { Graph } from "./ir/graph.ts";
import type { Plan } from "./ir/plan.ts";
import type { DeviceProfile } from "./ir/profile.ts";
import { compareInterfaces, interfaceOf } from "./ir/verify-plan.ts";
import type { Device, LoadedProgram, Tensor } from "./runtime/device.ts";
import { checkPlan } from "./runtime/check-plan.ts";
import { PACKAGE_VERSION } from "./runtime/version.ts";
import type { TuneOptions } from "./tune.ts";
import type { TunedSchedules } from "./tuned-schedule.ts";

export interface CallCounters {
  /**
   * How often the function was run on types to get its graph, and the graph compiled. A further size of a dynamic dimension
   * compiles nothing and does not count.
   */
  readonly traces: number;
  readonly calls: number;
}

export interface ProgramCacheOptions {
  /** Verify every artefact after every pass. */
  readonly debug?: boolean | undefined;
  readonly dump?: ((stage: string, text: string) => void) | undefined;
  /**
   * Times the legal schedules of each new kernel on the device, at the first call with a shape, and keeps the fastest: in
   * `device.tuning` and, in Node, in the user's cache folder, from where later processes take it without timing anything.
   * Calls return at once as always; their results wait until tuning is done (seconds per kernel). Default false.
   */
  readonly tune?: boolean | TuneOptions | undefined;
  /**
   * Outermost dimensions, such as a batch, whose sizes share kernels: a further size is not compiled. By parameter,
   * `{ x: [0] }`, or by position, `[[0], []]`; all of them have one size in a call. Where the function does more with the
   * dimension than going along it, each size has kernels of its own, and a warning says why (docs/shapes.md). Schedules of
   * shared kernels are not tuned.
   */
  readonly dynamic?: DynamicDimensions | undefined;
  /** Told once why a dynamic dimension is none. Default: console.warn. */
  readonly warn?: ((message: string) => void) | undefined;
}

export interface CachedProgram<T> {
  readonly program: LoadedProgram;
  /** What the caller keeps beside the program: the structure of its results, say. */
  readonly extra: T;
}

export class ProgramCache<T> {
  readonly #options: ProgramCacheOptions;
  readonly #devices = new WeakMap<Device, Map<string, CachedProgram<T>>>();
  readonly #counters = { traces: 0, calls: 0 };
  readonly #dynamic: DynamicPrograms;

  constructor(options: ProgramCacheOptions = {}) {
    this.#options = options;
    this.#dynamic = new DynamicPrograms(options);
  }

  get counters(): CallCounters {
    return { ...this.#counters };
  }

  countCall(): void {
    this.#counters.calls++;
  }

  /** The program for the key on the device; made from `lower` the first time, with the kernels of other sizes where it can be. */
  find(
    device: Device,
    key: string,
    lower: () => { readonly graph: Graph; readonly extra: T },
    dynamic?: () => DynamicCall | undefined,
  ): CachedProgram<T> {
    const programs = this.#devices.get(device) ?? new Map<string, CachedProgram<T>>();
    this.#devices.set(device, programs);
    const known = programs.get(key);
    if (known !== undefined) return known;
    const described = dynamic?.(); // also where nothing is compiled: it refuses wrong arguments
    const call = device.backend === "webgpu" ? described : undefined;
    if (call === undefined) this.#counters.traces++;
    const { graph, extra } = lower();
    const shared = call === undefined ? undefined : this.#dynamic.load(device, graph, call);
    if (call !== undefined && shared?.isNew !== false) this.#counters.traces++;
    const made = { program: shared?.program ?? loadGraph(device, graph, this.#options), extra };
    programs.set(key, made);
    return made;
  }
}

/** Loads a graph on the device: compiled for its backend, or from the device's cache. */
export function loadGraph(device: Device, graph: Graph, options: ProgramCacheOptions = {}): LoadedProgram {
  const { debug: check, dump, tune = false } = options;
  if (device.backend === "cpu") return device.load({ graph: optimizeGraph(graph, { check, dump }) });
  const found = findPlan(device, graph, { check, dump });
  if (tune === false) return device.load(found);
  return device.load({ ...found, tuned: tunePlan(device, graph, { check, ...(tune === true ? {} : tune) }) });
}

/** The plan of a graph, from the device's cache where it has one. Who wants to see the passes at work gets them to work. */
export function findPlan(
  device: Pick<Device, "cache" | "profile" | "tuning">,
  graph: Graph,
  options: Pick<CompileOptions, "check" | "dump">,
): FoundPlan {
  const { cache, profile, tuning } = device;
  const compile = (tuned: TunedSchedules): Plan => compileGraph(graph, { ...options, profile, tuned }).plan;
  const isWatched = options.check === true || options.dump !== undefined;
  const buildId = cache?.buildId ?? null;
  if (cache === null || buildId === null || isWatched) {
    cache?.countCompile();
    return { plan: compile(tuning), renew: undefined };
  }
  const compiler = { version: PACKAGE_VERSION, buildId };
  const isTuned = tuning.size > 0; // else the compiler asks nothing
  return cache.find({
    key: printPlanKey(compiler, graph, { profile, options: { isTuned } }),
    tuned: tuning,
    accept: (plan) => isPlanOf(plan, graph, profile),
    compile,
  });
}

/** Whether a plan from anywhere can be run in place of a compilation of the graph. */
function isPlanOf(plan: Plan, graph: Graph, profile: DeviceProfile): boolean {
  if (compareInterfaces(plan, interfaceOf(graph)).length > 0) return false;
  try {
    checkPlan(plan, profile);
    return true;
  } catch {
    return false;
  }
}

/** The plan under the fastest schedules. What times kernels is loaded by those who want it. */
async function tunePlan(
  device: Device,
  graph: Graph,
  options: TuneOptions & { readonly check?: boolean | undefined },
): Promise<Plan> {
  const { tuneGraph } = await import("./tune.ts");
  return (await tuneGraph(device, graph, options)).compiled.plan;
}

/** The one device of all tensors among the arguments. */
export function deviceOf(tensors: readonly Tensor[], fallback: Device | undefined, name: string): Device {
  const device = tensors[0]?.device ?? fallback;
  if (device === undefined) {
    return fail("wrong-argument", `${name} is called without a tensor, so there is no device to run on`, {
      span: captureCallSite(),
      help: "pass a tensor, or name the device: jit(f, { device })",
    });
  }
  const stranger = tensors.find((tensor) => tensor.device !== device);
  if (stranger !== undefined) {
    return fail(
      "wrong-device",
      `${name} is called with tensors of two devices: ${stranger.label} is on another one`,
      {
        span: captureCallSite(),
        help: "read() it and make a tensor of the data on this device",
      },
    );
  }
  return device;
}
