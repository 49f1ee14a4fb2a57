/**
 * Canonical form: one spelling for what can be written in several ways, so that later patterns need to know only one.
 *
 * Requires: a verified graph.
 * Ensures:  - operands of commutative ops ascend by id, consts last; a comparison has its const on the right;
 *           - no reshape of a reshape, transpose of a transpose, broadcast of a broadcast, slice of a slice, pad of a pad
 *             with the same value;
 *           - no view, pad or concat that changes nothing; a transpose that moves only dimensions of length 1 is a reshape;
 *           - reduce names no axis of length 1 beside longer ones.
 *           Values are bit-identical. Linear time.
 *
 *     %0 = reshape %x : f32[4,6]             %0 = mul %x, %y
 *     %1 = reshape %0 : f32[24]       =>
 *     %2 = mul %y, %1                        with %x, %y: f32[24]
 */
import { elementCount, sameShape } from "../../ir/dtype.ts";
import type {
  BroadcastNode,
  ConcatNode,
  Graph,
  MapNode,
  Node,
  NodeId,
  PadNode,
  ReduceNode,
  ReshapeNode,
  SliceNode,
  TransposeNode,
} from "../../ir/graph.ts";
import { rewriteNodes } from "../../ir/rewrite-graph.ts";
import { SCALAR_OPS } from "../../ir/scalar-ops.ts";
import type { ScalarOp, ScalarOpInfo } from "../../ir/scalar-ops.ts";

export function canonicalize(graph: Graph): Graph {
  return rewriteNodes(graph, (node, _id, { at, emit }) => {
    let current = node;
    // Operands are canonical, so a step or two suffices: each drops a node from the chain below or ends it.
    for (;;) {
      const next = canonicalizeNode(current, at);
      if (typeof next === "number") return next;
      if (next === undefined) return current === node ? undefined : emit(current);
      current = next;
    }
  });
}

type At = (id: NodeId) => Node;
/** An equal value: an id that is there already, or a node that is simpler. Undefined: canonical as it is. */
type Step = NodeId | Node | undefined;

function canonicalizeNode(node: Node, at: At): Step {
  switch (node.op) {
    case "param":
    case "scalar":
    case "const":
    case "iota":
    case "cast":
      return undefined;
    case "map":
      return orderOperands(node, at);
    case "reduce":
      return leaveOutUnitAxes(node, at(node.arg));
    case "reshape":
      return mergeReshapes(node, at(node.arg));
    case "transpose":
      return mergeTransposes(node, at(node.arg));
    case "broadcast":
      return mergeBroadcasts(node, at(node.arg));
    case "slice":
      return mergeSlices(node, at(node.arg));
    case "pad":
      return mergePads(node, at(node.arg));
    case "concat":
      return dropEmptyOperands(node, at);
  }
}

/** What a comparison becomes when its operands change places. */
const MIRRORED: Partial<Record<ScalarOp, ScalarOp>> = { lt: "gt", gt: "lt", le: "ge", ge: "le" };

function orderOperands(node: MapNode, at: At): Step {
  const [left, right, ...others] = node.args;
  if (left === undefined || right === undefined || others.length > 0) return undefined;
  const [isLeftConst, isRightConst] = [at(left).op === "const", at(right).op === "const"];
  const { traits }: ScalarOpInfo = SCALAR_OPS[node.fn];
  const swapped: readonly NodeId[] = [right, left];
  if (traits.includes("commutative")) {
    const isOrdered = isLeftConst === isRightConst ? left <= right : isRightConst;
    return isOrdered ? undefined : { ...node, args: swapped };
  }
  const mirrored = MIRRORED[node.fn];
  return mirrored !== undefined && isLeftConst && !isRightConst
    ? { ...node, fn: mirrored, args: swapped }
    : undefined;
}

/** Sums over [1,2] and over [1] are one node for `cse`, where axis 2 has length 1. */
function leaveOutUnitAxes(node: ReduceNode, operand: Node): Step {
  const axes = node.axes.filter((axis) => operand.type.shape[axis] !== 1);
  return axes.length === 0 || axes.length === node.axes.length ? undefined : { ...node, axes };
}

function mergeReshapes(node: ReshapeNode, operand: Node): Step {
  if (sameShape(operand.type.shape, node.type.shape)) return node.arg;
  return operand.op === "reshape" ? { ...node, arg: operand.arg } : undefined;
}

function mergeTransposes(node: TransposeNode, operand: Node): Step {
  if (node.perm.every((axis, d) => axis === d)) return node.arg;
  const moved = node.perm.filter((axis) => operand.type.shape[axis] !== 1);
  if (moved.every((axis, i) => axis > (moved[i - 1] ?? -1)))
    return { op: "reshape", arg: node.arg, type: node.type, span: node.span };
  if (operand.op !== "transpose") return undefined;
  return { ...node, arg: operand.arg, perm: node.perm.map((axis) => operand.perm[axis] ?? -1) };
}

function mergeBroadcasts(node: BroadcastNode, operand: Node): Step {
  if (sameShape(operand.type.shape, node.type.shape)) return node.arg;
  return operand.op === "broadcast" ? { ...node, arg: operand.arg } : undefined;
}

function mergeSlices(node: SliceNode, operand: Node): Step {
  if (sameShape(operand.type.shape, node.type.shape)) return node.arg; // as long as its operand: all of it, in steps of 1
  const { shape } = node.type;
  if (operand.op === "slice") {
    const start = node.start.map((first, d) => (operand.start[d] ?? 0) + first * (operand.step[d] ?? 1));
    const step = node.step.map((stride, d) => stride * (operand.step[d] ?? 1));
    return { ...node, arg: operand.arg, start, step };
  }
  const step = node.step.map((stride, d) => ((shape[d] ?? 0) <= 1 ? 1 : stride)); // one element has no step
  return step.every((stride, d) => stride === node.step[d]) ? undefined : { ...node, step };
}

function mergePads(node: PadNode, operand: Node): Step {
  if (sameShape(operand.type.shape, node.type.shape)) return node.arg;
  if (operand.op !== "pad" || !Object.is(operand.value, node.value)) return undefined;
  const low = node.low.map((count, d) => count + (operand.low[d] ?? 0));
  const high = node.high.map((count, d) => count + (operand.high[d] ?? 0));
  return { ...node, arg: operand.arg, low, high };
}

function dropEmptyOperands(node: ConcatNode, at: At): Step {
  const [first] = node.args;
  const args = node.args.filter((id) => elementCount(at(id).type.shape) > 0);
  const [only = first] = args;
  if (args.length <= 1 && only !== undefined && sameShape(at(only).type.shape, node.type.shape)) return only;
  return args.length === 0 || args.length === node.args.length ? undefined : { ...node, args };
}
