/**
 * Tensors larger than a binding, and dispatches that would run for seconds: kernels in parts. Small tensors take these
 * paths under profiles with small limits or slow memory; results are held, bit for bit, to the same kernels in one dispatch.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emitWgsl } from "../../src/codegen/wgsl/emit-wgsl.ts";
import { compileGraph, type Compiled } from "../../src/compile.ts";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { explainCompiled } from "../../src/explain.ts";
import {
  concat,
  f16,
  f32,
  layerNorm,
  logSoftmax,
  normalize,
  pad,
  softmax,
  sum,
  trace,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import { elementCount } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { Plan } from "../../src/ir/plan.ts";
import { findProfile, PROFILE_NAMES, type DeviceProfile } from "../../src/ir/profile.ts";
import { makePlan } from "../../src/make-plan.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";

type Build = (x: TracedTensor, y: TracedTensor, z: TracedTensor) => TracedTensor | readonly TracedTensor[];
interface Case {
  readonly build: Build;
  readonly types: readonly ReturnType<typeof f32>[];
}

const define = (build: Build, ...types: Case["types"]): Case => ({ build, types });

/** Rows, columns, whole tensors, guards, several tensors, 16-bit storage, odd sizes. */
const CASES: Readonly<Record<string, Case>> = {
  softmax: define((x) => softmax(x), f32(70, 100)),
  "softmax of one element rows": define((x) => softmax(x), f32(7000, 1)),
  "layer norm": define((x, weight, bias) => layerNorm(x, { weight, bias }), f32(70, 100), f32(100), f32(100)),
  "columns normalised": define((x) => normalize(x, { axis: 0 }), f32(70, 100)),
  "log softmax of columns": define((x) => logSoftmax(x, { axis: 0 }), f32(90, 60)),
  "middle axis": define((x) => normalize(x, { axis: 1 }), f32(16, 17, 23)),
  "whole tensor": define((v, g) => weightNorm(v, g, { dim: null }), f32(70, 100), f32()),
  "sum of squares": define((x) => sum(x.mul(x)), f32(6999)),
  "row and column sums": define((x) => [x.sum({ axis: 1 }), x.sum({ axis: 0 })], f32(99, 60)),
  "rows longer than a binding": define((x) => softmax(x), f32(3, 5001)),
  pointwise: define((x, y) => x.mul(y).add(1), f32(6999), f32(6999)),
  padded: define((x) => pad(x, [3, 1], [5, 1]).mul(2), f32(60, 71)),
  concatenated: define((x, y) => concat([x, y.mul(3)], { axis: 0 }), f32(67, 41), f32(59, 41)),
  "16 bits": define((x) => softmax(x), f16(101, 99)),
};

const traced = ({ build, types }: Case): Graph =>
  trace(build, types, { parameterNames: ["x", "y", "z"].slice(0, types.length), locate: false }).graph;

/** One binding holds 8 KiB: 2048 f32. */
const withSmallBindings = (profile: DeviceProfile): DeviceProfile => ({
  ...profile,
  limits: { ...profile.limits, maxStorageBufferBindingSize: 8192 },
});

/** A software device on which a kernel over some thousand elements takes seconds. */
const slow = (profile: DeviceProfile): DeviceProfile => ({ ...profile, software: true, copyGBps: 2e-5 });

const profileOf = (name: string): DeviceProfile => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
};

/** The plan of the same kernels, each in one dispatch. */
const undivided = (graph: Graph, { grouped, kernels }: Compiled, profile: DeviceProfile): Plan =>
  makePlan(
    graph,
    grouped,
    kernels.map((k) => ({
      ...k,
      parts: undefined,
      dispatched: k.kernel,
      emitted: emitWgsl(k.kernel, profile),
    })),
  );

describe.each(["default", "nvidia", "swiftshader"])("bindings smaller than tensors, %s", (name) => {
  const profile = withSmallBindings(profileOf(name));
  test.each(Object.entries(CASES))("%s", (_, one) => {
    const { plan } = compileGraph(traced(one), { profile, check: true });
    for (const step of plan.steps) {
      if (step.kind !== "dispatch") throw new Error("no copy was asked for");
      expect(step.workgroups[1]).toBe(1);
      for (const { bytes } of plan.kernels[step.kernel]?.bindings ?? [])
        expect(bytes).toBeLessThanOrEqual(8192);
    }
    expect(plan.steps.length).toBeGreaterThan(plan.kernels.length);
  });
});

describe.each(PROFILE_NAMES)("tensors as large as the largest buffer of %s", (name) => {
  const profile = profileOf(name);
  const { limits } = profile;
  const rows = Math.floor(limits.maxBufferSize / (4 * 4096));
  const own: Readonly<Record<string, Build>> = {
    "sum of squares": (x) => sum(x.mul(x)),
    "sums of columns": (x) => sum(x, { axis: 0 }),
    "layer norm": (x) => layerNorm(x),
    pointwise: (x) => x.mul(2).add(1),
  };
  test.each(Object.entries(own))("%s", (_, build) => {
    const compiled = compileGraph(traced(define(build, f32(rows, 4096))), { profile, check: true });
    for (const { bindings } of compiled.plan.kernels)
      for (const { bytes } of bindings) expect(bytes).toBeLessThanOrEqual(limits.maxStorageBufferBindingSize);
    for (const step of compiled.plan.steps) {
      if (step.kind !== "dispatch") throw new Error("no copy was asked for");
      for (const count of step.workgroups)
        expect(count).toBeLessThanOrEqual(limits.maxComputeWorkgroupsPerDimension);
    }
  });
});

