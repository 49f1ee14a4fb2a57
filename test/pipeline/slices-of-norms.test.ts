/**
 * Slices of norms along axes that they do not reduce: what is left of a norm is the norm of what is left, in one kernel that reads
 * nothing else. By counts, and the oracle's numbers.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import {
  f16,
  f32,
  layerNorm,
  max,
  mean,
  rmsNorm,
  softmax,
  trace,
  type TracedTensor,
} from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import { randomInputs } from "../support/random-values.ts";

type Program = (x: TracedTensor) => TracedTensor | readonly TracedTensor[];

const all = {};
/** A slice, and the kernels that it takes. */
const SLICES: Readonly<Record<string, readonly [fn: Program, dispatches: number]>> = {
  "the first token of a layer norm": [(x) => layerNorm(x).slice([all, 0]), 1],
  "all but the first": [(x) => layerNorm(x).slice([all, { start: 1 }]), 1],
  "the first, and the others": [
    (x) => {
      const n = rmsNorm(x);
      return [n.slice([all, { start: 1 }]), n.slice([all, 0])];
    },
    2,
  ],
  "every second softmax": [(x) => softmax(x, { axis: -1 }).slice([all, { start: 1, step: 2 }]), 1],
  "the last half of a batch": [(x) => rmsNorm(x).slice([{ start: 2 }]), 1],
  "some of the columns that a softmax runs down": [
    (x) => softmax(x, { axis: 1 }).slice([all, all, { start: 8 }]),
    1,
  ],
  "a token of a norm of a norm": [(x) => softmax(layerNorm(x), { axis: -1 }).slice([all, -1]), 1],
  "means of a slice of the deviations": [
    (x) => {
      const off = x.sub(mean(x, { axis: 2, keepdims: true }));
      return max(off.slice([all, { start: 1, stop: 4 }]), { axis: 2 });
    },
    1,
  ],
};

const graphOf = (fn: Program, shape: readonly number[], type: typeof f32 = f32): Graph =>
  trace(fn, [type(...shape)], { parameterNames: ["x"], locate: false }).graph;

describe.each(["default", "nvidia"] as const)("for %s", (name) => {
  const profile = profileNamed(name);

  test.each(Object.entries(SLICES))("%s", (_, [fn, dispatches]) => {
    const compiled = compileGraph(graphOf(fn, [64, 197, 768]), { profile, check: true });
    const explained = explainCompiled(compiled, profile);
    expect([explained.dispatches, explained.bytes.moved - explained.bytes.floor]).toEqual([dispatches, 0]);
  });
});

test("the first token reads the first tokens alone", () => {
  const profile = profileNamed("nvidia");
  const graph = graphOf((x) => layerNorm(x).slice([all, 0]), [64, 197, 768]);
  const { bytes } = explainCompiled(compileGraph(graph, { profile }), profile);
  expect(bytes.moved).toBe(2 * 4 * 64 * 768);
});

const SMALL: readonly (readonly number[])[] = [
  [4, 5, 12],
  [3, 9, 16],
];

test.each(Object.entries(SLICES))("the oracle's numbers: %s", async (_, [fn]) => {
  for (const shape of SMALL)
    for (const name of ["nvidia", "swiftshader"]) {
      const graph = graphOf(fn, shape);
      const { failures, compared } = await checkProgram(
        { graph, inputs: randomInputs(graph, 3) },
        { profile: profileNamed(name) },
      );
      expect(failures, `${name} ${JSON.stringify(shape)}`).toEqual([]);
      expect(compared).toBeGreaterThan(0);
    }
});

describeGpu("on the device", () => {
  test.each(Object.entries(SLICES))("%s", async (_, [fn]) => {
    using device = await openDevice({ backend: "webgpu" });
    for (const shape of SMALL)
      for (const type of [f32, f16]) {
        const graph = graphOf(fn, shape, type);
        const { failures } = await checkProgram(
          { graph, inputs: randomInputs(graph, 5) },
          { profile: device.profile, device, interpretKernels: false, interpretStages: false },
        );
        expect(failures, JSON.stringify(shape)).toEqual([]);
      }
  });
});
