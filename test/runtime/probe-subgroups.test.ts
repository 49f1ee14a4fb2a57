import { describe, expect, test } from "vitest";
import { findProfile } from "../../src/ir/profile.ts";
import { deriveProfile } from "../../src/runtime/device-profile.ts";
import { applyFindings, isLinear, probeSubgroups } from "../../src/runtime/probe-subgroups.ts";
import { dawn } from "../support/dawn.ts";
import { describeGpu, openNewGpu, skipWithout } from "../support/gpu.ts";
import { openForTest } from "./support.ts";

const builtIn = findProfile("intel");
if (builtIn === undefined) throw new Error("no profile intel");
const features = new Set(["subgroups", "subgroup-size-control"]);
const varied = deriveProfile(builtIn.limits, features, { subgroupMinSize: 8, subgroupMaxSize: 64 });

/** What lanes would write that are placed by `place`, in subgroups of that size. */
const wordsOf = (lanes: number, size: number, place = (lane: number): number => lane): Uint32Array =>
  Uint32Array.from(
    Array.from({ length: lanes }, (_, lane) => {
      const at = place(lane);
      const others = Array.from({ length: lanes }, (_, i) => i);
      const first = others.find((i) => place(i) === at - (at % size)) ?? 0;
      const across = others.find((i) => place(i) === (at ^ 1)) ?? 0;
      return [size, at % size, first, across, Math.floor(at / size), 0];
    }).flat(),
  );

describe("the numbering of lanes", () => {
  test("is linear where neighbours share a subgroup that starts at a multiple of its size", () => {
    expect(isLinear(wordsOf(128, 16), [8, 64], true)).toBe(true);
    expect(isLinear(wordsOf(72, 16), [8, 64], true)).toBe(true);
  });

  test.each([
    ["rows of two by two", (lane: number) => ((lane >> 2) << 2) | ((lane & 1) << 1) | ((lane >> 1) & 1)],
    ["every other lane", (lane: number) => (lane % 64) * 2 + Math.floor(lane / 64)],
    ["subgroups in another order", (lane: number) => (lane + 64) % 128],
    ["the last lane first", (lane: number) => 127 - lane],
  ])("is not with %s", (_, place) => {
    expect(isLinear(wordsOf(128, 16, place), [8, 64], true)).toBe(false);
  });

  test("is not with subgroups beyond the bounds, or of two sizes", () => {
    expect(isLinear(wordsOf(128, 4), [8, 64], true)).toBe(false);
    const mixed = wordsOf(128, 16);
    mixed.set(wordsOf(128, 32).subarray(0, 6 * 64));
    expect(isLinear(mixed, [8, 64], true)).toBe(false);
  });
});

test("findings change the profile", () => {
  expect(varied).toMatchObject({ subgroups: [8, 64], subgroupSize: 32 });
  const found = { isLinear: true, hasId: true, takesSize: true };
  expect(applyFindings(varied, found).features).toEqual([...varied.features, "subgroup_id"]);
  expect(applyFindings(varied, { ...found, takesSize: false }).subgroupSize).toBeNull();
  expect(applyFindings(varied, { ...found, isLinear: false })).toMatchObject({
    features: [],
    subgroups: null,
    subgroupSize: null,
  });
  const plain = deriveProfile(builtIn.limits, new Set(), {});
  expect(applyFindings(plain, found)).toBe(plain);
});

test("a backend that computes nothing keeps what it claims", async () => {
  const adapter = await dawn("null").requestAdapter();
  if (adapter === null) throw new Error("no null backend");
  const gpuDevice = await adapter.requestDevice({
    requiredFeatures: ["subgroups", "subgroup-size-control" as GPUFeatureName],
  });
  const profile = deriveProfile(gpuDevice.limits, gpuDevice.features, adapter.info);
  expect(await probeSubgroups(gpuDevice, profile)).toEqual({ isLinear: null, hasId: true, takesSize: true });
  gpuDevice.destroy();
});

describeGpu("subgroups of the test adapter", () => {
  test("are tested when a device is opened", async (context) => {
    const device = await openForTest();
    if (device.gpuDevice === null) throw new Error("no GPUDevice");
    skipWithout(context, device.gpuDevice, "subgroups");
    expect(device.profile.features).toContain("subgroups");
    const findings = await probeSubgroups(device.gpuDevice, device.profile);
    expect(findings.isLinear).toBe(true);
    expect(device.profile.features.includes("subgroup_id")).toBe(findings.hasId);
  });

  test("are left alone where lanes are numbered otherwise", async (context) => {
    const { gpu } = await openNewGpu();
    if (gpu === null) throw new Error("no GPU");
    skipWithout(context, gpu.device, "subgroups");
    const create = gpu.device.createShaderModule.bind(gpu.device);
    gpu.device.createShaderModule = (descriptor) =>
      create({ ...descriptor, code: descriptor.code.replace("(lane)", "(lane ^ 2u)") });
    const device = await openForTest({ gpuDevice: gpu.device });
    expect(device.profile.features).not.toContain("subgroups");
    expect(device.profile.subgroups).toBeNull();
  });

  test("have no index where the language lacks it", async (context) => {
    const { gpu } = await openNewGpu();
    if (gpu === null) throw new Error("no GPU");
    skipWithout(context, gpu.device, "subgroups");
    const create = gpu.device.createShaderModule.bind(gpu.device);
    gpu.device.createShaderModule = (descriptor) =>
      create({ ...descriptor, code: descriptor.code.replace("subgroup_id", "subgroup_ix") });
    const device = await openForTest({ gpuDevice: gpu.device });
    expect(device.profile.features).toContain("subgroups");
    expect(device.profile.features).not.toContain("subgroup_id");
  });
});
