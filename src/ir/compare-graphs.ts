/**
 * What two graphs of one function say about its dynamic dimension, which is `sizes[0]` long in one and `sizes[1]` in the
 * other: the graphs have to be equal but for lengths that are multiples of it. What else differs depends on the size in
 * a way that one kernel for all sizes cannot follow.
 *
 * Ensures: a refusal names the node that is to blame, in words, where it is known.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import { sameShape } from "./dtype.ts";
import type { Graph, Node, NodeId } from "./graph.ts";

export type Sizes = readonly [number, number];

/** Why a program cannot be shared by all sizes. */
export interface Refusal {
  readonly reason: string;
  readonly span: Span | undefined;
}

/** How often the size goes into a length that is `a` at one size and `b` at the other: 0 for none, undefined where it is no multiple. */
export function growthOf(a: number, b: number, [sizeA, sizeB]: Sizes): number | undefined {
  if (a === b) return 0;
  const factor = a / sizeA;
  return Number.isInteger(factor) && factor * sizeB === b ? factor : undefined;
}

/** Of each dimension; undefined where one is no multiple of the size. */
export function shapeGrowth(
  a: readonly number[],
  b: readonly number[],
  sizes: Sizes,
): readonly number[] | undefined {
  if (a.length !== b.length) return undefined;
  const growths = a.map((length, d) => growthOf(length, b[d] ?? -1, sizes));
  return growths.every((growth) => growth !== undefined) ? growths : undefined;
}

/** Of each parameter, in the order of their nodes. */
export const paramGrowth = (a: Graph, b: Graph, sizes: Sizes): readonly (readonly number[])[] =>
  a.nodes.flatMap((node, id) => (node.op === "param" ? [nodeGrowth(a, b, id, sizes)] : []));

export const resultGrowth = (a: Graph, b: Graph, sizes: Sizes): readonly (readonly number[])[] =>
  a.results.map(({ node }) => nodeGrowth(a, b, node, sizes));

const nodeGrowth = (a: Graph, b: Graph, id: NodeId, sizes: Sizes): readonly number[] =>
  shapeGrowth(a.nodes[id]?.type.shape ?? [], b.nodes[id]?.type.shape ?? [], sizes) ?? [];

export function compareGraphs(a: Graph, b: Graph, sizes: Sizes): Refusal | undefined {
  if (a.nodes.length !== b.nodes.length || JSON.stringify(a.results) !== JSON.stringify(b.results))
    return { reason: "the function computes something else at another size", span: a.nodes.at(-1)?.span };
  for (const [id, node] of a.nodes.entries()) {
    const other = b.nodes[id];
    const reason = other === undefined ? undefined : compareNodes([a, b], [node, other], sizes);
    if (reason !== undefined) return { reason, span: node.span };
  }
  for (const { name, node } of a.results) {
    const shape = a.nodes[node]?.type.shape ?? [];
    const growth = shapeGrowth(shape, b.nodes[node]?.type.shape ?? [], sizes) ?? [];
    const inner = growth.findIndex((factor, d) => factor > 0 && shape.slice(0, d).some((n) => n !== 1));
    if (inner > 0)
      return {
        reason: `dimension ${String(inner)} of result "${name}" is dynamic, but it is not the outermost`,
        span: a.nodes[node]?.span,
      };
  }
  return undefined;
}

/**
 * Whether the function, which gave `a` and `b` at `sizes`, gave a graph of the same form at this size. Views that change
 * nothing there, as a broadcast of one row to a batch of one, are none in a graph.
 */
export function isGraphAt(
  graph: Graph,
  size: number,
  [a, b]: readonly [Graph, Graph],
  sizes: Sizes,
): boolean {
  /** Position in `graph` of each node of `a`, and its shape at the size. */
  const found: NodeId[] = [];
  const shapes: (readonly number[])[] = [];
  let next = 0;
  for (const [id, node] of a.nodes.entries()) {
    const growth = shapeGrowth(node.type.shape, b.nodes[id]?.type.shape ?? [], sizes);
    if (growth === undefined) return false;
    const shape = node.type.shape.map((length, d) => (growth[d] ?? 0) * size || length);
    shapes.push(shape);
    const isView = node.op === "broadcast" || node.op === "reshape";
    if (isView && sameShape(shape, shapes[node.arg] ?? [])) {
      found.push(found[node.arg] ?? -1);
      continue;
    }
    const given = graph.nodes[next];
    if (given === undefined || !sameShape(given.type.shape, shape)) return false;
    if (attributesOf(given) !== attributesOf(moveOperands(node, found))) return false;
    found.push(next++);
  }
  const results = a.results.map((result) => ({ ...result, node: found[result.node] ?? -1 }));
  return next === graph.nodes.length && JSON.stringify(results) === JSON.stringify(graph.results);
}

const moveOperands = (node: Node, found: readonly NodeId[]): Node => {
  const moved = (id: NodeId): NodeId => found[id] ?? -1;
  if ("args" in node) return { ...node, args: node.args.map(moved) };
  return "arg" in node ? { ...node, arg: moved(node.arg) } : node;
};

/** All that a node says but its shape and its place in the source. */
const attributesOf = ({ type, span: _, ...rest }: Node): string =>
  JSON.stringify({ ...rest, dtype: type.dtype }, (_key, value: unknown) =>
    // JSON has no -0, nan or infinity, which are not equal to 0 or each other here.
    typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
      ? `number ${Object.is(value, -0) ? "-0" : String(value)}`
      : value,
  );

/** What is wrong with a node, in words. */
function compareNodes(
  [graphA, graphB]: readonly [Graph, Graph],
  [a, b]: readonly [Node, Node],
  sizes: Sizes,
): string | undefined {
  if (attributesOf(a) !== attributesOf(b))
    return a.op === "const" ? "a number depends on the dynamic size" : `${a.op} depends on the dynamic size`;
  const growth = shapeGrowth(a.type.shape, b.type.shape, sizes);
  if (growth === undefined) return `${a.op} gives a length that is no multiple of the dynamic size`;
  if (a.op !== "reduce" && a.op !== "slice") return undefined;
  const [from, fromB] = [graphA.nodes[a.arg], graphB.nodes[a.arg]];
  const before = shapeGrowth(from?.type.shape ?? [], fromB?.type.shape ?? [], sizes) ?? [];
  if (a.op === "reduce")
    return a.axes.some((axis) => before[axis] !== 0) ? `${a.fn} reduces the dynamic dimension` : undefined;
  return before.some((factor, d) => factor !== growth[d])
    ? "slice takes a part of the dynamic dimension"
    : undefined;
}
