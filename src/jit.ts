/** `jit`: a function on traced tensors becomes a function on tensors, compiled once for each set of shapes and dtypes. */
import {
  flattenArguments,
  type ArgumentLeaf,
  type ScalarArgument,
  type StaticArgument,
} from "./frontend/trace/arguments.ts";
import { buildOutput, type OutputOf, type OutputTree, type TracedOutput } from "./frontend/trace/outputs.ts";
import { readParameterNames } from "./frontend/trace/parameter-names.ts";
import { trace } from "./frontend/trace/trace.ts";
import type { TracedTensor } from "./frontend/trace/traced-tensor.ts";
import type { TensorType } from "./ir/dtype.ts";
import {
  deviceOf,
  ProgramCache,
  type CallCounters,
  type CachedProgram,
  type ProgramCacheOptions,
} from "./program-cache.ts";
import type { Device, Tensor } from "./runtime/device.ts";

export interface JitOptions extends ProgramCacheOptions {
  /** Name of the program in messages and dumps. Default: that of the function. */
  readonly name?: string | undefined;
  /** Needed only by functions without tensor arguments, and to compile for types before there are tensors. */
  readonly device?: Device | undefined;
}

/** What a caller passes for a parameter: tensors (or `scalar(...)`) for traced tensors, anything else as it is. */
export type CallArgument<P> = P extends TracedTensor
  ? Tensor | ScalarArgument
  : P extends StaticArgument
    ? P
    : { readonly [K in keyof P]: CallArgument<P[K]> };
export type CallArguments<P extends readonly unknown[]> = { [I in keyof P]: CallArgument<P[I]> };

/** What `compile` takes: as a call, or a type in place of a tensor. */
export type CompileArgument<P> = P extends TracedTensor
  ? Tensor | ScalarArgument | TensorType
  : P extends StaticArgument
    ? P
    : { readonly [K in keyof P]: CompileArgument<P[K]> };
export type CompileArguments<P extends readonly unknown[]> = { [I in keyof P]: CompileArgument<P[I]> };

export interface Jitted<P extends readonly unknown[], R> {
  /** Runs on the device of the tensors; returns at once. */
  (...args: CallArguments<P>): OutputOf<R, Tensor>;
  /** Traces and compiles for these arguments; resolves when the kernels are ready. */
  compile(...args: CompileArguments<P>): Promise<void>;
  /** How often this function was traced and called. */
  readonly counters: CallCounters;
}

interface Traced {
  readonly tree: OutputTree;
}

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
  const name = options.name ?? (fn.name === "" ? "traced" : fn.name);
  const names = readParameterNames(Function.prototype.toString.call(fn)).map(
    (n, i) => n ?? `arg${String(i)}`,
  );
  const cache = new ProgramCache<Traced>(options);

  const find = (
    args: readonly unknown[],
  ): { cached: CachedProgram<Traced>; leaves: readonly ArgumentLeaf[] } => {
    const { leaves, key } = flattenArguments(args, names);
    const device = deviceOf(collectTensors(args), options.device, name);
    const cached = cache.find(device, key, () => {
      // The types of the arguments are those that `fn` declares; `trace` puts traced tensors in the places of tensors.
      const traced = trace(fn as unknown as (...a: never) => TracedOutput, args as never, {
        name,
        parameterNames: names,
      });
      return { graph: traced.graph, extra: { tree: traced.outputTree } };
    });
    return { cached, leaves };
  };

  const call = (...args: CallArguments<P>): OutputOf<R, Tensor> => {
    cache.countCall();
    const { cached, leaves } = find(args);
    const scalars: Record<string, number> = {};
    for (const { path, spec } of leaves) if ("kind" in spec) scalars[path] = spec.value;
    const results = cached.program.run(collectTensors(args), scalars);
    // The tree was taken from what `fn` returned.
    return buildOutput(cached.extra.tree, results) as OutputOf<R, Tensor>;
  };
  const compile = async (...args: CompileArguments<P>): Promise<void> => {
    await find(args).cached.program.ready;
  };
  const jitted = Object.assign(call, { compile });
  return Object.defineProperty(jitted, "counters", { get: () => cache.counters }) as Jitted<P, R>;
}

/** Tensors with data among the arguments, in the order of `flattenArguments`. */
function collectTensors(args: readonly unknown[]): Tensor[] {
  const tensors: Tensor[] = [];
  const visit = (arg: unknown): void => {
    if (typeof arg !== "object" || arg === null) return;
    if (isTensor(arg)) tensors.push(arg);
    else if (Array.isArray(arg)) arg.forEach(visit);
    else if (!("kind" in arg) && !("dtype" in arg)) Object.values(arg).forEach(visit);
  };
  args.forEach(visit);
  return tensors;
}

const isTensor = (arg: object): arg is Tensor => "read" in arg && "device" in arg && "dtype" in arg;
