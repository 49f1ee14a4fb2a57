/**
 * Builds graphs: the one place where NumPy broadcasting, PyTorch dtype promotion and shape rules are applied, so that
 * every front end agrees on them. Mistakes throw `TensorweftError` with the span that the caller passes.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { buildCast, buildMap, checkDType } from "./build-map.ts";
import { buildMean, buildReduce } from "./build-reduce.ts";
import {
  buildBroadcastTo,
  buildConcat,
  buildPad,
  buildReshape,
  buildSlice,
  buildTranspose,
} from "./build-views.ts";
import type {
  CustomBackward,
  CustomRegion,
  DerivativeMark,
  Operand,
  ReduceOptions,
  SliceRange,
  Value,
} from "./builder-values.ts";
import type { DType, TensorType } from "./dtype.ts";
import { addConstant, addNode, markValue, takeValue } from "./graph-draft.ts";
import type { GraphDraft } from "./graph-draft.ts";
import { operandsOf } from "./graph.ts";
import type { Graph, GraphResult, Node, NodeId } from "./graph.ts";
import { convertLiteral, literalDType } from "./promotion.ts";
import type { ReduceOp } from "./reduce-ops.ts";
import { isInput, mapOperands } from "./rewrite-graph.ts";
import type { ScalarOp } from "./scalar-ops.ts";
import { checkShape, resolveAxis } from "./shape-rules.ts";

export type {
  CustomBackward,
  CustomRegion,
  DerivativeMark,
  Operand,
  PositionOptions,
  ReduceOptions,
  SliceRange,
  Value,
} from "./builder-values.ts";

export interface GraphBuilder {
  param: (name: string, type: TensorType, span?: Span) => Value;
  /** A rank-0 f32 (default), i32, u32 or bool bound at call time. Behaves as weak in promotion, as a Python number does. */
  scalar: (name: string, options?: { dtype?: DType; default?: number }, span?: Span) => Value;
  constant: (value: number | boolean, dtype?: DType, shape?: readonly number[], span?: Span) => Value;
  iota: (shape: readonly number[], axis: number, dtype?: DType, span?: Span) => Value;
  /** Elementwise op of the table; promotes dtypes and broadcasts shapes. */
  map: (fn: ScalarOp, args: readonly Operand[], span?: Span) => Value;
  cast: (x: Operand, dtype: DType, span?: Span) => Value;
  /**
   * `sum` and `prod` of bool give i32; any and all take any dtype (as `!= 0`) and give bool. `argmax` and `argmin` give the
   * position among the reduced dimensions, in row-major order, as i32; of equal elements the first one's, with `_last` the
   * last one's. A nan is more extreme than any number.
   */
  reduce: (fn: ReduceOp, x: Operand, options?: ReduceOptions, span?: Span) => Value;
  /** sum / count, in floating point; integers and bools go to f32 first. */
  mean: (x: Operand, options?: ReduceOptions, span?: Span) => Value;
  /** One length may be -1. */
  reshape: (x: Operand, shape: readonly number[], span?: Span) => Value;
  /** `perm` absent: dimensions reversed. Negative entries count from the end. */
  transpose: (x: Operand, perm?: readonly number[], span?: Span) => Value;
  /** NumPy's broadcast_to: adds leading dimensions, repeats dimensions of length 1. */
  broadcastTo: (x: Operand, shape: readonly number[], span?: Span) => Value;
  /** A number picks one position and drops the dimension; missing trailing ranges take all. */
  slice: (x: Operand, ranges: readonly (SliceRange | number)[], span?: Span) => Value;
  pad: (x: Operand, low: readonly number[], high: readonly number[], value?: number, span?: Span) => Value;
  concat: (xs: readonly Operand[], axis: number, span?: Span) => Value;
  /** `x` as a variable of a derivative (src/autodiff): other uses of `x` are not uses of it. */
  variable: (x: Operand, span?: Span) => Value;
  /** `x`, through which no derivative passes. */
  stopGradient: (x: Operand, span?: Span) => Value;
  /**
   * The values of `forward`, with `backward` for their derivative. `forward` gets the inputs behind `stopGradient`:
   * what reaches its values otherwise must not depend on a variable.
   */
  customVjp: (
    inputs: readonly Value[],
    forward: (inputs: readonly Value[]) => readonly Value[],
    backward: CustomBackward,
    span?: Span,
  ) => readonly Value[];
  /** What was built so far, in order: an operand stands before its users. */
  readonly nodes: readonly Node[];
  /** A node as a value to build on. */
  valueAt: (id: NodeId) => Value;
  markAt: (id: NodeId) => DerivativeMark | undefined;
  /** The finished graph. Results may be any values of this builder; weak results get their default dtype. */
  finish: (results: readonly { readonly name: string; readonly value: Operand }[]) => Graph;
}

