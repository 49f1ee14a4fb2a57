/**
 * Scalar ops over whole tensors in float64. Loops call one function per element; only the four that dominate real
 * programs are spelled out, where that call would cost more than the arithmetic.
 *
 * Requires: operands of equal length. Ensures: a new tensor; operands are not written.
 */
import { isFloat, isInteger } from "./dtype.ts";
import type { DType } from "./dtype.ts";
import { boundOfBinary, boundOfUnary, EXCLUDED } from "./error-bounds.ts";
import { integerMeaning, SCALAR_OPS } from "./scalar-ops.ts";
import type { BinaryOpInfo, ScalarOp, ScalarOpInfo, UnaryOpInfo } from "./scalar-ops.ts";

/** A tensor's elements in row-major order; `bounds` is absent where nobody asked for them. */
export interface Elements {
  readonly dtype: DType;
  readonly values: Float64Array;
  readonly bounds: Float64Array | undefined;
  /** No evaluation gives a negative element, a negative zero included, however it rounds. Only bounds use it. */
  readonly isNonnegative: boolean;
}

/** Evaluates `fn`; `dtype` is the result's. */
export function mapElements(fn: ScalarOp, args: readonly Elements[], dtype: DType): Elements {
  const info: ScalarOpInfo = SCALAR_OPS[fn];
  const [a, b, c] = args;
  if (a === undefined) throw new RangeError(`${fn} without operands`);
  const values = new Float64Array(a.values.length);
  const bounds = a.bounds === undefined ? undefined : new Float64Array(values.length);
  if (info.arity === 1) {
    mapUnary(info, a.values, values);
    if (bounds !== undefined) boundUnary(info, a, values, bounds);
  } else if (b !== undefined && info.arity === 2) {
    mapBinary(fn, info, a, b, values);
    if (bounds !== undefined) boundBinary(info, a, b, values, bounds);
  } else if (b !== undefined && c !== undefined) {
    selectElements(a, b, c, values, bounds);
  } else throw new RangeError(`${fn} lacks an operand`);
  if (info.result === "same" && isInteger(dtype)) wrapElements(dtype, values);
  const isNonnegative = isNonnegativeResult(fn, args, dtype);
  // A selection keeps its zeros; any other computed zero may have got its sign from rounding or reordering.
  if (bounds !== undefined && isFloat(dtype) && !isNonnegative && fn !== "where") forgetZeroSigns(values);
  return { dtype, values, bounds, isNonnegative };
}

/** `-0` stands for a zero whose sign is not promised, as `error-bounds.ts` wants it. */
export function forgetZeroSigns(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) if (values[i] === 0) values[i] = -0;
}

function mapUnary(info: UnaryOpInfo, x: Float64Array, out: Float64Array): void {
  const { evaluate } = info;
  for (let i = 0; i < out.length; i++) out[i] = evaluate(x[i] ?? 0);
}

function mapBinary(fn: ScalarOp, info: BinaryOpInfo, a: Elements, b: Elements, out: Float64Array): void {
  const x = a.values;
  const y = b.values;
  const special = isInteger(a.dtype) ? integerMeaning(fn) : undefined;
  if (special !== undefined) return mapWith(special, x, y, out);
  switch (fn) {
    case "add":
      for (let i = 0; i < out.length; i++) out[i] = (x[i] ?? 0) + (y[i] ?? 0);
      return;
    case "sub":
      for (let i = 0; i < out.length; i++) out[i] = (x[i] ?? 0) - (y[i] ?? 0);
      return;
    case "mul":
      for (let i = 0; i < out.length; i++) out[i] = (x[i] ?? 0) * (y[i] ?? 0);
      return;
    case "div":
      for (let i = 0; i < out.length; i++) out[i] = (x[i] ?? 0) / (y[i] ?? 0);
      return;
    default:
      mapWith(info.evaluate, x, y, out);
  }
}

function mapWith(
  evaluate: (x: number, y: number) => number,
  x: Float64Array,
  y: Float64Array,
  out: Float64Array,
): void {
  for (let i = 0; i < out.length; i++) out[i] = evaluate(x[i] ?? 0, y[i] ?? 0);
}

function wrapElements(dtype: DType, values: Float64Array): void {
  if (dtype === "i32") for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) | 0;
  else for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) >>> 0;
}

function selectElements(
  condition: Elements,
  x: Elements,
  y: Elements,
  values: Float64Array,
  bounds: Float64Array | undefined,
): void {
  for (let i = 0; i < values.length; i++) {
    const chosen = condition.values[i] !== 0 ? x : y;
    values[i] = chosen.values[i] ?? 0;
    if (bounds !== undefined) bounds[i] = condition.bounds?.[i] === 0 ? (chosen.bounds?.[i] ?? 0) : EXCLUDED;
  }
}

function boundUnary(info: UnaryOpInfo, a: Elements, values: Float64Array, out: Float64Array): void {
  for (let i = 0; i < out.length; i++) {
    const error = a.bounds?.[i] ?? 0;
    out[i] = isFloat(a.dtype)
      ? boundOfUnary(info, values[i] ?? 0, a.values[i] ?? 0, error, a.isNonnegative)
      : error;
  }
}

function boundBinary(
  info: BinaryOpInfo,
  a: Elements,
  b: Elements,
  values: Float64Array,
  out: Float64Array,
): void {
  for (let i = 0; i < out.length; i++) {
    const ex = a.bounds?.[i] ?? 0;
    const ey = b.bounds?.[i] ?? 0;
    out[i] = isFloat(a.dtype)
      ? boundOfBinary(info, values[i] ?? 0, a.values[i] ?? 0, ex, b.values[i] ?? 0, ey)
      : Math.max(ex, ey); // integers and truths are certain or not
  }
}

/** Ops that keep the sign of their operand, by a relative promise, so that rounding cannot change it. */
const SIGN_KEEPING: ReadonlySet<ScalarOp> = new Set<ScalarOp>(
  ["floor", "ceil", "round", "trunc", "sign", "expm1", "log1p", "sinh", "tanh", "asinh", "atan"], //
);
const NEVER_NEGATIVE: ReadonlySet<ScalarOp> = new Set<ScalarOp>([
  "abs",
  "sqrt",
  "rsqrt",
  "exp",
  "exp2",
  "cosh",
  "ndtr",
]);

function isNonnegativeResult(fn: ScalarOp, args: readonly Elements[], dtype: DType): boolean {
  if (dtype === "bool" || dtype === "u32" || NEVER_NEGATIVE.has(fn)) return true;
  const [a, b, c] = args;
  if (fn === "mul" && a === b) return true;
  if (fn === "max") return a?.isNonnegative === true || b?.isNonnegative === true;
  if (fn === "pow") return a?.isNonnegative === true;
  if (fn === "where") return b?.isNonnegative === true && c?.isNonnegative === true;
  const keepsSign = SIGN_KEEPING.has(fn) || fn === "add" || fn === "mul" || fn === "div" || fn === "min";
  return keepsSign && args.every((arg) => arg.isNonnegative);
}
