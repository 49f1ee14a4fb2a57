/**
 * Formulas close to how papers write them: the builder's calls with the span of the user's call bound once.
 *
 * Ensures: every node that a library function makes carries the span of the line that called it.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { isFloat, printType } from "../ir/dtype.ts";
import type { DType } from "../ir/dtype.ts";
import type { GraphBuilder, Operand, ReduceOptions, Value } from "../ir/graph-builder.ts";
import type { ReduceOp } from "../ir/reduce-ops.ts";
import type { ScalarOp } from "../ir/scalar-ops.ts";

/** A number written into the formula, or a value (a call-time scalar, a tensor that broadcasts). */
export type NumberOrValue<T = Value> = number | T;

export interface Ops {
  readonly map: (fn: ScalarOp, ...args: readonly Operand[]) => Value;
  readonly add: (x: Operand, y: Operand) => Value;
  readonly sub: (x: Operand, y: Operand) => Value;
  readonly mul: (x: Operand, y: Operand) => Value;
  readonly div: (x: Operand, y: Operand) => Value;
  readonly square: (x: Operand) => Value;
  readonly sqrt: (x: Operand) => Value;
  readonly rsqrt: (x: Operand) => Value;
  readonly exp: (x: Operand) => Value;
  readonly abs: (x: Operand) => Value;
  readonly max: (x: Operand, y: Operand) => Value;
  readonly where: (condition: Operand, x: Operand, y: Operand) => Value;
  readonly reduce: (fn: ReduceOp, x: Operand, options: ReduceOptions) => Value;
  readonly mean: (x: Operand, options: ReduceOptions) => Value;
  readonly reshape: (x: Operand, shape: readonly number[]) => Value;
  readonly cast: (x: Operand, dtype: DType) => Value;
}

/** The ops of `builder`, all at `span`. */
export function bindOps(builder: GraphBuilder, span: Span | undefined): Ops {
  const map = (fn: ScalarOp, ...args: readonly Operand[]): Value => builder.map(fn, args, span);
  return {
    map,
    add: (x, y) => map("add", x, y),
    sub: (x, y) => map("sub", x, y),
    mul: (x, y) => map("mul", x, y),
    div: (x, y) => map("div", x, y),
    square: (x) => map("mul", x, x),
    sqrt: (x) => map("sqrt", x),
    rsqrt: (x) => map("rsqrt", x),
    exp: (x) => map("exp", x),
    abs: (x) => map("abs", x),
    max: (x, y) => map("max", x, y),
    where: (condition, x, y) => map("where", condition, x, y),
    reduce: (fn, x, options) => builder.reduce(fn, x, options, span),
    mean: (x, options) => builder.mean(x, options, span),
    reshape: (x, shape) => builder.reshape(x, shape, span),
    cast: (x, dtype) => builder.cast(x, dtype, span),
  };
}

/** `x + eps`, or `x` itself where eps is the literal 0: PyTorch's formulas without an epsilon stay what they are. */
export const addEps = (ops: Ops, x: Value, eps: NumberOrValue): Value => (eps === 0 ? x : ops.add(x, eps));

/** Refuses integers and bools, as PyTorch's normalizations do: a rounded norm is seldom what anybody wants. */
export function requireFloat(name: string, x: Value, span: Span | undefined): void {
  if (!isFloat(x.type.dtype))
    fail("dtype-mismatch", `${name} needs a floating-point tensor, not ${printType(x.type)}`, {
      span,
      help: 'cast it first, for example to "f32"',
    });
}

/** Refuses tensors of another rank than the formula is written for. */
export function requireRank(
  name: string,
  x: Value,
  rank: { readonly least: number; readonly most?: number; readonly layout: string },
  span: Span | undefined,
): void {
  const n = x.type.shape.length;
  if (n < rank.least || n > (rank.most ?? Number.POSITIVE_INFINITY))
    fail("invalid-shape", `${name} needs a tensor ${rank.layout}, not ${printType(x.type)}`, {
      span,
      help: `reshape or transpose it to ${rank.layout}`,
    });
}

/** All axes of a tensor of this rank but one: what a norm per channel reduces over. */
export const axesExcept = (rank: number, kept: number): readonly number[] =>
  Array.from({ length: rank }, (_, d) => d).filter((d) => d !== kept);
