/** `jit`: a function on traced tensors becomes a function on tensors, compiled once for each set of shapes and dtypes. */
import {
  type ArgumentPattern,
  type CallValues,
  describeArgument,
  isTensor,
  matchArguments,
} from "./call-pattern.ts";
import { captureCallSite } from "./diagnostics/call-site.ts";
import { fail } from "./diagnostics/diagnostic.ts";
import { checkDynamic } from "./dynamic-dimensions.ts";
import type { DynamicCall } from "./dynamic-programs.ts";
import { dynamicCallOf } from "./dynamic-trace.ts";
import {
  type ArgumentLeaf,
  flattenArguments,
  type ScalarArgument,
  type StaticArgument,
} from "./frontend/trace/arguments.ts";
import { buildOutput, type OutputTree, type TracedOutput } from "./frontend/trace/outputs.ts";
import { parameterNamesOf } from "./frontend/trace/parameter-names.ts";
import { trace } from "./frontend/trace/trace.ts";
import { TracedTensor } from "./frontend/trace/traced-tensor.ts";
import type { TensorType } from "./ir/dtype.ts";
import type { Graph } from "./ir/graph.ts";
import type { Shape, Shaped } from "./ir/shape-types.ts";
import {
  type CachedProgram,
  type CallCounters,
  deviceOf,
  ProgramCache,
  type ProgramCacheOptions,
} from "./program-cache.ts";
import type { BoundCall, Device, Tensor } from "./runtime/device.ts";

export interface JitOptions extends ProgramCacheOptions {
  /** Name of the program in messages and dumps. Default: that of the function. */
  readonly name?: string | undefined;
  /** Needed only by functions without tensor arguments, and to compile for types before there are tensors. */
  readonly device?: Device | undefined;
  /**
   * Positions of arguments that the caller gives away: their tensors are disposed by the call, and results of equal dtype
   * and size take over their buffers where the kernels allow it (see `RunOptions.donate`).
   */
  readonly donate?: readonly number[] | undefined;
}

/** A number has no dimensions. */
type ScalarOf<S extends Shape> = readonly [] extends S ? ScalarArgument : never;

/** The structure that a function returned, with tensors for traced tensors. */
export type ResultOf<R> =
  R extends TracedTensor<infer S> ? Tensor<S> : { readonly [K in keyof R]: ResultOf<R[K]> };

/** What a caller passes for a parameter: tensors (or `scalar(...)`) for traced tensors, anything else as it is. */
export type CallArgument<P> =
  P extends TracedTensor<infer S>
    ? Tensor<S> | ScalarOf<S>
    : P extends StaticArgument
      ? P
      : { readonly [K in keyof P]: CallArgument<P[K]> };
export type CallArguments<P extends readonly unknown[]> = { [I in keyof P]: CallArgument<P[I]> };

/** What `compile` takes: as a call, or a type in place of a tensor. */
export type CompileArgument<P> =
  P extends TracedTensor<infer S>
    ? Tensor<S> | ScalarOf<S> | (TensorType & Shaped<S>) | TensorType
    : P extends StaticArgument
      ? P
      : { readonly [K in keyof P]: CompileArgument<P[K]> };
export type CompileArguments<P extends readonly unknown[]> = { [I in keyof P]: CompileArgument<P[I]> };

export interface Jitted<P extends readonly unknown[], R> {
  /** Runs on the device of the tensors; returns at once. */
  (...args: CallArguments<P>): ResultOf<R>;
  /** Traces and compiles for these arguments; resolves when the kernels are ready. */
  compile(...args: CompileArguments<P>): Promise<void>;
  /**
   * Binds the function to these arguments and to tensors that its results are written to, in the structure that it
   * returns. `run()` of what comes back makes no tensors, buffers or bind groups; `run({ eps: 1e-6 })` changes a scalar.
   */
  bind(args: CallArguments<P>, outputs: ResultOf<R>): BoundCall;
  /** How often this function was traced and called. */
  readonly counters: CallCounters;
}

interface Traced {
  readonly tree: OutputTree;
  /** In the order of the leaves. */
  readonly scalarNames: readonly string[];
  /** Positions of donated tensors among the tensors. */
  readonly donate: readonly number[] | undefined;
}

/** What an earlier call looked like, and under which key its program is found. Devices come and go: their owners keep them. */
interface KnownCall {
  readonly patterns: readonly ArgumentPattern[];
  readonly device: WeakRef<Device>;
  readonly key: string;
}

