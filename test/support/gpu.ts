/**
 * WebGPU for tests. `npm test` runs under scripts/launch.mjs, which provides a software adapter where the machine has
 * no GPU; where there is none at all, GPU tests skip, and the reporter lists them with the reason.
 *
 *     describeGpu("copy kernel", (gpu) => {
 *       test("copies", async (context) => {
 *         const { device, adapter } = gpu();
 *         skipWithout(context, device, "shader-f16"); // only where the test needs an optional feature
 *       });
 *     });
 *
 * With REQUIRE_GPU=1 (as in .ci/run) a test that would skip for want of an adapter fails instead.
 */
import { beforeAll, beforeEach, describe, type TestContext } from "vitest";
import { GPU_NOTE } from "./reporter.ts";

export interface TestGpu {
  readonly adapter: GPUAdapter;
  /** Opened with the adapter's highest limits and those of OPTIONAL_FEATURES that it has. */
  readonly device: GPUDevice;
}

export type OpenedGpu =
  { readonly gpu: TestGpu; readonly reason: null } | { readonly gpu: null; readonly reason: string };

export type OptionalFeature = "subgroups" | "shader-f16" | "timestamp-query";
const OPTIONAL_FEATURES: readonly OptionalFeature[] = ["subgroups", "shader-f16", "timestamp-query"];

/** The device of this worker. Tests share it: one that destroys or loses its device opens another with openNewGpu. */
let shared: Promise<OpenedGpu> | undefined;

/** Opens the worker's device, or gives the one already open. */
export function openTestGpu(): Promise<OpenedGpu> {
  shared ??= openNewGpu().then((opened) => {
    void opened.gpu?.device.lost.then(() => (shared = undefined));
    return opened;
  });
  return shared;
}

/** Opens a device of the caller's own. */
export async function openNewGpu(): Promise<OpenedGpu> {
  const opened = await requestAdapter();
  if (typeof opened === "string") return { gpu: null, reason: opened };
  const requiredFeatures = OPTIONAL_FEATURES.filter((feature) => opened.features.has(feature));
  const device = await opened.requestDevice({ requiredFeatures, requiredLimits: allLimits(opened) });
  return { gpu: { adapter: opened, device }, reason: null };
}

/** The adapter, or the reason why there is none. */
async function requestAdapter(): Promise<GPUAdapter | string> {
  if (process.env["TENSORWEFT_ADAPTER"] === "none") return "TENSORWEFT_ADAPTER=none asks for no adapter";
  try {
    // Late, because the package is optional: it has no binary for some platforms.
    const { dawn } = await import("./dawn.ts");
    const adapter = await dawn().requestAdapter();
    return (
      adapter ??
      "Dawn finds no adapter: run through `npm test`, which looks for one and sets up a software GPU"
    );
  } catch (error) {
    return `the npm package "webgpu" does not load here (${String(error)}): run \`npm ci\``;
  }
}

function allLimits(adapter: GPUAdapter): Record<string, number> {
  const limits: Record<string, number> = {};
  // The limits are getters of the prototype, so Object.entries does not see them.
  for (const name in adapter.limits) {
    const value: unknown = Reflect.get(adapter.limits, name);
    if (typeof value === "number") limits[name] = value;
  }
  return limits;
}

/** A `describe` whose tests need a GPU. `gpu()` may be called inside its tests and hooks. */
export function describeGpu(name: string, define: (gpu: () => TestGpu) => void): void {
  describe(name, () => {
    let opened: OpenedGpu | undefined;
    beforeAll(async () => {
      opened = await openTestGpu();
    });
    beforeEach((context) => {
      const reason = opened?.reason ?? null;
      if (reason === null) return;
      if (process.env["REQUIRE_GPU"] === "1")
        throw new Error(`REQUIRE_GPU=1, but there is no GPU: ${reason}`);
      context.skip(`${GPU_NOTE}: ${reason}`);
    });
    define(() => {
      if (opened?.gpu) return opened.gpu;
      throw new Error("gpu() was called outside a test or hook of describeGpu: move the call into one");
    });
  });
}

/** Skips the running test where the device lacks a feature, and says so at the end of the run. */
export function skipWithout(context: TestContext, device: GPUDevice, feature: OptionalFeature): void {
  if (!device.features.has(feature)) context.skip(`${GPU_NOTE} with ${feature}: the adapter lacks it`);
}
