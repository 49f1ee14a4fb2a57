/**
 * The normal distribution and GELU far below 0, where `1 + erf` has no digits left: errors relative to results as small as
 * f32 holds, for the op, the library's function, formulas as users write them, and the gradient.
 */
import { describe, expect, test } from "vitest";
import { erf, f32, gelu, grad, jit, ndtr, sum, trace, type TracedTensor } from "tensorweft";
import { F32_MIN_NORMAL, F32_ULP } from "../../src/ir/error-models.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { evaluateScalar } from "../../src/ir/scalar-ops.ts";
import { compareToOracle } from "../support/compare-to-oracle.ts";
import { openForTest } from "../runtime/support.ts";
import { describeGpu } from "../support/gpu.ts";

type T = TracedTensor;

const COUNT = 16384;
/** Below -12.93 the distribution is no normal f32. */
const POINTS = Float32Array.from({ length: COUNT }, (_, i) => -12.9 + (25.8 * i) / (COUNT - 1));

/** GELU in the orders in which it is written. */
const SPELLINGS: Readonly<Record<string, (x: T) => T>> = {
  "0.5 * x * (1 + erf(x * sqrt(1/2)))": (x) => x.mul(0.5).mul(erf(x.mul(Math.SQRT1_2)).add(1)),
  "0.5 * (1 + erf(x / sqrt(2))) * x": (x) => erf(x.div(Math.SQRT2)).add(1).mul(0.5).mul(x),
  "x * (erf(x * 0.70710678) + 1) / 2": (x) => x.mul(erf(x.mul(0.70710678)).add(1)).div(2),
  "x * (0.5 + 0.5 * erf(x * 0.7071067811865476))": (x) =>
    x.mul(erf(x.mul(0.7071067811865476)).mul(0.5).add(0.5)),
  "x * 0.5 * (1 - erf(-x / sqrt(2)))": (x) => x.mul(0.5).mul(erf(x.neg().div(Math.SQRT2)).neg().add(1)),
};

const oracleOf = (formula: (x: T) => T, x: Float32Array) => {
  const { graph } = trace(formula, [f32(x.length)], { locate: false });
  const [param] = graph.nodes;
  const name = param?.op === "param" ? param.name : "";
  const [result] = interpretGraph(graph, new Map([[name, x]]), { bounds: true }).values();
  if (result === undefined) throw new Error("the graph has no result");
  return result;
};

/** The largest bound relative to its value, at the points that are chosen. */
const widestBound = (
  { values, bounds }: ReturnType<typeof oracleOf>,
  isChosen: (x: number) => boolean,
): number =>
  values.reduce(
    (most, value, i) =>
      isChosen(POINTS[i] ?? 0) ? Math.max(most, (bounds?.[i] ?? 0) / Math.abs(value)) : most,
    0,
  );

describe("what the oracle allows", () => {
  test("is relative in the tail of gelu: nine ulp, and a half for rounding the result to f32", () => {
    const widest = widestBound(
      oracleOf((x) => gelu(x), POINTS),
      (x) => x < -1e-3 && x > -12,
    );
    expect(widest).toBeLessThan(9.51 * F32_ULP);
    expect(widest).toBeGreaterThan(8 * F32_ULP);
  });

  test("is not in the formula with erf", () => {
    const formula = SPELLINGS["0.5 * x * (1 + erf(x * sqrt(1/2)))"] ?? gelu;
    expect(widestBound(oracleOf(formula, POINTS), (x) => x < -5 && x > -6)).toBeGreaterThan(0.1);
  });
});

describeGpu("on a device", () => {
  const run = async (formula: (x: T) => T, x: Float32Array): Promise<Float64Array> => {
    const device = await openForTest();
    return Float64Array.from(await jit(formula)(device.tensor(x, [x.length])).read(), Number);
  };

  test("ndtr keeps its promise from -12.9 to 12.9", async () => {
    const got = await run(ndtr, POINTS);
    expect(compareToOracle(got, oracleOf(ndtr, POINTS)).mismatches).toEqual([]);
    // Apart from the op table's promise: below 0, a few in ten million.
    const errors = Array.from(POINTS, (x, i) =>
      Math.abs((got[i] ?? 0) / evaluateScalar("ndtr", "f32", [x]) - 1),
    );
    expect(Math.max(...errors)).toBeLessThan(7e-7);
  });

  test("ndtr at its ends, which are exact, and where it leaves the normal numbers", async () => {
    const x = [-Infinity, -3e38, -100, -13.3, 0, -0, 6, 1e20, Infinity, NaN, -13.1, 1e-40];
    const got = await run(ndtr, Float32Array.from(x));
    expect([...got.slice(0, 10)]).toEqual([0, 0, 0, 0, 0.5, 0.5, 1, 1, 1, NaN]);
    expect(got[10]).toBeGreaterThanOrEqual(0);
    expect(got[10]).toBeLessThan(F32_MIN_NORMAL);
    expect(got[11]).toBe(0.5);
  });

  test.each(Object.entries({ gelu: (x: T) => gelu(x), ...SPELLINGS }))("%s", async (_, formula) => {
    const got = await run(formula, POINTS);
    const { mismatches, excluded } = compareToOracle(
      got,
      oracleOf((x) => gelu(x), POINTS),
    );
    expect(mismatches).toEqual([]);
    expect(excluded).toBe(0);
  });

  test("the gradient of gelu is x / sqrt(2 pi) e^(-x^2 / 2) + ndtr(x), within what the oracle allows", async () => {
    const gradient = grad((x: T) => sum(gelu(x)));
    const terms = (x: number): readonly [number, number] => [
      evaluateScalar("ndtr", "f32", [x]),
      (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
    ];
    const oracle = oracleOf(gradient, POINTS);
    oracle.values.forEach((value, i) => {
      const [a, b] = terms(POINTS[i] ?? 0);
      expect(Math.abs(value - (a + b))).toBeLessThanOrEqual(F32_ULP * (Math.abs(a) + Math.abs(b)));
    });
    expect(compareToOracle(await run(gradient, POINTS), oracle).mismatches).toEqual([]);
  });
});
