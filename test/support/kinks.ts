/**
 * Where a graph is not smooth: the discrete choices that it makes on the way. Between two inputs that make the same
 * choices, everything is smooth but for poles.
 */
import { isFloat } from "../../src/ir/dtype.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { nodeAt } from "../../src/ir/graph.ts";
import type { Graph, Node } from "../../src/ir/graph.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import type { Inputs } from "./differentiate.ts";
import { inlineGraph } from "./inline-graph.ts";

/** A graph whose results are the choices of `graph`, as numbers; undefined where it makes none. */
export function choiceGraph(graph: Graph): Graph | undefined {
  const probed = graph.nodes.flatMap((node, id) => (isChoice(graph, node) ? [id] : []));
  if (probed.length === 0) return undefined;
  const operands = probed.map((id) => nodeAt(graph, id));
  // Results of the inlined graph: operands and values of the nodes that choose.
  const wanted = [...new Set([...probed, ...operands.flatMap((node) => operandIds(node))])];
  const builder = createGraphBuilder("choices");
  const values = inlineGraph(builder, {
    ...graph,
    results: wanted.map((node) => ({ name: String(node), node })),
  });
  const at = (id: number): Value => {
    const value = values.get(String(id));
    if (value === undefined) throw new RangeError(`no value ${String(id)}`);
    return value;
  };
  return builder.finish(
    probed.map((id, i) => ({
      name: `c${String(i)}`,
      value: choiceOf(builder, nodeAt(graph, id), at(id), at),
    })),
  );
}

const operandIds = (node: Node): readonly number[] =>
  node.op === "map" ? node.args : node.op === "reduce" || node.op === "cast" ? [node.arg] : [];

const STEPS: ReadonlySet<string> = new Set(["sign", "floor", "ceil", "round", "trunc", "quotient"]);

function isChoice(graph: Graph, node: Node): boolean {
  const ofFloat = operandIds(node).some((id) => isFloat(nodeAt(graph, id).type.dtype));
  if (!ofFloat) return false;
  if (node.op === "map")
    return (
      node.type.dtype === "bool" ||
      STEPS.has(node.fn) ||
      node.fn === "abs" ||
      node.fn === "max" ||
      node.fn === "min" ||
      node.fn === "pow" ||
      node.fn === "fmod" ||
      node.fn === "remainder"
    );
  if (node.op === "reduce") return node.fn === "max" || node.fn === "min";
  return node.op === "cast" && !isFloat(node.type.dtype);
}

function choiceOf(b: GraphBuilder, node: Node, result: Value, at: (id: number) => Value): Value {
  const [x = result, y = x] = operandIds(node).map(at);
  if (node.op === "reduce") return b.map("eq", [x, b.broadcastTo(result, x.type.shape)]);
  if (node.op !== "map") return result;
  if (node.fn === "fmod") return b.map("quotient", [x, y]);
  if (node.fn === "remainder") return b.map("floor", [b.map("div", [x, y])]);
  if (node.fn === "abs" || node.fn === "pow") return b.map("sign", [x]);
  return node.fn === "max" || node.fn === "min" ? b.map("sign", [b.map("sub", [x, y])]) : result;
}

/** Whether the choices at these inputs are not all the same, or one of them is a tie. */
export function isNearKink(choices: Graph | undefined, points: readonly Inputs[]): boolean {
  if (choices === undefined) return false;
  const [first, ...others] = points.map((inputs) => interpretGraph(choices, inputs, { rounded: false }));
  return others.some((other) =>
    [...other].some(([name, { values }]) =>
      values.some((x, i) => !Object.is(x, first?.get(name)?.values[i])),
    ),
  );
}
