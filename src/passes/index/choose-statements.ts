/**
 * Decides which graph nodes become statements of their own. The rest is written into the one expression that uses it.
 *
 * A node is a statement when it is a reduction, a result, used more than once (concat and pad as well, other views not), or
 * used through a broadcast that repeats it (it would be computed again for every repetition); and wherever an expression would
 * otherwise grow past `MAX_HEIGHT` ops or read more than `MAX_READS` values, so that walking an expression never nests deeper
 * than that and one statement always fits the bindings of a default device.
 *
 * Requires: a verified graph in which concat has at most 4 operands (`nestConcats`).
 */
import { nodeAt, operandsOf, type Graph, type Node, type NodeId } from "../../ir/graph.ts";

/** Ops on one path of an expression. */
export const MAX_HEIGHT = 24;
/** Different values that one expression reads. With the result this stays within the 8 storage buffers of every device. */
export const MAX_READS = 6;

const isCompute = (node: Node): boolean =>
  node.op === "map" || node.op === "cast" || node.op === "reduce" || node.op === "iota";
/** What a library without a compiler has a kernel for. */
const isOp = (node: Node): boolean => isCompute(node) || node.op === "pad" || node.op === "concat";
const isLeaf = (node: Node): boolean => node.op === "param" || node.op === "scalar" || node.op === "const";

export interface StatementOptions {
  /** Every op is a statement, as in a library that runs one after the other; views, which move nothing, are not. */
  readonly everyOp?: boolean | undefined;
}

export function chooseStatements(graph: Graph, options: StatementOptions = {}): ReadonlySet<NodeId> {
  const live = liveNodes(graph);
  if (options.everyOp === true) return new Set([...live].filter((id) => isOp(nodeAt(graph, id))));
  const statements = new Set<NodeId>();
  const { uses, repeated } = countUses(graph, live);
  const heights = new Array<number>(graph.nodes.length).fill(0);
  const reads: ReadonlySet<NodeId>[] = [];
  graph.nodes.forEach((node, id) => {
    if (!live.has(id)) {
      reads.push(new Set());
      return;
    }
    const isShared = (uses[id] ?? 0) > 1;
    if (node.op === "reduce" || (isCompute(node) && (isShared || repeated.has(id)))) statements.add(id);
    // What is read under bounds waits for another walk over the row as a value (ir/row-arrays.ts).
    if ((node.op === "concat" || node.op === "pad") && isShared) statements.add(id);
    limitOperands(graph, node, statements, heights, reads);
    const inner = operandsOf(node).map((arg) =>
      statements.has(arg) ? new Set([arg]) : (reads[arg] ?? new Set<NodeId>()),
    );
    reads.push(node.op === "param" ? new Set([id]) : union(inner));
    const below = operandsOf(node).map((arg) => (statements.has(arg) ? 0 : (heights[arg] ?? 0)));
    heights[id] = isLeaf(node)
      ? 0
      : Math.max(0, ...below) + (isCompute(node) || node.op === "concat" || node.op === "pad" ? 1 : 0);
  });
  return statements;
}

const union = (sets: readonly ReadonlySet<NodeId>[]): ReadonlySet<NodeId> => {
  const [only] = sets;
  return sets.length === 1 && only !== undefined ? only : new Set(sets.flatMap((s) => [...s]));
};

/** Makes operands statements while this node's expression would be too high or read too much. */
function limitOperands(
  graph: Graph,
  node: Node,
  statements: Set<NodeId>,
  heights: readonly number[],
  reads: readonly ReadonlySet<NodeId>[],
): void {
  const open = operandsOf(node).filter((arg) => !statements.has(arg) && !isLeaf(nodeAt(graph, arg)));
  for (const arg of open) if ((heights[arg] ?? 0) >= MAX_HEIGHT - 1) statements.add(arg);
  const readsOf = (arg: NodeId): ReadonlySet<NodeId> =>
    statements.has(arg) ? new Set([arg]) : (reads[arg] ?? new Set());
  const widest = [...open].sort((a, b) => (reads[b]?.size ?? 0) - (reads[a]?.size ?? 0));
  for (const arg of widest) {
    if (union(operandsOf(node).map(readsOf)).size <= MAX_READS) return;
    statements.add(arg);
  }
}

function liveNodes(graph: Graph): ReadonlySet<NodeId> {
  const live = new Set<NodeId>(graph.results.map((r) => r.node));
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    if (live.has(id)) for (const arg of operandsOf(nodeAt(graph, id))) live.add(arg);
  }
  return live;
}

/** How often each compute node is read, seen through views, and which are repeated by a broadcast. */
function countUses(
  graph: Graph,
  live: ReadonlySet<NodeId>,
): { readonly uses: readonly number[]; readonly repeated: ReadonlySet<NodeId> } {
  const uses = new Array<number>(graph.nodes.length).fill(0);
  const repeated = new Set<NodeId>();
  for (const result of graph.results) uses[result.node] = (uses[result.node] ?? 0) + 1;
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    if (!live.has(id)) continue;
    const node = nodeAt(graph, id);
    const isView = !isCompute(node) && !isLeaf(node);
    for (const arg of operandsOf(node)) {
      // A view that is read twice reads what lies under it twice.
      uses[arg] = (uses[arg] ?? 0) + (isView ? Math.min(uses[id] ?? 0, 2) : 1);
      if (isView && (node.op === "broadcast" || repeated.has(id))) repeated.add(arg);
    }
  }
  return { uses, repeated };
}
