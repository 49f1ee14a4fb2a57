/** The oracle agrees with PyTorch: what the library builds means what PyTorch computes. */
import { expect, test } from "vitest";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { compareGolden } from "./compare-golden.ts";
import { checkGenerated } from "../docs/read-doc.ts";
import { printCaseTable, testConformance, testGradients } from "./conformance.ts";
import type { Backend } from "./conformance.ts";

const oracle: Backend = {
  name: "the oracle",
  hasDriver: false,
  run: (graph, inputs) =>
    Promise.resolve(
      new Map(
        [...interpretGraph(graph, inputs)].map(([name, { type, values }]) => [
          name,
          { dtype: type.dtype, shape: type.shape, values },
        ]),
      ),
    ),
};

testConformance(oracle);
testGradients(oracle);

test("docs/conformance.md counts the cases", () => {
  checkGenerated("docs/conformance.md", "pytorch", printCaseTable());
});

const truth = Float64Array.of(1, Number.NaN, Number.NEGATIVE_INFINITY);
const output = { name: "y", shape: [3], truth, tolerance: { l2: 1e-6, max: 1e-6 } };
const compare = (...values: readonly number[]): number =>
  compareGolden(output, { shape: [3], values }).length;

test("the comparison accepts what agrees and counts what does not", () => {
  expect(compare(1, Number.NaN, Number.NEGATIVE_INFINITY)).toBe(0);
  expect(compare(1 + 1e-7, Number.NaN, Number.NEGATIVE_INFINITY)).toBe(0);
  expect(compare(1 + 1e-5, Number.NaN, Number.NEGATIVE_INFINITY)).toBe(2);
  expect(compare(Number.NaN, Number.NaN, Number.NEGATIVE_INFINITY)).toBe(2);
  expect(compare(1, 0, Number.NEGATIVE_INFINITY)).toBe(1);
  expect(compare(1, Number.NaN, Number.POSITIVE_INFINITY)).toBe(1);
  expect(
    compareGolden(output, { shape: [1, 3], values: [1, Number.NaN, Number.NEGATIVE_INFINITY] }),
  ).toHaveLength(1);
});

test("without a tolerance nothing may deviate", () => {
  const exact = { ...output, tolerance: undefined };
  expect(
    compareGolden(exact, { shape: [3], values: [1 + 1e-12, Number.NaN, Number.NEGATIVE_INFINITY] }),
  ).toHaveLength(1);
});
