/**
 * A graph under construction and the steps that all builder ops share: adding a node, taking an operand, converting
 * and expanding it.
 *
 * Ensures: every node carries the span of the call that made it; constants are made in the dtype and shape in which
 *          they are used, so that `x * 2` is two nodes and no cast or broadcast of a constant is ever built.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { sameShape } from "./dtype.ts";
import type { DType, TensorType } from "./dtype.ts";
import type { DerivativeMark, Operand, Value } from "./builder-values.ts";
import type { Node, NodeId } from "./graph.ts";
import { convertLiteral, literalDType } from "./promotion.ts";
import type { Promotable } from "./promotion.ts";

export interface GraphDraft {
  readonly name: string;
  /** In the order of the calls; `finish` puts inputs first. */
  readonly nodes: Node[];
  /** Names of params and scalars, with the place that declares each. */
  readonly inputs: Map<string, Span | undefined>;
  /** Marked nodes are reshapes to the shape that their operand has; `finish` drops them. */
  readonly marks: Map<NodeId, DerivativeMark>;
}

/** Type, but for literals: they have none before they meet another operand. */
export const typeOf = (operand: Operand): TensorType =>
  typeof operand === "object" ? operand.type : { dtype: literalDType(operand), shape: [] };

export const isWeak = (operand: Operand): boolean => typeof operand !== "object" || operand.weak;

export function toPromotable(operand: Operand): Promotable {
  return typeof operand === "object" ? { dtype: operand.type.dtype, weak: operand.weak } : operand;
}

/** Appends a node; its `span` is that of the call. Unlocated nodes have no such property, so that text tests agree. */
export function addNode(draft: GraphDraft, node: Node, span: Span | undefined, weak = false): Value {
  const id = draft.nodes.push(span === undefined ? node : { ...node, span }) - 1;
  return { id, type: node.type, weak };
}

export function addConstant(
  draft: GraphDraft,
  value: number | boolean,
  type: TensorType,
  span: Span | undefined,
  weak = false,
): Value {
  const node: Node = { op: "const", type, value: convertLiteral(value, type.dtype, span) };
  return addNode(draft, node, span, weak);
}

/** A node of its own that equals `value`, for differentiation to tell the two apart. */
export function markValue(
  draft: GraphDraft,
  value: Value,
  mark: DerivativeMark,
  span: Span | undefined,
): Value {
  const marked = addNode(draft, { op: "reshape", type: value.type, arg: value.id }, span, value.weak);
  draft.marks.set(marked.id, mark);
  return marked;
}

/** Refuses values of another builder: their ids mean nothing here. */
export function checkOperand(draft: GraphDraft, operand: Operand, span: Span | undefined): void {
  if (typeof operand === "number" || typeof operand === "boolean") return;
  // Types are not copied from graph to graph, so their identity tells where a value comes from.
  if (draft.nodes[operand.id]?.type !== operand.type)
    fail("wrong-argument", `a value of another graph is used in graph ${draft.name}`, {
      span,
      help: "build each graph from its own params",
    });
}

/** A literal as a weak rank-0 constant of its default dtype; a value as it is. */
export function takeValue(draft: GraphDraft, operand: Operand, span: Span | undefined): Value {
  checkOperand(draft, operand, span);
  return typeof operand === "object" ? operand : addConstant(draft, operand, typeOf(operand), span, true);
}

/** The number that an operand always is, as far as its own node tells. */
export function constantOf(draft: GraphDraft, operand: Operand): number | undefined {
  if (typeof operand !== "object") return Number(operand);
  const node = draft.nodes[operand.id];
  return node?.op === "const" ? node.value : undefined;
}

/** The operand in another dtype. */
export function convertTo(draft: GraphDraft, operand: Operand, dtype: DType, span: Span | undefined): Value {
  return expandTo(draft, operand, { dtype, shape: typeOf(operand).shape }, span);
}

/**
 * The operand in the dtype and shape of an op that it takes part in; its shape broadcasts to that one. Order: cast,
 * then rank, then repeat, so that each step touches as few elements as it can.
 */
export function expandTo(
  draft: GraphDraft,
  operand: Operand,
  type: TensorType,
  span: Span | undefined,
): Value {
  const { dtype, shape } = typeOf(operand);
  const constant = constantOf(draft, operand);
  // A weak number is made anew in the dtype at hand; a strong one has to go through a cast, which rounds.
  const renewable = constant !== undefined && (dtype === type.dtype || isWeak(operand));
  if (renewable && (typeof operand !== "object" || dtype !== type.dtype || !sameShape(shape, type.shape)))
    return addConstant(draft, constant, type, span, isWeak(operand));
  let value = takeValue(draft, operand, span);
  const { weak } = value;
  if (dtype !== type.dtype)
    value = addNode(draft, { op: "cast", type: { dtype: type.dtype, shape }, arg: value.id }, span, weak);
  const rank = type.shape.length;
  if (shape.length < rank) {
    const padded = [...new Array<number>(rank - shape.length).fill(1), ...shape];
    value = addNode(
      draft,
      { op: "reshape", type: { dtype: type.dtype, shape: padded }, arg: value.id },
      span,
      weak,
    );
  }
  if (sameShape(value.type.shape, type.shape)) return value;
  return addNode(draft, { op: "broadcast", type, arg: value.id }, span, weak);
}
