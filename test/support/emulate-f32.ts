/**
 * A stand-in for a GPU: evaluates a graph in f32, with every liberty that WGSL grants drawn at random: rounding errors up
 * to what the op table allows, flushed subnormals, reductions in any order. Written without the interpreter's code, one
 * coordinate at a time, so that the two check each other.
 */
import { elementCount, isFloat, rowMajorStrides } from "../../src/ir/dtype.ts";
import type { DType, TensorType } from "../../src/ir/dtype.ts";
import { nodeAt } from "../../src/ir/graph.ts";
import type { Graph, MapNode, Node, NodeId, ReduceNode } from "../../src/ir/graph.ts";
import { combineNumbers } from "../../src/ir/monoids.ts";
import { givesPosition, REDUCE_OPS } from "../../src/ir/reduce-ops.ts";
import { castValue } from "../../src/ir/round.ts";
import { evaluateScalar, SCALAR_OPS } from "../../src/ir/scalar-ops.ts";
import type { ScalarOpInfo } from "../../src/ir/scalar-ops.ts";

type Random = () => number;

/** Results by name, as numbers. */
export function emulateF32(
  graph: Graph,
  inputs: ReadonlyMap<string, Float64Array>,
  random: Random,
): Map<string, number[]> {
  const values: number[][] = [];
  for (const node of graph.nodes) values.push(emulateNode(graph, node, values, inputs, random));
  return new Map(
    graph.results.map(({ name, node }) => {
      const { dtype } = nodeAt(graph, node).type;
      return [name, (values[node] ?? []).map((x) => castValue(dtype, dtype, x))];
    }),
  );
}

function flush(x: number, random: Random): number {
  return Math.abs(x) < 2 ** -126 && random() < 0.5 ? 0 : x;
}

const toF32 = (x: number, random: Random): number => flush(Math.fround(x), random);

/** Row-major coordinates of element `index`. */
function coordinatesOf(index: number, shape: readonly number[]): number[] {
  return rowMajorStrides(shape).map((stride, d) => Math.floor(index / stride) % (shape[d] ?? 1));
}

const indexOf = (coordinates: readonly number[], shape: readonly number[]): number =>
  rowMajorStrides(shape).reduce((sum, stride, d) => sum + stride * (coordinates[d] ?? 0), 0);

function emulateNode(
  graph: Graph,
  node: Node,
  values: readonly number[][],
  inputs: ReadonlyMap<string, Float64Array>,
  random: Random,
): number[] {
  const { shape, dtype } = node.type;
  const each = (at: (index: number) => number): number[] =>
    Array.from({ length: elementCount(shape) }, (_, i) => at(i));
  switch (node.op) {
    case "param":
    case "scalar":
      return [...(inputs.get(node.name) ?? [])].map((x) => (isFloat(dtype) ? toF32(x, random) : x));
    case "const":
      return each(() => node.value);
    case "iota":
      return each((i) => coordinatesOf(i, shape)[node.axis] ?? 0);
    case "map":
      return each((i) => {
        const args = node.args.map((arg) => values[arg]?.[i] ?? 0);
        return emulateOp(node, nodeAt(graph, node.args.at(-1) ?? 0).type.dtype, args, random);
      });
    case "cast": {
      const from = nodeAt(graph, node.arg).type.dtype;
      return each((i) => castValue(from, dtype, values[node.arg]?.[i] ?? 0));
    }
    case "reduce":
      return emulateReduce(node, values[node.arg] ?? [], nodeAt(graph, node.arg).type, random);
    case "concat":
      return each((i) => readConcat(graph, node.args, node.axis, coordinatesOf(i, shape), values));
    case "reshape":
      return values[node.arg] ?? [];
    default: {
      const from = nodeAt(graph, node.arg).type.shape;
      return each((i) => {
        const source = sourceCoordinates(node, coordinatesOf(i, shape), from);
        if (source.some((c, d) => c < 0 || c >= (from[d] ?? 1))) return node.op === "pad" ? node.value : NaN;
        return values[node.arg]?.[indexOf(source, from)] ?? NaN;
      });
    }
  }
}