/** A builder of one graph. Each op costs the same however long the graph has grown. */
export function createGraphBuilder(name: string): GraphBuilder {
  const draft: GraphDraft = { name, nodes: [], inputs: new Map(), marks: new Map() };
  return {
    param: (param, type, span) => declareParam(draft, param, type, span),
    scalar: (scalar, options = {}, span) => declareScalar(draft, scalar, options, span),
    constant: (value, dtype, shape = [], span) => {
      if (dtype !== undefined) checkDType(dtype, span);
      checkShape(shape, span);
      const type: TensorType = { dtype: dtype ?? literalDType(value), shape: [...shape] };
      return addConstant(draft, value, type, span, dtype === undefined);
    },
    iota: (shape, axis, dtype = "i32", span) => buildIota(draft, shape, axis, dtype, span),
    map: (fn, args, span) => buildMap(draft, fn, args, span),
    cast: (x, dtype, span) => buildCast(draft, x, dtype, span),
    reduce: (fn, x, options = {}, span) => buildReduce(draft, fn, x, options, span),
    mean: (x, options = {}, span) => buildMean(draft, x, options, span),
    reshape: (x, shape, span) => buildReshape(draft, x, shape, span),
    transpose: (x, perm, span) => buildTranspose(draft, x, perm, span),
    broadcastTo: (x, shape, span) => buildBroadcastTo(draft, x, shape, span),
    slice: (x, ranges, span) => buildSlice(draft, x, ranges, span),
    pad: (x, low, high, value = 0, span) => buildPad(draft, x, [low, high], value, span),
    concat: (xs, axis, span) => buildConcat(draft, xs, axis, span),
    variable: (x, span) => markValue(draft, takeValue(draft, x, span), { kind: "variable" }, span),
    stopGradient: (x, span) => markValue(draft, takeValue(draft, x, span), { kind: "stop" }, span),
    customVjp: (inputs, forward, backward, span) => buildCustom(draft, inputs, forward, backward, span),
    nodes: draft.nodes,
    valueAt: (id) => valueAt(draft, id),
    markAt: (id) => draft.marks.get(id),
    finish: (results) => finishGraph(draft, results),
  };
}

function declareParam(draft: GraphDraft, name: string, type: TensorType, span: Span | undefined): Value {
  declareInput(draft, name, span);
  checkDType(type.dtype, span);
  checkShape(type.shape, span);
  const copy: TensorType = { dtype: type.dtype, shape: [...type.shape] };
  return addNode(draft, { op: "param", type: copy, name }, span);
}

function declareScalar(
  draft: GraphDraft,
  name: string,
  options: { dtype?: DType; default?: number },
  span: Span | undefined,
): Value {
  declareInput(draft, name, span);
  const { dtype = "f32", default: value } = options;
  checkDType(dtype, span);
  if (dtype === "f16" || dtype === "bf16")
    fail("unsupported-dtype", `scalar ${name} cannot be ${dtype}`, {
      span,
      help: `declare it f32: in arithmetic it takes on the dtype of the tensor that it meets`,
    });
  const type: TensorType = { dtype, shape: [] };
  const node: Node = { op: "scalar", type, name };
  if (value === undefined) return addNode(draft, node, span, true);
  return addNode(draft, { ...node, default: convertLiteral(value, dtype, span) }, span, true);
}

