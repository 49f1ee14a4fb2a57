/**
 * Rows reduced, then columns, then both applied (a Sinkhorn step): workgroups walk the rows where a kernel of the columns would
 * leave the device idle, and those of the kernel that applies the sums add up their pieces. By counts, and the oracle's numbers.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled, type Explanation } from "../../src/explain.ts";
import { f32, normalize, rsqrt, softmax, trace, type TracedTensor } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile, type DeviceProfile, type ProfileName } from "../../src/ir/profile.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";

type Program = (x: TracedTensor) => TracedTensor | readonly TracedTensor[];

const alongRow = { axis: 1, keepdims: true };
const alongColumn = { axis: 0, keepdims: true };
const scaleColumns = (x: TracedTensor): TracedTensor => x.div(x.sum(alongColumn));

const PROGRAMS = {
  sinkhorn: (x) => scaleColumns(x.div(x.sum(alongRow))),
  "softmax, then columns": (x) => scaleColumns(softmax(x)),
  "unit rows, then unit columns": (x) => normalize(normalize(x, { axis: 1 }), { axis: 0 }),
  "rows centred, then columns": (x) => {
    const rows = x.sub(x.mean(alongRow));
    return rows.sub(rows.mean(alongColumn));
  },
  "two sums of columns": (x) => {
    const rows = softmax(x);
    return x.mul(rsqrt(rows.mul(rows).mean(alongColumn))).add(rows.mean(alongColumn));
  },
} satisfies Record<string, Program>;

const graphOf = (fn: Program, rows: number, columns: number): Graph =>
  trace(fn, [f32(rows, columns)], { parameterNames: ["x"], locate: false }).graph;
function profileOf(name: ProfileName): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
}
function explain(fn: Program, rows: number, columns: number, name: ProfileName): Explanation {
  const profile = profileOf(name);
  return explainCompiled(compileGraph(graphOf(fn, rows, columns), { profile, check: true }), profile);
}
const leastOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.min(a, b));

describe.each(Object.entries(PROGRAMS))("%s", (_, fn) => {
  test.each<[ProfileName, number, number, number]>([
    ["nvidia", 1024, 512, 0.95], // 64 columns at a time would be a quarter of the device
    ["nvidia", 2048, 512, 0.95],
    ["nvidia", 4096, 512, 1], // long columns, which do not stay on the chip: three kernels before
    ["nvidia", 2000, 300, 0.95], // rows that no sector ends with, in pieces of unequal length
    ["default", 2048, 512, 0.75],
    ["default", 65_536, 128, 1],
    ["apple", 2048, 512, 0.95],
    ["intel", 4096, 1024, 1],
  ])("%s, [%i,%i]", (name, rows, columns, occupancy) => {
    const { kernels, dispatches, bytes } = explain(fn, rows, columns, name);
    expect(dispatches).toBe(2);
    expect(bytes.moved / bytes.floor).toBeLessThanOrEqual(2.05);
    expect(leastOf(kernels.map((k) => k.occupancy))).toBeGreaterThanOrEqual(occupancy);
    for (const { sectors } of kernels) expect(sectors).toBeLessThanOrEqual(columns % 8 === 0 ? 1.05 : 1.35);
    expect(kernels.map((k) => k.schedule.walkAxes.length)).toEqual([1, 0]);
  });

  test("columns that fill the device and stay on the chip are reduced apart: they move less", () => {
    for (const [rows, columns] of [
      [1024, 4096],
      [512, 4096],
    ] as const) {
      const { kernels, dispatches, bytes } = explain(fn, rows, columns, "nvidia");
      expect(dispatches).toBe(2);
      expect(bytes.moved / bytes.floor).toBeLessThanOrEqual(1.51);
      expect(kernels.every((k) => k.schedule.walkAxes.length === 0)).toBe(true);
    }
  });
});

test("pieces of four rows are no more than half of the device, and still twice what columns are", () => {
  const { kernels, dispatches, bytes } = explain(PROGRAMS.sinkhorn, 512, 512, "nvidia");
  expect(dispatches).toBe(2);
  expect(bytes.moved / bytes.floor).toBeLessThanOrEqual(1.76);
  expect(leastOf(kernels.map((k) => k.occupancy))).toBeGreaterThanOrEqual(0.45);
});

test("workgroups that add up pieces take few columns of many rows", () => {
  const { kernels } = explain(PROGRAMS.sinkhorn, 1024, 512, "nvidia");
  const [, second] = kernels;
  expect(second?.schedule.helperAxes.length).toBe(2);
  // Two lanes of four columns: what is read again comes to what is moved anyway, not to 32 times that.
  expect(second?.schedule.lanes.map((l) => l.lanes)).toEqual([32, 4, 2]);
  const moved = (second?.bytesRead ?? 0) + (second?.bytesWritten ?? 0);
  expect((second?.bytesReread ?? Infinity) / moved).toBeLessThanOrEqual(1);
});

test("sums that are not applied, too: nothing is read twice where columns would be few", () => {
  const programs: readonly (readonly [Program, number])[] = [
    [(x) => [x.sum({ axis: 1 }), x.sum({ axis: 0 })], 1.5],
    [(x) => softmax(x).mean({ axis: 0 }), 1.5],
    [
      (x) => {
        const rows = softmax(x);
        return [rows, rows.mean({ axis: 0 })];
      },
      1.25,
    ],
  ];
  for (const [fn, most] of programs)
    for (const [rows, columns] of [
      [1024, 512],
      [512, 512],
      [4096, 64],
    ] as const) {
      const { dispatches, bytes } = explain(fn, rows, columns, "nvidia");
      expect(dispatches).toBe(2);
      expect(bytes.moved / bytes.floor).toBeLessThanOrEqual(most + 0.01);
    }
});

test("where the sums are reduced further, rows and columns stay apart as long as columns stay on the chip", () => {
  const standardised: Program = (x) => {
    const rows = x.sub(x.mean(alongRow));
    const centred = rows.sub(rows.mean(alongColumn));
    return centred.mul(rsqrt(centred.mul(centred).mean(alongColumn)));
  };
  for (const name of ["default", "nvidia", "apple"] as const) {
    const { dispatches, bytes } = explain(standardised, 512, 512, name);
    expect(dispatches, name).toBe(2);
    expect(bytes.moved / bytes.floor, name).toBeLessThanOrEqual(1.52);
  }
});

/** Rows that pieces divide, a last piece that is shorter, columns that are no vectors. */
const WALKED: readonly (readonly [number, number])[] = [
  [24, 16],
  [29, 70],
  [31, 33],
];
const walking = (profile: DeviceProfile): DeviceProfile => ({
  ...profile,
  software: false,
  usefulWorkgroups: 3,
  launchUs: 1e-2,
});
function inputsOf(rows: number, columns: number): ReadonlyMap<string, Float64Array> {
  const random = createRandom(rows * columns);
  return new Map([["x", Float64Array.from({ length: rows * columns }, () => Math.fround(random() + 0.1))]]);
}

