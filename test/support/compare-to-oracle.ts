/**
 * Judges a backend's result element by element against the oracle's bounds. Ensures: an element that the oracle excludes
 * counts as such, so that a test can ask that most of them were really compared.
 */
import type { OutputData } from "../../src/ir/interpret-graph.ts";

export interface Mismatch {
  readonly index: number;
  readonly want: number;
  readonly got: number;
  readonly bound: number;
}

export interface Comparison {
  readonly mismatches: readonly Mismatch[];
  /** Share of the elements that nothing could be said about, 0 for an empty result. */
  readonly excluded: number;
}

/** The oracle computes in float64, its bounds too: they may come out short by this much. */
const SLACK = 1 + 2 ** -40;

function isWithin(got: number, want: number, bound: number): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (!Number.isFinite(want)) return got === want;
  return Math.abs(got - want) <= bound * SLACK; // false for nan; zeros of either sign are equal
}

/** Compares all elements; keeps at most `limit` mismatches. */
export function compareToOracle(actual: ArrayLike<number>, oracle: OutputData, limit = 20): Comparison {
  const { values, bounds } = oracle;
  if (bounds === undefined) throw new RangeError("the oracle ran without bounds");
  if (actual.length !== values.length)
    throw new RangeError(`${String(actual.length)} elements, the oracle has ${String(values.length)}`);
  const mismatches: Mismatch[] = [];
  let excluded = 0;
  values.forEach((want, index) => {
    const bound = bounds[index] ?? 0;
    const got = actual[index] ?? Number.NaN;
    if (bound === Number.POSITIVE_INFINITY) excluded++;
    else if (!isWithin(got, want, bound) && mismatches.length < limit)
      mismatches.push({ index, want, got, bound });
  });
  return { mismatches, excluded: values.length === 0 ? 0 : excluded / values.length };
}
