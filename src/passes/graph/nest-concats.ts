/**
 * Splits concats of many operands into a tree: a concat is read through a chain of guards in one expression, and an
 * expression must fit the storage buffers that every device binds.
 *
 * Requires: a verified graph.
 * Ensures:  no concat has more than `MAX_OPERANDS` operands; same values.
 *
 *     %r = concat %a, %b, %c, %d, %e axis=0     =>     %0 = concat %a, %b, %c, %d axis=0
 *                                                      %r = concat %0, %e axis=0
 */
import type { TensorType } from "../../ir/dtype.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import { rewriteNodes } from "../../ir/rewrite-graph.ts";

export const MAX_OPERANDS = 4;

interface Piece {
  readonly id: NodeId;
  readonly length: number;
}

export function nestConcats(graph: Graph): Graph {
  return rewriteNodes(graph, (node, _id, { emit, at }) => {
    if (node.op !== "concat" || node.args.length <= MAX_OPERANDS) return undefined;
    const { axis, span } = node;
    const typeWith = (length: number): TensorType => ({
      ...node.type,
      shape: node.type.shape.map((n, d) => (d === axis ? length : n)),
    });
    let pieces: readonly Piece[] = node.args.map((id) => ({
      id,
      length: at(id).type.shape[axis] ?? 0,
    }));
    while (pieces.length > 1) {
      const next: Piece[] = [];
      for (let i = 0; i < pieces.length; i += MAX_OPERANDS) {
        const part = pieces.slice(i, i + MAX_OPERANDS);
        const length = part.reduce((n, p) => n + p.length, 0);
        const [only] = part;
        if (part.length === 1 && only !== undefined) next.push(only);
        else
          next.push({
            id: emit({
              op: "concat",
              args: part.map((p) => p.id),
              axis,
              type: typeWith(length),
              span,
            }),
            length,
          });
      }
      pieces = next;
    }
    return pieces[0]?.id;
  });
}
