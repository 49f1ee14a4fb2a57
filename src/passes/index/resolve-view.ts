/**
 * Reads a graph value at a position: views move the position, elementwise ops become an expression, statements and
 * parameters end the walk. Recursion is bounded by `MAX_HEIGHT` (choose-statements.ts); chains of views are a loop.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { rowMajorStrides } from "../../ir/dtype.ts";
import { nodeAt, type Graph, type NodeId, type PadNode, type ConcatNode } from "../../ir/graph.ts";
import {
  indexAdd,
  indexConst,
  indexDiv,
  indexMod,
  indexScale,
  type AxisSizes,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import type { Bound, ScalarExpr } from "../../ir/index-notation.ts";

export interface ViewContext {
  readonly graph: Graph;
  readonly sizes: AxisSizes;
  /** Names of params and scalars (`nameInputs`). */
  readonly names: ReadonlyMap<NodeId, string>;
  /** The read of a node that is a statement; undefined for other nodes. */
  readonly readStatement: (id: NodeId, dims: readonly IndexExpr[]) => ScalarExpr | undefined;
}

/** A position in a tensor: per dimension, or in row-major order (what a reshape leaves unchanged). */
type Position = { readonly dims: readonly IndexExpr[] } | { readonly linear: IndexExpr };

export const linearFromDims = (dims: readonly IndexExpr[], shape: readonly number[]): IndexExpr => {
  const strides = rowMajorStrides(shape);
  return dims.reduce((sum, dim, d) => indexAdd(sum, indexScale(dim, strides[d] ?? 1)), indexConst(0));
};

export function dimsFromLinear(linear: IndexExpr, shape: readonly number[], sizes: AxisSizes): IndexExpr[] {
  const strides = rowMajorStrides(shape);
  return shape.map((size, d) => {
    if (size === 1) return indexConst(0);
    const shifted = indexDiv(linear, strides[d] ?? 1, sizes);
    return shape.slice(0, d).every((n) => n === 1) ? shifted : indexMod(shifted, size, sizes);
  });
}

/**
 * The value of node `id` at `dims`, one index per dimension.
 *
 * @param define true when `id` is the statement being defined, so that it is not read as one
 */
export function resolveView(
  context: ViewContext,
  id: NodeId,
  dims: readonly IndexExpr[],
  define = false,
): ScalarExpr {
  const { graph, sizes } = context;
  let at = id;
  let position: Position = { dims };
  for (;;) {
    const node = nodeAt(graph, at);
    const { dtype, shape } = node.type;
    if (node.op === "param") {
      const index = "linear" in position ? position.linear : linearFromDims(position.dims, shape);
      return { kind: "tensor", dtype, tensor: nameOf(context, at), index };
    }
    if (node.op === "scalar") return { kind: "scalar", dtype, name: nameOf(context, at) };
    if (node.op === "const") return { kind: "const", dtype, value: node.value };
    if (node.op === "reshape") {
      position = { linear: "linear" in position ? position.linear : linearFromDims(position.dims, shape) };
      at = node.arg;
      continue;
    }
    const here: readonly IndexExpr[] =
      "linear" in position ? dimsFromLinear(position.linear, shape, sizes) : position.dims;
    const read = define && at === id ? undefined : context.readStatement(at, here);
    if (read !== undefined) return read;
    switch (node.op) {
      case "iota":
        return { kind: "index", dtype, index: here[node.axis] ?? indexConst(0) };
      case "map":
        return {
          kind: "map",
          dtype,
          fn: node.fn,
          args: node.args.map((arg) => resolveView(context, arg, here)),
        };
      case "cast":
        return { kind: "cast", dtype, arg: resolveView(context, node.arg, here) };
      case "transpose":
        position = { dims: invertPermutation(node.perm, here) };
        break;
      case "broadcast": {
        const from = nodeAt(graph, node.arg).type.shape;
        position = { dims: here.map((index, d) => (from[d] === 1 ? indexConst(0) : index)) };
        break;
      }
      case "slice":
        position = {
          dims: here.map((index, d) =>
            indexAdd(indexScale(index, node.step[d] ?? 1), indexConst(node.start[d] ?? 0)),
          ),
        };
        break;
      case "pad":
        return resolvePad(context, node, here);
      case "concat":
        return resolveConcat(context, node, here);
      case "reduce":
        throw new CompilerBug("index notation", [`reduction %${String(at)} is no statement`]);
    }
    at = node.arg;
  }
}

function nameOf({ names }: ViewContext, id: NodeId): string {
  const name = names.get(id);
  if (name === undefined) throw new CompilerBug("index notation", [`input %${String(id)} has no name`]);
  return name;
}

const invertPermutation = (perm: readonly number[], dims: readonly IndexExpr[]): IndexExpr[] => {
  const out = new Array<IndexExpr>(perm.length);
  perm.forEach((from, d) => {
    out[from] = dims[d] ?? indexConst(0);
  });
  return out;
};

/** The position from the lower end, where the bound holds: 0 where only one does. */
const indexWithin = ({ index, low, high }: Bound): IndexExpr =>
  high - low === 1 ? indexConst(0) : indexAdd(index, indexConst(-low));

function resolvePad(context: ViewContext, node: PadNode, dims: readonly IndexExpr[]): ScalarExpr {
  const inner = nodeAt(context.graph, node.arg).type.shape;
  const { dtype } = node.type;
  const otherwise: ScalarExpr = { kind: "const", dtype, value: node.value };
  if (inner.includes(0)) return otherwise;
  const bounds: Bound[] = [];
  const shifted = dims.map((index, d) => {
    const low = node.low[d] ?? 0;
    if (low === 0 && (node.high[d] ?? 0) === 0) return index;
    const bound = { index, low, high: low + (inner[d] ?? 0) };
    bounds.push(bound);
    return indexWithin(bound);
  });
  const value = resolveView(context, node.arg, shifted);
  return bounds.length === 0 ? value : { kind: "guard", dtype, bounds, value, otherwise };
}

function resolveConcat(context: ViewContext, node: ConcatNode, dims: readonly IndexExpr[]): ScalarExpr {
  const { dtype } = node.type;
  const along = dims[node.axis] ?? indexConst(0);
  let start = 0;
  const pieces = node.args.flatMap((arg) => {
    const length = nodeAt(context.graph, arg).type.shape[node.axis] ?? 0;
    const low = start;
    start += length;
    return length === 0 ? [] : [{ arg, low, high: start }];
  });
  let out: ScalarExpr | undefined;
  for (const { arg, low, high } of pieces.reverse()) {
    const bound = { index: along, low, high };
    const moved = dims.map((index, d) => (d === node.axis ? indexWithin(bound) : index));
    const value = resolveView(context, arg, moved);
    out = out === undefined ? value : { kind: "guard", dtype, bounds: [bound], value, otherwise: out };
  }
  if (out === undefined) throw new CompilerBug("index notation", ["concat without elements"]);
  return out;
}
