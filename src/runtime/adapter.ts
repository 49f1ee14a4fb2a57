/**
 * Finding WebGPU: `navigator.gpu` in browsers (and runtimes that have it), else the npm package `webgpu` (Dawn).
 *
 * Dawn's GPU object must outlive all that came from it and every operation still under way on it, or the process
 * crashes: its tick runs on a pointer to the instance. No object of ours lives long enough (a pipeline may be compiling
 * for a device that nobody holds any more), so the GPU object is kept on `globalThis`, for the process, as browsers keep
 * `navigator.gpu`. This is the one piece of global state of the runtime. The process still ends by itself.
 */
import { deriveProfile, OPTIONAL_FEATURES } from "./device-profile.ts";
import type { DeviceProfile } from "../ir/profile.ts";

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

export type FoundGpu =
  { readonly gpu: GPU; readonly reason: null } | { readonly gpu: null; readonly reason: string };

export type FoundAdapter =
  | { readonly gpu: GPU; readonly adapter: GPUAdapter; readonly reason: null }
  | { readonly gpu: null; readonly adapter: null; readonly reason: string };

/** Node, or a runtime that is like it: packages can be imported by name. */
export const isNode = (): boolean =>
  typeof (globalThis as { readonly process?: { readonly versions?: unknown } }).process?.versions ===
  "object";

/** The entry point of WebGPU, or why there is none. `dawnOptions` go to Dawn where that is what serves. */
export async function findGpu(dawnOptions: readonly string[] = []): Promise<FoundGpu> {
  // Node 20 has no navigator, Node 24 has one without a GPU; types claim both.
  const inherent = (globalThis as { readonly navigator?: { readonly gpu?: GPU } }).navigator?.gpu;
  if (inherent !== undefined) return { gpu: inherent, reason: null };
  if (!isNode())
    return { gpu: null, reason: "this browser has no navigator.gpu (or the page is not a secure context)" };
  try {
    // A variable keeps bundlers from following a package that only Node uses.
    const name = "webgpu";
    const dawn = (await import(/* @vite-ignore */ name)) as DawnModule;
    return { gpu: instanceOf(dawn, dawnOptions), reason: null };
  } catch (error) {
    return {
      gpu: null,
      reason: `the npm package "webgpu" does not load (${String(error)}): npm install webgpu`,
    };
  }
}

interface DawnModule {
  readonly create: (options: string[]) => GPU;
}

/** `Symbol.for`, so that two copies of this package share instances. */
const INSTANCES = Symbol.for("tensorweft.dawn-instances");

/** The instance of Dawn with these options, made on first use and kept for the process. */
function instanceOf(dawn: DawnModule, options: readonly string[]): GPU {
  const holder = globalThis as { [INSTANCES]?: Map<string, GPU> | undefined };
  const instances = (holder[INSTANCES] ??= new Map<string, GPU>());
  const key = options.join("\n");
  const known = instances.get(key);
  if (known !== undefined) return known;
  const created = dawn.create([...options]);
  instances.set(key, created);
  return created;
}

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