test("2^31 elements are one too many, and the message says what to do", () => {
  const most = traced(define((x) => x.mul(2), f16(2 ** 31 - 1)));
  expect(compileGraph(most, { profile: profileOf("nvidia"), check: true }).kernels).toHaveLength(1);
  for (const shape of [[2 ** 31], [2 ** 16, 2 ** 15]])
    expect(() => traced(define((x) => x.mul(2), f16(...shape)))).toThrow(
      /holds at most 2\^31 - 1 = 2147483647 elements; split it/,
    );
  // Also where only what is computed on the way is so large.
  const outer = define((x, y) => sum(x.mul(y)), f32(2 ** 16, 1), f32(1, 2 ** 16));
  expect(() => traced(outer)).toThrow(/4294967296/);
});

describe("what cannot be cut", () => {
  test("is refused with the tensor, its bytes, the limit and a way out", () => {
    const transposed = traced(define((x) => x.add(x.transpose()), f32(64, 64)));
    const failure = (() => {
      try {
        compileGraph(transposed, { profile: withSmallBindings(profileOf("default")) });
        return undefined;
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toBeInstanceOf(TensorweftError);
    const [diagnostic] = (failure as TensorweftError).diagnostics;
    expect(diagnostic).toMatchObject({
      code: "too-large",
      message:
        'input "x" f32[64,64] has 16384 bytes, all of which are needed at once, but kernels on default reach at most 8192 bytes of a tensor',
      help: "work on slices of it, or reduce over its last axes: rows that lie together can be taken in parts",
    });
  });
});

describe("long dispatches", () => {
  const graph = traced(
    define((x, w, b) => layerNorm(x, { weight: w, bias: b }), f32(8192, 512), f32(512), f32(512)),
  );

  test("run in parts on software devices, and explain counts them and says why", () => {
    const profile = { ...profileOf("swiftshader"), copyGBps: 0.05 };
    const compiled = compileGraph(graph, { profile, check: true });
    const { dispatches, kernels, bytes } = explainCompiled(compiled, profile);
    const [kernel] = kernels;
    expect(kernels.length).toBe(1);
    expect(dispatches).toBe(kernel?.dispatches);
    expect(dispatches).toBe(compiled.plan.steps.length);
    expect(dispatches).toBeGreaterThan(2);
    expect(compiled.plan.kernels.length).toBe(1);
    expect(kernel?.reasons.at(-1)).toMatch(
      new RegExp(`^runs as ${String(dispatches)} dispatches: one would take some \\d+ ms on swiftshader`),
    );
    // Weight and bias are read once by each part; everything else is as it is in one dispatch.
    const whole = explainCompiled(compileGraph(graph, { profile: profileOf("swiftshader") }), profile);
    expect(whole.dispatches).toBe(1);
    expect(bytes.moved - whole.bytes.moved).toBe((dispatches - 1) * 2 * 512 * 4);
  });

  test("run as one on hardware, however slow", () => {
    for (const name of PROFILE_NAMES) {
      const profile = { ...profileOf(name), copyGBps: 0.05 };
      if (!profile.software) expect(compileGraph(graph, { profile }).plan.steps.length, name).toBe(1);
    }
  });

  test("fill the device in every part, also where a reduction has to be cut for it", () => {
    const profile = { ...profileOf("swiftshader"), copyGBps: 0.05 };
    const total = compileGraph(traced(define((x) => sum(x.mul(x)), f32(1 << 24))), { profile, check: true });
    const [first] = total.kernels;
    const parts = first?.parts?.parts ?? [];
    expect(parts.length).toBeGreaterThan(5);
    for (const { count } of parts) expect(count).toBeGreaterThanOrEqual(profile.usefulWorkgroups - 1);
  });
});

describeGpu("kernels in parts compute what they compute as one", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());

  async function compareParts(one: Case, change: (profile: DeviceProfile) => DeviceProfile): Promise<number> {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    const device = opened;
    const profile = change(device.profile);
    const graph = traced(one);
    const compiled = compileGraph(graph, { profile, check: true });
    const inputs = compiled.plan.inputs.map(({ shape, dtype }, i) => {
      const values = Array.from({ length: elementCount(shape) }, (_, k) => Math.sin(k * 12.9898 + i) + 0.25);
      return device.tensor(values, shape, { dtype });
    });
    const run = async (plan: Plan): Promise<readonly unknown[]> => {
      const results = device.load({ plan }).run(inputs);
      const data = await Promise.all(results.map((result) => result.read()));
      for (const result of results) result.dispose();
      return data;
    };
    const [parts, whole] = [await run(compiled.plan), await run(undivided(graph, compiled, profile))];
    expect(parts).toEqual(whole);
    for (const input of inputs) input.dispose();
    return compiled.plan.steps.length - compiled.kernels.length;
  }

  test.each(Object.entries(CASES))("windows: %s", async (_, one) => {
    expect(await compareParts(one, withSmallBindings)).toBeGreaterThan(0);
  });

  test("time", async () => {
    let more = 0;
    for (const one of Object.values(CASES)) more += await compareParts(one, slow);
    expect(more).toBeGreaterThan(Object.keys(CASES).length);
  });
});
