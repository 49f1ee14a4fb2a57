/** Puts a finished graph into another one under construction. */
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { operandsOf } from "../../src/ir/graph.ts";
import type { Graph, Node } from "../../src/ir/graph.ts";

/**
 * The results of `graph` as values of `builder`, with `inputs` in the places of its params and scalars (those that it lacks
 * are declared).
 */
export function inlineGraph(
  builder: GraphBuilder,
  graph: Graph,
  inputs: ReadonlyMap<string, Value> = new Map(),
): ReadonlyMap<string, Value> {
  const made: Value[] = [];
  const at = (id: number): Value => {
    const value = made[id];
    if (value === undefined) throw new RangeError(`node ${String(id)} comes after its user`);
    return value;
  };
  for (const node of graph.nodes) made.push(rebuild(builder, node, operandsOf(node).map(at), inputs));
  return new Map(graph.results.map(({ name, node }) => [name, at(node)]));
}

function rebuild(
  b: GraphBuilder,
  node: Node,
  operands: readonly Value[],
  inputs: ReadonlyMap<string, Value>,
): Value {
  const { dtype, shape } = node.type;
  const [x] = operands;
  if (node.op === "param") return inputs.get(node.name) ?? b.param(node.name, node.type);
  if (node.op === "scalar")
    return { ...(inputs.get(node.name) ?? b.scalar(node.name, { dtype })), weak: false };
  if (node.op === "const") return b.constant(node.value, dtype, shape);
  if (node.op === "iota") return b.iota(shape, node.axis, dtype);
  if (node.op === "map") return b.map(node.fn, operands);
  if (node.op === "concat") return b.concat(operands, node.axis);
  if (x === undefined) throw new RangeError(`${node.op} without an operand`);
  switch (node.op) {
    case "cast":
      return b.cast(x, dtype);
    case "reduce":
      return b.reduce(node.fn, x, { axis: node.axes, keepdims: true });
    case "reshape":
      return b.reshape(x, shape);
    case "transpose":
      return b.transpose(x, node.perm);
    case "broadcast":
      return b.broadcastTo(x, shape);
    case "pad":
      return b.pad(x, node.low, node.high, node.value);
    case "slice":
      return b.slice(
        x,
        shape.map((n, d) => {
          const start = node.start[d] ?? 0;
          const step = node.step[d] ?? 1;
          return n === 0 ? { start: 0, stop: 0 } : { start, stop: start + (n - 1) * step + 1, step };
        }),
      );
  }
}
