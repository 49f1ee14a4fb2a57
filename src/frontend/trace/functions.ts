/**
 * The ops as functions that take the tensor first: `add(x, y)` is `x.add(y)`, and `sub(1, x)` has no method form. Each
 * takes its trace from its operands.
 */
import type { DType } from "../../ir/dtype.ts";
import type { PositionOptions, ReduceOptions, SliceRange } from "../../ir/graph-builder.ts";
import type {
  Axis,
  Broadcast,
  BroadcastableTo,
  Permutable,
  PositionOver,
  Reduced,
  ReduceOver,
  Reshapeable,
  Reshaped,
  Shape,
  Transposed,
  WithAxes,
} from "../../ir/shape-types.ts";
import { traceMap, traceOp } from "./traced-tensor.ts";
import type { OperandOf, Other, TracedOperand, TracedTensor } from "./traced-tensor.ts";

// As the methods: literal shapes go in and come out, and those that do not fit are errors of types.
type Unary = <S extends Shape = readonly []>(x: OperandOf<S>) => TracedTensor<S>;
type Binary = <A extends Shape = readonly [], B extends Shape = readonly []>(
  x: OperandOf<A>,
  y: Other<A, B>,
) => TracedTensor<Broadcast<A, B>>;
type Reduce = <S extends Shape, const A extends Axis = undefined, const K extends boolean = false>(
  x: TracedTensor<S> & TracedTensor<WithAxes<S, A>>,
  options?: ReduceOver<A, K>,
) => TracedTensor<Reduced<S, A, K>>;
type Position = <S extends Shape, const A extends Axis = undefined, const K extends boolean = false>(
  x: TracedTensor<S> & TracedTensor<WithAxes<S, A>>,
  options?: PositionOver<A, K>,
) => TracedTensor<Reduced<S, A, K>>;
type Reshape = <S extends Shape, const T extends Shape>(
  x: TracedTensor<S> & TracedTensor<Reshapeable<S, T>>,
  shape: T,
) => TracedTensor<Reshaped<T>>;
type Transpose = <S extends Shape, const P extends Shape | undefined = undefined>(
  x: TracedTensor<S> & TracedTensor<Permutable<S, P>>,
  perm?: P,
) => TracedTensor<Transposed<S, P>>;
type BroadcastTo = <S extends Shape, const T extends Shape>(
  x: TracedTensor<S> & TracedTensor<BroadcastableTo<S, T>>,
  shape: T,
) => TracedTensor<T>;

export const neg: Unary = (x) => traceMap("neg", [x]);
export const abs: Unary = (x) => traceMap("abs", [x]);
export const sign: Unary = (x) => traceMap("sign", [x]);
export const floor: Unary = (x) => traceMap("floor", [x]);
export const ceil: Unary = (x) => traceMap("ceil", [x]);
export const round: Unary = (x) => traceMap("round", [x]);
export const trunc: Unary = (x) => traceMap("trunc", [x]);
export const sqrt: Unary = (x) => traceMap("sqrt", [x]);
export const rsqrt: Unary = (x) => traceMap("rsqrt", [x]);
export const exp: Unary = (x) => traceMap("exp", [x]);
export const exp2: Unary = (x) => traceMap("exp2", [x]);
export const expm1: Unary = (x) => traceMap("expm1", [x]);
export const log: Unary = (x) => traceMap("log", [x]);
export const log2: Unary = (x) => traceMap("log2", [x]);
export const log1p: Unary = (x) => traceMap("log1p", [x]);
export const sin: Unary = (x) => traceMap("sin", [x]);
export const cos: Unary = (x) => traceMap("cos", [x]);
export const tan: Unary = (x) => traceMap("tan", [x]);
export const asin: Unary = (x) => traceMap("asin", [x]);
export const acos: Unary = (x) => traceMap("acos", [x]);
export const atan: Unary = (x) => traceMap("atan", [x]);
export const sinh: Unary = (x) => traceMap("sinh", [x]);
export const cosh: Unary = (x) => traceMap("cosh", [x]);
export const tanh: Unary = (x) => traceMap("tanh", [x]);
export const asinh: Unary = (x) => traceMap("asinh", [x]);
export const acosh: Unary = (x) => traceMap("acosh", [x]);
export const atanh: Unary = (x) => traceMap("atanh", [x]);
export const erf: Unary = (x) => traceMap("erf", [x]);
export const ndtr: Unary = (x) => traceMap("ndtr", [x]);
export const isnan: Unary = (x) => traceMap("isnan", [x]);
export const isinf: Unary = (x) => traceMap("isinf", [x]);
export const isfinite: Unary = (x) => traceMap("isfinite", [x]);
export const not: Unary = (x) => traceMap("not", [x]);

