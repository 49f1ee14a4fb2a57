/** Weights, gains and traced functions for the tests of `weightNorm`. */
import { expect } from "vitest";
import {
  f32,
  interpretGraph,
  TensorweftError,
  trace,
  type Graph,
  type TensorType,
  type TracedTensor,
} from "../../src/index.ts";
import { gainShape } from "../../src/library/weight-norm-dim.ts";
import { createRandom } from "../support/random-values.ts";

type T = TracedTensor;
export type Traced = (...args: T[]) => T | readonly T[];

const NAMES = ["a", "b", "c", "d", "e"];
export const graphOf = (fn: Traced, types: readonly TensorType[]): Graph =>
  trace(fn as (...args: T[]) => T, types, { parameterNames: NAMES.slice(0, types.length), locate: false })
    .graph;

/** Results in float64, rounded to their dtypes where that is asked for. */
export function run(
  fn: Traced,
  types: readonly TensorType[],
  data: readonly ArrayLike<number>[],
  rounded = false,
) {
  const inputs = new Map(data.map((values, i) => [NAMES[i] ?? "", values]));
  return [...interpretGraph(graphOf(fn, types), inputs, { rounded }).values()].map(({ values }) =>
    [...values].map((x) => x + 0),
  );
}

export function codeOf(act: () => unknown): string {
  try {
    act();
    return "accepted";
  } catch (error) {
    if (error instanceof TensorweftError) return error.diagnostics[0]?.code ?? "";
    throw error;
  }
}

const random = createRandom(4);
export const draw = (shape: readonly number[]): number[] =>
  Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => Math.fround(2 * random() - 1));
export const SHAPE = [4, 3, 5];
export const DIMS = [0, 1, 2, -2, -3, null, -1];
/** The axis that is kept. */
export const keptOf = (dim: number | null): number | null =>
  dim === null || dim === -1 ? null : dim < 0 ? dim + 3 : dim;
export const typesOf = (
  dim: number | null,
  dtypes: readonly [typeof f32, typeof f32] = [f32, f32],
): TensorType[] => [dtypes[0](...SHAPE), dtypes[1](...gainShape(SHAPE, keptOf(dim)))];

export function expectNear(
  got: readonly number[] | undefined,
  want: ArrayLike<number>,
  relative = 1e-13,
): void {
  expect(got).toHaveLength(want.length);
  const size = Math.max(...Array.from(want, Math.abs));
  got?.forEach((x, i) => {
    expect(Math.abs(x - (want[i] ?? Number.NaN))).toBeLessThanOrEqual(relative * size);
  });
}
