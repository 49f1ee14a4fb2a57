/**
 * One run of a traced function: the builder that its tensors write to, and whether it is still running. Tensors carry
 * their scope, so there is no ambient current graph, and traces may nest or run side by side.
 */
import { captureCallSite } from "../../diagnostics/call-site.ts";
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../diagnostics/diagnostic.ts";
import type { GraphBuilder } from "../../ir/graph-builder.ts";

export interface TraceScope {
  readonly name: string;
  readonly builder: GraphBuilder;
  /** Whether ops keep the place of their call. */
  readonly locate: boolean;
  /** False once the traced function has returned: the graph is finished then. */
  isOpen: boolean;
}

/** The span of a user's call of `op`, or undefined where the trace keeps none. Only for entry points of this package. */
export const locateCall = (scope: TraceScope, op: string): Span | undefined =>
  scope.locate ? captureCallSite(op.length) : undefined;

/** Refuses ops after the traced function has returned. */
export function checkOpen(scope: TraceScope, op: string, span: Span | undefined): void {
  if (!scope.isOpen)
    fail("wrong-argument", `${op} is called on a tensor whose trace of ${scope.name} has ended`, {
      span: span ?? captureCallSite(op.length),
      help: "a traced tensor lives only while its function runs: return what is needed later instead of storing it",
    });
}

/** Refuses operands of two traces in one op. */
export function checkSameScope(a: TraceScope, b: TraceScope, op: string, span: Span | undefined): void {
  if (a !== b)
    fail("wrong-argument", `${op} mixes tensors of two traces, ${a.name} and ${b.name}`, {
      span: span ?? captureCallSite(op.length),
      help: "pass the other tensor to the traced function as an argument",
    });
}
