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
import type { DType } from "./ir/dtype.ts";
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
  return makeCallable(fn.fn.declaration.name.text, options, (tensors) => graphOf(lowerFunction(fn, tensors)));
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
  const entries = listKernels(module).map((kernel: KernelInfo): [string, TextCallable] => {
    const names = kernel.params.filter((p) => p.kind === "tensor").map((p) => p.name);
    const callable_ = makeCallable(kernel.name, options, (tensors) =>
      graphOf(
        lowerKernel(module, kernel.name, Object.fromEntries(tensors.map((t, i) => [names[i] ?? "", t]))),
      ),
    );
    return [kernel.name, callable_];
  });
  return Object.fromEntries(entries);
}

function makeCallable(
  name: string,
  options: CallableOptions,
  lowerAt: (tensors: readonly Tensor[]) => Graph,
): TextCallable {
  const cache = new ProgramCache<undefined>(options);
  const call = (tensors: readonly Tensor[], scalars: Readonly<Record<string, number>> = {}): Tensor[] => {
    cache.countCall();
    const key = tensors.map((t) => `${t.dtype}[${t.shape.join(",")}]`).join(";");
    const device = deviceOf(tensors, options.device, name);
    const { program } = cache.find(device, key, () => ({ graph: lowerAt(tensors), extra: undefined }));
    return program.run(tensors, scalars);
  };
  return Object.defineProperty(call, "counters", { get: () => cache.counters }) as TextCallable;
}
