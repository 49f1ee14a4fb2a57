/**
 * Norms under plans that their size alone would not get: rows read again instead of kept (paired reductions), rows cut into
 * pieces (equal, and with a guarded last one), results added up by every workgroup. Every plan gives the oracle's answer,
 * also for rows of infinities and large offsets.
 */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import {
  cosineSimilarity,
  f32,
  layerNorm,
  logSoftmax,
  logsumexp,
  norm,
  normalize,
  rmsNorm,
  softmax,
  std,
  trace,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { forcePlans, keepInWorkgroupMemory, type PlanOptions } from "../support/force-plans.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";

type Unary = (x: TracedTensor) => TracedTensor | readonly TracedTensor[];
const SHAPES = [
  [5, 37],
  [3, 64],
  [2, 29, 8],
  [1, 130],
];
/** One gain for each position of the last axis. */
const gain = (x: TracedTensor): TracedTensor =>
  x.abs().mean({ axis: Array.from({ length: x.ndim - 1 }, (_, i) => i), keepdims: true });

const PROGRAMS: Readonly<Record<string, Unary>> = {
  softmax: (x) => softmax(x, { axis: -1 }),
  "softmax of the first axis": (x) => softmax(x, { axis: 0 }),
  "log softmax": (x) => logSoftmax(x, { axis: -1 }),
  logsumexp: (x) => logsumexp(x, { axis: -1 }),
  "layer norm": (x) => layerNorm(x, { eps: 1e-5 }),
  "mean and standard deviation of all": (x) => [x.mean(), std(x)],
  "standard deviation of columns": (x) => std(x, { axis: 0 }),
  "rms norm": (x) => rmsNorm(x, { eps: 1e-6 }),
  "norm of all": (x) => norm(x),
  "largest of all": (x) => norm(x, { ord: Infinity }),
  "weight norm of the whole": (x) => weightNorm(x, x.sum().abs(), { dim: null }),
  "weight norm of the last axis": (x) => weightNorm(x, gain(x), { dim: x.ndim - 1 }),
  "normalize columns": (x) => normalize(x, { axis: 0 }),
  "cosine similarity": (x) => cosineSimilarity(x, x.mul(2).add(1), { axis: -1 }),
  "sums of rows and columns": (x) => [x.sum({ axis: -1 }), x.sum({ axis: 0 })],
  "gradient of a layer norm": (x) => {
    const centered = x.sub(x.mean({ axis: -1, keepdims: true }));
    const h = centered.mul(centered.mul(centered).mean({ axis: -1, keepdims: true }).add(1e-5).rsqrt());
    const upstream = x.mul(0.5).add(h.mul(h));
    const along = upstream.mul(h).mean({ axis: -1, keepdims: true });
    return [upstream.sub(h.mul(along)), upstream.mul(h).sum({ axis: 0 }), upstream.sum({ axis: 0 })];
  },
  "centered, with statistics": (x) => [
    x.sub(x.mean({ axis: -1, keepdims: true })),
    x.mean({ axis: -1 }),
    x.max({ axis: -1 }),
  ],
};

const base = findProfile("default");
if (base === undefined) throw new Error("there is no profile default");
const PLANS = forcePlans(base);
const inWorkgroupMemory = (profile: DeviceProfile): PlanOptions => ({
  profile,
  schedule: keepInWorkgroupMemory,
});

function inputFor(shape: readonly number[], kind: string): Float64Array {
  const random = createRandom(shape.length * 7 + kind.length);
  const length = shape.reduce((n, d) => n * d, 1);
  return Float64Array.from({ length }, (_, i) => {
    const value = Math.fround(2 * random() - 1);
    if (kind === "offset") return Math.fround(1e4 + value);
    if (kind === "minus infinity" && (i % 3 === 0 || i < 40)) return -Infinity;
    if (kind === "infinity" && i === 7) return Infinity;
    return kind === "nan" && i === 3 ? Number.NaN : value;
  });
}

const graphOf = (fn: Unary, shape: readonly number[]): Graph =>
  trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false }).graph;
const KINDS = ["plain", "offset", "minus infinity", "infinity", "nan"];

for (const [plan, options] of Object.entries(PLANS)) {
  for (const [name, fn] of Object.entries(PROGRAMS)) {
    test(`${name}: ${plan}`, async () => {
      for (const shape of SHAPES) {
        for (const kind of KINDS) {
          const program = { graph: graphOf(fn, shape), inputs: new Map([["x", inputFor(shape, kind)]]) };
          const { failures, excluded, compared } = await checkProgram(program, options);
          expect(failures, `${shape.join("x")} ${kind}`).toEqual([]);
          if (kind === "plain" && (shape[0] ?? 0) > 1) expect(excluded).toBeLessThan(compared / 2);
        }
      }
    });
  }
}

