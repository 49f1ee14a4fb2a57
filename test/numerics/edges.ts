/** Rows at the edges of what floats hold: what documents and tests of numbers run through every function. */
import type { DType } from "../../src/ir/dtype.ts";
import { roundTo } from "../../src/ir/round.ts";
import { createRandom } from "../support/random-values.ts";

export type FloatDType = Extract<DType, "f32" | "f16" | "bf16">;

export interface Edge {
  readonly name: string;
  /** The element that differs from the rest, where one does. */
  readonly at?: number;
  /** Whether f32 arithmetic may leave the range on the way, so that the oracle's bounds end. */
  readonly leavesRange?: boolean;
  readonly values: (length: number, dtype: FloatDType) => readonly number[];
}

/** Numbers in [-1, 1) that no special value is among. */
const ordinary = (length: number, seed: number): readonly number[] => {
  const random = createRandom(seed);
  return Array.from({ length }, () => (random() < 0.5 ? -1 : 1) * (0.1 + 0.9 * random()));
};

const AT = 5;
const withOne = (length: number, value: number): readonly number[] =>
  ordinary(length, 2).map((x, i) => (i === AT ? value : x));

/** What f16 has instead: 65504 is its greatest number, 2^-14 the least normal one, and 11 bits are all there are. */
const SIZES: Readonly<
  Record<FloatDType, Readonly<Record<"huge" | "tiny" | "greatest" | "subnormal", number>>>
> = {
  f32: { huge: 1e30, tiny: 1e-30, greatest: 3.4e38, subnormal: 1e-39 },
  bf16: { huge: 1e30, tiny: 1e-30, greatest: 3.38e38, subnormal: 1e-39 },
  f16: { huge: 6e4, tiny: 6.2e-5, greatest: 65504, subnormal: 5e-5 },
};
/** Far from zero beside the spread, in steps that the dtype has. */
const OFFSETS: Readonly<Record<FloatDType, readonly [mean: number, spread: number]>> = {
  f32: [1e4, 1],
  bf16: [128, 8],
  f16: [1024, 8],
};

const ofSize =
  (size: (typeof SIZES)["f32"] extends Readonly<Record<infer K, number>> ? K : never) =>
  (length: number, dtype: FloatDType): readonly number[] =>
    ordinary(length, 3).map((x) => x * SIZES[dtype][size]);

export const EDGES: readonly Edge[] = [
  { name: "ordinary", values: (length) => ordinary(length, 1) },
  { name: "a nan", at: AT, values: (length) => withOne(length, Number.NaN) },
  { name: "an infinity", at: AT, values: (length) => withOne(length, Infinity) },
  { name: "a -infinity", at: AT, values: (length) => withOne(length, -Infinity) },
  { name: "all -infinity", values: (length) => Array.from({ length }, () => -Infinity) },
  { name: "zeros", values: (length) => Array.from({ length }, () => 0) },
  { name: "all equal", values: (length) => Array.from({ length }, () => 0.75) },
  { name: "1e30", leavesRange: true, values: ofSize("huge") },
  { name: "1e-30", leavesRange: true, values: ofSize("tiny") },
  { name: "greatest", leavesRange: true, values: ofSize("greatest") },
  { name: "subnormal", leavesRange: true, values: ofSize("subnormal") },
  {
    name: "1e4 and 1",
    values: (length, dtype) => ordinary(length, 4).map((x) => OFFSETS[dtype][0] + x * OFFSETS[dtype][1]),
  },
];

/** The rows of all edges, in values of the dtype. */
export const edgeRows = (length: number, dtype: FloatDType, edges = EDGES): readonly (readonly number[])[] =>
  edges.map(({ values }) => values(length, dtype).map((x) => roundTo(dtype, x)));