function declareInput(draft: GraphDraft, name: string, span: Span | undefined): void {
  if (name === "")
    fail("wrong-argument", "an input has no name", { span, help: "name each param and scalar" });
  if (draft.inputs.has(name)) {
    const first = draft.inputs.get(name);
    fail("duplicate-name", `${name} is declared twice`, {
      span,
      notes: first === undefined ? [] : [{ message: `${name} is first declared here`, span: first }],
      help: "give each input its own name",
    });
  }
  draft.inputs.set(name, span);
}

function buildIota(
  draft: GraphDraft,
  shape: readonly number[],
  axis: number,
  dtype: DType,
  span: Span | undefined,
): Value {
  checkShape(shape, span);
  checkDType(dtype, span);
  if (dtype !== "i32" && dtype !== "u32" && dtype !== "f32")
    fail("unsupported-dtype", `iota cannot be ${dtype}`, {
      span,
      help: "it gives i32, u32 or f32; cast the result",
    });
  const type: TensorType = { dtype, shape: [...shape] };
  return addNode(draft, { op: "iota", type, axis: resolveAxis(axis, type, span) }, span);
}

function valueAt(draft: GraphDraft, id: NodeId): Value {
  const node = draft.nodes[id];
  if (node === undefined) throw new RangeError(`graph ${draft.name} has no node ${String(id)} yet`);
  return { id, type: node.type, weak: false };
}

function buildCustom(
  draft: GraphDraft,
  inputs: readonly Value[],
  forward: (inputs: readonly Value[]) => readonly Value[],
  backward: CustomBackward,
  span: Span | undefined,
): readonly Value[] {
  const stopped = inputs.map((input) =>
    markValue(draft, takeValue(draft, input, span), { kind: "stop" }, span),
  );
  const values = forward(stopped).map((value) => takeValue(draft, value, span));
  const first = draft.nodes.length;
  const outputs = values.map((_, i) => first + i);
  const region: CustomRegion = { inputs: inputs.map(({ id }) => id), outputs, backward };
  return values.map((value) => markValue(draft, value, { kind: "custom", region }, span));
}

/**
 * The graph of what was built: inputs first (its text has them in its head), then what the results need. Constants
 * that took on another dtype leave their first form behind, unused: it is dropped here. So are marks.
 */
function finishGraph(
  draft: GraphDraft,
  results: readonly { readonly name: string; readonly value: Operand }[],
): Graph {
  checkResultNames(results.map(({ name }) => name));
  const taken = results.map(({ name, value }): GraphResult => ({
    name,
    node: takeValue(draft, value, undefined).id,
  }));
  const live = new Set<NodeId>(taken.map(({ node }) => node));
  for (let id = draft.nodes.length - 1; id >= 0; id--) {
    const node = draft.nodes[id];
    if (node !== undefined && live.has(id)) for (const operand of operandsOf(node)) live.add(operand);
  }
  const renumbered = new Map<NodeId, NodeId>();
  const renumber = (id: NodeId): NodeId => renumbered.get(id) ?? id;
  const nodes: Node[] = [];
  for (const wantsInputs of [true, false])
    draft.nodes.forEach((node, id) => {
      if (isInput(node) !== wantsInputs || !(wantsInputs || live.has(id))) return;
      if (draft.marks.has(id) && node.op === "reshape") {
        renumbered.set(id, renumber(node.arg));
        return;
      }
      renumbered.set(id, nodes.push(mapOperands(node, renumber)) - 1);
    });
  return { name: draft.name, nodes, results: taken.map((r) => ({ name: r.name, node: renumber(r.node) })) };
}

function checkResultNames(names: readonly string[]): void {
  if (names.length === 0)
    fail("wrong-argument", "a graph needs a result", { help: "return at least one value" });
  if (names.includes("")) fail("wrong-argument", "a result has no name", { help: "name each result" });
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name))
      fail("duplicate-name", `two results are named ${name}`, { help: "give each result its own name" });
    seen.add(name);
  }
}
