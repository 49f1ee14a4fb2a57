/**
 * What derivative rules build with: the ops of the table under their names, at the place of the node that is differentiated.
 *
 * Cotangents are f32 whatever the dtype of what they belong to, so that 16-bit tensors have their gradients computed in
 * f32 and rounded once, at the end. Promotion brings operands of 16 bits up to them.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Operand, Value } from "../ir/graph-builder.ts";
import type { ReduceOp } from "../ir/reduce-ops.ts";
import { SCALAR_OP_NAMES } from "../ir/scalar-ops.ts";
import type { ScalarOp } from "../ir/scalar-ops.ts";

type Maps = Readonly<Record<ScalarOp, (...args: readonly Operand[]) => Value>>;

export interface Terms extends Maps {
  readonly builder: GraphBuilder;
  readonly span: Span | undefined;
  /** Reduced axes stay with length 1. */
  readonly reduce: (fn: ReduceOp, x: Value, axes: readonly number[]) => Value;
  /** `x`, of the rank of `shape`, repeated to it. */
  readonly broadcast: (x: Value, shape: readonly number[]) => Value;
  /** In f32: a truth as 0 or 1, a 16-bit float as it is. */
  readonly number: (x: Value) => Value;
}

/** Terms of one sweep over a graph: made once, and moved from the place of one node to that of the next. */
export interface MovingTerms {
  readonly terms: Terms;
  readonly moveTo: (span: Span | undefined) => void;
}

export function bindTerms(builder: GraphBuilder): MovingTerms {
  let at: Span | undefined;
  const maps = Object.fromEntries(
    SCALAR_OP_NAMES.map((fn) => [fn, (...args: readonly Operand[]) => builder.map(fn, args, at)]),
  ) as Maps;
  const terms: Terms = {
    ...maps,
    builder,
    get span() {
      return at;
    },
    reduce: (fn, x, axis) => builder.reduce(fn, x, { axis, keepdims: true }, at),
    broadcast: (x, shape) => builder.broadcastTo(x, shape, at),
    number: (x) => builder.cast(x, "f32", at),
  };
  return {
    terms,
    moveTo: (span) => {
      at = span;
    },
  };
}

/** Cotangents of some values, given those of values that depend on them; undefined stands for 0. */
export type PullBack = (
  outputs: readonly { readonly value: Value; readonly cotangent: Value }[],
  variables: readonly Value[],
) => readonly (Value | undefined)[];
