/**
 * Rows and columns of the same data, for numbers of rows that no useful number of pieces divides: two kernels, every tensor
 * moved once but for a few partial sums, whole sectors, a full device, and the oracle's numbers.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled, type Explanation } from "../../src/explain.ts";
import { argmax, f32, norm, sum, trace, type TracedTensor } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";

type Shape = readonly number[];
type Program = (...inputs: TracedTensor[]) => readonly TracedTensor[];
interface Backward {
  readonly fn: Program;
  readonly shapes: (rows: number, columns: number) => readonly Shape[];
}

const along = { axis: 1, keepdims: true };
const layerNorm: Backward = {
  fn: (dy, x, mean, rstd, weight) => {
    const normal = x.sub(mean).mul(rstd);
    const scaled = dy.mul(weight);
    const dx = scaled.sub(scaled.mean(along)).sub(normal.mul(scaled.mul(normal).mean(along)));
    return [dx.mul(rstd), sum(dy.mul(normal), { axis: 0 }), sum(dy, { axis: 0 })];
  },
  shapes: (n, d) => [[n, d], [n, d], [n, 1], [n, 1], [d]],
};
const rmsNorm: Backward = {
  fn: (dy, x, rstd, weight) => {
    const scaled = dy.mul(weight);
    const towards = x.mul(rstd.mul(rstd).mul(rstd)).mul(scaled.mul(x).mean(along));
    return [scaled.mul(rstd).sub(towards), sum(dy.mul(x).mul(rstd), { axis: 0 })];
  },
  shapes: (n, d) => [[n, d], [n, d], [n, 1], [d]],
};

const NAMES = ["a", "b", "c", "d", "e"];
const graphOf = ({ fn, shapes }: Backward, rows: number, columns: number): Graph => {
  const types = shapes(rows, columns).map((shape) => f32(...shape));
  return trace(fn, types, { parameterNames: NAMES.slice(0, types.length), locate: false }).graph;
};
const profileOf = (name: string): DeviceProfile => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
};
function explain(graph: Graph, name: string): Explanation {
  const profile = profileOf(name);
  return explainCompiled(compileGraph(graph, { profile }), profile);
}

/** A prime, one more than a power of two, a vocabulary, both odd: dispatches where a tensor is larger than a binding. */
const SHAPES: readonly (readonly [number, number])[] = [
  [8191, 1024],
  [8191, 1000],
  [10_007, 333],
  [50_257, 768],
  [65_537, 512],
];

describe.each(["default", "nvidia"])("for %s", (name) => {
  test.each(Object.entries({ layerNorm, rmsNorm }))("%s", (label, backward) => {
    for (const [rows, columns] of SHAPES) {
      const at = `${label} of [${String(rows)},${String(columns)}]`;
      const { kernels, bytes } = explain(graphOf(backward, rows, columns), name);
      expect(kernels.length, at).toBe(2);
      expect(bytes.moved / bytes.floor, at).toBeLessThanOrEqual(1.05);
      expect(kernels[0]?.occupancy, at).toBeGreaterThanOrEqual(1);
      for (const { sectors } of kernels)
        expect(sectors, at).toBeLessThanOrEqual(columns % 8 === 0 ? 1.1 : 1.35);
    }
  });

  test("fewer rows than can fill the device within a twentieth of the traffic: it is filled all the same", () => {
    const { kernels, bytes } = explain(graphOf(layerNorm, 4099, 1024), name);
    expect(kernels.length).toBe(2);
    expect(bytes.moved / bytes.floor).toBeLessThanOrEqual(1.09);
    expect(kernels[0]?.occupancy).toBeGreaterThanOrEqual(1);
  });

  test("reductions of everything: pieces are as long as whole sectors but for the last", () => {
    const programs: readonly ((x: TracedTensor) => TracedTensor)[] = [
      (x) => sum(x.mul(x)),
      (x) => norm(x, { ord: 3 }),
      (x) => argmax(x),
    ];
    for (const length of [16_777_213, 999_983, 65_537])
      for (const fn of programs) {
        const { graph } = trace(fn, [f32(length)], { parameterNames: ["x"], locate: false });
        const { dispatches, bytes, kernels } = explain(graph, name);
        const at = `${String(length)} elements`;
        expect(dispatches, at).toBe(2);
        expect(bytes.moved / bytes.floor, at).toBeLessThanOrEqual(1.02);
        for (const { sectors, occupancy } of kernels) {
          expect(sectors, at).toBeLessThanOrEqual(1.1);
          expect(occupancy, at).toBeGreaterThanOrEqual(1);
        }
      }
  });
});

/** Walked, whatever they cost. */
const WALKED: readonly (readonly [number, number])[] = [
  [3, 8],
  [5, 4],
  [7, 33],
  [13, 12],
  [29, 70],
];
function inputsOf({ shapes }: Backward, rows: number, columns: number): ReadonlyMap<string, Float64Array> {
  const random = createRandom(rows * columns);
  const values = (length: number): Float64Array =>
    Float64Array.from({ length }, () => Math.fround(2 * random() - 1));
  return new Map(
    shapes(rows, columns).map((shape, i) => [NAMES[i] ?? "", values(shape.reduce((n, d) => n * d, 1))]),
  );
}
const walking = (profile: DeviceProfile): DeviceProfile => ({
  ...profile,
  software: false,
  usefulWorkgroups: 3,
  launchUs: 1e-4,
});

test.each(Object.entries({ layerNorm, rmsNorm }))("the oracle's numbers: %s", async (_, backward) => {
  for (const [rows, columns] of WALKED) {
    const graph = graphOf(backward, rows, columns);
    const options = { profile: walking(profileOf("default")), partialShare: 100 };
    const { grouped } = compileGraph(graph, options);
    expect(grouped.groups.map((g) => g.walkAxes.length)).toEqual([1, 0]);
    const inputs = inputsOf(backward, rows, columns);
    const { failures } = await checkProgram({ graph, inputs }, options);
    expect(failures, `[${String(rows)},${String(columns)}]`).toEqual([]);
  }
});

describeGpu("walks in uneven pieces", () => {
  test("the oracle's numbers", async () => {
    using device = await openDevice({ backend: "webgpu" });
    for (const [rows, columns] of WALKED) {
      const graph = graphOf(layerNorm, rows, columns);
      const inputs = inputsOf(layerNorm, rows, columns);
      const options = {
        profile: walking(device.profile),
        partialShare: 100,
        interpretKernels: false,
        device,
      };
      const { failures, compared } = await checkProgram({ graph, inputs }, options);
      expect(failures, `[${String(rows)},${String(columns)}]`).toEqual([]);
      expect(compared).toBeGreaterThan(0);
    }
  });
});
