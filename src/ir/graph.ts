/**
 * The graph: SSA over whole tensors, plain readonly data. Its text (`docs/ir.md`) is its serialisation; `print-graph.ts`
 * and `parse-graph.ts` are inverse to each other, `verify-graph.ts` holds the invariants, `interpret-graph.ts` the meaning.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { TensorType } from "./dtype.ts";
import type { ReduceOp } from "./reduce-ops.ts";
import type { ScalarOp } from "./scalar-ops.ts";

/** Position in `Graph.nodes`; operands always point backwards. */
export type NodeId = number;

interface NodeBase {
  readonly type: TensorType;
  readonly span?: Span | undefined;
}

/** A tensor given at call time. */
export interface ParamNode extends NodeBase {
  readonly op: "param";
  readonly name: string;
}
/** A rank-0 number (f32, i32, u32 or bool) given at call time as a uniform: changing it does not recompile. */
export interface ScalarNode extends NodeBase {
  readonly op: "scalar";
  readonly name: string;
  readonly default?: number | undefined;
}
/**
 * The same value everywhere, exactly representable in the dtype (bool: 0 or 1). f16 and bf16 are storage types and
 * compute in f32, so their constants hold any f32: `isRepresentable` in number-text.ts says it exactly.
 */
export interface ConstNode extends NodeBase {
  readonly op: "const";
  readonly value: number;
}
/** The coordinate along `axis` (i32, u32 or f32). */
export interface IotaNode extends NodeBase {
  readonly op: "iota";
  readonly axis: number;
}
/** Elementwise op of the scalar table. All operands have the result's shape; broadcasting is its own node. */
export interface MapNode extends NodeBase {
  readonly op: "map";
  readonly fn: ScalarOp;
  readonly args: readonly NodeId[];
}
/** Changes the dtype and rounds to it: float to int truncates towards zero and saturates (nan gives 0); anything to bool is `!= 0`. */
export interface CastNode extends NodeBase {
  readonly op: "cast";
  readonly arg: NodeId;
}
/** Reduction over `axes` (sorted, distinct, non-negative). Reduced axes stay with length 1: a reshape drops them. */
export interface ReduceNode extends NodeBase {
  readonly op: "reduce";
  readonly fn: ReduceOp;
  readonly arg: NodeId;
  readonly axes: readonly number[];
}
/** The same elements in row-major order under another shape. */
export interface ReshapeNode extends NodeBase {
  readonly op: "reshape";
  readonly arg: NodeId;
}
/** Dimension d of the result is dimension `perm[d]` of the operand. */
export interface TransposeNode extends NodeBase {
  readonly op: "transpose";
  readonly arg: NodeId;
  readonly perm: readonly number[];
}
/** Repeats dimensions of length 1. Operand and result have the same rank. */
export interface BroadcastNode extends NodeBase {
  readonly op: "broadcast";
  readonly arg: NodeId;
}
/** `start[d] + i * step[d]` along each dimension; steps are at least 1 (reversal is not offered). */
export interface SliceNode extends NodeBase {
  readonly op: "slice";
  readonly arg: NodeId;
  readonly start: readonly number[];
  readonly step: readonly number[];
}
/** `low[d]` and `high[d]` extra elements, all of the given value, before and after each dimension. */
export interface PadNode extends NodeBase {
  readonly op: "pad";
  readonly arg: NodeId;
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly value: number;
}
/** Operands one after the other along `axis`. */
export interface ConcatNode extends NodeBase {
  readonly op: "concat";
  readonly args: readonly NodeId[];
  readonly axis: number;
}

export type Node =
  | ParamNode
  | ScalarNode
  | ConstNode
  | IotaNode
  | MapNode
  | CastNode
  | ReduceNode
  | ReshapeNode
  | TransposeNode
  | BroadcastNode
  | SliceNode
  | PadNode
  | ConcatNode;

export interface GraphResult {
  readonly name: string;
  readonly node: NodeId;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly results: readonly GraphResult[];
}

/** Operands of a node, in order. */
export function operandsOf(node: Node): readonly NodeId[] {
  switch (node.op) {
    case "param":
    case "scalar":
    case "const":
    case "iota":
      return [];
    case "map":
    case "concat":
      return node.args;
    default:
      return [node.arg];
  }
}

/** The node at `id`; throws when the graph is broken. */
export function nodeAt(graph: Graph, id: NodeId): Node {
  const node = graph.nodes[id];
  if (node === undefined) throw new RangeError(`graph @${graph.name} has no node ${String(id)}`);
  return node;
}