interface FoundCall extends CallValues {
  readonly cached: CachedProgram<Traced>;
}

/** Patterns of recent calls that are tried before a key is spelled out: a training loop has few. */
const KNOWN_CALLS = 4;

/**
 * Compiles a function on tensors.
 *
 * The function is run once per set of shapes, dtypes and static arguments (plain numbers, booleans, strings), on tensors
 * without data; what it returns (a tensor, or arrays and objects of them) says the structure of the results.
 * `scalar(x)` in place of a tensor passes a number that may change from call to call without a compilation.
 *
 * @throws {TensorweftError} what the function's ops refuse (shapes, dtypes, axes), located at their line; `wrong-device`,
 *   `wrong-argument`, `disposed-tensor` for arguments that cannot be
 */
export function jit<P extends readonly TracedTensor[], R extends TracedOutput>(
  fn: (...args: P) => R,
  options?: JitOptions,
): Jitted<P, R>;
export function jit<P extends readonly unknown[], R extends TracedOutput>(
  fn: (...args: P) => R,
  options?: JitOptions,
): Jitted<P, R>;
export function jit<P extends readonly unknown[], R extends TracedOutput>(
  fn: (...args: P) => R,
  options: JitOptions = {},
): Jitted<P, R> {
  const calls = new JitCalls(fn, options);
  const jitted = Object.assign((...args: readonly unknown[]) => calls.run(args), {
    compile: (...args: readonly unknown[]) => calls.compile(args),
    bind: (args: readonly unknown[], outputs: unknown) => calls.bind(args, outputs),
  });
  // Results have the structure that `fn` returned when it was traced.
  return Object.defineProperty(jitted, "counters", { get: () => calls.counters }) as unknown as Jitted<P, R>;
}

/** The calls of one jitted function, with types of arguments and results forgotten. */
class JitCalls {
  readonly #fn: (...args: never) => TracedOutput;
  readonly #options: JitOptions;
  readonly #name: string;
  readonly #names: readonly string[];
  readonly #cache: ProgramCache<Traced>;
  /** Latest first. */
  readonly #known: KnownCall[] = [];

