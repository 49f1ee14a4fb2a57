/**
 * The profile of a real device: its own limits, features and subgroup sizes, with the costs of the built-in profile
 * that its description matches. Calibration may replace the costs.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { type DeviceLimits, type DeviceProfile, findProfile, type ProfileName } from "../ir/profile.ts";

/** The optional features that change what the compiler emits. Others are left alone: the profile is part of cache keys. */
export const OPTIONAL_FEATURES: readonly GPUFeatureName[] = [
  "subgroups",
  "subgroup-size-control" as GPUFeatureName, // newer than the types of TypeScript's own library
  "shader-f16",
  "timestamp-query",
];

/** As in GPUAdapterInfo; older implementations lack some of it. */
export interface AdapterInfo {
  readonly vendor?: string;
  readonly architecture?: string;
  readonly device?: string;
  readonly description?: string;
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly isFallbackAdapter?: boolean;
}

/** First match wins: a software adapter may name the vendor whose API it implements. */
const MATCHES: readonly (readonly [RegExp, ProfileName])[] = [
  [/swiftshader/, "swiftshader"],
  [/llvmpipe|lavapipe/, "lavapipe"],
  [/nvidia|geforce|quadro|tesla/, "nvidia"],
  [/apple/, "apple"],
  [/intel/, "intel"],
];
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render driver|\bwarp\b/;

export function deriveProfile(
  limits: DeviceLimits,
  features: ReadonlySet<string>,
  info: AdapterInfo,
): DeviceProfile {
  const text = [info.vendor, info.architecture, info.device, info.description].join(" ").toLowerCase();
  const software = info.isFallbackAdapter === true || SOFTWARE.test(text);
  // An unknown software adapter is far nearer to lavapipe than to any GPU.
  const known = MATCHES.find(([pattern]) => pattern.test(text))?.[1] ?? (software ? "lavapipe" : "default");
  const base = findProfile(known);
  if (base === undefined) throw new CompilerBug(`the built-in profile "${known}" is missing`, []);
  const subgroups = features.has("subgroups") ? subgroupSizes(info, base) : null;
  return {
    ...base,
    limits: pickLimits(limits),
    features: OPTIONAL_FEATURES.filter((feature) => features.has(feature)),
    subgroups,
    subgroupSize: subgroups !== null && features.has("subgroup-size-control") ? chooseSize(subgroups) : null,
    software,
  };
}

/** WebGPU bounds subgroups to 4..128 invocations, which is all that is known where the adapter does not say more. */
const subgroupSizes = (info: AdapterInfo, base: DeviceProfile): readonly [number, number] =>
  info.subgroupMinSize !== undefined && info.subgroupMaxSize !== undefined && info.subgroupMinSize > 0
    ? [info.subgroupMinSize, info.subgroupMaxSize]
    : (base.subgroups ?? [4, 128]);

/** Subgroups of 32 lanes, or as near as the device comes to it; null where it has one size only. */
const chooseSize = ([least, most]: readonly [number, number]): number | null =>
  least === most ? null : Math.min(Math.max(32, least), most);

/** Only the limits of the contract, as own properties: those of WebGPU are getters, which neither spread nor print. */
const pickLimits = (limits: DeviceLimits): DeviceLimits => ({
  maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
  maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
  maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
  maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
  maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
  maxBufferSize: limits.maxBufferSize,
  maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
});
