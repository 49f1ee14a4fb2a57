/**
 * Statistics and results of one sweep: what reads the same elements is computed while they are there, whether it is reduced over
 * rows, over columns or over everything, and whether a reduction of it was cut into pieces.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import {
  exp,
  f32,
  layerNorm,
  max,
  mean,
  normalize,
  rmsNorm,
  silu,
  softmax,
  sum,
  trace,
  variance,
  vjp,
  type TracedTensor,
} from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import { randomInputs } from "../support/random-values.ts";

type Program = (x: TracedTensor) => TracedTensor | readonly TracedTensor[];

const square = (x: TracedTensor): TracedTensor => x.mul(x);
const over = (axis: number): { readonly axis: number; readonly keepdims: true } => ({ axis, keepdims: true });

/** All in two kernels, everything read once. */
const BESIDE: Readonly<Record<string, Program>> = {
  "a gated value and the sum of squares": (x) => [silu(x), sum(square(x))],
  "a blend and its sum of squares": (x) => {
    const y = x.mul(0.9).add(exp(x).mul(0.1));
    return [y, sum(square(y))];
  },
  "a value twice, and its largest": (x) => [x.abs(), x.mul(2), max(x.abs())],
  "softmax and the sum of squares": (x) => [softmax(x), sum(square(x))],
  "layer norm and the largest magnitude": (x) => [max(x.abs()), layerNorm(x)],
  "means of rows and of everything": (x) => [mean(x, { axis: 1 }), mean(x)],
  "means of columns and the sum of squares": (x) => [mean(x, { axis: 0 }), sum(square(x))],
};

const centredTwice: Program = (x) =>
  x
    .sub(mean(x, over(0)))
    .sub(mean(x, over(1)))
    .add(mean(x));
const afterBoth: Program = (x) => {
  const u = x.div(mean(square(x), over(0)).sqrt()).div(mean(square(x), over(1)).sqrt());
  return sum(square(square(u)));
};
const ALL = { ...BESIDE, "rows and columns centred": centredTwice, "a sum after both": afterBoth };

const graphOf = (fn: Program, shape: readonly number[]): Graph =>
  trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false }).graph;

describe.each(["default", "nvidia"] as const)("for %s", (name) => {
  const profile = profileNamed(name);
  const explain = (graph: Graph): ReturnType<typeof explainCompiled> =>
    explainCompiled(compileGraph(graph, { profile, check: true }), profile);

  test.each(Object.entries(BESIDE))("two kernels, everything read once: %s", (_, fn) => {
    const { dispatches, bytes } = explain(graphOf(fn, [8192, 1024]));
    expect([dispatches, Math.round((100 * bytes.moved) / bytes.floor)]).toEqual([2, 100]);
  });

  test("results stay with the rows that they need, where these share more with them", () => {
    for (const [fn, shape, most] of [
      [(x: TracedTensor) => [normalize(x, { axis: -1 }), sum(square(x))], [1 << 20, 4], 1.51],
      [(x: TracedTensor, r: TracedTensor) => [layerNorm(x.add(r)), variance(x)], [8192, 1024], 1.34],
    ] as const) {
      const { graph } = trace(fn, [f32(...shape), f32(...shape)], { locate: false });
      const { bytes } = explain(graph);
      expect(bytes.moved / bytes.floor).toBeLessThan(most);
    }
  });

  test("means of rows serve the mean of everything", () => {
    const { dispatches, bytes } = explain(graphOf(centredTwice, [2048, 2048]));
    expect(dispatches).toBeLessThanOrEqual(name === "nvidia" ? 2 : 3);
    expect(bytes.moved / bytes.floor).toBeLessThan(1.54);
  });

  test("a sum of what crossing rows and columns have left is not one workgroup's", () => {
    for (const shape of [
      [2048, 2048],
      [1023, 2049],
    ]) {
      const { kernels, bytes } = explain(graphOf(afterBoth, shape));
      expect(bytes.moved / bytes.floor).toBeLessThan(2.02);
      for (const { workgroups, bytesRead } of kernels)
        expect(bytesRead / workgroups.reduce((n, count) => n * count, 1)).toBeLessThan(1 << 20);
    }
  });

  test.each([1020, 1022, 1023, 1025, 1535, 2047])("pieces of sums are not cut again: rows of %i", (row) => {
    const { graph } = trace(
      (x: TracedTensor, r: TracedTensor, w: TracedTensor, seed: TracedTensor) =>
        vjp(
          (a: TracedTensor, b: TracedTensor, v: TracedTensor) => rmsNorm(a.add(b), { weight: v }),
          x,
          r,
          w,
        )[1](seed),
      [f32(3069, row), f32(3069, row), f32(row), f32(3069, row)],
      { locate: false },
    );
    expect(explain(graph).dispatches).toBe(2);
  });
});

const SMALL: readonly (readonly number[])[] = [
  [6, 16],
  [12, 10],
  [33, 8],
  [7, 13],
];

test.each(Object.entries(ALL))("the oracle's numbers: %s", async (_, fn) => {
  for (const shape of SMALL) {
    const graph = graphOf(fn, shape);
    const profile = { ...profileNamed("nvidia"), usefulWorkgroups: 3, launchUs: 1e-4 };
    for (const shortestPiece of [undefined, 2]) {
      const { failures, compared } = await checkProgram(
        { graph, inputs: randomInputs(graph, 3) },
        { profile, shortestPiece },
      );
      expect(failures, JSON.stringify(shape)).toEqual([]);
      expect(compared).toBeGreaterThan(0);
    }
  }
});

describeGpu("on the device", () => {
  test.each(Object.entries(ALL))("%s", async (_, fn) => {
    using device = await openDevice({ backend: "webgpu" });
    for (const shape of [...SMALL, [64, 1024]]) {
      const graph = graphOf(fn, shape);
      const { failures } = await checkProgram(
        { graph, inputs: randomInputs(graph, 5) },
        {
          profile: device.profile,
          device,
          interpretKernels: false,
          interpretStages: false,
          shortestPiece: 4,
        },
      );
      expect(failures, JSON.stringify(shape)).toEqual([]);
    }
  });
});