  constructor(fn: (...args: never) => TracedOutput, options: JitOptions) {
    this.#fn = fn;
    this.#options = options;
    this.#name = options.name ?? (fn.name === "" ? "traced" : fn.name);
    this.#names = parameterNamesOf(fn).map((name, i) => name ?? `arg${String(i)}`);
    this.#cache = new ProgramCache({ name: this.#name, parameters: this.#names }, options);
    if (options.dynamic !== undefined) checkDynamic(options.dynamic, this.#name);
  }

  get counters(): CallCounters {
    return this.#cache.counters;
  }

  run(args: readonly unknown[]): unknown {
    this.#cache.countCall();
    const { cached, tensors, scalars } = this.#find(args);
    const { tree, scalarNames, donate } = cached.extra;
    const results = cached.program.run(tensors, nameScalars(scalarNames, scalars), { donate });
    return buildOutput(tree, results);
  }

  async compile(args: readonly unknown[]): Promise<void> {
    await this.#load(args, flattenArguments(args, this.#names)).program.ready;
  }

  bind(args: readonly unknown[], outputs: unknown): BoundCall {
    const { cached, tensors, scalars } = this.#find(args);
    const { tree, scalarNames } = cached.extra;
    const results: Tensor[] = [];
    collectOutputs(tree, outputs, "", results);
    return cached.program.bind(tensors, results, nameScalars(scalarNames, scalars));
  }

  /** The program for these arguments, and what it runs on. */
  #find(args: readonly unknown[]): FoundCall {
    for (const { patterns, device: weak, key } of this.#known) {
      const device = weak.deref();
      if (device === undefined) continue;
      const values = matchArguments(patterns, args, device);
      const cached = values === null ? undefined : this.#cache.get(device, key);
      if (values !== null && cached !== undefined)
        return { cached, tensors: values.tensors, scalars: values.scalars };
    }
    const flat = flattenArguments(args, this.#names);
    const values = collectValues(flat, this.#name);
    const cached = this.#load(args, flat);
    this.#remember(cached.program.device, flat.key, args);
    return { cached, ...values };
  }

  #remember(device: Device, key: string, args: readonly unknown[]): void {
    const known = this.#known.findIndex((call) => call.key === key && call.device.deref() === device);
    const [call] = known < 0 ? [] : this.#known.splice(known, 1);
    this.#known.unshift(call ?? { patterns: args.map(describeArgument), device: new WeakRef(device), key });
    this.#known.length = Math.min(this.#known.length, KNOWN_CALLS);
  }

  #load(
    args: readonly unknown[],
    { leaves, values, key }: ReturnType<typeof flattenArguments>,
  ): CachedProgram<Traced> {
    const device = deviceOf(values.filter(isTensor), this.#options.device, this.#name);
    const lower = (): { readonly graph: Graph; readonly extra: Traced } => {
      // The types of the arguments are those that `fn` declares; `trace` puts traced tensors in the places of tensors.
      const { graph, outputTree } = trace(this.#fn, args as never, {
        name: this.#name,
        parameterNames: this.#names,
      });
      const scalarNames = leaves.filter(({ spec }) => "kind" in spec).map(({ path }) => path);
      return { graph, extra: { tree: outputTree, scalarNames, donate: this.#donatedTensors(args) } };
    };
    const call = { fn: this.#fn, name: this.#name, names: this.#names, args };
    const dynamic = (): DynamicCall | undefined => dynamicCallOf(call, this.#options.dynamic);
    return this.#cache.find({ device, key, args, lower, dynamic });
  }

  /** Positions among all tensors of those in the donated arguments. */
  #donatedTensors(args: readonly unknown[]): readonly number[] | undefined {
    const { donate } = this.#options;
    if (donate === undefined) return undefined;
    const wrong = donate.find(
      (position) => !Number.isInteger(position) || position < 0 || position >= args.length,
    );
    if (wrong !== undefined)
      fail("wrong-argument", `${this.#name} donates argument ${wrong}, but is called with ${args.length}`, {
        span: captureCallSite(),
        help: "donate lists positions of arguments, the first is 0",
      });
    const donated: number[] = [];
    let tensor = 0;
    for (const [position, arg] of args.entries())
      for (const { spec } of flattenArguments([arg]).leaves) {
        if ("kind" in spec) continue;
        if (donate.includes(position)) donated.push(tensor);
        tensor += 1;
      }
    return donated;
  }
}

function nameScalars(names: readonly string[], values: readonly number[]): Record<string, number> {
  const scalars: Record<string, number> = {};
  for (let i = 0; i < names.length; i++) scalars[names[i] ?? ""] = values[i] ?? Number.NaN;
  return scalars;
}

/** Tensors with data and values of scalars; a tensor's description has no data to run on. */
function collectValues(
  { leaves, values }: { readonly leaves: readonly ArgumentLeaf[]; readonly values: readonly object[] },
  name: string,
): CallValues {
  const found: CallValues = { tensors: [], scalars: [] };
  for (const [index, { path, spec }] of leaves.entries()) {
    const value = values[index];
    if ("kind" in spec) found.scalars.push(spec.value);
    else if (value !== undefined && isTensor(value)) found.tensors.push(value);
    else refuseDescription(value, path, name);
  }
  return found;
}

function refuseDescription(value: object | undefined, path: string, name: string): never {
  const span = captureCallSite();
  if (value instanceof TracedTensor)
    return fail(
      "wrong-argument",
      `argument ${path} of ${name} is a tensor of a trace, which has no elements`,
      {
        span,
        help: "inside a traced function call the function itself, without jit",
      },
    );
  return fail("wrong-argument", `argument ${path} of ${name} is a type, which has no elements`, {
    span,
    help: "pass a tensor; types are for compile()",
  });
}

/** The tensors in the places of the results, in their order. */
function collectOutputs(tree: OutputTree, given: unknown, path: string, into: Tensor[]): void {
  const isObject = typeof given === "object" && given !== null;
  if (tree.kind === "tensor") {
    if (isObject && isTensor(given)) {
      into[tree.result] = given;
      return;
    }
  } else if (isObject) {
    const entries: readonly (readonly [string, OutputTree])[] =
      tree.kind === "array" ? tree.items.map((item, i) => [String(i), item]) : tree.entries;
    for (const [key, item] of entries)
      collectOutputs(item, Reflect.get(given, key), path === "" ? key : `${path}.${key}`, into);
    return;
  }
  const place = path === "" ? "the result" : `result ${path}`;
  fail("wrong-argument", `bind() was given no ${tree.kind} for ${place}`, {
    span: captureCallSite(),
    help: "pass tensors in the structure that the function returns",
  });
}
