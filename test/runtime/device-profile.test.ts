import { expect, test } from "vitest";
import { findProfile } from "../../src/ir/profile.ts";
import { listAdapters } from "../../src/runtime/adapter.ts";
import { deriveProfile } from "../../src/runtime/device-profile.ts";
import { describeGpu } from "../support/gpu.ts";
import { openForTest } from "./support.ts";

const builtIn = findProfile("default");
if (builtIn === undefined) throw new Error("no default profile");
const limits = { ...builtIn.limits, maxComputeWorkgroupStorageSize: 12345 };

test.each([
  [{ vendor: "nvidia", architecture: "hopper" }, "nvidia", false],
  [{ vendor: "apple", architecture: "metal-3" }, "apple", false],
  [{ vendor: "intel", architecture: "gen-12lp" }, "intel", false],
  [{ vendor: "google", architecture: "swiftshader" }, "swiftshader", true],
  [{ vendor: "mesa", description: "llvmpipe (LLVM 15.0.6, 256 bits)" }, "lavapipe", true],
  [{ vendor: "microsoft", description: "Microsoft Basic Render Driver" }, "lavapipe", true],
  [{ vendor: "amd", architecture: "rdna-3" }, "default", false],
  [{ vendor: "amd", isFallbackAdapter: true }, "lavapipe", true],
  [{}, "default", false],
] as const)("%o takes the costs of %s", (info, name, software) => {
  const profile = deriveProfile(limits, new Set(), info);
  expect(profile).toMatchObject({ name, software, features: [], subgroups: null });
  expect(profile.limits).toEqual(limits);
  expect(profile.launchUs).toBe(findProfile(name)?.launchUs);
});

test("subgroup sizes are the adapter's, else the built-in ones, else WebGPU's bounds", () => {
  const features = new Set(["subgroups", "shader-f16", "depth-clip-control"]);
  const sizes = (info: object) => deriveProfile(limits, features, info).subgroups;
  expect(sizes({ vendor: "intel", subgroupMinSize: 16, subgroupMaxSize: 16 })).toEqual([16, 16]);
  expect(sizes({ vendor: "intel" })).toEqual([8, 32]);
  expect(sizes({ vendor: "amd" })).toEqual([4, 128]);
  expect(deriveProfile(limits, features, {}).features).toEqual(["subgroups", "shader-f16"]);
});

describeGpu("the profile of the test adapter", (gpu) => {
  test("has the adapter's limits and features", async () => {
    const { profile, backend, gpuDevice } = await openForTest({ backend: "auto" });
    const { adapter } = gpu();
    expect(backend).toBe("webgpu");
    for (const [name, value] of Object.entries(profile.limits)) {
      expect(value, name).toBe(Reflect.get(adapter.limits, name));
      expect(value, name).toBe(gpuDevice === null ? undefined : Reflect.get(gpuDevice.limits, name));
    }
    const ofLanguage = ["subgroup_id"];
    expect(
      profile.features.every((feature) => adapter.features.has(feature) || ofLanguage.includes(feature)),
    ).toBe(true);
  });

  test("is listed", async () => {
    const adapters = await listAdapters();
    expect(adapters.length).toBeGreaterThan(0);
    const keys = adapters.map(({ vendor, device, description }) => `${vendor} ${device} ${description}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(adapters[0]?.profile.limits.maxBufferSize).toBeGreaterThan(0);
  });

  test("a device that the caller brought has the same profile", async () => {
    const own = await openForTest();
    if (own.gpuDevice === null) throw new Error("no GPUDevice");
    const shared = await openForTest({ gpuDevice: own.gpuDevice });
    expect(shared.profile).toEqual(own.profile);
  });
});
