/**
 * Reductions over rows in float64, and the bounds that any order of f32 evaluation stays within.
 *
 * Requires: the reduced dimensions are innermost: row r is elements r * length to (r + 1) * length.
 * Ensures:  sums are compensated, so the oracle's own error does not grow with the row.
 */
import { isFloat, isInteger } from "./dtype.ts";
import type { DType } from "./dtype.ts";
import { EXCLUDED, settleBound, sumDepth } from "./error-bounds.ts";
import { F32_MAX, F32_MIN_NORMAL, F32_ULP } from "./error-models.ts";
import { forgetZeroSigns } from "./interpret-map.ts";
import type { Elements } from "./interpret-map.ts";
import { REDUCE_OPS } from "./reduce-ops.ts";
import type { ReduceOp, ReduceOpInfo } from "./reduce-ops.ts";
import { wrapInteger } from "./scalar-ops.ts";

/** One row of a tensor with bounds. */
interface Row {
  readonly values: Float64Array;
  readonly bounds: Float64Array;
  readonly start: number;
  readonly end: number;
}

/** Reduces each of `rows` rows of `length` elements to one. */
export function reduceRows(fn: ReduceOp, x: Elements, rows: number, length: number): Elements {
  const values = new Float64Array(rows);
  const { dtype } = x;
  for (let r = 0; r < rows; r++) values[r] = reduceRow(fn, dtype, x.values, r * length, (r + 1) * length);
  if (x.bounds === undefined) return { dtype, values, bounds: undefined, isNonnegative: x.isNonnegative };
  const bounds = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row: Row = { values: x.values, bounds: x.bounds, start: r * length, end: (r + 1) * length };
    bounds[r] = boundOfRow(fn, dtype, values[r] ?? 0, row);
  }
  if (isFloat(dtype) && !x.isNonnegative) forgetZeroSigns(values);
  return { dtype, values, bounds, isNonnegative: x.isNonnegative };
}

function reduceRow(fn: ReduceOp, dtype: DType, values: Float64Array, start: number, end: number): number {
  if (isInteger(dtype)) return reduceIntegers(fn, dtype, values, start, end);
  if (fn === "sum") return sumCompensated(values, start, end);
  const info: ReduceOpInfo = REDUCE_OPS[fn];
  let result = info.identity ?? values[start] ?? Number.NaN;
  for (let i = start; i < end; i++) result = info.evaluate(result, values[i] ?? 0);
  return result;
}

/** Wraps around after each step: the result is the true one modulo 2^32. */
function reduceIntegers(
  fn: ReduceOp,
  dtype: DType,
  values: Float64Array,
  start: number,
  end: number,
): number {
  const info: ReduceOpInfo = REDUCE_OPS[fn];
  const evaluate = fn === "prod" ? Math.imul : info.evaluate;
  let result = info.identity ?? values[start] ?? 0;
  for (let i = start; i < end; i++) result = wrapInteger(dtype, evaluate(result, values[i] ?? 0));
  return result;
}

/** Neumaier's compensated sum. An infinity or nan on the way makes the compensation nan; the plain sum is right then. */
function sumCompensated(values: Float64Array, start: number, end: number): number {
  let sum = 0;
  let compensation = 0;
  for (let i = start; i < end; i++) {
    const x = values[i] ?? 0;
    const next = sum + x;
    compensation += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
    sum = next;
  }
  return Number.isFinite(sum) ? sum + compensation : sum;
}

function boundOfRow(fn: ReduceOp, dtype: DType, value: number, row: Row): number {
  const certainty = certaintyOf(row);
  if (isInteger(dtype)) return certainty === "excluded" ? EXCLUDED : 0;
  switch (fn) {
    case "any":
    case "all": {
      // One certain truth decides `any`, one certain falsehood `all`, whatever the others are.
      const deciding = fn === "any" ? 1 : 0;
      return certainty !== "excluded" || holdsCertain(row, deciding) ? 0 : EXCLUDED;
    }
    case "max":
    case "min":
      if (certainty === "excluded") return EXCLUDED;
      return Number.isFinite(value) ? settleBound(value, reachOfExtreme(fn, value, row)) : 0;
    case "sum":
      return certainty === "nan" ? 0 : certainty === "excluded" ? EXCLUDED : boundOfSum(value, row);
    case "prod":
      return certainty === "nan" ? 0 : certainty === "excluded" ? EXCLUDED : boundOfProduct(value, row);
  }
}

/** A certain nan decides a float reduction, even beside excluded elements; those spoil everything else. */
function certaintyOf(row: Row): "nan" | "excluded" | "certain" {
  let certainty: "excluded" | "certain" = "certain";
  for (let i = row.start; i < row.end; i++) {
    if (row.bounds[i] === EXCLUDED) certainty = "excluded";
    else if (Number.isNaN(row.values[i])) return "nan";
  }
  return certainty;
}

function holdsCertain(row: Row, value: number): boolean {
  for (let i = row.start; i < row.end; i++) if (row.values[i] === value && row.bounds[i] === 0) return true;
  return false;
}

function reachOfExtreme(fn: "max" | "min", value: number, row: Row): number {
  const { evaluate } = REDUCE_OPS[fn];
  let low = fn === "max" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  let high = low;
  for (let i = row.start; i < row.end; i++) {
    const x = row.values[i] ?? 0;
    const e = row.bounds[i] ?? 0;
    low = evaluate(low, x - e);
    high = evaluate(high, x + e);
  }
  return Math.max(high - value, value - low);
}

function boundOfSum(value: number, row: Row): number {
  const length = row.end - row.start;
  let magnitudes = 0;
  let errors = 0;
  for (let i = row.start; i < row.end; i++) {
    const x = Math.abs(row.values[i] ?? 0);
    if (x < EXCLUDED) magnitudes += x;
    errors += row.bounds[i] ?? 0;
  }
  const total = magnitudes + errors;
  if (total === 0) return 0;
  const rounding = (sumDepth(length) * F32_ULP * total) / 2 + (length > 1 ? length * F32_MIN_NORMAL : 0);
  // Partial sums in an unlucky order may overflow where the whole does not; beside an infinity they may give nan.
  if (total + rounding > F32_MAX) return EXCLUDED;
  return Number.isFinite(value) ? settleBound(value, errors + rounding) : 0;
}

/** Every factor's rounding is in the product whatever the order. Partial products may leave f32's range on both sides. */
function boundOfProduct(value: number, row: Row): number {
  const length = row.end - row.start;
  let product = 1;
  let reach = 1;
  let largest = 1;
  let smallest = 1;
  let isZero = false;
  for (let i = row.start; i < row.end; i++) {
    const x = Math.abs(row.values[i] ?? 0);
    const high = x + (row.bounds[i] ?? 0);
    const low = x - (row.bounds[i] ?? 0);
    if (high === EXCLUDED) continue;
    product *= x;
    reach *= high;
    largest *= Math.max(1, high);
    if (high === 0) isZero = true;
    else smallest *= Math.min(1, Math.max(low, 0));
  }
  if (length === 1) return settleBound(value, row.bounds[row.start] ?? 0);
  if (largest * (1 + length * F32_ULP) > F32_MAX) return EXCLUDED;
  const isUnderflow = smallest < F32_MIN_NORMAL * 2;
  if (!Number.isFinite(value)) return isUnderflow ? EXCLUDED : 0; // infinity times a flushed zero is nan
  if (isZero) return 0;
  const flushed = isUnderflow ? length * F32_MIN_NORMAL * largest : 0;
  return settleBound(value, reach - product + 2 * length * F32_ULP * reach + flushed);
}
