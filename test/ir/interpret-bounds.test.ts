/**
 * Bounds have to be wide enough for every correct device and narrow enough to notice a wrong one: here on the norms that
 * the project is for, with rows of 1,000.
 */
import { describe, expect, test } from "vitest";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import type { OutputData } from "../../src/ir/interpret-graph.ts";
import { compareToOracle } from "../support/compare-to-oracle.ts";
import { emulateF32 } from "../support/emulate-f32.ts";
import { createRandom } from "../support/random-values.ts";

const ROWS = 4;
const LENGTH = 1000;
const ROW = { axis: -1, keepdims: true };

type Norm = (b: GraphBuilder, x: Value, g: Value) => Value;

const NORMS: Readonly<Record<string, Norm>> = {
  weightNorm: (b, x, g) => {
    const squares = b.reduce("sum", b.map("mul", [x, x]), ROW);
    return b.map("mul", [x, b.map("div", [g, b.map("sqrt", [squares])])]);
  },
  layerNorm: (b, x, g) => {
    const centred = b.map("sub", [x, b.mean(x, ROW)]);
    const variance = b.mean(b.map("mul", [centred, centred]), ROW);
    return b.map("mul", [b.map("mul", [centred, b.map("rsqrt", [b.map("add", [variance, 1e-5])])]), g]);
  },
  softmax: (b, x) => {
    const weights = b.map("exp", [b.map("sub", [x, b.reduce("max", x, ROW)])]);
    return b.map("div", [weights, b.reduce("sum", weights, ROW)]);
  },
  pNorm: (b, x, g) => {
    const sum = b.reduce("sum", b.map("pow", [b.map("abs", [x]), 1.5]), ROW);
    return b.map("mul", [b.map("div", [x, b.map("pow", [sum, 1 / 1.5])]), g]);
  },
};

function buildNorm(norm: Norm): Graph {
  const b = createGraphBuilder("norm");
  const x = b.param("x", { dtype: "f32", shape: [ROWS, LENGTH] });
  const g = b.param("g", { dtype: "f32", shape: [ROWS, 1] });
  return b.finish([{ name: "y", value: norm(b, x, g) }]);
}

function drawInputs(): Map<string, Float64Array> {
  const random = createRandom(1);
  const normal = (): number => Math.fround(2 * (random() + random() + random() + random() - 2));
  return new Map([
    ["x", Float64Array.from({ length: ROWS * LENGTH }, normal)],
    ["g", Float64Array.from({ length: ROWS }, () => Math.fround(random() + 0.5))],
  ]);
}

function findOutput(results: ReadonlyMap<string, OutputData>): OutputData {
  const output = results.get("y");
  if (output === undefined) throw new RangeError("no result y");
  return output;
}

describe.each(Object.entries(NORMS))("%s", (_name, norm) => {
  const graph = buildNorm(norm);
  const inputs = drawInputs();
  const oracle = findOutput(interpretGraph(graph, inputs, { bounds: true }));

  test("bounds are far below a thousandth of the row's largest result", () => {
    const largest = Math.max(...oracle.values.map(Math.abs));
    expect(Math.max(...(oracle.bounds ?? [])) / largest).toBeLessThan(2e-4);
  });

  test("nearly every element's bound is below a thousandth of the element itself", () => {
    const wide = [...(oracle.bounds ?? [])].filter(
      (bound, i) => bound > 1e-3 * Math.abs(oracle.values[i] ?? 0),
    );
    expect(wide.length / oracle.values.length).toBeLessThan(0.03); // centred values close to 0
  });

  test("f32 evaluations stay within, whatever the order", () => {
    for (let seed = 0; seed < 5; seed++) {
      const actual = emulateF32(graph, inputs, createRandom(seed)).get("y") ?? [];
      expect(compareToOracle(actual, oracle)).toEqual({ mismatches: [], excluded: 0 });
    }
  });

  test("a result that is off by a thousandth does not", () => {
    const off = oracle.values.map((x, i) => (i % 2 === 0 ? x * 1.001 : x));
    const { mismatches } = compareToOracle(off, oracle, oracle.values.length);
    expect(mismatches.length / oracle.values.length).toBeGreaterThan(0.45);
  });
});

test("judging knows classes, bounds and exclusions", () => {
  const oracle: OutputData = {
    type: { dtype: "f32", shape: [6] },
    values: Float64Array.of(NaN, Infinity, 1, 1, 5, -0),
    bounds: Float64Array.of(0, 0, 0.1, 0, Infinity, 0),
  };
  const judge = (actual: readonly number[]): number[] =>
    compareToOracle(actual, oracle).mismatches.map(({ index }) => index);
  expect(judge([NaN, Infinity, 1.1, 1, NaN, 0])).toEqual([]);
  expect(judge([1, -Infinity, 1.11, 1 + 1e-9, 7, 1e-30])).toEqual([0, 1, 2, 3, 5]);
  expect(judge([Infinity, NaN, NaN, NaN, 0, NaN])).toEqual([0, 1, 2, 3, 5]);
  expect(compareToOracle([NaN, Infinity, 1, 1, 0, 0], oracle).excluded).toBeCloseTo(1 / 6);
  expect(() => compareToOracle([1], oracle)).toThrow("1 elements");
});
