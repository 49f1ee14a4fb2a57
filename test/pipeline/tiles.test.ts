/**
 * Pointwise programs that read or write some tensors along one axis and others along another: one kernel, every element
 * moved once, whole sectors on either side, and the oracle's numbers, also where blocks stand over the ends.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import { f32, trace, where, type TracedTensor } from "../../src/index.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";

type Program = (x: TracedTensor, y: TracedTensor) => TracedTensor | readonly TracedTensor[];
const turn = (x: TracedTensor): TracedTensor =>
  x.transpose([...Array.from({ length: x.ndim - 2 }, (_, i) => i), x.ndim - 1, x.ndim - 2]);

/** y has the shape of x, turned. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  "turned read": (x, y) => x.add(turn(y)),
  "turned result": (x, y) => turn(x.mul(2)).sub(y),
  "both ways": (x, y) => [x.mul(x), turn(x.add(1)), turn(y).mul(x)],
  "a mask beside": (x, y) => where(x.gt(0), turn(y), x.mul(0.5)),
};
/** A value that has only one of the two axes. */
const WITH_COLUMN: Program = (x, y) => {
  const row = x.slice([0]).exp();
  return x.mul(row).sub(row.mul(row)).add(turn(y));
};
const SHAPES = [
  [64, 64],
  [33, 70],
  [40, 3],
  [3, 200],
  [2, 40, 24],
  [16, 16],
];
const turned = (shape: readonly number[]): number[] => [...shape.slice(0, -2), ...shape.slice(-2).reverse()];

function graphOf(program: Program, shape: readonly number[]): Graph {
  const types = [f32(...shape), f32(...turned(shape))] as const;
  return trace(program, types, { parameterNames: ["x", "y"], locate: false }).graph;
}

function inputsOf(shape: readonly number[]): ReadonlyMap<string, Float64Array> {
  const random = createRandom(shape.length + (shape[0] ?? 0));
  const length = shape.reduce((n, d) => n * d, 1);
  const values = (): Float64Array => Float64Array.from({ length }, () => Math.fround(2 * random() - 1));
  return new Map([
    ["x", values()],
    ["y", values()],
  ]);
}

const profileOf = (name: string): DeviceProfile => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
};
const small: DeviceProfile = {
  ...profileOf("default"),
  limits: {
    ...profileOf("default").limits,
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupStorageSize: 8192,
  },
};
const PROFILES = { default: profileOf("default"), nvidia: profileOf("nvidia"), "half of it": small };

describe.each(Object.entries(PROFILES))("%s", (_, profile) => {
  test.each([...Object.entries(PROGRAMS), ["a value of one axis", WITH_COLUMN] as const])(
    "%s",
    async (__, program) => {
      for (const shape of SHAPES) {
        const { failures } = await checkProgram(
          { graph: graphOf(program, shape), inputs: inputsOf(shape) },
          { profile },
        );
        expect(failures, shape.join("x")).toEqual([]);
      }
    },
  );
});

const LARGE = [
  { shape: [1536, 1536], sectors: 1.001 },
  { shape: [256, 256], sectors: 1.001 },
  { shape: [4, 512, 384], sectors: 1.001 },
  { shape: [100_000, 3], sectors: 1.1 },
  { shape: [3, 100_000], sectors: 1.1 },
  { shape: [1001, 777], sectors: 1.35 },
  // 15 and 10 rows would fit as well, and end within sectors.
  { shape: [17, 65_536], sectors: 1.35 },
  { shape: [24, 4096], sectors: 1.1 },
];
test.each(["default", "nvidia", "apple", "intel"])("one coalesced kernel for %s", (name) => {
  const profile = profileOf(name);
  for (const [label, program] of Object.entries(PROGRAMS)) {
    for (const { shape, sectors } of LARGE) {
      const { kernels, bytes } = explainCompiled(
        compileGraph(graphOf(program, shape), { profile, check: true }),
        profile,
      );
      const at = `${label} ${shape.join("x")}`;
      expect(kernels.length, at).toBe(1);
      expect(bytes.moved / bytes.floor, at).toBe(1);
      for (const kernel of kernels) {
        expect(kernel.sectors, at).toBeLessThanOrEqual(sectors);
        expect(kernel.schedule.tile, at).not.toBeNull();
      }
    }
  }
});

test("x + transpose(x) reads x once, however it is cut", () => {
  for (const name of ["default", "nvidia"]) {
    const profile = profileOf(name);
    for (const n of [1536, 1000, 513, 64]) {
      const { graph } = trace((x: TracedTensor) => x.add(x.transpose()), [f32(n, n)], { locate: false });
      const { bytes, kernels } = explainCompiled(compileGraph(graph, { profile, check: true }), profile);
      expect([kernels.length, bytes.moved / bytes.floor], String(n)).toEqual([1, 1]);
    }
  }
});

describeGpu("on a device", () => {
  test("tiles agree with the oracle", async () => {
    using device = await openDevice({ backend: "webgpu" });
    // Few lanes: SwiftShader takes seconds to compile barriers of many.
    const limits = { ...device.profile.limits, maxComputeInvocationsPerWorkgroup: 64 };
    const profile = { ...device.profile, limits, software: false };
    for (const program of Object.values(PROGRAMS)) {
      const given = { graph: graphOf(program, [17, 20]), inputs: inputsOf([17, 20]) };
      const { failures } = await checkProgram(given, { profile, device, interpretKernels: false });
      expect(failures).toEqual([]);
    }
  });
});
