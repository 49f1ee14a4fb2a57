/** The table of monoids: its formulas against the meanings of its rows, in any order, with ties, infinities and nan. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { combineNumbers, MONOIDS, monoidOf, startOf, type MonoidName } from "../../src/ir/monoids.ts";
import { isReduceOp } from "../../src/ir/reduce-ops.ts";
import { instantiate, numbersOf } from "../../src/ir/state-expr.ts";

const NAMES = Object.keys(MONOIDS).filter(isReduceOp);

/** Small whole numbers: sums and products are exact, ties frequent. */
const numeric = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 1, arbitrary: fc.constantFrom(Infinity, -Infinity, Number.NaN) },
);
const elementsOf = (name: MonoidName): fc.Arbitrary<number> =>
  monoidOf(name).operand === "bool" ? fc.integer({ min: 0, max: 1 }) : numeric;
const dtypeOf = (name: MonoidName): "f32" | "bool" => (monoidOf(name).operand === "bool" ? "bool" : "f32");

const lift = (name: MonoidName, value: number, position: number): readonly number[] =>
  instantiate(monoidOf(name).lift, { x: [value, position] }, numbersOf(dtypeOf(name)));

describe.each(NAMES)("%s", (name) => {
  const { result, means } = monoidOf(name);
  const combine = (a: readonly number[], b: readonly number[]): readonly number[] =>
    combineNumbers(name, dtypeOf(name), a, b);

  test("states combined in any grouping give what the row means", () => {
    const row = fc.array(elementsOf(name), { minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(row, fc.array(fc.nat(), { minLength: 24, maxLength: 24 }), (values, picks) => {
        // Any two states are combined, in either order, until one is left; some are states of no elements.
        const states = values.flatMap((value, position) => [
          lift(name, value, position),
          ...(position % 3 === 0 ? [startOf(name, dtypeOf(name))] : []),
        ]);
        for (let k = 0; states.length > 1; k++) {
          const [a = []] = states.splice((picks[k % picks.length] ?? 0) % states.length, 1);
          const [b = []] = states.splice((picks[(k + 7) % picks.length] ?? 0) % states.length, 1);
          states.push(combine(a, b));
        }
        const operands = [Float64Array.from(values)];
        const meant = means({ dtype: dtypeOf(name), operands, start: 0, end: values.length });
        // Zeros of either sign are one number; a sum of infinities is nan in any order, or infinite in all.
        expect((states[0]?.[result] ?? Number.NaN) + 0).toBe(meant + 0);
      }),
      { numRuns: 300 },
    );
  });

  test("the state of no elements never wins", () => {
    for (const value of dtypeOf(name) === "bool" ? [0, 1] : [-Infinity, Infinity, Number.NaN, 0]) {
      const state = lift(name, value, 5);
      const start = startOf(name, dtypeOf(name));
      expect(combine(start, state)).toEqual(state);
      expect(combine(state, start)).toEqual(state);
    }
  });
});

test("positions are exact for the least integers, too", () => {
  for (const [name, dtype, extreme] of [
    ["argmax", "i32", -2147483648],
    ["argmax_last", "u32", 0],
    ["argmin", "i32", 2147483647],
    ["argmin_last", "u32", 4294967295],
  ] as const) {
    const state = lift(name, extreme, 3);
    expect(combineNumbers(name, dtype, startOf(name, dtype), state)).toEqual(state);
    expect(combineNumbers(name, dtype, state, startOf(name, dtype))).toEqual(state);
  }
});
