/**
 * Constant folding: what depends on consts alone becomes a const, and so does every value without elements. What a reduction
 * makes of no elements is left to index notation (`foldEmptyReductions`).
 *
 * Requires: a verified graph.
 * Ensures:  no map or cast has only consts as operands, no view reads a const, and no node but an input is empty. Float
 *           maps are rounded to f32 once, as a correctly rounding device would; sums and products of a repeated const
 *           only fold where the result is exact, so how the device would have added does not matter. Linear time.
 *
 *     %0 = const 2 : f32[]                  %0 = const 0.5 : f32[8]
 *     %1 = const 4 : f32[]                  %1 = mul %x, %0
 *     %2 = div %0, %1             =>        (orphans are left to `dce`)
 *     %3 = reshape %2 : f32[1]
 *     %4 = broadcast %3 : f32[8]
 *     %5 = mul %x, %4
 */
import { elementCount, isFloat, isInteger } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";
import type { ConstNode, Graph, MapNode, Node, NodeId, ReduceNode } from "../../ir/graph.ts";
import { givesPosition } from "../../ir/reduce-ops.ts";
import { isInput, rewriteNodes } from "../../ir/rewrite-graph.ts";
import { castValue } from "../../ir/round.ts";
import { evaluateScalar, wrapInteger } from "../../ir/scalar-ops.ts";

export function foldConstants(graph: Graph): Graph {
  return rewriteNodes(graph, (node, _id, output) => {
    const folded = foldNode(node, output.at);
    return folded === undefined ? undefined : output.emit(folded);
  });
}

/** The const that has the value of `node`, if there is one; `at` gives its operands. */
export function foldNode(node: Node, at: (id: NodeId) => Node): ConstNode | undefined {
  if (node.op === "const" || isInput(node)) return undefined;
  const value = elementCount(node.type.shape) === 0 ? 0 : valueOf(node, at);
  if (value === undefined) return undefined;
  // Also in the 16-bit dtypes a const is an f32, because that is what they are computed in.
  const rounded = isFloat(node.type.dtype) ? Math.fround(value) : value;
  return { op: "const", value: rounded, type: node.type, span: node.span };
}

/** The value of every element of a node that has elements, before rounding. */
function valueOf(node: Node, at: (id: NodeId) => Node): number | undefined {
  switch (node.op) {
    case "param":
    case "scalar":
    case "const":
      return undefined;
    case "iota":
      return node.type.shape[node.axis] === 1 ? 0 : undefined;
    case "map":
      return foldMap(node, at);
    case "cast": {
      const operand = at(node.arg);
      return operand.op === "const"
        ? castValue(operand.type.dtype, node.type.dtype, operand.value)
        : undefined;
    }
    case "reduce":
      return foldReduce(node, at(node.arg));
    case "pad": {
      const operand = at(node.arg);
      const isUniform = operand.op === "const" && Object.is(operand.value, node.value);
      return isUniform || isEmpty(operand) ? node.value : undefined;
    }
    case "concat": {
      const values = constValues(node.args, at);
      const [first] = values ?? [];
      return values?.every((value) => Object.is(value, first)) === true ? first : undefined;
    }
    default:
      return constValues([node.arg], at)?.[0];
  }
}

function foldMap(node: MapNode, at: (id: NodeId) => Node): number | undefined {
  const values = constValues(node.args, at);
  if (values === undefined) return undefined;
  // The first operand of `where` is bool; its choices say what it computes in.
  const typed = node.args[node.fn === "where" ? 1 : 0];
  return typed === undefined ? undefined : evaluateScalar(node.fn, at(typed).type.dtype, values);
}

/** Values of operands that are all consts. Stops at the first that is none. */
function constValues(ids: readonly NodeId[], at: (id: NodeId) => Node): readonly number[] | undefined {
  const values: number[] = [];
  for (const id of ids) {
    const operand = at(id);
    if (operand.op !== "const") return undefined;
    values.push(operand.value);
  }
  return values;
}

function foldReduce(node: ReduceNode, operand: Node): number | undefined {
  const { dtype, shape } = operand.type;
  const count = elementCount(node.axes.map((axis) => shape[axis] ?? 1));
  if (operand.op !== "const" || count === 0) return undefined;
  if (givesPosition(node.fn)) return node.fn.endsWith("_last") ? count - 1 : 0; // all are equal
  switch (node.fn) {
    case "sum":
      return foldSum(operand.value, count, dtype);
    case "prod":
      return foldProduct(operand.value, count, dtype);
    default:
      return operand.value; // idempotent
  }
}

/** `count` times `value`, where that is an f32: no order of adding gets closer. */
function foldSum(value: number, count: number, dtype: DType): number | undefined {
  if (isInteger(dtype)) return wrapInteger(dtype, Math.imul(value, count));
  // The product is exact in float64: 24 + 29 bits. Adding 0 makes -0 what a sum that starts from 0 gives.
  const total = value * count;
  return count < 2 ** 29 && Object.is(Math.fround(total), total) ? total + 0 : undefined;
}

/** `value` to the power of `count`, where no order of multiplying can round. */
function foldProduct(value: number, count: number, dtype: DType): number | undefined {
  if (isInteger(dtype)) return evaluateScalar("pow", dtype, [value, count]);
  const isClosed = value === 0 || Math.abs(value) === 1 || !Number.isFinite(value);
  return isClosed ? value ** count : undefined;
}

const isEmpty = (node: Node): boolean => elementCount(node.type.shape) === 0;