/** Of a program with several kernels, candidate n takes the n-th schedule of each, as far as there is one. */
for (const name of Object.keys(PROGRAMS)) {
  test(`${name}: every candidate`, async () => {
    for (const profile of [findProfile("nvidia"), findProfile("lavapipe")]) {
      const fn = PROGRAMS[name];
      if (profile === undefined || fn === undefined) throw new Error(`no profile, or no program ${name}`);
      const program = { graph: graphOf(fn, [5, 64]), inputs: new Map([["x", inputFor([5, 64], "plain")]]) };
      const lists = new Map<string, readonly KernelSchedule[]>();
      let most = 1;
      for (let n = 0; n < most; n++) {
        const { failures } = await checkProgram(program, {
          profile,
          interpretStages: false,
          schedule: (chosen, group, space) => {
            const candidates = lists.get(group.name) ?? space.candidates();
            lists.set(group.name, candidates);
            most = Math.max(most, candidates.length);
            return candidates[n] ?? chosen;
          },
        });
        expect(failures, `${profile.name}, candidate ${String(n)}`).toEqual([]);
      }
      expect(most).toBeGreaterThan(3);
    }
  });
}

const pairing = (shape: readonly number[], plan: string): readonly string[] =>
  compileGraph(
    graphOf((x) => softmax(x, { axis: -1 }), shape),
    PLANS[plan] ?? { profile: base },
  ).kernels.map((k) => k.schedule.pairing);

const residencies = (name: string, plan: string): readonly string[] =>
  compileGraph(graphOf(PROGRAMS[name] ?? ((x) => x), [5, 37]), PLANS[plan] ?? { profile: base }).kernels.map(
    (k) => k.schedule.residency,
  );

const walked = (name: string): boolean =>
  compileGraph(
    graphOf(PROGRAMS[name] ?? ((x) => x), [12, 37]),
    PLANS["rows walked"] ?? { profile: base },
  ).kernels.some((k) => k.schedule.walkAxes.length > 0);

test("plans are what they are named after", () => {
  const kernels = (name: string, plan: string): number => {
    const [fn, options] = [PROGRAMS[name], PLANS[plan]];
    if (fn === undefined || options === undefined) throw new Error(`no program ${name} or plan ${plan}`);
    return compileGraph(graphOf(fn, [5, 37]), { ...options, check: true }).kernels.length;
  };
  expect(kernels("norm of all", "rows read again")).toBe(1);
  expect(kernels("norm of all", "pieces")).toBe(2);
  expect(walked("sums of rows and columns")).toBe(true);
  expect(walked("gradient of a layer norm")).toBe(true);
  expect(pairing([5, 37], "one lane per row")).toEqual(["one-walk"]);
  expect(pairing([100, 37], "rows in workgroup memory")).toEqual(["two-walks"]);
  expect(pairing([100, 37], "rows read again")).toEqual(["one-walk"]);
  for (const name of ["softmax", "layer norm", "weight norm of the whole", "normalize columns"])
    expect(residencies(name, "rows in workgroup memory")).toContain("workgroup");
  expect(residencies("softmax", "rows read again")).toEqual(["reload"]);
  expect(residencies("softmax", "rows walked")).toEqual(["registers"]);
});

describeGpu("on a device", () => {
  test.each(Object.keys(PROGRAMS))("rows in workgroup memory agree with the oracle: %s", async (name) => {
    using device = await openDevice({ backend: "webgpu" });
    const fn = PROGRAMS[name];
    if (fn === undefined) throw new Error(`no program ${name}`);
    // Lanes of software devices and of hardware: a subgroup for each row, and several with barriers between them.
    for (const software of [true, false]) {
      const { profile, schedule } = inWorkgroupMemory({ ...device.profile, software });
      for (const shape of [
        [5, 37],
        [3, 64],
      ]) {
        const program = { graph: graphOf(fn, shape), inputs: new Map([["x", inputFor(shape, "plain")]]) };
        const { failures } = await checkProgram(program, {
          profile,
          schedule,
          device,
          interpretKernels: false,
          interpretStages: false,
        });
        expect(failures, shape.join("x")).toEqual([]);
      }
    }
  });

  test("pieces and paired reductions agree with the oracle", async () => {
    using device = await openDevice({ backend: "webgpu" });
    const profile = {
      ...device.profile,
      onChipBytes: 16,
      usefulWorkgroups: 512,
      launchUs: 1e-4,
      software: false,
    };
    for (const fn of [PROGRAMS["softmax"], PROGRAMS["layer norm"], PROGRAMS["weight norm of the whole"]]) {
      if (fn === undefined) continue;
      const program = { graph: graphOf(fn, [3, 64]), inputs: new Map([["x", inputFor([3, 64], "plain")]]) };
      const { failures } = await checkProgram(program, {
        profile,
        device,
        shortestPiece: 8,
        interpretKernels: false,
      });
      expect(failures).toEqual([]);
    }
  });
});
