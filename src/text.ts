/**
 * The text language, joined with the library, the compiler and the runtime: the package's `./text`. The only entry that
 * loads chevrotain.
 */
import { TensorweftError } from "./diagnostics/diagnostic.ts";
import type { Diagnostic } from "./diagnostics/diagnostic.ts";
import type { Module } from "./frontend/text/ast.ts";
import { checkModule as check } from "./frontend/text/check.ts";
import { listKernels, type KernelInfo } from "./frontend/text/list-kernels.ts";
import { lowerKernel as lower, type LoweredKernel } from "./frontend/text/lower-kernel.ts";
import { parseModule } from "./frontend/text/parse.ts";
import { createTemplateTag, lowerFunction, type TextFunction } from "./frontend/text/template.ts";
import type { GivenShape } from "./frontend/text/bind-params.ts";
import {
  checkDynamic,
  checkDynamicNames,
  type DynamicDimensions,
  findDynamicSize,
  onlyDynamic,
  typeAt,
} from "./dynamic-dimensions.ts";
import type { DynamicCall } from "./dynamic-programs.ts";
import { type DType, printType, type TensorType } from "./ir/dtype.ts";
import type { Graph } from "./ir/graph.ts";
import { LIBRARY } from "./library/registry.ts";
import { deviceOf, ProgramCache, type CallCounters, type ProgramCacheOptions } from "./program-cache.ts";
import type { Device, Tensor } from "./runtime/device.ts";

export { listKernels, parseModule };
export type { KernelInfo, KernelParam, KernelResult } from "./frontend/text/list-kernels.ts";
export type { Module } from "./frontend/text/ast.ts";
export type { TextFunction } from "./frontend/text/template.ts";
export type { LoweredKernel } from "./frontend/text/lower-kernel.ts";

/** Shapes (and dtypes of generic parameters) by parameter name. */
export type KernelShapes = Readonly<Record<string, GivenShape>>;

/** Everything about a module that needs no shapes: names, arity, recursion, unused parameters. */
export const checkModule = (module: Module): readonly Diagnostic[] => check(module, { builtins: LIBRARY });

/** Instantiates a kernel at shapes. Its functions may call the library. */
export const lowerKernel = (
  module: Module,
  name: string,
  shapes: KernelShapes,
  options: { readonly dtype?: DType | undefined } = {},
): LoweredKernel => lower(module, name, shapes, { ...options, builtins: LIBRARY });

/** Writes a function in the text language: ``weft`(x) => x / sum(x)` ``. `callable` makes it run. */
export const weft = createTemplateTag({ builtins: LIBRARY });

export interface TextCallable {
  /** Tensors in the order of the parameters; numbers for scalar parameters, by name, after them. */
  (tensors: readonly Tensor[], scalars?: Readonly<Record<string, number>>): Tensor[];
  readonly counters: CallCounters;
}

function graphOf({ graph, diagnostics }: LoweredKernel): Graph {
  if (graph === undefined) throw new TensorweftError(diagnostics.filter((d) => d.severity === "error"));
  return graph;
}

interface CallableOptions extends ProgramCacheOptions {
  readonly device?: Device | undefined;
}

/** Makes a function written in a template run on tensors, compiled once for each set of shapes and dtypes. */
export function callable(fn: TextFunction, options: CallableOptions = {}): TextCallable {
  const { name, params } = fn.fn.declaration;
  const kernel = { name: name.text, tensors: params.map((p) => p.name.text) };
  return makeCallable(kernel, options, (tensors) => graphOf(lowerFunction(fn, tensors)));
}

/**
 * The kernels of a module as functions on tensors.
 *
 * @throws {TensorweftError} with all errors of the text
 */
export function loadText(
  source: string,
  options: CallableOptions & { readonly file?: string } = {},
): Readonly<Record<string, TextCallable>> {
  const { module, diagnostics } = parseModule(source, options.file ?? "<text>");
  const all = module === undefined ? diagnostics : [...diagnostics, ...checkModule(module)];
  const errors = all.filter((d) => d.severity === "error");
  if (module === undefined || errors.length > 0) throw new TensorweftError(errors);
  const kernels = listKernels(module);
  const { dynamic } = options;
  if (dynamic !== undefined) checkDynamicNames(dynamic, kernels.flatMap(tensorsOf), options.file ?? "<text>");
  const entries = kernels.map((kernel: KernelInfo): [string, TextCallable] => {
    const names = tensorsOf(kernel);
    const own = dynamic === undefined ? options : { ...options, dynamic: onlyDynamic(dynamic, names) };
    const callable_ = makeCallable({ name: kernel.name, tensors: names }, own, (tensors) =>
      graphOf(
        lowerKernel(module, kernel.name, Object.fromEntries(tensors.map((t, i) => [names[i] ?? "", t]))),
      ),
    );
    return [kernel.name, callable_];
  });
  return Object.fromEntries(entries);
}

const tensorsOf = ({ params }: KernelInfo): readonly string[] =>
  params.filter((p) => p.kind === "tensor").map((p) => p.name);

interface TextKernel {
  readonly name: string;
  /** Its tensor parameters. */
  readonly tensors: readonly string[];
}

const keyOf = (types: readonly TensorType[]): string => types.map(printType).join(";");

/** The dynamic call that a call with these tensors is, where one of their dimensions is dynamic. */
function dynamicCallOf(
  kernel: TextKernel,
  tensors: readonly Tensor[],
  dynamic: DynamicDimensions | undefined,
  lowerAt: (types: readonly TensorType[]) => Graph,
): DynamicCall | undefined {
  if (dynamic === undefined) return undefined;
  const pathOf = (position: number): string => kernel.tensors[position] ?? `arg${String(position)}`;
  const leaves = tensors.map((type, argument) => ({ path: pathOf(argument), argument, type }));
  const found = findDynamicSize(dynamic, leaves, kernel.name);
  if (found === undefined) return undefined;
  const typesAt = (size: number): readonly TensorType[] =>
    tensors.map((tensor, position) => typeAt(found, pathOf(position), tensor, size));
  const { size, dimensions } = found;
  const family = keyOf(typesAt(0));
  return { name: kernel.name, dimensions, family, size, graphAt: (n) => lowerAt(typesAt(n)) };
}

function makeCallable(
  kernel: TextKernel,
  options: CallableOptions,
  lowerAt: (types: readonly TensorType[]) => Graph,
): TextCallable {
  const { name } = kernel;
  if (options.dynamic !== undefined) checkDynamic(options.dynamic, name);
  const cache = new ProgramCache<undefined>({ name, parameters: kernel.tensors }, options);
  const call = (tensors: readonly Tensor[], scalars: Readonly<Record<string, number>> = {}): Tensor[] => {
    cache.countCall();
    const device = deviceOf(tensors, options.device, name);
    const { program } = cache.find({
      device,
      key: keyOf(tensors),
      args: tensors,
      lower: () => ({ graph: lowerAt(tensors), extra: undefined }),
      dynamic: () => dynamicCallOf(kernel, tensors, options.dynamic, lowerAt),
    });
    return program.run(tensors, scalars);
  };
  return Object.defineProperty(call, "counters", { get: () => cache.counters }) as TextCallable;
}