test.each(Object.entries(PROGRAMS))("the oracle's numbers: %s", async (_, fn) => {
  for (const [rows, columns] of WALKED) {
    const graph = graphOf(fn, rows, columns);
    const options = { profile: walking(profileOf("default")), partialShare: 100 };
    const { grouped } = compileGraph(graph, options);
    expect(grouped.groups.map((g) => g.walkAxes.length)).toEqual([1, 0]);
    const { failures } = await checkProgram({ graph, inputs: inputsOf(rows, columns) }, options);
    expect(failures, `[${String(rows)},${String(columns)}]`).toEqual([]);
  }
});

describeGpu("on a device", () => {
  test("the oracle's numbers", async () => {
    using device = await openDevice({ backend: "webgpu" });
    for (const [rows, columns] of WALKED)
      for (const [label, fn] of Object.entries(PROGRAMS)) {
        const graph = graphOf(fn, rows, columns);
        const options = {
          profile: walking(device.profile),
          partialShare: 100,
          interpretKernels: false,
          device,
        };
        const program = { graph, inputs: inputsOf(rows, columns) };
        const { failures, compared } = await checkProgram(program, options);
        expect(failures, `${label} of [${String(rows)},${String(columns)}]`).toEqual([]);
        expect(compared).toBeGreaterThan(0);
      }
  });
});
