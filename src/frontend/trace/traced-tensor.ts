/**
 * The tensor that a traced function sees: a type without data, whose methods write nodes to the builder of its trace.
 *
 * Names are the array API's and PyTorch's in camelCase; every method is also a function (functions.ts) of the same name
 * that takes the tensor first. Operands may be numbers and booleans: they are literals, whose dtype gives way.
 *
 * Ensures: every node carries the line of user code that called; what asks for a value (comparison in an `if`, string,
 *          JSON, iteration) throws `value-dependent`. `if (x)`, `!x` and `x === y` cannot be noticed: JavaScript asks no
 *          object for its opinion there.
 */
import { printType } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";
import type { PositionOptions, ReduceOptions, SliceRange, Value } from "../../ir/graph-builder.ts";
import type { ReduceOp } from "../../ir/reduce-ops.ts";
import type { ScalarOp } from "../../ir/scalar-ops.ts";
import { resolveAxis } from "../../ir/shape-rules.ts";
import type {
  Axis,
  Broadcast,
  Broadcastable,
  BroadcastableTo,
  Permutable,
  PositionOver,
  Reduced,
  ReduceOver,
  Reshapeable,
  Reshaped,
  Shape,
  Shaped,
  Transposed,
  WithAxes,
} from "../../ir/shape-types.ts";
import { refuseValue, squeezeShape } from "./refuse.ts";
import { openCall, TracedValue } from "./traced-value.ts";
import type { TraceCall } from "./traced-value.ts";

export type TracedOperand = TracedTensor | number | boolean;

/** An operand whose shape, if it is known, is `S`; that of a number is []. */
export type OperandOf<S extends Shape> = TracedTensor<S> | number | boolean;
/** One that broadcasts with `S`. */
export type Other<S extends Shape, O extends Shape> =
  (TracedTensor<O> & TracedTensor<Broadcastable<S, O>>) | number | boolean;

export class TracedTensor<S extends Shape = Shape> extends TracedValue implements Shaped<S> {
  /** In types alone: the shape, compared both ways (shape-types.ts). */
  "~shape"?(shape: S): void;

  /** Narrows to a tensor of unknown shape, where the language would say `any`. */
  static override [Symbol.hasInstance](value: unknown): value is TracedTensor {
    return value instanceof TracedValue;
  }

  // Elementwise, one operand.

  neg(): TracedTensor<S> {
    return traceMap("neg", [this]);
  }
  abs(): TracedTensor<S> {
    return traceMap("abs", [this]);
  }
  sign(): TracedTensor<S> {
    return traceMap("sign", [this]);
  }
  floor(): TracedTensor<S> {
    return traceMap("floor", [this]);
  }
  ceil(): TracedTensor<S> {
    return traceMap("ceil", [this]);
  }
  round(): TracedTensor<S> {
    return traceMap("round", [this]);
  }
  trunc(): TracedTensor<S> {
    return traceMap("trunc", [this]);
  }
  sqrt(): TracedTensor<S> {
    return traceMap("sqrt", [this]);
  }
  rsqrt(): TracedTensor<S> {
    return traceMap("rsqrt", [this]);
  }
  exp(): TracedTensor<S> {
    return traceMap("exp", [this]);
  }
  exp2(): TracedTensor<S> {
    return traceMap("exp2", [this]);
  }
  expm1(): TracedTensor<S> {
    return traceMap("expm1", [this]);
  }
  log(): TracedTensor<S> {
    return traceMap("log", [this]);
  }
  log2(): TracedTensor<S> {
    return traceMap("log2", [this]);
  }
  log1p(): TracedTensor<S> {
    return traceMap("log1p", [this]);
  }
  sin(): TracedTensor<S> {
    return traceMap("sin", [this]);
  }
  cos(): TracedTensor<S> {
    return traceMap("cos", [this]);
  }
  tan(): TracedTensor<S> {
    return traceMap("tan", [this]);
  }
  asin(): TracedTensor<S> {
    return traceMap("asin", [this]);
  }
  acos(): TracedTensor<S> {
    return traceMap("acos", [this]);
  }
  atan(): TracedTensor<S> {
    return traceMap("atan", [this]);
  }
  sinh(): TracedTensor<S> {
    return traceMap("sinh", [this]);
  }
  cosh(): TracedTensor<S> {
    return traceMap("cosh", [this]);
  }
  tanh(): TracedTensor<S> {
    return traceMap("tanh", [this]);
  }
  asinh(): TracedTensor<S> {
    return traceMap("asinh", [this]);
  }
  acosh(): TracedTensor<S> {
    return traceMap("acosh", [this]);
  }
  atanh(): TracedTensor<S> {
    return traceMap("atanh", [this]);
  }
  erf(): TracedTensor<S> {
    return traceMap("erf", [this]);
  }
  ndtr(): TracedTensor<S> {
    return traceMap("ndtr", [this]);
  }
  isnan(): TracedTensor<S> {
    return traceMap("isnan", [this]);
  }
  isinf(): TracedTensor<S> {
    return traceMap("isinf", [this]);
  }
  isfinite(): TracedTensor<S> {
    return traceMap("isfinite", [this]);
  }
  not(): TracedTensor<S> {
    return traceMap("not", [this]);
  }

