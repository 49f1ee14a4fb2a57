/**
 * The ops as functions that take the tensor first: `add(x, y)` is `x.add(y)`, and `sub(1, x)` has no method form. Each
 * takes its trace from its operands.
 */
import type { DType } from "../../ir/dtype.ts";
import type { PositionOptions, ReduceOptions, SliceRange } from "../../ir/graph-builder.ts";
import { traceMap, traceOp } from "./traced-tensor.ts";
import type { TracedOperand, TracedTensor } from "./traced-tensor.ts";

export const neg = (x: TracedOperand): TracedTensor => traceMap("neg", [x]);
export const abs = (x: TracedOperand): TracedTensor => traceMap("abs", [x]);
export const sign = (x: TracedOperand): TracedTensor => traceMap("sign", [x]);
export const floor = (x: TracedOperand): TracedTensor => traceMap("floor", [x]);
export const ceil = (x: TracedOperand): TracedTensor => traceMap("ceil", [x]);
export const round = (x: TracedOperand): TracedTensor => traceMap("round", [x]);
export const trunc = (x: TracedOperand): TracedTensor => traceMap("trunc", [x]);
export const sqrt = (x: TracedOperand): TracedTensor => traceMap("sqrt", [x]);
export const rsqrt = (x: TracedOperand): TracedTensor => traceMap("rsqrt", [x]);
export const exp = (x: TracedOperand): TracedTensor => traceMap("exp", [x]);
export const exp2 = (x: TracedOperand): TracedTensor => traceMap("exp2", [x]);
export const expm1 = (x: TracedOperand): TracedTensor => traceMap("expm1", [x]);
export const log = (x: TracedOperand): TracedTensor => traceMap("log", [x]);
export const log2 = (x: TracedOperand): TracedTensor => traceMap("log2", [x]);
export const log1p = (x: TracedOperand): TracedTensor => traceMap("log1p", [x]);
export const sin = (x: TracedOperand): TracedTensor => traceMap("sin", [x]);
export const cos = (x: TracedOperand): TracedTensor => traceMap("cos", [x]);
export const tan = (x: TracedOperand): TracedTensor => traceMap("tan", [x]);
export const asin = (x: TracedOperand): TracedTensor => traceMap("asin", [x]);
export const acos = (x: TracedOperand): TracedTensor => traceMap("acos", [x]);
export const atan = (x: TracedOperand): TracedTensor => traceMap("atan", [x]);
export const sinh = (x: TracedOperand): TracedTensor => traceMap("sinh", [x]);
export const cosh = (x: TracedOperand): TracedTensor => traceMap("cosh", [x]);
export const tanh = (x: TracedOperand): TracedTensor => traceMap("tanh", [x]);
export const asinh = (x: TracedOperand): TracedTensor => traceMap("asinh", [x]);
export const acosh = (x: TracedOperand): TracedTensor => traceMap("acosh", [x]);
export const atanh = (x: TracedOperand): TracedTensor => traceMap("atanh", [x]);
export const erf = (x: TracedOperand): TracedTensor => traceMap("erf", [x]);
export const isnan = (x: TracedOperand): TracedTensor => traceMap("isnan", [x]);
export const isinf = (x: TracedOperand): TracedTensor => traceMap("isinf", [x]);
export const isfinite = (x: TracedOperand): TracedTensor => traceMap("isfinite", [x]);
export const not = (x: TracedOperand): TracedTensor => traceMap("not", [x]);

export const add = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("add", [x, y]);
export const sub = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("sub", [x, y]);
export const mul = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("mul", [x, y]);
export const div = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("div", [x, y]);
export const quotient = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("quotient", [x, y]);
export const fmod = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("fmod", [x, y]);
export const remainder = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("remainder", [x, y]);
export const pow = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("pow", [x, y]);
export const maximum = (x: TracedOperand, y: TracedOperand): TracedTensor =>
  traceMap("max", [x, y], "maximum");
export const minimum = (x: TracedOperand, y: TracedOperand): TracedTensor =>
  traceMap("min", [x, y], "minimum");
export const atan2 = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("atan2", [x, y]);
export const eq = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("eq", [x, y]);
export const ne = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("ne", [x, y]);
export const lt = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("lt", [x, y]);
export const le = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("le", [x, y]);
export const gt = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("gt", [x, y]);
export const ge = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("ge", [x, y]);
export const and = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("and", [x, y]);
export const or = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("or", [x, y]);
export const xor = (x: TracedOperand, y: TracedOperand): TracedTensor => traceMap("xor", [x, y]);

/** `x` where `condition` holds, `y` elsewhere; all three broadcast. */
export const where = (condition: TracedOperand, x: TracedOperand, y: TracedOperand): TracedTensor =>
  traceMap("where", [condition, x, y]);
export const cast = (x: TracedTensor, dtype: DType): TracedTensor => x.cast(dtype);
export const astype = (x: TracedTensor, dtype: DType): TracedTensor => x.astype(dtype);

export const sum = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.sum(options);
export const prod = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.prod(options);
export const max = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.max(options);
export const min = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.min(options);
export const any = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.any(options);
export const all = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.all(options);
/** Position of the largest element, i32; a nan is the largest, and of equal elements the first one counts. */
export const argmax = (x: TracedTensor, options?: PositionOptions): TracedTensor => x.argmax(options);
/** Position of the smallest element, i32; a nan is the smallest, and of equal elements the first one counts. */
export const argmin = (x: TracedTensor, options?: PositionOptions): TracedTensor => x.argmin(options);
export const mean = (x: TracedTensor, options?: ReduceOptions): TracedTensor => x.mean(options);

export const reshape = (x: TracedTensor, shape: readonly number[]): TracedTensor => x.reshape(shape);
export const transpose = (x: TracedTensor, perm?: readonly number[]): TracedTensor => x.transpose(perm);
export const broadcastTo = (x: TracedTensor, shape: readonly number[]): TracedTensor => x.broadcastTo(shape);
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
export const iotaLike = (x: TracedTensor, axis: number, dtype?: DType): TracedTensor =>
  x.iotaLike(axis, dtype);

/** The tensors one after the other along `axis` (default 0). */
export const concat = (
  tensors: readonly TracedTensor[],
  options: { readonly axis?: number } = {},
): TracedTensor =>
  traceOp("concat", tensors, ({ builder, value, span }) =>
    builder.concat(tensors.map(value), options.axis ?? 0, span),
  );
