/**
 * What a kernel may count on of subgroups: aligned blocks of neighbouring lanes that are sure to share one.
 *
 * WebGPU tells the size of a subgroup at run time only, between the bounds of the profile; a block is no larger than the
 * smallest, or than the size that kernels may ask for (`DeviceProfile.subgroupSize`, which has to divide the workgroup).
 * It relies on the lanes of a subgroup being neighbours in the workgroup that start at a multiple of its size. WGSL leaves
 * the mapping open; devices are tested when they are opened, and those that number lanes otherwise lose the feature.
 */
import type { DeviceProfile } from "./profile.ts";

/** Blocks of a row that every lane reads for itself, where they are too odd a number for an exchange. */
const MOST_SLOTS = 32;

export const isPowerOfTwo = (n: number): boolean => n >= 1 && Number.isInteger(Math.log2(n));

/** Lanes of subgroups from which on a CPU's vectors hide memory and keep more of a row (lavapipe's; SwiftShader's are of 4). */
export const WIDE_SUBGROUP = 8;

/** Whether every subgroup of the device has so many lanes. */
export const hasWideSubgroups = ({ subgroups }: DeviceProfile): boolean =>
  (subgroups?.[0] ?? 1) >= WIDE_SUBGROUP;

/** Lanes of an aligned block that are sure to share a subgroup, in a workgroup of that size; 1 without the feature. */
export function subgroupLanes(profile: DeviceProfile, workgroupSize: number): number {
  if (!profile.features.includes("subgroups") || profile.subgroups === null) return 1;
  const asked = sizeToAskFor(profile, workgroupSize);
  return asked ?? 2 ** Math.floor(Math.log2(profile.subgroups[0]));
}

/** The size of subgroups that a kernel of that workgroup size may ask for, if any. */
export const sizeToAskFor = (
  { subgroupSize, subgroups }: DeviceProfile,
  workgroupSize: number,
): number | undefined =>
  subgroupSize !== null && subgroups !== null && workgroupSize % subgroupSize === 0
    ? subgroupSize
    : undefined;

/**
 * Lanes of the blocks into which a row of `lanes` neighbours falls, a power of two; 1 where a tree serves better. `lanes` of
 * them need no workgroup memory.
 */
export function blockLanes(lanes: number, workgroupSize: number, profile: DeviceProfile): number {
  let block = subgroupLanes(profile, workgroupSize);
  while (lanes % block !== 0) block /= 2;
  const slots = lanes / block;
  return slots <= MOST_SLOTS || slots % block === 0 ? block : 1;
}
