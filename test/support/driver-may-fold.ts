/**
 * Whether a driver may compute a graph as if nan and infinity did not exist, and come to another number by it.
 *
 * WGSL lets an implementation assume that no operand or result is nan or infinite (section "Floating point evaluation"),
 * and SwiftShader's SPIR-V optimiser does: x * 0 becomes 0, (s - x) + x becomes s. Where x is infinite, the oracle has nan.
 * docs/numerics.md lists the patterns and says why the compiler does not fight them.
 *
 * Ensures: false means that no such pattern is in the graph, seen through views, casts between floats and reductions,
 *          so a nan or infinity that the oracle expects has to come out. True promises nothing.
 */
import { isFloat } from "../../src/ir/dtype.ts";
import { nodeAt } from "../../src/ir/graph.ts";
import type { Graph, MapNode, NodeId } from "../../src/ir/graph.ts";

/** Operands of one tree of sums or products at most; a tree with more is taken to fold. */
const MAX_LEAVES = 64;

export function driverMayFold(graph: Graph): boolean {
  return graph.nodes.some((node) => node.op === "map" && isFloat(node.type.dtype) && mayFoldAt(graph, node));
}

function mayFoldAt(graph: Graph, node: MapNode): boolean {
  switch (node.fn) {
    case "add":
    case "sub":
      return cancels(graph, node, ["add", "sub", "neg"], "sum"); // x - x, (s - x) + x, x - (x + y)
    case "mul":
    case "div":
      // x * 0, 0 / x, x / x, (x / y) * y, (x * y) / x
      return (
        node.args.some((arg) => isZero(graph, arg)) || cancels(graph, node, ["mul", "div", "neg"], "prod")
      );
    default:
      return false;
  }
}

/** The node that a chain of views shows: the same numbers, maybe fewer, more often or elsewhere. */
function source(graph: Graph, id: NodeId): NodeId {
  for (let at = id; ;) {
    const node = nodeAt(graph, at);
    const isView =
      node.op === "reshape" || node.op === "transpose" || node.op === "broadcast" || node.op === "slice";
    if (!isView && !(node.op === "cast" && isFloat(nodeAt(graph, node.arg).type.dtype))) return at;
    at = node.arg;
  }
}

/** A pad or concat of zeros and something else is zero somewhere, too: its guard is a select that may be pushed out. */
function isZero(graph: Graph, id: NodeId): boolean {
  const node = nodeAt(graph, source(graph, id));
  if (node.op === "const") return node.value === 0;
  if (node.op === "pad") return node.value === 0 || isZero(graph, node.arg);
  return node.op === "concat" && node.args.some((arg) => isZero(graph, arg));
}

/** Whether an operand occurs on both sides of a tree of sums (or products): once added and once subtracted. */
function cancels(
  graph: Graph,
  root: MapNode,
  through: readonly MapNode["fn"][],
  reduction: "sum" | "prod",
): boolean {
  const sides: readonly [Set<NodeId>, Set<NodeId>] = [new Set(), new Set()];
  const pending: { readonly id: NodeId; readonly side: 0 | 1 }[] = [];
  const push = (node: MapNode, side: 0 | 1): void => {
    const inverse = node.fn === "sub" || node.fn === "div" || (node.fn === "neg" && reduction === "sum");
    node.args.forEach((id, i) => {
      const isLast = i === node.args.length - 1;
      pending.push({ id, side: inverse && isLast ? (side === 0 ? 1 : 0) : side });
    });
  };
  push(root, 0);
  for (let leaf = pending.pop(), count = 0; leaf !== undefined; leaf = pending.pop(), count++) {
    if (count > MAX_LEAVES) return true;
    const at = source(graph, leaf.id);
    const node = nodeAt(graph, at);
    if (sides[leaf.side === 0 ? 1 : 0].has(at)) return true;
    sides[leaf.side].add(at);
    // A tree may also cancel as a whole: its inner nodes are leaves as well as trees.
    if (node.op === "map" && through.includes(node.fn)) push(node, leaf.side);
    if (node.op === "reduce" && node.fn === reduction) pending.push({ id: node.arg, side: leaf.side });
  }
  return false;
}
