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

test("exponentials with weights: each is a state, and states combine in any order", () => {
  const elements = fc.array(
    fc.tuple(fc.double({ min: -8, max: 8, noNaN: true }), fc.double({ min: -8, max: 8, noNaN: true })),
    { minLength: 1, maxLength: 24 },
  );
  fc.assert(
    fc.property(elements, fc.nat(24), (row, at) => {
      const merge = (states: readonly (readonly number[])[]): readonly number[] =>
        states.reduce((a, b) => combineNumbers("exp_sum", "f32", a, b), startOf("exp_sum", "f32"));
      const [m = 0, s = 0] = merge([merge(row.slice(at)), merge(row.slice(0, at))]);
      expect(m).toBe(Math.max(...row.map(([value]) => value)));
      const terms = row.map(([value, weight]) => weight * Math.exp(value - m));
      const tolerance = 24 * 8 * 48 * 8 * 2 ** -52;
      expect(Math.abs(s - terms.reduce((a, b) => a + b, 0))).toBeLessThanOrEqual(tolerance);
    }),
  );
});

test("deviations with weights: elements one by one, and pieces merged, give what the row means", () => {
  const { add = [], lift: lifted, means, result } = monoidOf("co_moment");
  const value = fc.double({ min: -8, max: 8, noNaN: true });
  const elements = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 24 });
  const start = startOf("co_moment", "f32");
  /** Terms stay below 8 * 16; the weights move by as much with each of at most 24 steps. */
  const tolerance = 24 * 24 * 128 * 16 * 2 ** -52;
  fc.assert(
    fc.property(elements, fc.nat(24), (row, at) => {
      const operands = [0, 1].map((i) => Float64Array.from(row, (element) => element[i] ?? 0));
      const meant = means({ dtype: "f32", operands, start: 0, end: row.length });
      const walked = row.reduce<readonly number[]>(
        (a, x) => instantiate(add, { a, x }, numbersOf("f32")),
        start,
      );
      const pieces = [row.slice(at), row.slice(0, at)].map((piece) =>
        piece
          .map((x) => instantiate(lifted, { x }, numbersOf("f32")))
          .reduce((a, b) => combineNumbers("co_moment", "f32", a, b), start),
      );
      const merged = pieces.reduce((a, b) => combineNumbers("co_moment", "f32", a, b), start);
      for (const state of [walked, merged])
        expect(Math.abs((state[result] ?? Number.NaN) - meant)).toBeLessThanOrEqual(tolerance);
    }),
  );
  expect(meansOf("co_moment", [1, 2, -Infinity], [1, 1, 0])).toBeNaN();
});

function meansOf(name: MonoidName, ...operands: readonly (readonly number[])[]): number {
  const [{ length } = []] = operands;
  return monoidOf(name).means({
    dtype: "f32",
    operands: operands.map((data) => Float64Array.from(data)),
    start: 0,
    end: length,
  });
}

test("a walk over nan and infinities settles to the state of its elements combined", () => {
  const { add = [], settle = [], lift: lifted } = monoidOf("exp_sum");
  const special = fc.constantFrom(-Infinity, -1, 0, 2, Infinity, Number.NaN);
  let [withNan, without] = [0, 0];
  fc.assert(
    fc.property(fc.array(special, { minLength: 1, maxLength: 9 }), (row) => {
      const start = startOf("exp_sum", "f32");
      const walked = row.reduce<readonly number[]>(
        (a, value) => instantiate(add, { a, x: [value] }, numbersOf("f32")),
        start,
      );
      const settled = instantiate(settle, { a: walked }, numbersOf("f32"));
      const states = row.map((value) => instantiate(lifted, { x: [value] }, numbersOf("f32")));
      expect(settled).toEqual(states.reduce((a, b) => combineNumbers("exp_sum", "f32", a, b), start));
      if (row.some(Number.isNaN)) withNan++;
      else without++;
    }),
  );
  expect(Math.min(withNan, without)).toBeGreaterThan(5);
});

describe.each(["exp_sum", "moments"] as const)("%s", (name) => {
  const { add, operands, result, means } = monoidOf(name);
  const values = fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 24 });
  const lifted = (value: number): readonly number[] =>
    instantiate(monoidOf(name).lift, { x: [value] }, numbersOf("f32"));
  const merge = (states: readonly (readonly number[])[]): readonly number[] =>
    states.reduce((a, b) => combineNumbers(name, "f32", a, b), startOf(name, "f32"));
  /** Results stay below 24 * 256; each of at most 48 roundings of float64 costs a few of its ulps. */
  const tolerance = 24 * 256 * 48 * 8 * 2 ** -52;
  const meant = (row: readonly number[]): number =>
    means({ dtype: "f32", operands: [Float64Array.from(row)], start: 0, end: row.length });

  test("states combined piece by piece give what the row means", () => {
    fc.assert(
      fc.property(values, fc.nat(24), (row, at) => {
        const pieces = [row.slice(0, at), row.slice(at)].map((piece) => merge(piece.map(lifted)));
        expect(Math.abs((merge(pieces)[result] ?? Number.NaN) - meant(row))).toBeLessThanOrEqual(tolerance);
      }),
    );
  });

  test("an element more is the element lifted and combined", () => {
    if (add === undefined) return;
    fc.assert(
      fc.property(values, (row) => {
        const state = row.reduce<readonly number[]>(
          (a, value) => instantiate(add, { a, x: [value] }, numbersOf("f32")),
          startOf(name, "f32"),
        );
        merge(row.map(lifted)).forEach((component, i) => {
          expect(Math.abs((state[i] ?? Number.NaN) - component)).toBeLessThanOrEqual(tolerance);
        });
      }),
    );
  });

  test("pieces without elements, and the sign of infinity", () => {
    expect(merge([])).toEqual(startOf(name, "f32"));
    expect(operands).toBe(1);
    const infinite = merge([1, 2, -Infinity].map(lifted))[result];
    // exp(-inf) adds nothing; a deviation of -inf from a mean of -inf is nan.
    if (name === "exp_sum") expect(infinite).toBeCloseTo(1 + Math.exp(-1), 12);
    else expect(infinite).toBeNaN();
  });
});
