/**
 * Rows that some tensors have side by side and others across: one kernel, every element moved once, sectors that are filled
 * where the sizes allow it, and the oracle's numbers.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import { f32, layerNorm, norm, softmax, sum, trace, type TracedTensor } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";

type Program = (x: TracedTensor, y: TracedTensor) => TracedTensor;
const turn = (x: TracedTensor): TracedTensor => x.transpose();

/** Programs whose tensors are each read or written one way. */
const ONE_WAY: Readonly<Record<string, Program>> = {
  "softmax of a sum": (x, y) => softmax(x.add(turn(y))),
  "layer norm of a sum": (x, y) => layerNorm(x.add(turn(y))),
  "softmax, turned": (x) => turn(softmax(x)),
  "layer norm of rows across": (x) => layerNorm(turn(x)),
  "sums of products": (x, y) => sum(x.mul(turn(y)), { axis: 1 }),
};
/** Programs that read one tensor both ways. */
const BOTH_WAYS: Readonly<Record<string, Program>> = {
  "softmax and what is across": (x) => softmax(x).add(turn(x)),
  "a symmetric part, normalised": (x) => {
    const symmetric = x.add(turn(x));
    return symmetric.div(norm(symmetric, { axis: 1, keepdims: true }));
  },
};

const graphOf = (program: Program, rows: number, columns: number): Graph =>
  trace(program, [f32(rows, columns), f32(columns, rows)], { parameterNames: ["x", "y"], locate: false })
    .graph;
const profileOf = (name: string): DeviceProfile => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
};

describe.each(["default", "nvidia"])("for %s", (name) => {
  const check = (program: Program, size: number, sectors: number): void => {
    const profile = profileOf(name);
    const explained = explainCompiled(compileGraph(graphOf(program, size, size), { profile }), profile);
    expect(explained.dispatches).toBe(1);
    expect(explained.bytes.moved).toBe(explained.bytes.floor);
    expect(explained.kernels[0]?.sectors).toBeLessThanOrEqual(sectors);
  };

  test.each(Object.entries(ONE_WAY))("%s: whole sectors", (_, program) => {
    check(program, 1536, 1.1);
    check(program, name === "default" ? 1024 : 2048, 1.1);
  });

  // Half of a sector of what is across: a tensor that is read both ways is not bound as vectors.
  test.each(Object.entries(BOTH_WAYS))("%s: a third more at most", (_, program) => {
    check(program, 1536, 1.35);
  });
});

const SHAPES: readonly (readonly [number, number])[] = [
  [16, 16],
  [12, 40],
  [9, 20],
  [40, 6],
  [7, 15],
];
const ALL = { ...ONE_WAY, ...BOTH_WAYS };

function inputsOf(rows: number, columns: number): ReadonlyMap<string, Float64Array> {
  const random = createRandom(rows * 100 + columns);
  const values = (): Float64Array =>
    Float64Array.from({ length: rows * columns }, () => Math.fround(2 * random() - 1));
  return new Map([
    ["x", values()],
    ["y", values()],
  ]);
}
/** Both ways: only squares are as large as what is across. */
const shapesOf = (label: string): readonly (readonly [number, number])[] =>
  label in BOTH_WAYS ? [[16, 16], [15, 15], [20, 20]] : SHAPES; // prettier-ignore
const crossing = (profile: DeviceProfile): DeviceProfile => ({
  ...profile,
  software: false,
  usefulWorkgroups: 1,
});

test.each(Object.entries(ALL))("the oracle's numbers: %s", async (label, program) => {
  let vectors = 0;
  for (const [rows, columns] of shapesOf(label)) {
    const graph = graphOf(program, rows, columns);
    const options = { profile: crossing(profileOf("default")) };
    for (const { schedule } of compileGraph(graph, options).kernels)
      if (schedule.lanes.at(-1)?.lanes === 8 && schedule.vectorWidth > 1) vectors++;
    const { failures } = await checkProgram({ graph, inputs: inputsOf(rows, columns) }, options);
    expect(failures, `[${String(rows)},${String(columns)}]`).toEqual([]);
  }
  if (label in ONE_WAY) expect(vectors).toBeGreaterThan(0);
});

const isAcross = ({ gridAxes, vectorAxis }: KernelSchedule): boolean =>
  vectorAxis !== null && gridAxes.includes(vectorAxis);

describe.each(["swiftshader", "lavapipe"])("for %s", (name) => {
  test.each(Object.entries(ALL))("lanes take the rows of a vector: %s", async (label, program) => {
    const profile = profileOf(name);
    const seen: string[] = [];
    const shapes =
      label in BOTH_WAYS ? [16, 20, 64, 15].map((n) => [n, n]) : [...SHAPES, [64, 100], [18, 50]];
    for (const [rows = 1, columns = 1] of shapes) {
      const graph = graphOf(program, rows, columns);
      const { kernels } = compileGraph(graph, { profile, check: true });
      if (kernels.some(({ schedule }) => isAcross(schedule))) seen.push(`${String(rows)}x${String(columns)}`);
      const { failures } = await checkProgram({ graph, inputs: inputsOf(rows, columns) }, { profile });
      expect(failures, `[${String(rows)},${String(columns)}]`).toEqual([]);
    }
    const isLong = label.startsWith("softmax") || label.startsWith("a symmetric");
    if (isLong) expect(seen).toContain(label in BOTH_WAYS ? "64x64" : "64x100");
    expect(seen).not.toContain("9x20");
    expect(seen).not.toContain("15x15");
  });
});

describeGpu("rows across, as the device has them", () => {
  test.each(Object.entries(ALL))("the oracle's numbers: %s", async (label, program) => {
    using device = await openDevice({ backend: "webgpu" });
    for (const [rows, columns] of label in BOTH_WAYS
      ? ([[64, 64]] as const)
      : ([
          [64, 100],
          [20, 33],
        ] as const)) {
      const graph = graphOf(program, rows, columns);
      const options = { profile: device.profile, interpretKernels: false, device };
      const { failures } = await checkProgram({ graph, inputs: inputsOf(rows, columns) }, options);
      expect(failures, `[${String(rows)},${String(columns)}]`).toEqual([]);
    }
  });
});

describeGpu("rows across", () => {
  test.each(Object.entries(ALL))("the oracle's numbers: %s", async (label, program) => {
    using device = await openDevice({ backend: "webgpu" });
    for (const [rows, columns] of shapesOf(label)) {
      const graph = graphOf(program, rows, columns);
      const options = { profile: crossing(device.profile), interpretKernels: false, device };
      const { failures, compared } = await checkProgram({ graph, inputs: inputsOf(rows, columns) }, options);
      expect(failures, `[${String(rows)},${String(columns)}]`).toEqual([]);
      expect(compared).toBeGreaterThan(0);
    }
  });
});
