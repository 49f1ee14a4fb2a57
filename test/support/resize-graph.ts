/**
 * A graph whose dimensions of one length have another: what a function that gave the graph would have given for inputs of
 * that length. Multiples of the length are taken for merged dimensions.
 */
import type { Graph } from "../../src/ir/graph.ts";

export const resizeGraph = (graph: Graph, from: number, to: number): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) => ({
    ...node,
    type: {
      ...node.type,
      shape: node.type.shape.map((length) =>
        length > 0 && length % from === 0 ? (length / from) * to : length,
      ),
    },
  })),
});
