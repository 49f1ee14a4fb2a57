/** A value of a trace: its place in the graph that is being built, and what an op may ask for when it is called on some. */
import { captureCallSite } from "../../diagnostics/call-site.ts";
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../diagnostics/diagnostic.ts";
import { elementCount } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";
import type { GraphBuilder, Operand, Value } from "../../ir/graph-builder.ts";
import { refuseOperand } from "./refuse.ts";
import { checkOpen, checkSameScope, locateCall } from "./trace-scope.ts";
import type { TraceScope } from "./trace-scope.ts";

/** What `TracedTensor` (traced-tensor.ts), the only class of values, is without its ops. */
export class TracedValue {
  readonly #scope: TraceScope;
  readonly #value: Value;

  /** Of the package: user code gets its tensors from `trace`. */
  constructor(scope: TraceScope, value: Value) {
    this.#scope = scope;
    this.#value = value;
  }

  /** Of the package: the trace that a tensor belongs to, and its place there. */
  static stateOf(tensor: TracedValue): { readonly scope: TraceScope; readonly value: Value } {
    return { scope: tensor.#scope, value: tensor.#value };
  }

  get dtype(): DType {
    return this.#value.type.dtype;
  }
  get shape(): readonly number[] {
    return this.#value.type.shape;
  }
  get ndim(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return elementCount(this.shape);
  }
}

/** What an op sees of its trace: operands as the builder takes them, all checked to belong here. */
export interface TraceCall {
  readonly builder: GraphBuilder;
  readonly span: Span | undefined;
  readonly value: (tensor: TracedValue) => Value;
  readonly operand: (operand: TracedValue | number | boolean) => Operand;
}

/** The trace of the operands, ready to take the nodes of one call. */
export function openCall(
  op: string,
  operands: readonly (TracedValue | number | boolean)[],
): { readonly scope: TraceScope; readonly call: TraceCall } {
  const first = operands.find((operand) => operand instanceof TracedValue);
  if (first === undefined)
    return fail("wrong-argument", `${op} is called without a traced tensor`, {
      span: captureCallSite(op.length),
      help: "one operand has to come from the arguments of the traced function; compute with plain numbers in JavaScript",
    });
  const { scope } = TracedValue.stateOf(first);
  const span = locateCall(scope, op);
  checkOpen(scope, op, span);
  const value = (tensor: TracedValue): Value => {
    if (!(tensor instanceof TracedValue)) return refuseOperand(op, tensor, span);
    const state = TracedValue.stateOf(tensor);
    checkSameScope(scope, state.scope, op, span);
    return state.value;
  };
  const operand = (given: TracedValue | number | boolean): Operand =>
    typeof given === "number" || typeof given === "boolean" ? given : value(given);
  operands.forEach(operand);
  return { scope, call: { builder: scope.builder, span, value, operand } };
}
