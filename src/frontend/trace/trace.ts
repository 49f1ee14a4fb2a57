/**
 * Runs a function on tensors without data and keeps the graph of what it computes.
 *
 *     const { graph } = trace((x, w) => rmsNorm(x, { weight: w }), [f32(8, 256), f32(256)]);
 *
 * Requires: a function whose course depends on shapes, dtypes and static arguments only. What depends on a tensor's value
 *           is refused where JavaScript lets us notice (traced-tensor.ts).
 * Ensures:  the same function and arguments give the same graph text. Tensors outlive their trace as errors only, also
 *           when the function throws.
 */
import { fail } from "../../diagnostics/diagnostic.ts";
import type { DType, TensorType } from "../../ir/dtype.ts";
import type { Shape, Shaped } from "../../ir/shape-types.ts";
import type { Graph } from "../../ir/graph.ts";
import { createGraphBuilder } from "../../ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../ir/graph-builder.ts";
import { flattenArguments, mapArguments } from "./arguments.ts";
import type { ArgumentLeaf, TracedArguments } from "./arguments.ts";
import { flattenOutput } from "./outputs.ts";
import type { OutputTree, TracedOutput } from "./outputs.ts";
import { parameterNamesOf } from "./parameter-names.ts";
import type { TraceScope } from "./trace-scope.ts";
import { TracedTensor } from "./traced-tensor.ts";

export interface TraceOptions {
  /** Name of the graph. Default: that of the function. */
  readonly name?: string | undefined;
  /** Names of the parameters. Default: read from the function's source where that is plain, else `arg0`, `arg1`, ... */
  readonly parameterNames?: readonly string[] | undefined;
  /** Whether each op keeps the line of its call (default). Tracing is several times faster without. */
  readonly locate?: boolean | undefined;
}

export interface TraceResult {
  readonly graph: Graph;
  /** Tensors and scalars among the arguments, in the order in which a call binds them; paths are input names. */
  readonly inputs: readonly ArgumentLeaf[];
  /** The structure of what the function returned; `buildOutput` fills it with results. */
  readonly outputTree: OutputTree;
}

/** A type for `trace`: `f32(8, 256)` is f32[8,256]. */
const typeOf =
  (dtype: DType) =>
  <const S extends Shape>(...shape: S): TensorType & Shaped<S> => ({ dtype, shape });
export const f32 = typeOf("f32");
export const f16 = typeOf("f16");
export const bf16 = typeOf("bf16");
export const i32 = typeOf("i32");
export const u32 = typeOf("u32");
export const bool = typeOf("bool");

export function trace<const A extends readonly unknown[]>(
  fn: (...args: TracedArguments<A>) => TracedOutput,
  args: A,
  options: TraceOptions = {},
): TraceResult {
  const name = options.name ?? (fn.name === "" ? "traced" : fn.name);
  const names = nameParameters(fn, args.length, options.parameterNames);
  const builder = createGraphBuilder(name);
  const scope: TraceScope = { name, builder, locate: options.locate ?? true, isOpen: true };
  const traced = mapArguments(args, names, (leaf) => new TracedTensor(scope, declareInput(builder, leaf)));
  try {
    // mapArguments keeps the structure of the arguments and puts traced tensors where TracedArguments says.
    const output: unknown = fn(...(traced as unknown as TracedArguments<A>));
    const { tree, results } = flattenOutput(output, name);
    const values = results.map((result) => ({ name: result.name, value: takeResult(scope, result) }));
    return { graph: builder.finish(values), inputs: flattenArguments(args, names).leaves, outputTree: tree };
  } finally {
    scope.isOpen = false;
  }
}

/** Names of all parameters, distinct from each other. */
function nameParameters(
  fn: (...args: never) => unknown,
  count: number,
  given: readonly string[] | undefined,
): readonly string[] {
  const read = given ?? parameterNamesOf(fn);
  return Array.from({ length: count }, (_, i) => read[i] ?? `arg${String(i)}`);
}

function declareInput(builder: GraphBuilder, { path, spec }: ArgumentLeaf): Value {
  // Without a default: the text of the graph, by which compiled kernels are found again, must not hold the number.
  if ("kind" in spec) return builder.scalar(path, { dtype: spec.dtype });
  return builder.param(path, spec);
}

function takeResult(
  scope: TraceScope,
  { name, tensor }: { readonly name: string; readonly tensor: TracedTensor },
): Value {
  const state = TracedTensor.stateOf(tensor);
  if (state.scope !== scope)
    fail("wrong-argument", `result ${name} of ${scope.name} belongs to another trace`, {
      help: "pass the tensor to the traced function as an argument",
    });
  return state.value;
}