export const add: Binary = (x, y) => traceMap("add", [x, y]);
export const sub: Binary = (x, y) => traceMap("sub", [x, y]);
export const mul: Binary = (x, y) => traceMap("mul", [x, y]);
export const div: Binary = (x, y) => traceMap("div", [x, y]);
export const quotient: Binary = (x, y) => traceMap("quotient", [x, y]);
export const fmod: Binary = (x, y) => traceMap("fmod", [x, y]);
export const remainder: Binary = (x, y) => traceMap("remainder", [x, y]);
export const pow: Binary = (x, y) => traceMap("pow", [x, y]);
export const maximum: Binary = (x, y) => traceMap("max", [x, y], "maximum");
export const minimum: Binary = (x, y) => traceMap("min", [x, y], "minimum");
export const atan2: Binary = (x, y) => traceMap("atan2", [x, y]);
export const eq: Binary = (x, y) => traceMap("eq", [x, y]);
export const ne: Binary = (x, y) => traceMap("ne", [x, y]);
export const lt: Binary = (x, y) => traceMap("lt", [x, y]);
export const le: Binary = (x, y) => traceMap("le", [x, y]);
export const gt: Binary = (x, y) => traceMap("gt", [x, y]);
export const ge: Binary = (x, y) => traceMap("ge", [x, y]);
export const and: Binary = (x, y) => traceMap("and", [x, y]);
export const or: Binary = (x, y) => traceMap("or", [x, y]);
export const xor: Binary = (x, y) => traceMap("xor", [x, y]);

/** `x` where `condition` holds, `y` elsewhere; all three broadcast. */
export const where = (condition: TracedOperand, x: TracedOperand, y: TracedOperand): TracedTensor =>
  traceMap("where", [condition, x, y]);
export const cast = <S extends Shape>(x: TracedTensor<S>, dtype: DType): TracedTensor<S> => x.cast(dtype);
export const astype = <S extends Shape>(x: TracedTensor<S>, dtype: DType): TracedTensor<S> => x.astype(dtype);

export const sum: Reduce = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.sum(options);
export const prod: Reduce = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.prod(options);
export const max: Reduce = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.max(options);
export const min: Reduce = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.min(options);
export const any: Reduce = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.any(options);
export const all: Reduce = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.all(options);
/** Position of the largest element, i32; a nan is the largest, and of equal elements the first one counts. */
export const argmax: Position = (x: TracedTensor, options?: PositionOptions): TracedTensor =>
  x.argmax(options);
/** Position of the smallest element, i32; a nan is the smallest, and of equal elements the first one counts. */
export const argmin: Position = (x: TracedTensor, options?: PositionOptions): TracedTensor =>
  x.argmin(options);
export const mean: Reduce = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.mean(options);

export const reshape: Reshape = (x: TracedTensor, shape: readonly number[]): TracedTensor => x.reshape(shape);
export const transpose: Transpose = (x: TracedTensor, perm?: readonly number[]): TracedTensor =>
  x.transpose(perm);
export const broadcastTo: BroadcastTo = (x: TracedTensor, shape: readonly number[]): TracedTensor =>
  x.broadcastTo(shape);
export const slice = (x: TracedTensor, ranges: readonly (SliceRange | number)[]): TracedTensor =>
  x.slice(ranges);
export const pad = (
  x: TracedTensor,
  low: readonly number[],
  high: readonly number[],
  fill?: number,
): TracedTensor => x.pad(low, high, fill);
export const expandDims = (x: TracedTensor, axis: number): TracedTensor => x.expandDims(axis);
export const squeeze = (x: TracedTensor, axis: number | readonly number[]): TracedTensor => x.squeeze(axis);
export const iotaLike = <S extends Shape>(x: TracedTensor<S>, axis: number, dtype?: DType): TracedTensor<S> =>
  x.iotaLike(axis, dtype);

/** The tensors one after the other along `axis` (default 0). */
export const concat = (
  tensors: readonly TracedTensor[],
  options: { readonly axis?: number } = {},
): TracedTensor =>
  traceOp("concat", tensors, ({ builder, value, span }) =>
    builder.concat(tensors.map(value), options.axis ?? 0, span),
  );
