/**
 * Reductions over rows in float64, and the bounds that any order of f32 evaluation stays within.
 *
 * Requires: the reduced dimensions are innermost: row r is elements r * length to (r + 1) * length.
 */
import { isFloat, isInteger } from "./dtype.ts";
import type { DType } from "./dtype.ts";
import { EXCLUDED, settleBound, sumDepth } from "./error-bounds.ts";
import { F32_MAX, F32_MIN_NORMAL, F32_ULP } from "./error-models.ts";
import { forgetZeroSigns } from "./interpret-map.ts";
import type { Elements } from "./interpret-map.ts";
import { givesPosition, REDUCE_OPS, reducedDType } from "./reduce-ops.ts";
import type { ReduceOp } from "./reduce-ops.ts";

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
  const { means } = REDUCE_OPS[fn];
  const dtype = reducedDType(fn, x.dtype);
  const operands = [x.values];
  for (let r = 0; r < rows; r++)
    values[r] = means({ dtype: x.dtype, operands, start: r * length, end: (r + 1) * length });
  const isNonnegative = x.isNonnegative || givesPosition(fn);
  if (x.bounds === undefined) return { dtype, values, bounds: undefined, isNonnegative };
  const bounds = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row: Row = { values: x.values, bounds: x.bounds, start: r * length, end: (r + 1) * length };
    bounds[r] = boundOfRow(fn, x.dtype, values[r] ?? 0, row);
  }
  if (isFloat(dtype) && !isNonnegative) forgetZeroSigns(values);
  return { dtype, values, bounds, isNonnegative };
}

function boundOfRow(fn: ReduceOp, dtype: DType, value: number, row: Row): number {
  if (givesPosition(fn)) return isCertainPosition(fn, value, row) ? 0 : EXCLUDED;
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
    default:
      return EXCLUDED;
  }
}

/** Whether no evaluation finds another element more extreme, or as extreme where the oracle's is not sure to be that itself. */
function isCertainPosition(fn: ReduceOp, position: number, row: Row): boolean {
  const at = row.start + position;
  const [value = 0, error = 0] = [row.values[at], row.bounds[at]];
  const sign = fn === "argmax" || fn === "argmax_last" ? 1 : -1;
  for (let i = row.start; i < row.end; i++) {
    const [x = 0, e = 0] = [row.values[i], row.bounds[i]];
    if (e === EXCLUDED) return false;
    if (i === at || Number.isNaN(value)) continue; // the oracle has put what is certain in its place
    const isApart = sign * x + e < sign * value - error;
    const isTie = x === value && e === 0 && error === 0;
    if (!isApart && !isTie) return false;
  }
  return true;
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
  const evaluate = fn === "max" ? Math.max : Math.min;
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
