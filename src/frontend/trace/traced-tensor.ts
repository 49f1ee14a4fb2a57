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
import { captureCallSite } from "../../diagnostics/call-site.ts";
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../diagnostics/diagnostic.ts";
import { elementCount, printType } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";
import type {
  GraphBuilder,
  Operand,
  PositionOptions,
  ReduceOptions,
  SliceRange,
  Value,
} from "../../ir/graph-builder.ts";
import type { ReduceOp } from "../../ir/reduce-ops.ts";
import type { ScalarOp } from "../../ir/scalar-ops.ts";
import { resolveAxis } from "../../ir/shape-rules.ts";
import { refuseOperand, refuseValue, squeezeShape } from "./refuse.ts";
import { checkOpen, checkSameScope, locateCall } from "./trace-scope.ts";
import type { TraceScope } from "./trace-scope.ts";

export type TracedOperand = TracedTensor | number | boolean;

/** What an op sees of its trace: operands as the builder takes them, all checked to belong here. */
export interface TraceCall {
  readonly builder: GraphBuilder;
  readonly span: Span | undefined;
  readonly value: (tensor: TracedTensor) => Value;
  readonly operand: (operand: TracedOperand) => Operand;
}

export class TracedTensor {
  readonly #scope: TraceScope;
  readonly #value: Value;

  /** Of the package: user code gets its tensors from `trace`. */
  constructor(scope: TraceScope, value: Value) {
    this.#scope = scope;
    this.#value = value;
  }