  // Elementwise, two operands, broadcast against each other.

  add<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("add", [this, other]);
  }
  sub<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("sub", [this, other]);
  }
  mul<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("mul", [this, other]);
  }
  div<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("div", [this, other]);
  }
  pow<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("pow", [this, other]);
  }
  maximum<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("max", [this, other], "maximum");
  }
  minimum<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("min", [this, other], "minimum");
  }
  atan2<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("atan2", [this, other]);
  }
  eq<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("eq", [this, other]);
  }
  ne<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("ne", [this, other]);
  }
  lt<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("lt", [this, other]);
  }
  le<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("le", [this, other]);
  }
  gt<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("gt", [this, other]);
  }
  ge<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("ge", [this, other]);
  }
  and<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("and", [this, other]);
  }
  or<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("or", [this, other]);
  }
  xor<O extends Shape = readonly []>(other: Other<S, O>): TracedTensor<Broadcast<S, O>> {
    return traceMap("xor", [this, other]);
  }
  /** This tensor where `condition` holds, `other` elsewhere, as in PyTorch. The function is `where(condition, x, y)`. */
  where<C extends Shape = readonly [], O extends Shape = readonly []>(
    condition: Other<S, C>,
    other: Other<S, O>,
  ): TracedTensor<Broadcast<Broadcast<S, O>, C>> {
    return traceMap("where", [condition, this, other]);
  }
  cast(dtype: DType): TracedTensor<S> {
    return traceOp("cast", [this], ({ builder, value, span }) => builder.cast(value(this), dtype, span));
  }
  /** `cast`, as the array API calls it. */
  astype(dtype: DType): TracedTensor<S> {
    return traceOp("astype", [this], ({ builder, value, span }) => builder.cast(value(this), dtype, span));
  }

  // Reductions over `axis`: a number, several, or all when absent.

  sum<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: ReduceOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return traceReduce("sum", this, options);
  }
  prod<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: ReduceOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return traceReduce("prod", this, options);
  }
  max<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: ReduceOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return traceReduce("max", this, options);
  }
  min<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: ReduceOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return traceReduce("min", this, options);
  }
  any<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: ReduceOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return traceReduce("any", this, options);
  }
  all<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: ReduceOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return traceReduce("all", this, options);
  }
  argmax<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: PositionOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return tracePosition("argmax", this, options);
  }
  argmin<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: PositionOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return tracePosition("argmin", this, options);
  }
  mean<const A extends Axis = undefined, const K extends boolean = false>(
    this: TracedTensor<WithAxes<S, A>>,
    options?: ReduceOver<A, K>,
  ): TracedTensor<Reduced<S, A, K>> {
    return traceOp("mean", [this], ({ builder, value, span }) => builder.mean(value(this), options, span));
  }

  // Views.

  /** One length may be -1. */
  reshape<const T extends Shape>(this: TracedTensor<Reshapeable<S, T>>, shape: T): TracedTensor<Reshaped<T>> {
    return traceOp("reshape", [this], ({ builder, value, span }) =>
      builder.reshape(value(this), shape, span),
    );
  }
  /** Dimension d of the result is dimension `perm[d]`; without `perm` all are reversed. */
  transpose<const P extends Shape | undefined = undefined>(
    this: TracedTensor<Permutable<S, P>>,
    perm?: P,
  ): TracedTensor<Transposed<S, P>> {
    return traceOp("transpose", [this], ({ builder, value, span }) =>
      builder.transpose(value(this), perm, span),
    );
  }
  broadcastTo<const T extends Shape>(this: TracedTensor<BroadcastableTo<S, T>>, shape: T): TracedTensor<T> {
    return traceOp("broadcastTo", [this], ({ builder, value, span }) =>
      builder.broadcastTo(value(this), shape, span),
    );
  }
  /** A number picks one position and drops the dimension; missing trailing ranges take all. */
  slice(ranges: readonly (SliceRange | number)[]): TracedTensor {
    return traceOp("slice", [this], ({ builder, value, span }) => builder.slice(value(this), ranges, span));
  }
  /** `low[d]` and `high[d]` elements of `fill` (default 0) before and after dimension d. */
  pad(low: readonly number[], high: readonly number[], fill?: number): TracedTensor {
    return traceOp("pad", [this], ({ builder, value, span }) =>
      builder.pad(value(this), low, high, fill, span),
    );
  }
  /** A dimension of length 1 at `axis` of the result. */
  expandDims(axis: number): TracedTensor {
    return traceOp("expandDims", [this], ({ builder, value, span }) => {
      const at = resolveAxis(axis, { dtype: this.dtype, shape: [...this.shape, 1] }, span);
      return builder.reshape(value(this), this.shape.toSpliced(at, 0, 1), span);
    });
  }
  /** Without the dimensions of length 1 at `axis`; a dimension of another length is refused. */
  squeeze(axis: number | readonly number[]): TracedTensor {
    return traceOp("squeeze", [this], ({ builder, value, span }) =>
      builder.reshape(value(this), squeezeShape(value(this).type, axis, span), span),
    );
  }
  /** The coordinate along `axis`, in the shape of this tensor. */
  iotaLike(axis: number, dtype?: DType): TracedTensor<S> {
    return traceOp("iotaLike", [this], ({ builder, span }) => builder.iota(this.shape, axis, dtype, span));
  }

  // What would need the value.

  [Symbol.toPrimitive](): never {
    return refuseValue("an operator or a condition asks for the value of a traced tensor");
  }
  override valueOf(): never {
    return refuseValue("valueOf asks for the value of a traced tensor");
  }
  override toString(): never {
    return refuseValue("a text asks for the value of a traced tensor");
  }
  toJSON(): never {
    return refuseValue("JSON asks for the value of a traced tensor");
  }
  [Symbol.iterator](): never {
    return refuseValue("a loop or spread asks for the elements of a traced tensor");
  }
  /** `console.log` in Node shows the type. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `TracedTensor ${printType(TracedValue.stateOf(this).value.type)}`;
  }
}

/** Elementwise op of the table; `name` is what users call it. */
export const traceMap = (fn: ScalarOp, operands: readonly TracedOperand[], name: string = fn): TracedTensor =>
  traceOp(name, operands, ({ builder, operand, span }) => builder.map(fn, operands.map(operand), span));

const traceReduce = (fn: ReduceOp, tensor: TracedTensor, options: ReduceOptions | undefined): TracedTensor =>
  traceOp(fn, [tensor], ({ builder, value, span }) => builder.reduce(fn, value(tensor), options, span));

const tracePosition = (fn: "argmax" | "argmin", tensor: TracedTensor, options: PositionOptions = {}) =>
  traceOp(fn, [tensor], ({ builder, value, span }) =>
    builder.reduce(options.selectLast === true ? `${fn}_last` : fn, value(tensor), options, span),
  );

/**
 * Builds one op in the trace of its operands. `op` is the name that users call; `operands` are all that it takes.
 */
export function traceOp(
  op: string,
  operands: readonly TracedOperand[],
  build: (call: TraceCall) => Value,
): TracedTensor {
  const { scope, call } = openCall(op, operands);
  return new TracedTensor(scope, build(call));
}
