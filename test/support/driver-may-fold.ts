/**
 * What a driver may do to float arithmetic by the letter of WGSL, and SwiftShader's SPIR-V optimiser does: assume that
 * nothing is nan or infinite (x * 0 becomes 0, (s - x) + x becomes s), and merge constants ((x - 3) + c becomes
 * x + (c - 3)). docs/numerics.md lists the patterns and says why the compiler does not fight them.
 *
 * Ensures: false means that no such pattern is in the graph, seen through views, casts between floats and reductions,
 *          so the device has to agree with the oracle. True promises nothing.
 */
import { isFloat } from "../../src/ir/dtype.ts";
import { nodeAt } from "../../src/ir/graph.ts";
import type { Graph, MapNode, NodeId, ReduceNode } from "../../src/ir/graph.ts";

/** Operands of one tree of sums or products at most; a tree with more is taken to be changed. */
const MAX_LEAVES = 64;

/** Whether a nan or infinity that the oracle expects may come out as a number. */
export const driverMayFold = (graph: Graph): boolean =>
  floatMaps(graph).some((node) => hasZeroFactor(graph, node) || treeAt(graph, node)?.cancels === true);

/** Whether constants of a sum or product may be merged, which rounds relative to them and not to the result. */
export const driverMayMergeConstants = (graph: Graph): boolean =>
  floatMaps(graph).some((node) => (treeAt(graph, node)?.constants ?? 0) > 1);

const floatMaps = (graph: Graph): readonly MapNode[] =>
  graph.nodes.filter((node): node is MapNode => node.op === "map" && isFloat(node.type.dtype));

/** x * 0, 0 / x, and a quotient's division */
const hasZeroFactor = (graph: Graph, node: MapNode): boolean =>
  (node.fn === "mul" || node.fn === "div" || node.fn === "quotient") &&
  node.args.some((arg) => isZero(graph, arg));

/**
 * The node that a chain of views shows, of sums with zero, or of reductions of one element: the same numbers, maybe fewer,
 * more often or elsewhere.
 */
function source(graph: Graph, id: NodeId): NodeId {
  for (let at = id; ;) {
    const node = nodeAt(graph, at);
    switch (node.op) {
      case "reshape":
      case "transpose":
      case "broadcast":
      case "slice":
        at = node.arg;
        break;
      case "cast":
        if (!isFloat(nodeAt(graph, node.arg).type.dtype)) return at;
        at = node.arg;
        break;
      case "map": {
        const [left, right] = node.args;
        if ((node.fn !== "add" && node.fn !== "sub") || left === undefined || right === undefined) return at;
        if (!isConst(graph, right, 0)) return at;
        at = left;
        break;
      }
      case "reduce": {
        if (!isOneElement(graph, node)) return at;
        at = node.arg;
        break;
      }
      default:
        return at;
    }
  }
}

const hasUnitAxes = (graph: Graph, { arg, axes }: Pick<ReduceNode, "arg" | "axes">): boolean =>
  axes.every((axis) => nodeAt(graph, arg).type.shape[axis] === 1);

/** Whether the compiler takes the element for its reduction: there is one, or an extreme of copies. */
function isOneElement(graph: Graph, { fn, arg, axes }: ReduceNode): boolean {
  const operand = nodeAt(graph, arg);
  if (fn !== "sum" && fn !== "prod" && fn !== "max" && fn !== "min") return false;
  if (hasUnitAxes(graph, { arg, axes })) return true;
  if (operand.op !== "broadcast" || fn === "sum" || fn === "prod") return false;
  const { shape } = nodeAt(graph, operand.arg).type;
  return axes.every((axis) => shape[axis] === 1);
}

const isConst = (graph: Graph, id: NodeId, value: number): boolean => {
  const node = nodeAt(graph, id);
  return node.op === "const" && node.value === value;
};

/** A pad or concat of zeros and something else is zero somewhere, too: its guard is a select that may be pushed out. */
function isZero(graph: Graph, id: NodeId): boolean {
  const node = nodeAt(graph, source(graph, id));
  if (node.op === "const") return node.value === 0;
  if (node.op === "cast") return isZero(graph, node.arg);
  if (node.op === "reduce") return node.fn.startsWith("arg") && hasUnitAxes(graph, node); // the position of an only element
  if (node.op === "pad") return node.value === 0 || isZero(graph, node.arg);
  return node.op === "concat" && node.args.some((arg) => isZero(graph, arg));
}

interface TreeFacts {
  /** Some operand is added and subtracted, or multiplied by and divided by: x - x, (s - x) + x, (x * y) / x. */
  readonly cancels: boolean;
  readonly constants: number;
}

/** The tree of sums (or of products) that ends in `root`; undefined for other ops. */
function treeAt(graph: Graph, root: MapNode): TreeFacts | undefined {
  const sums = root.fn === "add" || root.fn === "sub";
  if (!sums && root.fn !== "mul" && root.fn !== "div" && root.fn !== "quotient") return undefined;
  const inverse = sums ? "sub" : "div";
  const through: readonly MapNode["fn"][] = [sums ? "add" : "mul", inverse, "neg"];
  const seen: readonly [Set<NodeId>, Set<NodeId>] = [new Set(), new Set()];
  const pending: { readonly id: NodeId; readonly side: 0 | 1 }[] = [];
  const push = (node: MapNode, side: 0 | 1): void => {
    const other = side === 0 ? 1 : 0;
    node.args.forEach((id, i) => {
      const divides = node.fn === inverse || node.fn === "quotient"; // only a root is one
      const isInverse = (divides && i === 1) || (sums && node.fn === "neg");
      pending.push({ id, side: isInverse ? other : side });
    });
  };
  push(root, 0);
  let cancels = false;
  let constants = 0;
  for (let leaf = pending.pop(), count = 0; leaf !== undefined; leaf = pending.pop(), count++) {
    if (count > MAX_LEAVES) return { cancels: true, constants: 2 };
    const { side } = leaf;
    const at = source(graph, leaf.id);
    const node = nodeAt(graph, at);
    cancels ||= seen[side === 0 ? 1 : 0].has(at);
    seen[side].add(at); // inner nodes, too: a tree may cancel another as a whole
    if (node.op === "const") constants++;
    if (node.op === "map" && through.includes(node.fn)) push(node, side);
    if (node.op === "reduce" && node.fn === (sums ? "sum" : "prod")) pending.push({ id: node.arg, side });
  }
  return { cancels, constants };
}
