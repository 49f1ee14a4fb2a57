/**
 * The text of a graph (grammar: docs/ir.md). Inverse of `parseGraph`, spans excluded.
 *
 * Requires: nothing: a broken graph prints too, with `%?7` for an operand that is not there, so that a report shows it.
 * Ensures:  equal graphs print equal text: inputs go by their names, all other nodes are numbered in order.
 */
import { printType } from "./dtype.ts";
import type { Graph, Node, NodeId, ParamNode, ScalarNode } from "./graph.ts";
import { printNumber } from "./number-text.ts";
import { isInput } from "./rewrite-graph.ts";

/** A name as it stands in text: bare where it is a plain identifier, else quoted as in JSON. */
export const printName = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);

/** What each node is called in the text, by id: `%x` for inputs, `%0`, `%1`, ... for the others. */
export function labelNodes(graph: Graph): readonly string[] {
  let next = 0;
  return graph.nodes.map((node) => `%${isInput(node) ? printName(node.name) : String(next++)}`);
}

export function printGraph(graph: Graph): string {
  const labels = labelNodes(graph);
  const labelOf = (id: NodeId): string => labels[id] ?? `%?${String(id)}`;
  const inputs = graph.nodes.filter(isInput).map(printInput).join(", ");
  const results = graph.results.map(({ name, node }) => {
    const type = graph.nodes[node]?.type;
    return `${printName(name)}: ${type === undefined ? "?" : printType(type)}`;
  });
  const lines = [`func @${printName(graph.name)}(${inputs}) -> (${results.join(", ")}) {`];
  graph.nodes.forEach((node, id) => {
    if (!isInput(node))
      lines.push(`  ${labelOf(id)} = ${printNode(node, labelOf)} : ${printType(node.type)}`);
  });
  lines.push(`  return ${graph.results.map(({ node }) => labelOf(node)).join(", ")}`, "}", "");
  return lines.join("\n");
}

function printInput(node: ParamNode | ScalarNode): string {
  if (node.op === "param") return `%${printName(node.name)}: ${printType(node.type)}`;
  const rank0 = node.type.shape.length === 0;
  const head = `scalar %${printName(node.name)}: ${rank0 ? node.type.dtype : printType(node.type)}`;
  return node.default === undefined ? head : `${head} = ${printNumber(node.default, node.type.dtype)}`;
}

const printList = (items: readonly number[]): string => `[${items.join(",")}]`;

/** Op, operands and attributes of a node, without its label and type. */
export function printNode(node: Node, labelOf: (id: NodeId) => string): string {
  switch (node.op) {
    case "param":
    case "scalar":
      return printInput(node);
    case "const":
      return `const ${printNumber(node.value, node.type.dtype)}`;
    case "iota":
      return `iota axis=${String(node.axis)}`;
    case "map":
      return `${node.fn} ${node.args.map(labelOf).join(", ")}`;
    case "cast":
    case "reshape":
    case "broadcast":
      return `${node.op} ${labelOf(node.arg)}`;
    case "reduce":
      return `reduce.${node.fn} ${labelOf(node.arg)} axes=${printList(node.axes)}`;
    case "transpose":
      return `transpose ${labelOf(node.arg)} perm=${printList(node.perm)}`;
    case "slice":
      return `slice ${labelOf(node.arg)} start=${printList(node.start)} step=${printList(node.step)}`;
    case "pad":
      return (
        `pad ${labelOf(node.arg)} low=${printList(node.low)} high=${printList(node.high)}` +
        ` value=${printNumber(node.value, node.type.dtype)}`
      );
    case "concat":
      return `concat ${node.args.map(labelOf).join(", ")} axis=${String(node.axis)}`;
    default:
      return node satisfies never;
  }
}
