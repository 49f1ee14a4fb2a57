/**
 * What reductions mean: rows in float64, one element after the other. The oracle of every other evaluation.
 *
 * Requires: a row is elements `start` to `end` of each operand.
 * Ensures:  sums are compensated, so the oracle's own error does not grow with the row; integers wrap around after each
 *           step, so that a result is the true one modulo 2^32. Rows without elements give what `empty` says.
 */
import { isInteger, type DType } from "./dtype.ts";
import { wrapInteger } from "./scalar-ops.ts";

/** Operands of the elements of a row. An argmax has two: values and their positions. */
export interface Row {
  readonly dtype: DType;
  readonly operands: readonly Float64Array[];
  readonly start: number;
  readonly end: number;
}
export type RowMeaning = (row: Row) => number;

const valuesOf = (row: Row): Float64Array => row.operands[0] ?? new Float64Array(0);

/** Combines one element after the other; without elements, `empty`. */
const inOrder =
  (empty: number, combine: (a: number, b: number) => number): RowMeaning =>
  (row) => {
    const { dtype, start, end } = row;
    const values = valuesOf(row);
    if (start >= end) return empty;
    let result = values[start] ?? 0;
    for (let i = start + 1; i < end; i++) result = wrapInteger(dtype, combine(result, values[i] ?? 0));
    return result;
  };

const addIntegers = inOrder(0, (a, b) => a + b);
const mulFloats = inOrder(1, (a, b) => a * b);
const mulIntegers = inOrder(1, Math.imul);

export const sumOf: RowMeaning = (row) => (isInteger(row.dtype) ? addIntegers(row) : sumCompensated(row));
export const productOf: RowMeaning = (row) => (isInteger(row.dtype) ? mulIntegers(row) : mulFloats(row));
/** A nan is the largest and the smallest number. */
export const largestOf: RowMeaning = inOrder(Number.NaN, Math.max);
export const smallestOf: RowMeaning = inOrder(Number.NaN, Math.min);
export const anyOf: RowMeaning = inOrder(0, (a, b) => (a !== 0 || b !== 0 ? 1 : 0));
export const allOf: RowMeaning = inOrder(1, (a, b) => (a !== 0 && b !== 0 ? 1 : 0));

/** Neumaier's compensated sum. An infinity or nan on the way makes the compensation nan; the plain sum is right then. */
function sumCompensated(row: Row): number {
  const values = valuesOf(row);
  let sum = 0;
  let compensation = 0;
  for (let i = row.start; i < row.end; i++) {
    const x = values[i] ?? 0;
    const next = sum + x;
    compensation += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
    sum = next;
  }
  return Number.isFinite(sum) ? sum + compensation : sum;
}

/**
 * The position of the element that is `better` than all others, a nan before all numbers, as in PyTorch. Of equal ones the
 * first or the last position wins, whatever the order of elements.
 */
export const positionOf =
  (better: (a: number, b: number) => boolean, wins: "first" | "last"): RowMeaning =>
  (row) => {
    const values = valuesOf(row);
    const positions = row.operands[1];
    let best: number | undefined;
    let at = 0;
    for (let i = row.start; i < row.end; i++) {
      const value = values[i] ?? 0;
      const position = positions?.[i] ?? i - row.start;
      const [isNan, wasNan] = [Number.isNaN(value), Number.isNaN(best)];
      const isEqual = isNan === wasNan && (isNan || value === best);
      const isSooner = wins === "first" ? position < at : position > at;
      const isBetter = best === undefined || (isEqual ? isSooner : isNan || (!wasNan && better(value, best)));
      if (isBetter) [best, at] = [value, position];
    }
    return at;
  };

/** The sum of exp(x - maximum). Where the maximum is infinite, infinitely large elements count 1 and others nothing. */
export const expSumOf: RowMeaning = (row) => {
  const top = largestOf(row);
  const values = valuesOf(row);
  const terms = new Float64Array(row.end - row.start);
  for (let i = 0; i < terms.length; i++) {
    const value = values[row.start + i] ?? 0;
    terms[i] = value === top ? 1 : Math.exp(value - top);
  }
  return sumCompensated({ dtype: row.dtype, operands: [terms], start: 0, end: terms.length });
};

/** The sum of squared deviations from the mean. */
export const deviationsOf: RowMeaning = (row) => {
  const mean = sumCompensated(row) / (row.end - row.start);
  const terms = valuesOf(row)
    .slice(row.start, row.end)
    .map((value) => (value - mean) ** 2);
  return sumCompensated({ dtype: row.dtype, operands: [terms], start: 0, end: terms.length });
};

/** The sum of deviations from the mean times what comes with each element. */
export const coDeviationsOf: RowMeaning = (row) => {
  const mean = sumCompensated(row) / (row.end - row.start);
  const weights = row.operands[1];
  const terms = valuesOf(row)
    .slice(row.start, row.end)
    .map((value, i) => (weights?.[row.start + i] ?? 0) * (value - mean));
  return sumCompensated({ dtype: row.dtype, operands: [terms], start: 0, end: terms.length });
};
