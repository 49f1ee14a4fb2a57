/**
 * Common-subexpression elimination: merges nodes that compute the same value.
 *
 * Requires: a verified graph; operands of commutative ops in canonical order (`canonicalize`), or `a + b` and `b + a`
 *           stay two nodes.
 * Ensures:  no two nodes agree in op, operands, attributes and type; results are bit-identical. Linear time: a key
 *           names operands by number and never spells them out, so the keys together are as long as the graph.
 *
 *     %0 = mul %x, %x            %0 = mul %x, %x
 *     %1 = mul %x, %x     =>     %1 = add %0, %0
 *     %2 = add %0, %1
 */
import { printType } from "../../ir/dtype.ts";
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import { rewriteNodes } from "../../ir/rewrite-graph.ts";

export function cse(graph: Graph): Graph {
  const seen = new Map<string, NodeId>();
  return rewriteNodes(graph, (node, id) => {
    const key = structuralKey(node); // operands are already rewritten, so equal keys mean equal values
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, id);
    return earlier;
  });
}

/** Two nodes have one key exactly if they agree in all but their span. */
export const structuralKey = (node: Node): string => `${describeNode(node)}:${printType(node.type)}`;

function describeNode(node: Node): string {
  switch (node.op) {
    case "param":
    case "scalar":
      return `${node.op} ${node.name}`;
    case "const":
      return `const ${describeNumber(node.value)}`;
    case "iota":
      return `iota ${node.axis}`;
    case "map":
      return `${node.fn} ${node.args.join()}`;
    case "cast":
    case "reshape":
    case "broadcast":
      return `${node.op} ${node.arg}`;
    case "reduce":
      return `reduce.${node.fn} ${node.arg} ${node.axes.join()}`;
    case "transpose":
      return `transpose ${node.arg} ${node.perm.join()}`;
    case "slice":
      return `slice ${node.arg} ${node.start.join()} ${node.step.join()}`;
    case "pad":
      return `pad ${node.arg} ${node.low.join()} ${node.high.join()} ${describeNumber(node.value)}`;
    case "concat":
      return `concat ${node.args.join()} ${node.axis}`;
  }
}

/** `String(-0)` is "0", but the two zeros are two values. */
const describeNumber = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));