  /** Of the package: the trace that a tensor belongs to, and its place there. */
  static stateOf(tensor: TracedTensor): { readonly scope: TraceScope; readonly value: Value } {
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

  // Elementwise, one operand.

  neg(): TracedTensor {
    return traceMap("neg", [this]);
  }
  abs(): TracedTensor {
    return traceMap("abs", [this]);
  }
  sign(): TracedTensor {
    return traceMap("sign", [this]);
  }
  floor(): TracedTensor {
    return traceMap("floor", [this]);
  }
  ceil(): TracedTensor {
    return traceMap("ceil", [this]);
  }
  round(): TracedTensor {
    return traceMap("round", [this]);
  }
  trunc(): TracedTensor {
    return traceMap("trunc", [this]);
  }
  sqrt(): TracedTensor {
    return traceMap("sqrt", [this]);
  }
  rsqrt(): TracedTensor {
    return traceMap("rsqrt", [this]);
  }
  exp(): TracedTensor {
    return traceMap("exp", [this]);
  }
  exp2(): TracedTensor {
    return traceMap("exp2", [this]);
  }
  expm1(): TracedTensor {
    return traceMap("expm1", [this]);
  }
  log(): TracedTensor {
    return traceMap("log", [this]);
  }
  log2(): TracedTensor {
    return traceMap("log2", [this]);
  }
  log1p(): TracedTensor {
    return traceMap("log1p", [this]);
  }
  sin(): TracedTensor {
    return traceMap("sin", [this]);
  }
  cos(): TracedTensor {
    return traceMap("cos", [this]);
  }
  tan(): TracedTensor {
    return traceMap("tan", [this]);
  }
  asin(): TracedTensor {
    return traceMap("asin", [this]);
  }
  acos(): TracedTensor {
    return traceMap("acos", [this]);
  }
  atan(): TracedTensor {
    return traceMap("atan", [this]);
  }
  sinh(): TracedTensor {
    return traceMap("sinh", [this]);
  }
  cosh(): TracedTensor {
    return traceMap("cosh", [this]);
  }
  tanh(): TracedTensor {
    return traceMap("tanh", [this]);
  }
  asinh(): TracedTensor {
    return traceMap("asinh", [this]);
  }
  acosh(): TracedTensor {
    return traceMap("acosh", [this]);
  }
  atanh(): TracedTensor {
    return traceMap("atanh", [this]);
  }
  erf(): TracedTensor {
    return traceMap("erf", [this]);
  }
  isnan(): TracedTensor {
    return traceMap("isnan", [this]);
  }
  isinf(): TracedTensor {
    return traceMap("isinf", [this]);
  }
  isfinite(): TracedTensor {
    return traceMap("isfinite", [this]);
  }
  not(): TracedTensor {
    return traceMap("not", [this]);
  }

  // Elementwise, two operands, broadcast against each other.

  add(other: TracedOperand): TracedTensor {
    return traceMap("add", [this, other]);
  }
  sub(other: TracedOperand): TracedTensor {
    return traceMap("sub", [this, other]);
  }
  mul(other: TracedOperand): TracedTensor {
    return traceMap("mul", [this, other]);
  }
  div(other: TracedOperand): TracedTensor {
    return traceMap("div", [this, other]);
  }
  pow(other: TracedOperand): TracedTensor {
    return traceMap("pow", [this, other]);
  }
  maximum(other: TracedOperand): TracedTensor {
    return traceMap("max", [this, other], "maximum");
  }
  minimum(other: TracedOperand): TracedTensor {
    return traceMap("min", [this, other], "minimum");
  }
  atan2(other: TracedOperand): TracedTensor {
    return traceMap("atan2", [this, other]);
  }
  eq(other: TracedOperand): TracedTensor {
    return traceMap("eq", [this, other]);
  }
  ne(other: TracedOperand): TracedTensor {
    return traceMap("ne", [this, other]);
  }
  lt(other: TracedOperand): TracedTensor {
    return traceMap("lt", [this, other]);
  }
  le(other: TracedOperand): TracedTensor {
    return traceMap("le", [this, other]);
  }
  gt(other: TracedOperand): TracedTensor {
    return traceMap("gt", [this, other]);
  }
  ge(other: TracedOperand): TracedTensor {
    return traceMap("ge", [this, other]);
  }
  and(other: TracedOperand): TracedTensor {
    return traceMap("and", [this, other]);
  }
  or(other: TracedOperand): TracedTensor {
    return traceMap("or", [this, other]);
  }
  xor(other: TracedOperand): TracedTensor {
    return traceMap("xor", [this, other]);
  }
  /** This tensor where `condition` holds, `other` elsewhere, as in PyTorch. The function is `where(condition, x, y)`. */
  where(condition: TracedOperand, other: TracedOperand): TracedTensor {
    return traceMap("where", [condition, this, other]);
  }
  cast(dtype: DType): TracedTensor {
    return traceOp("cast", [this], ({ builder, value, span }) => builder.cast(value(this), dtype, span));
  }
  /** `cast`, as the array API calls it. */
  astype(dtype: DType): TracedTensor {
    return traceOp("astype", [this], ({ builder, value, span }) => builder.cast(value(this), dtype, span));
  }

  // Reductions over `axis`: a number, several, or all when absent.

  sum(options?: ReduceOptions): TracedTensor {
    return traceReduce("sum", this, options);
  }
  prod(options?: ReduceOptions): TracedTensor {
    return traceReduce("prod", this, options);
  }
  max(options?: ReduceOptions): TracedTensor {
    return traceReduce("max", this, options);
  }
  min(options?: ReduceOptions): TracedTensor {
    return traceReduce("min", this, options);
  }
  any(options?: ReduceOptions): TracedTensor {
    return traceReduce("any", this, options);
  }
  all(options?: ReduceOptions): TracedTensor {
    return traceReduce("all", this, options);
  }
  argmax(options?: PositionOptions): TracedTensor {
    return tracePosition("argmax", this, options);
  }
  argmin(options?: PositionOptions): TracedTensor {
    return tracePosition("argmin", this, options);
  }
  mean(options?: ReduceOptions): TracedTensor {
    return traceOp("mean", [this], ({ builder, value, span }) => builder.mean(value(this), options, span));
  }

  // Views.

  /** One length may be -1. */
  reshape(shape: readonly number[]): TracedTensor {
    return traceOp("reshape", [this], ({ builder, value, span }) =>
      builder.reshape(value(this), shape, span),
    );
  }
  /** Dimension d of the result is dimension `perm[d]`; without `perm` all are reversed. */
  transpose(perm?: readonly number[]): TracedTensor {
    return traceOp("transpose", [this], ({ builder, value, span }) =>
      builder.transpose(value(this), perm, span),
    );
  }
  broadcastTo(shape: readonly number[]): TracedTensor {
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
  iotaLike(axis: number, dtype?: DType): TracedTensor {
    return traceOp("iotaLike", [this], ({ builder, span }) => builder.iota(this.shape, axis, dtype, span));
  }

  // What would need the value.

  [Symbol.toPrimitive](): never {
    return refuseValue("an operator or a condition asks for the value of a traced tensor");
  }
  valueOf(): never {
    return refuseValue("valueOf asks for the value of a traced tensor");
  }
  toString(): never {
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
    return `TracedTensor ${printType(this.#value.type)}`;
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

/** The trace of the operands, ready to take the nodes of one call. */
export function openCall(
  op: string,
  operands: readonly TracedOperand[],
): { readonly scope: TraceScope; readonly call: TraceCall } {
  const first = operands.find((operand) => operand instanceof TracedTensor);
  if (first === undefined)
    return fail("wrong-argument", `${op} is called without a traced tensor`, {
      span: captureCallSite(op.length),
      help: "one operand has to come from the arguments of the traced function; compute with plain numbers in JavaScript",
    });
  const { scope } = TracedTensor.stateOf(first);
  const span = locateCall(scope, op);
  checkOpen(scope, op, span);
  const value = (tensor: TracedTensor): Value => {
    if (!(tensor instanceof TracedTensor)) return refuseOperand(op, tensor, span);
    const state = TracedTensor.stateOf(tensor);
    checkSameScope(scope, state.scope, op, span);
    return state.value;
  };
  const operand = (given: TracedOperand): Operand =>
    typeof given === "number" || typeof given === "boolean" ? given : value(given);
  operands.forEach(operand);
  return { scope, call: { builder: scope.builder, span, value, operand } };
}
