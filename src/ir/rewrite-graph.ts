/**
 * The walk that graph passes share: operands are renumbered here, so that a pass only says what becomes of one node.
 *
 * Requires: a verified graph (operands point backwards, inputs come first).
 * Ensures:  linear time; inputs and results keep their names and order; the same object when nothing changed.
 *
 * Ids that a rewrite sees and returns are positions in the *new* graph. `id` is the next free position there: the one
 * that the node gets if it is kept. After an `emit` that position is taken, so return what `emit` gave.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { operandsOf } from "./graph.ts";
import type { Graph, Node, NodeId, ParamNode, ScalarNode } from "./graph.ts";

/** The new graph under construction, as a rewrite sees it. */
export interface RewriteOutput {
  /** Appends a node and gives its id. A node without a span takes that of the node being rewritten. */
  readonly emit: (node: Node) => NodeId;
  /** A node that is already in the new graph: every operand of the visited node, and what was emitted. */
  readonly at: (id: NodeId) => Node;
}

/**
 * What becomes of `node`, whose operands are already ids of the new graph. `undefined` or `id` keeps it; another id
 * puts that node of the new graph in its place.
 */
export type Rewrite = (node: Node, id: NodeId, output: RewriteOutput) => NodeId | undefined;

/** Params and scalars: the part of a graph that its callers see. They come first, and no pass moves or drops them. */
export const isInput = (node: Node): node is ParamNode | ScalarNode =>
  node.op === "param" || node.op === "scalar";

/** The node with its operands renumbered; the same object when no number changes. */
export function mapOperands(node: Node, renumber: (id: NodeId) => NodeId): Node {
  if (operandsOf(node).every((id) => renumber(id) === id)) return node;
  switch (node.op) {
    case "param":
    case "scalar":
    case "const":
    case "iota":
      return node;
    case "map":
    case "concat":
      return { ...node, args: node.args.map(renumber) };
    case "cast":
    case "reduce":
    case "reshape":
    case "transpose":
    case "broadcast":
    case "slice":
    case "pad":
      return { ...node, arg: renumber(node.arg) };
  }
}

/** Rewrites every node but the inputs, in order. Nodes that lose their last use stay: `dce` drops them. */
export function rewriteNodes(graph: Graph, rewrite: Rewrite): Graph {
  const nodes: Node[] = [];
  const renumbered: NodeId[] = [];
  const at = (id: NodeId): Node => nodes[id] ?? missing(graph, id);
  const renumber = (id: NodeId): NodeId => renumbered[id] ?? missing(graph, id);
  for (const old of graph.nodes) {
    const id = nodes.length;
    if (isInput(old)) {
      nodes.push(old);
      renumbered.push(id);
      continue;
    }
    const node = mapOperands(old, renumber);
    const emit = (made: Node): NodeId =>
      nodes.push(made.span === undefined && old.span !== undefined ? { ...made, span: old.span } : made) - 1;
    const target = rewrite(node, id, { emit, at }) ?? nodes.length;
    if (target === nodes.length) nodes.push(node);
    else if (nodes[target] === undefined) missing(graph, target);
    renumbered.push(target);
  }
  return replaceNodes(graph, nodes, renumber);
}

/** The graph without the nodes that `isKept` refuses. Inputs always stay; a kept node may not use a dropped one. */
export function filterNodes(graph: Graph, isKept: (node: Node, id: NodeId) => boolean): Graph {
  const nodes: Node[] = [];
  const renumbered: (NodeId | undefined)[] = [];
  const renumber = (id: NodeId): NodeId => renumbered[id] ?? missing(graph, id);
  graph.nodes.forEach((node, id) => {
    const kept = isInput(node) || isKept(node, id);
    renumbered.push(kept ? nodes.push(mapOperands(node, renumber)) - 1 : undefined);
  });
  return replaceNodes(graph, nodes, renumber);
}

function replaceNodes(graph: Graph, nodes: readonly Node[], renumber: (id: NodeId) => NodeId): Graph {
  const unchanged =
    nodes.length === graph.nodes.length &&
    nodes.every((node, id) => node === graph.nodes[id]) &&
    graph.results.every(({ node }) => renumber(node) === node);
  if (unchanged) return graph;
  return { ...graph, nodes, results: graph.results.map((r) => ({ ...r, node: renumber(r.node) })) };
}

function missing(graph: Graph, id: NodeId): never {
  throw new CompilerBug(`a rewrite of graph @${graph.name} refers to a node that is not there`, [
    `node ${String(id)} is not in the new graph`,
  ]);
}
