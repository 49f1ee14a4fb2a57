/** Opens a device for kernels that were compiled ahead of time: of the caller's own, or on the system's adapter. */
import { findGpu, isNode } from "../runtime/find-gpu.ts";
import { noAdapter } from "../runtime/runtime-errors.ts";
import { SlimDevice } from "./slim-device.ts";
import type { Device } from "./types.ts";

export interface OpenDeviceOptions {
  /** A device that the caller made and keeps: `dispose()` leaves it alone. */
  readonly gpuDevice?: GPUDevice | undefined;
  /** The adapter to open a device on. Default: the fastest that the system offers. */
  readonly adapter?: GPUAdapter | undefined;
}

/** Features that kernels may have been compiled for. */
const FEATURES: readonly string[] = ["subgroups", "subgroup-size-control", "shader-f16"];

/** @throws {TensorweftError} `no-adapter` where there is no WebGPU */
export async function openDevice({ gpuDevice, adapter }: OpenDeviceOptions = {}): Promise<Device> {
  if (gpuDevice !== undefined) return new SlimDevice(gpuDevice, true);
  const chosen = adapter ?? (await requestAdapter());
  const requiredLimits: Record<string, number> = {};
  // The limits are getters of the prototype: Object.entries would not see them.
  for (const name in chosen.limits) {
    const value: unknown = Reflect.get(chosen.limits, name);
    if (typeof value === "number") requiredLimits[name] = value;
  }
  const requiredFeatures = FEATURES.filter((feature) => chosen.features.has(feature)) as GPUFeatureName[];
  const made = await chosen.requestDevice({ label: "tensorweft", requiredFeatures, requiredLimits });
  return new SlimDevice(made, false);
}

async function requestAdapter(): Promise<GPUAdapter> {
  const where = isNode() ? "node" : "browser";
  const { gpu, reason } = await findGpu();
  if (gpu === null) throw noAdapter(reason, where);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw noAdapter("the system offers no GPU that WebGPU can use", where);
  return adapter;
}
