/** Reductions that passes make, with bounds: elements and states of every monoid, as the table has them. */
import { expect, test } from "vitest";
import type { Elements } from "../../src/ir/interpret-map.ts";
import { storedElements } from "../../src/ir/interpret-graph.ts";
import { reduceStates } from "../../src/ir/interpret-monoid.ts";
import { MONOIDS, monoidOf, type MonoidName } from "../../src/ir/monoids.ts";
import { instantiate, numbersOf } from "../../src/ir/state-expr.ts";

test("exponentials with weights may be negative, and their bounds go by the size of the terms", () => {
  const [values, weights] = [
    [1e3, 1e3 + 1, 1e3 - 2, 1e3 + 1],
    [1, -5, 3, 4],
  ].map((data) => storedElements("f32", Float64Array.from(data), true));
  if (values === undefined || weights === undefined) throw new Error("no operands");
  const { values: sums, bounds, isNonnegative } = reduceStates("exp_sum", [values, weights], 1, 4);
  const terms = [Math.exp(-1), -5, 3 * Math.exp(-3), 4];
  expect(sums[0]).toBeCloseTo(
    terms.reduce((a, b) => a + b, 0),
    12,
  );
  expect(isNonnegative).toBe(false);
  expect(bounds?.[0]).toBeGreaterThan(10 * 2 ** -24);
  expect(bounds?.[0]).toBeLessThan(1e-3);
});

test("deviations with weights: bounds of elements and of states", () => {
  const values = [1e3, 1e3 + 1, 1e3 - 2, 1e3 + 1];
  const weights = [1, -5, 3, 4];
  const elements = (data: readonly number[]): Elements =>
    storedElements("f32", Float64Array.from(data), true);
  const ofElements = reduceStates("co_moment", [values, weights].map(elements), 1, 4);
  const states = monoidOf("co_moment").lift.map((_, at) =>
    values.map(
      (x, i) =>
        instantiate(monoidOf("co_moment").lift, { x: [x, weights[i] ?? 0] }, numbersOf("f32"))[at] ?? 0,
    ),
  );
  const ofStates = reduceStates("co_moment", states.map(elements), 1, 4);
  for (const { values: sums, bounds, isNonnegative } of [ofElements, ofStates]) {
    expect(sums[0]).toBeCloseTo(-7, 9);
    expect(isNonnegative).toBe(false);
    expect(bounds?.[0]).toBeGreaterThan(1e3 * 2 ** -24);
    expect(bounds?.[0]).toBeLessThan(0.1);
  }
});

const NAMES = (Object.keys(MONOIDS) as MonoidName[]).filter((name) => monoidOf(name).operands === 1);
const [ROWS, LENGTH] = [3, 7];

test.each(NAMES)("%s: bounds of rows of elements and of rows of states", (name) => {
  const isBool = monoidOf(name).operand === "bool";
  const dtype = isBool ? "bool" : "f32";
  const values = Float64Array.from({ length: ROWS * LENGTH }, (_, i) =>
    isBool ? i % 2 : Math.fround(1e3 + Math.sin(i + 1)),
  );
  const states = monoidOf(name).lift.map((_, at) =>
    values.map((x, i) => instantiate(monoidOf(name).lift, { x: [x, i % LENGTH] }, numbersOf(dtype))[at] ?? 0),
  );
  const elements = (data: Float64Array): Elements => storedElements(dtype, data, true);
  const ofElements = reduceStates(name, [elements(values)], ROWS, LENGTH);
  const ofStates = reduceStates(name, states.map(elements), ROWS, LENGTH);
  for (let row = 0; row < ROWS; row++) {
    const [one = 0, other = 0] = [ofElements.values[row], ofStates.values[row]];
    const [bound = Infinity, own = Infinity] = [ofElements.bounds?.[row], ofStates.bounds?.[row]];
    expect(Math.abs(one - other)).toBeLessThanOrEqual(Math.min(bound, own) + 2 ** -40);
    // Deviations are rounded relative to the values, squares of deviations to their size.
    expect(Math.max(bound, own)).toBeLessThan(name === "prod" ? Math.abs(one) * 1e-5 : 0.1);
  }
});
