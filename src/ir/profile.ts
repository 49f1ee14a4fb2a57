/**
 * What the compiler knows of a device, as a value: no stage asks a device anything. Units: bytes, microseconds, GB/s
 * (10^9 bytes, read plus written). The built-in profiles are starting values for planning and tests; calibration
 * replaces them on a real device.
 */
import builtIn from "./profiles.json" with { type: "json" };

export interface DeviceLimits {
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

export interface DeviceProfile {
  readonly name: string;
  readonly limits: DeviceLimits;
  /** Optional features of devices, and of the language of shaders ("subgroup_id"). */
  readonly features: readonly string[];
  /** Smallest and largest subgroup size, or null without the feature. */
  readonly subgroups: readonly [number, number] | null;
  /** The size that kernels may ask for instead, or null where the device chooses. */
  readonly subgroupSize: number | null;
  /** Runs on the CPU: barriers cost thousands of cycles, one thread per row wins. */
  readonly software: boolean;
  /** What one workgroup may keep of its rows (registers plus workgroup memory). */
  readonly onChipBytes: number;
  /** How many workgroups fill the device. */
  readonly usefulWorkgroups: number;
  /** Cost of one more dispatch in a pass. */
  readonly launchUs: number;
  /** vec4 copy, bytes read plus written. */
  readonly copyGBps: number;
  /** One workgroupBarrier of 256 invocations. */
  readonly barrierUs: number;
  /** The device leaves all loops of an invocation after so many turns together (count-turns.ts); null: it does not. */
  readonly maxLoopTurns: number | null;
}

/** Spelled out, because the published declarations come without the JSON file (a test compares). */
export const PROFILE_NAMES = ["default", "nvidia", "apple", "intel", "swiftshader", "lavapipe"] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** The built-in profile of that name, or undefined. */
export function findProfile(name: string): DeviceProfile | undefined {
  const known = PROFILE_NAMES.find((candidate) => candidate === name);
  if (known === undefined) return undefined;
  const { subgroups, ...rest } = builtIn[known];
  const [least, most] = subgroups ?? [];
  return {
    name: known,
    ...rest,
    subgroupSize: null,
    subgroups: least === undefined || most === undefined ? null : [least, most],
  };
}
