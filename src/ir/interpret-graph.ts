/**
 * The meaning of a graph: evaluates it node by node in float64, and on request bounds how far a correct f32 evaluation
 * may lie from each element. The oracle of all tests, and the CPU backend.
 *
 * Requires: a verified graph.
 * Ensures:  no recursion; a value lives until its last use. f32, f16 and bf16 round only at `cast` and where a result is
 *           stored, integers wrap at 32 bits in every node. Values without a bound of `Infinity` hold for every backend.
 *
 * Memory moves (transpose, slice, ...) are done at once rather than read through strides: one copy loop is all there is to
 * get right, and the scalar loops stay flat.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { elementCount, rowMajorStrides } from "./dtype.ts";
import type { DType, TensorType } from "./dtype.ts";
import { boundOfCast, boundOfStored } from "./error-bounds.ts";
import { nodeAt, operandsOf } from "./graph.ts";
import type { ConcatNode, Graph, IotaNode, Node, NodeId, PadNode, ReduceNode } from "./graph.ts";
import { readInput } from "./interpret-inputs.ts";
import type { InputData } from "./interpret-inputs.ts";
import { mapElements } from "./interpret-map.ts";
import type { Elements } from "./interpret-map.ts";
import { reduceRows } from "./interpret-reduce.ts";
import { castValue } from "./round.ts";
import { copyStrided } from "./strided-copy.ts";

export type { InputData } from "./interpret-inputs.ts";

export interface InterpretOptions {
  /** Also bound |f32 evaluation - value| per element. Costs about ten times the evaluation. Default false. */
  readonly bounds?: boolean | undefined;
  /** false: inputs and results of float dtypes stay float64, for differences of nearby values. Default true. */
  readonly rounded?: boolean | undefined;
}

/** A result: its elements in row-major order, rounded to the dtype (bool: 0 or 1) unless told otherwise. */
export interface OutputData {
  readonly type: TensorType;
  readonly values: Float64Array;
  /**
   * Largest absolute deviation allowed per element; `Infinity` where nothing can be said, also about the element's class.
   * With bounds, a zero of unknown sign is -0 in `values`, so what follows from its sign (1 / 0) may differ and is excluded.
   */
  readonly bounds: Float64Array | undefined;
}

/** Evaluates the graph. `inputs` holds every param, and every scalar without a default, by name. */
export function interpretGraph(
  graph: Graph,
  inputs: ReadonlyMap<string, InputData>,
  options: InterpretOptions = {},
): Map<string, OutputData> {
  const withBounds = options.bounds === true;
  const rounded = options.rounded ?? true;
  const dying = nodesByLastUse(graph);
  const live = new Map<NodeId, Elements>();
  const elementsOf = (id: NodeId): Elements => {
    const elements = live.get(id);
    if (elements === undefined) throw new CompilerBug(`interpretGraph has no value %${String(id)}`, []);
    return elements;
  };
  graph.nodes.forEach((node, id) => {
    if (dying[id] === undefined) return; // nobody reads it
    live.set(id, evaluateNode(graph, node, elementsOf, { inputs, withBounds, rounded }));
    for (const dead of dying[id]) live.delete(dead);
  });
  return new Map(
    graph.results.map(({ name, node }) => {
      const { type } = nodeAt(graph, node);
      const elements = elementsOf(node);
      const { values, bounds } = rounded ? castElements(elements, type.dtype) : elements;
      return [name, { type, values, bounds }];
    }),
  );
}

/**
 * For each node the values that nobody reads after it; `undefined` for a node that no result depends on. Results never
 * die.
 */
function nodesByLastUse(graph: Graph): (readonly NodeId[] | undefined)[] {
  const dying: (NodeId[] | undefined)[] = graph.nodes.map(() => undefined);
  const isRead = new Set(graph.results.map((result) => result.node));
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    if (!isRead.has(id)) continue;
    const last = new Set(operandsOf(nodeAt(graph, id)).filter((operand) => !isRead.has(operand)));
    for (const operand of last) isRead.add(operand);
    dying[id] = [...last];
  }
  return dying;
}

interface Evaluation {
  readonly inputs: ReadonlyMap<string, InputData>;
  readonly withBounds: boolean;
  readonly rounded: boolean;
}

function evaluateNode(
  graph: Graph,
  node: Node,
  elementsOf: (id: NodeId) => Elements,
  { inputs, withBounds, rounded }: Evaluation,
): Elements {
  switch (node.op) {
    case "param":
    case "scalar":
      return storedElements(node.type.dtype, readInput(node, inputs, rounded), withBounds);
    case "const": {
      const values = new Float64Array(elementCount(node.type.shape)).fill(node.value);
      return storedElements(node.type.dtype, values, withBounds);
    }
    case "iota":
      return evaluateIota(node, withBounds);
    case "map":
      return mapElements(node.fn, node.args.map(elementsOf), node.type.dtype);
    case "cast":
      return castElements(elementsOf(node.arg), node.type.dtype);
    case "reduce":
      return evaluateReduce(node, elementsOf(node.arg), nodeAt(graph, node.arg).type.shape);
    case "reshape":
      return elementsOf(node.arg);
    case "pad":
      return evaluatePad(node, elementsOf(node.arg), nodeAt(graph, node.arg).type.shape);
    case "concat":
      return evaluateConcat(graph, node, elementsOf);
    default: {
      const { offset, strides } = readPattern(node, nodeAt(graph, node.arg).type.shape);
      return gatherElements(elementsOf(node.arg), node.type.shape, offset, strides);
    }
  }
}

