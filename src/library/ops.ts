/**
 * Formulas close to how papers write them: the builder's calls with the span of the user's call bound once.
 *
 * Ensures: every node that a library function makes carries the span of the line that called it.
 */
import { CompilerBug, fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { isFloat, printType } from "../ir/dtype.ts";
import type { DType } from "../ir/dtype.ts";
import type { CustomBackward, GraphBuilder, Operand, ReduceOptions, Value } from "../ir/graph-builder.ts";
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
  readonly neg: (x: Operand) => Value;
  readonly abs: (x: Operand) => Value;
  readonly min: (x: Operand, y: Operand) => Value;
  readonly max: (x: Operand, y: Operand) => Value;
  readonly where: (condition: Operand, x: Operand, y: Operand) => Value;
  readonly reduce: (fn: ReduceOp, x: Operand, options: ReduceOptions) => Value;
  readonly mean: (x: Operand, options: ReduceOptions) => Value;
  readonly reshape: (x: Operand, shape: readonly number[]) => Value;
  readonly cast: (x: Operand, dtype: DType) => Value;
  /** `x`, through which no derivative passes. */
  readonly stopGradient: (x: Operand) => Value;
  /**
   * What `forward` makes of the inputs, with a derivative of its own: `backward` gives the cotangent of each input, from
   * that of the result and the result. It may read the inputs, and is differentiated in turn.
   */
  readonly withDerivative: (
    inputs: readonly Value[],
    forward: (...inputs: readonly Value[]) => Value,
    backward: (cotangent: Value, result: Value) => readonly (Value | undefined)[],
  ) => Value;
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
    neg: (x) => map("neg", x),
    abs: (x) => map("abs", x),
    min: (x, y) => map("min", x, y),
    max: (x, y) => map("max", x, y),
    where: (condition, x, y) => map("where", condition, x, y),
    reduce: (fn, x, options) => builder.reduce(fn, x, options, span),
    mean: (x, options) => builder.mean(x, options, span),
    reshape: (x, shape) => builder.reshape(x, shape, span),
    cast: (x, dtype) => builder.cast(x, dtype, span),
    stopGradient: (x) => builder.stopGradient(x, span),
    withDerivative: (inputs, forward, backward) => {
      const pull: CustomBackward = ([cotangent], [result]) =>
        cotangent === undefined || result === undefined ? [] : backward(cotangent, result);
      const compute = (given: readonly Value[]): readonly Value[] => [forward(...given)];
      const [result] = builder.customVjp(inputs, compute, pull, span);
      if (result === undefined)
        throw new CompilerBug("a function with a derivative of its own gave nothing", []);
      return result;
    },
  };
}

/** `x + eps`, or `x` itself where eps is the literal 0: PyTorch's formulas without an epsilon stay what they are. */
export const addEps = (ops: Ops, x: Value, eps: NumberOrValue): Value => (eps === 0 ? x : ops.add(x, eps));

/**
 * `sqrt(x)` whose derivative at 0 is 0, not infinite: the choice of torch.linalg.vector_norm and torch.std, so that a row of
 * zeros has no gradient.
 */
export const rootOfSum = (ops: Ops, x: Value): Value =>
  ops.withDerivative(
    [x],
    (y = x) => ops.sqrt(y),
    (c, root) => {
      const isZero = ops.map("eq", root, 0);
      // Away from 0 inside, too: the derivative of what is not taken must not be infinite.
      return [ops.where(isZero, 0, ops.div(c, ops.mul(ops.where(isZero, 1, root), 2)))];
    },
  );

/** `max(x, bound)` whose derivative at a tie is that of x, as torch.clamp has it (clamp_backward). */
export const clampMin = (ops: Ops, x: Value, bound: NumberOrValue): Value => clamp(ops, "max", x, bound);

/** `min(x, bound)`, likewise. */
export const clampMax = (ops: Ops, x: Value, bound: NumberOrValue): Value => clamp(ops, "min", x, bound);

function clamp(ops: Ops, fn: "max" | "min", x: Value, bound: NumberOrValue): Value {
  const [isWithin, isBeyond] = fn === "max" ? (["ge", "lt"] as const) : (["le", "gt"] as const);
  const inputs = typeof bound === "number" ? [x] : [x, bound];
  return ops.withDerivative(
    inputs,
    (y = x, limit = bound) => ops.map(fn, y, limit),
    (c) => {
      const passes = [ops.map(isWithin, x, bound), ops.map(isBeyond, x, bound)];
      return inputs.map(({ type }, i) => sumToShape(ops, ops.where(passes[i] ?? false, c, 0), type.shape));
    },
  );
}

/** The sum of `x` over the dimensions that a value of this shape was repeated along to become like `x`. */
export function sumToShape(ops: Ops, x: Value, shape: readonly number[]): Value {
  const offset = x.type.shape.length - shape.length;
  const axis = x.type.shape.flatMap((n, d) =>
    d < offset || (shape[d - offset] === 1 && n !== 1) ? [d] : [],
  );
  return axis.length === 0 ? x : ops.reshape(ops.reduce("sum", x, { axis, keepdims: true }), shape);
}

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
