/**
 * Compiled programs of one function, found again by what they depend on: the device, and a key that holds shapes, dtypes
 * and static arguments. The second call with equal keys costs a look-up.
 *
 * Ensures: at most `maxPrograms` are kept per device. One that makes room for another is released: it still runs for those
 * who hold it (bound calls, calls that wait), and its kernels go unless other programs use them.
 */
import { optimizeGraph } from "./compile.ts";
import { captureCallSite } from "./diagnostics/call-site.ts";
import { fail } from "./diagnostics/diagnostic.ts";
import type { DynamicDimensions } from "./dynamic-dimensions.ts";
import { type DynamicCall, DynamicPrograms } from "./dynamic-programs.ts";
import { findPlan, findTunedPlan, NOTHING_TUNED } from "./find-plan.ts";
import type { Graph } from "./ir/graph.ts";
import type { Device, LoadedProgram, Tensor } from "./runtime/device.ts";
import { LruCache } from "./runtime/lru-cache.ts";
import { Specialisations } from "./specialisations.ts";
import type { TuneOptions } from "./tune.ts";

export interface CallCounters {
  /**
   * How often the function was run on types to get its graph, and the graph compiled. A further size of a dynamic dimension
   * compiles nothing and does not count.
   */
  readonly traces: number;
  readonly calls: number;
}

export interface ProgramCacheOptions {
  /**
   * Verifies every artefact after every pass, and runs each kernel in a submit and an error scope of its own, so that what
   * WebGPU refuses is an error at the line that the kernel computes. Nothing is cached. Default false.
   */
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
  /**
   * Told once why a dynamic dimension is none, and once when the function was compiled more than 32 times, with what kept
   * changing. Default: console.warn.
   */
  readonly warn?: ((message: string) => void) | undefined;
  /** Programs that are kept per device; the one used least recently makes room, and is compiled again if need be. Default 128. */
  readonly maxPrograms?: number | undefined;
}

const MOST_PROGRAMS = 128;

/** What is called, for messages. */
export interface CalledFunction {
  readonly name: string;
  readonly parameters: readonly string[];
}

export interface CachedProgram<T> {
  readonly program: LoadedProgram;
  /** What the caller keeps beside the program: the structure of its results, say. */
  readonly extra: T;
}

/** A call that a program is looked up for. */
export interface ProgramCall<T> {
  readonly device: Device;
  readonly key: string;
  /** For messages. */
  readonly args: readonly unknown[];
  readonly lower: () => { readonly graph: Graph; readonly extra: T };
  readonly dynamic: () => DynamicCall | undefined;
}

export class ProgramCache<T> {
  readonly #options: ProgramCacheOptions;
  readonly #devices = new WeakMap<Device, LruCache<CachedProgram<T>>>();
  readonly #counters = { traces: 0, calls: 0 };
  readonly #dynamic: DynamicPrograms;
  readonly #parameters: readonly string[];
  readonly #specialisations: Specialisations;
  readonly #capacity: number;

  constructor({ name, parameters }: CalledFunction, options: ProgramCacheOptions = {}) {
    const { maxPrograms = MOST_PROGRAMS, warn } = options;
    if (!Number.isInteger(maxPrograms) || maxPrograms < 1)
      fail("wrong-argument", `maxPrograms of ${name} is ${String(maxPrograms)}`, {
        span: captureCallSite(),
        help: "keep at least one program",
      });
    this.#options = options;
    this.#capacity = maxPrograms;
    this.#parameters = parameters;
    this.#dynamic = new DynamicPrograms(options);
    this.#specialisations = new Specialisations(name, warn);
  }

  get counters(): CallCounters {
    return { ...this.#counters };
  }

  countCall(): void {
    this.#counters.calls++;
  }

  /** The program for the key on the device, where it is kept. */
  get(device: Device, key: string): CachedProgram<T> | undefined {
    return this.#devices.get(device)?.get(key);
  }

  /** The program for the call; made from `lower` the first time, with the kernels of other sizes where it can be. */
  find({ device, key, args, lower, dynamic }: ProgramCall<T>): CachedProgram<T> {
    const programs = this.#devices.get(device) ?? this.#newPrograms(device);
    const known = programs.get(key);
    if (known !== undefined) return known;
    const described = dynamic(); // also where nothing is compiled: it refuses wrong arguments
    const call = device.backend === "webgpu" ? described : undefined;
    if (call === undefined) this.#counters.traces++;
    const { graph, extra } = lower();
    const shared = call === undefined ? undefined : this.#dynamic.load(device, graph, call);
    if (call !== undefined && shared?.isNew !== false) this.#counters.traces++;
    const made = { program: shared?.program ?? loadGraph(device, graph, this.#options), extra };
    programs.set(key, made);
    if (shared === undefined) this.#specialisations.note(key, args, this.#parameters);
    return made;
  }

  #newPrograms(device: Device): LruCache<CachedProgram<T>> {
    const made = new LruCache<CachedProgram<T>>(this.#capacity, ({ program }) => {
      program.release();
    });
    this.#devices.set(device, made);
    return made;
  }
}

/** Loads a graph on the device: compiled for its backend, or from the device's cache. */
export function loadGraph(device: Device, graph: Graph, options: ProgramCacheOptions = {}): LoadedProgram {
  const { debug, dump, tune = false } = options;
  const check = debug;
  if (device.backend === "cpu") return device.load({ graph: optimizeGraph(graph, { check, dump }) });
  if (tune === false) return device.load({ ...findPlan(device, graph, { check, dump }), debug });
  // Takes the calls until the other one is known; the same in every process, whatever is known of schedules by then.
  const standard = findPlan(device, graph, { check, dump }, { tuned: NOTHING_TUNED, isListed: false });
  const tuned = findTunedPlan(device, graph, { check, ...(tune === true ? {} : tune) });
  return device.load({ ...standard, debug, tuned });
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