function sourceCoordinates(
  node: Extract<Node, { op: "transpose" | "broadcast" | "slice" | "pad" }>,
  coordinates: readonly number[],
  from: readonly number[],
): number[] {
  switch (node.op) {
    case "transpose":
      return from.map((_, d) => coordinates[node.perm.indexOf(d)] ?? 0);
    case "broadcast":
      return from.map((n, d) => (n === 1 ? 0 : (coordinates[d] ?? 0)));
    case "slice":
      return from.map((_, d) => (node.start[d] ?? 0) + (node.step[d] ?? 1) * (coordinates[d] ?? 0));
    case "pad":
      return from.map((_, d) => (coordinates[d] ?? 0) - (node.low[d] ?? 0));
  }
}

function readConcat(
  graph: Graph,
  args: readonly NodeId[],
  axis: number,
  coordinates: readonly number[],
  values: readonly number[][],
): number {
  let position = coordinates[axis] ?? 0;
  for (const arg of args) {
    const { shape } = nodeAt(graph, arg).type;
    const length = shape[axis] ?? 0;
    if (position < length) {
      const inside = coordinates.map((c, d) => (d === axis ? position : c));
      return values[arg]?.[indexOf(inside, shape)] ?? NaN;
    }
    position -= length;
  }
  return NaN;
}

function emulateOp(node: MapNode, dtype: DType, args: readonly number[], random: Random): number {
  const info: ScalarOpInfo = SCALAR_OPS[node.fn];
  const value = evaluateScalar(node.fn, dtype, args);
  if (!isFloat(node.type.dtype) || !Number.isFinite(value)) return value;
  const [x = 0, y = 0] = args;
  const { exact, largest } = info.error;
  if (exact !== "never") return toF32(value, random);
  // Half an ulp is left for the rounding to f32 itself.
  const allowed = Math.max(0, largest(value, x, y) - Math.abs(value) * 2 ** -24);
  const error = allowed < Number.POSITIVE_INFINITY ? allowed * (2 * random() - 1) : 0;
  return toF32(value + error, random);
}

/** Elements in random order, in chains of at most 100, then the chains' results. */
function emulateReduce(
  node: ReduceNode,
  x: readonly number[],
  { shape, dtype: from }: TensorType,
  random: Random,
): number[] {
  const { shape: kept } = node.type;
  const isPosition = givesPosition(node.fn);
  const rows: number[][] = Array.from({ length: elementCount(kept) }, () => []);
  x.forEach((value, i) => {
    const coordinates = coordinatesOf(i, shape).map((c, d) => (node.axes.includes(d) ? 0 : c));
    rows[indexOf(coordinates, kept)]?.push(value);
  });
  const { identity, result } = REDUCE_OPS[node.fn];
  const combine = (a: State, b: State): State =>
    combineNumbers(node.fn, from, a, b).map((value) => (isFloat(from) ? toF32(value, random) : value));
  return rows.map((row) => {
    const states = row.map((value, position): State => (isPosition ? [value, position] : [value]));
    return states.length === 0
      ? (identity ?? NaN)
      : (combineInChains(shuffle(states, random), combine)[result] ?? NaN);
  });
}

type State = readonly number[];

function combineInChains(row: readonly State[], combine: (a: State, b: State) => State): State {
  let level = row;
  while (level.length > 1) {
    const next: State[] = [];
    for (let i = 0; i < level.length; i += 100) next.push(level.slice(i, i + 100).reduce(combine));
    level = next;
  }
  return level[0] ?? [];
}

function shuffle<T>(row: readonly T[], random: Random): T[] {
  const out = [...row];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [p, q] = [out[i], out[j]];
    if (p !== undefined && q !== undefined) [out[i], out[j]] = [q, p];
  }
  return out;
}
