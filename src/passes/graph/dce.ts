/**
 * Dead-code elimination: drops nodes that no result depends on. Params and scalars stay: they are the signature.
 *
 * Requires: a verified graph.
 * Ensures:  every node but the inputs reaches a result; linear time.
 *
 *     %0 = exp %x                %0 = neg %x
 *     %1 = neg %x         =>     return %0
 *     return %1
 */
import { operandsOf } from "../../ir/graph.ts";
import type { Graph } from "../../ir/graph.ts";
import { filterNodes } from "../../ir/rewrite-graph.ts";

export function dce(graph: Graph): Graph {
  const live = new Uint8Array(graph.nodes.length);
  for (const { node } of graph.results) live[node] = 1;
  // Operands point backwards, so one sweep from the end has seen every use of a node before the node itself.
  for (const [id, node] of [...graph.nodes.entries()].reverse())
    if (live[id] === 1) for (const operand of operandsOf(node)) live[operand] = 1;
  return filterNodes(graph, (_node, id) => live[id] === 1);
}
