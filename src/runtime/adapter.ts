/** Adapters: the one that `openDevice` takes, a device on it, and the list of what there is. */
import { deriveProfile, OPTIONAL_FEATURES } from "./device-profile.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { findGpu } from "./find-gpu.ts";

export interface AdapterSummary {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Runs on the CPU. */
  readonly software: boolean;
  readonly features: readonly string[];
  /** What a device on this adapter will have: `profile.name` is the built-in profile that the costs come from. */
  readonly profile: DeviceProfile;
}

export type FoundAdapter =
  | { readonly gpu: GPU; readonly adapter: GPUAdapter; readonly reason: null }
  | { readonly gpu: null; readonly adapter: null; readonly reason: string };

/** The adapter that `openDevice` takes, or why there is none. */
export async function findAdapter(
  options: GPURequestAdapterOptions = {},
  dawnOptions: readonly string[] = [],
): Promise<FoundAdapter> {
  const found = await findGpu(dawnOptions);
  if (found.gpu === null) return { ...found, adapter: null };
  try {
    const adapter = await found.gpu.requestAdapter({ powerPreference: "high-performance", ...options });
    if (adapter !== null) return { gpu: found.gpu, adapter, reason: null };
    return { gpu: null, adapter: null, reason: "the system offers no GPU that WebGPU can use" };
  } catch (error) {
    return { gpu: null, adapter: null, reason: `asking for one failed (${String(error)})` };
  }
}

/** Opens a device with everything the adapter offers that programs may use. */
export async function requestFullDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredFeatures = OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits: Record<string, number> = {};
  // The limits are getters of the prototype: Object.entries would not see them.
  for (const name in adapter.limits) {
    const value: unknown = Reflect.get(adapter.limits, name);
    if (typeof value === "number") requiredLimits[name] = value;
  }
  return adapter.requestDevice({ label: "tensorweft", requiredFeatures, requiredLimits });
}

/** The adapters that WebGPU lets us see, each once: by power preference, then the fallback. Empty where there is none. */
export async function listAdapters(): Promise<readonly AdapterSummary[]> {
  const found = await findGpu();
  if (found.gpu === null) return [];
  const requests: readonly GPURequestAdapterOptions[] = [
    { powerPreference: "high-performance" },
    { powerPreference: "low-power" },
    { forceFallbackAdapter: true },
  ];
  const summaries = new Map<string, AdapterSummary>();
  for (const request of requests) {
    // Some implementations refuse options that they do not know; the others still count.
    const adapter = await found.gpu.requestAdapter(request).catch(() => null);
    if (adapter === null) continue;
    const summary = summarizeAdapter(adapter);
    const key = [summary.vendor, summary.architecture, summary.device, summary.description].join("\n");
    if (!summaries.has(key)) summaries.set(key, summary);
  }
  return [...summaries.values()];
}

export function summarizeAdapter(adapter: GPUAdapter): AdapterSummary {
  const { vendor, architecture, device, description } = adapter.info;
  const profile = deriveProfile(adapter.limits, adapter.features, adapter.info);
  return {
    vendor,
    architecture,
    device,
    description,
    software: profile.software,
    features: [...adapter.features].sort(),
    profile,
  };
}
