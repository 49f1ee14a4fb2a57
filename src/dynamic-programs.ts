/**
 * Programs of one function whose sizes share kernels: per device and set of types, and per class of sizes, the plan for all
 * of them. A size that was not met before costs a trace, which is held against the shared program, and
 * the arithmetic of a plan: no pass runs and no kernel is compiled.
 *
 * Ensures: a program that computes what the function computes at that size, or none; why there is none is said once.
 */
import { findStandIns, SIZE_CLASSES, type SizeClass, type StandIns } from "./compile-dynamic.ts";
import type { Span } from "./diagnostics/diagnostic.ts";
import { isGraphAt, type Refusal } from "./ir/compare-graphs.ts";
import { type DynamicPlan, isInRange, planAt } from "./ir/dynamic-plan.ts";
import { findDynamicPlan, findPlan } from "./find-plan.ts";
import type { Graph } from "./ir/graph.ts";
import type { Plan } from "./ir/plan.ts";
import type { Device, LoadedProgram } from "./runtime/device.ts";
import { LruCache } from "./runtime/lru-cache.ts";

/** Families and classes of sizes that are kept per device: as many as programs are. */
const MOST_FAMILIES = 128;

/** A call with a dynamic dimension. */
export interface DynamicCall {
  /** What is called, in messages: `softmax`, and `x[0]` for its dynamic dimensions. */
  readonly name: string;
  readonly dimensions: string;
  /** The types of the arguments without the size. */
  readonly family: string;
  readonly size: number;
  readonly graphAt: (size: number) => Graph;
}

export interface DynamicOptions {
  readonly debug?: boolean | undefined;
  readonly warn?: ((message: string) => void) | undefined;
}

export interface SharedProgram {
  readonly program: LoadedProgram;
  /** Whether its kernels were compiled for this call. */
  readonly isNew: boolean;
}

interface CompiledDynamic {
  readonly plan: DynamicPlan;
  readonly standIns: StandIns;
  /** Where the plan comes from the cache. */
  readonly renew: (() => DynamicPlan | Refusal) | undefined;
}

export class DynamicPrograms {
  readonly #options: DynamicOptions;
  readonly #families = new WeakMap<Device, LruCache<CompiledDynamic | Refusal>>();
  readonly #warned = new Set<string>();

  constructor(options: DynamicOptions) {
    this.#options = options;
  }

  /** The program for the call's size, with kernels that it shares with others. `graph` is the function's at that size. */
  load(device: Device, graph: Graph, call: DynamicCall): SharedProgram | undefined {
    const { size } = call;
    const position = SIZE_CLASSES.findIndex(({ least, most }) => size >= least && size <= most);
    const sizes = SIZE_CLASSES[position];
    if (sizes === undefined) return undefined;
    const families = this.#families.get(device) ?? new LruCache<CompiledDynamic | Refusal>(MOST_FAMILIES);
    this.#families.set(device, families);
    const key = `${String(position)} ${call.family}`;
    const known = families.get(key);
    const made = known ?? this.#compile(device, call, sizes);
    families.set(key, made);
    if ("reason" in made) {
      this.#warn(call, `has kernels for each size: ${made.reason}`, made.span);
      return undefined;
    }
    const { plan, standIns, renew } = made;
    if (!isInRange(plan, size)) return undefined;
    if (!isGraphAt(graph, size, standIns.graphs, standIns.sizes)) {
      this.#warn(call, `has kernels of its own for ${String(size)}: it computes something else there`);
      return undefined;
    }
    const renewAt = (again: DynamicPlan | Refusal): Plan => {
      if ("reason" in again) return findPlan(device, graph, {}).plan;
      families.set(key, { plan: again, standIns, renew: undefined });
      return isInRange(again, size) ? planAt(again, size) : findPlan(device, graph, {}).plan;
    };
    const program = device.load({
      plan: planAt(plan, size),
      debug: this.#options.debug,
      renew: renew === undefined ? undefined : () => renewAt(renew()),
    });
    return { program, isNew: known === undefined };
  }

  #compile(device: Device, { graphAt }: DynamicCall, sizes: SizeClass): CompiledDynamic | Refusal {
    const standIns = findStandIns(graphAt, sizes, device.profile);
    if ("reason" in standIns) return standIns;
    const { made, renew } = findDynamicPlan(device, standIns, { check: this.#options.debug });
    return "reason" in made ? made : { plan: made, standIns, renew };
  }

  #warn({ name, dimensions, family }: DynamicCall, message: string, span?: Span): void {
    if (this.#warned.has(family)) return;
    this.#warned.add(family);
    const where = span === undefined ? "" : ` (${span.file}:${String(span.line)}:${String(span.column)})`;
    const warn = this.#options.warn ?? console.warn;
    warn(`tensorweft: @${name} with dynamic ${dimensions} ${message}${where}`);
  }
}
