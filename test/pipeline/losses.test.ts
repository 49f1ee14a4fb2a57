/**
 * Losses: what a reduction leaves of each row, summed over everything. The rows are read once, in the kernel that reduces them, and
 * one over the rows follows.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import {
  f32,
  logsumexp,
  max,
  mean,
  normalize,
  softmax,
  sum,
  trace,
  type TracedTensor,
} from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import { createRandom } from "../support/random-values.ts";

type Program = (x: TracedTensor, y: TracedTensor) => TracedTensor;

const along = { axis: -1, keepdims: true } as const;
const LOSSES: Readonly<Record<string, Program>> = {
  "cross-entropy of probabilities": (x, y) => sum(y.mul(logsumexp(x, along).sub(x))),
  "softmax by targets": (x, y) => sum(softmax(x, { axis: -1 }).mul(y)),
  "squared error of normalised rows": (x, y) => {
    const error = normalize(x, { axis: -1 }).sub(normalize(y, { axis: -1 }));
    return mean(error.mul(error));
  },
  "below the maximum": (x, y) => mean(max(x, along).sub(x).mul(y)),
  "the largest of the normalised": (x, y) => max(normalize(x, { axis: -1 }).add(y)),
};
const deviations = (x: TracedTensor): TracedTensor => {
  const centred = x.sub(mean(x, { axis: 0, keepdims: true }));
  return sum(centred.mul(centred));
};

function graphOf(fn: Program, shape: readonly number[]): Graph {
  const type = f32(...shape);
  return trace(fn, [type, type], { parameterNames: ["x", "y"], locate: false }).graph;
}

describe.each(["default", "nvidia"] as const)("for %s", (name) => {
  const profile = profileNamed(name);
  const explain = (graph: Graph): ReturnType<typeof explainCompiled> =>
    explainCompiled(compileGraph(graph, { profile, check: true }), profile);

  test.each(Object.entries(LOSSES))("two kernels, everything read once: %s", (_, fn) => {
    for (const shape of [
      [8192, 1000],
      [4096, 512],
      [64, 128, 256],
    ]) {
      const { dispatches, bytes } = explain(graphOf(fn, shape));
      expect([dispatches, Math.round((100 * bytes.moved) / bytes.floor)]).toEqual([2, 100]);
    }
  });

  test("deviations from the means of columns as well", () => {
    const { graph } = trace(deviations, [f32(8192, 1024)], { locate: false });
    const { dispatches, bytes } = explain(graph);
    expect([dispatches, Math.round((100 * bytes.moved) / bytes.floor)]).toEqual([2, 100]);
  });

  test("the results of a million rows are not left to one workgroup", () => {
    const { graph } = trace(
      (x: TracedTensor) => sum(sum(x.mul(x), { axis: -1 }).sqrt()),
      [f32(1_000_000, 4)],
      {
        locate: false,
      },
    );
    for (const { occupancy } of explain(graph).kernels) expect(occupancy).toBeGreaterThanOrEqual(1);
  });
});

function inputsOf(shape: readonly number[]): ReadonlyMap<string, Float64Array> {
  const random = createRandom(shape.reduce((n, d) => n * d, 1));
  const values = (): Float64Array =>
    Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => Math.fround(4 * random() - 2));
  return new Map([
    ["x", values()],
    ["y", values()],
  ]);
}

const SMALL: readonly (readonly number[])[] = [
  [5, 7],
  [33, 8],
  [3, 4, 12],
  [300, 3],
];

test.each(Object.entries(LOSSES))("the oracle's numbers: %s", async (_, fn) => {
  for (const shape of SMALL) {
    const program = { graph: graphOf(fn, shape), inputs: inputsOf(shape) };
    const profile = { ...profileNamed("nvidia"), usefulWorkgroups: 3, launchUs: 1e-4 };
    for (const shortestPiece of [undefined, 2]) {
      const { failures } = await checkProgram(program, { profile, shortestPiece });
      expect(failures, JSON.stringify(shape)).toEqual([]);
    }
  }
});

describeGpu("on the device", () => {
  test.each(Object.entries(LOSSES))("%s", async (_, fn) => {
    const device = await openDevice({ backend: "webgpu" });
    try {
      for (const shape of SMALL) {
        const program = { graph: graphOf(fn, shape), inputs: inputsOf(shape) };
        const { failures } = await checkProgram(program, {
          profile: device.profile,
          device,
          interpretKernels: false,
          interpretStages: false,
        });
        expect(failures, JSON.stringify(shape)).toEqual([]);
      }
    } finally {
      device.dispose();
    }
  });
});