/** Elements as they lie in memory: exact. */
export function storedElements(dtype: DType, values: Float64Array, withBounds: boolean): Elements {
  if (!withBounds) return { dtype, values, bounds: undefined, isNonnegative: false };
  const bounds = values.map((x) => boundOfStored(dtype, x));
  return { dtype, values, bounds, isNonnegative: values.every((x) => x > 0 || Object.is(x, 0)) };
}

function evaluateIota(node: IotaNode, withBounds: boolean): Elements {
  const { shape, dtype } = node.type;
  const length = shape[node.axis] ?? 1;
  const row = Float64Array.from({ length }, (_, i) => castValue("i32", dtype, i));
  const strides = shape.map((_, d) => (d === node.axis ? 1 : 0));
  return gatherElements(storedElements(dtype, row, withBounds), shape, 0, strides);
}

/** Changes the dtype. Where nothing changes, the same elements come back. */
export function castElements(x: Elements, to: DType): Elements {
  const from = x.dtype;
  const isStable = from === to && (to === "i32" || to === "u32" || to === "bool");
  if (isStable) return x;
  const values = new Float64Array(x.values.length);
  if (to === "f32") for (let i = 0; i < values.length; i++) values[i] = Math.fround(x.values[i] ?? 0);
  else for (let i = 0; i < values.length; i++) values[i] = castValue(from, to, x.values[i] ?? 0);
  const bounds = x.bounds?.map((e, i) => boundOfCast(from, to, values[i] ?? 0, x.values[i] ?? 0, e));
  return { dtype: to, values, bounds, isNonnegative: x.isNonnegative || to === "u32" || to === "bool" };
}

/** Brings the reduced dimensions to the inside and reduces contiguous rows. */
function evaluateReduce(node: ReduceNode, x: Elements, shape: readonly number[]): Elements {
  const kept = shape.map((_, d) => d).filter((d) => !node.axes.includes(d));
  const order = [...kept, ...node.axes];
  const strides = rowMajorStrides(shape);
  const isInside = order.every((d, position) => d === position);
  const inner = isInside
    ? x
    : gatherElements(
        x,
        order.map((d) => shape[d] ?? 1),
        0,
        order.map((d) => strides[d] ?? 0),
      );
  const length = elementCount(node.axes.map((d) => shape[d] ?? 1));
  return reduceRows(node.fn, inner, elementCount(node.type.shape), length);
}

/** How a node that only re-reads its operand steps through it, per dimension of the result. */
function readPattern(
  node: Extract<Node, { op: "transpose" | "broadcast" | "slice" }>,
  shape: readonly number[],
): { readonly offset: number; readonly strides: readonly number[] } {
  const strides = rowMajorStrides(shape);
  switch (node.op) {
    case "transpose":
      return { offset: 0, strides: node.perm.map((d) => strides[d] ?? 0) };
    case "broadcast":
      return { offset: 0, strides: strides.map((s, d) => (shape[d] === 1 ? 0 : s)) };
    case "slice":
      return {
        offset: strides.reduce((sum, s, d) => sum + s * (node.start[d] ?? 0), 0),
        strides: strides.map((s, d) => s * (node.step[d] ?? 1)),
      };
  }
}

function gatherElements(
  x: Elements,
  shape: readonly number[],
  offset: number,
  strides: readonly number[],
): Elements {
  const gather = (data: Float64Array): Float64Array => {
    const out = new Float64Array(elementCount(shape));
    copyStrided(shape, { data, offset, strides }, { data: out, offset: 0, strides: rowMajorStrides(shape) });
    return out;
  };
  return { ...x, values: gather(x.values), bounds: x.bounds === undefined ? undefined : gather(x.bounds) };
}

/** Writes x as a box into `target`, whose dimensions have the given strides. */
function scatterElements(
  x: Elements,
  shape: readonly number[],
  target: Elements,
  offset: number,
  strides: readonly number[],
): void {
  const source = { offset: 0, strides: rowMajorStrides(shape) };
  copyStrided(shape, { data: x.values, ...source }, { data: target.values, offset, strides });
  if (x.bounds === undefined || target.bounds === undefined) return;
  copyStrided(shape, { data: x.bounds, ...source }, { data: target.bounds, offset, strides });
}

function evaluatePad(node: PadNode, x: Elements, shape: readonly number[]): Elements {
  const { dtype } = node.type;
  const values = new Float64Array(elementCount(node.type.shape)).fill(node.value);
  const filled = storedElements(dtype, values, x.bounds !== undefined);
  const strides = rowMajorStrides(node.type.shape);
  const offset = strides.reduce((sum, s, d) => sum + s * (node.low[d] ?? 0), 0);
  scatterElements(x, shape, filled, offset, strides);
  return { ...filled, isNonnegative: x.isNonnegative && node.value >= 0 };
}

function evaluateConcat(graph: Graph, node: ConcatNode, elementsOf: (id: NodeId) => Elements): Elements {
  const { dtype, shape } = node.type;
  const parts = node.args.map(elementsOf);
  const hasBounds = parts.some((part) => part.bounds !== undefined);
  const values = new Float64Array(elementCount(shape));
  const bounds = hasBounds ? new Float64Array(values.length) : undefined;
  const isNonnegative = parts.every((part) => part.isNonnegative);
  const whole: Elements = { dtype, values, bounds, isNonnegative };
  const strides = rowMajorStrides(shape);
  let offset = 0;
  node.args.forEach((id) => {
    const partShape = nodeAt(graph, id).type.shape;
    scatterElements(elementsOf(id), partShape, whole, offset, strides);
    offset += (partShape[node.axis] ?? 0) * (strides[node.axis] ?? 0);
  });
  return whole;
}
