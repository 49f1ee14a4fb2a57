/**
 * Workgroup memory that group reductions take to bring lanes together: `codegen` lays it out by these numbers, and schedules
 * are held to them.
 */
import { isSubgroupRuns, type LaneOrder, type ValueType } from "./kernel.ts";
import type { DeviceProfile } from "./profile.ts";
import { blockLanes, isPowerOfTwo, sizeToAskFor } from "./subgroup-blocks.ts";

/** A group reduction as far as its scratch goes. */
export interface GroupShape {
  readonly lanes: number;
  readonly order: LaneOrder;
  readonly method: "tree" | "subgroup";
}

/** Whether rows are whole subgroups of every size that the device may choose, with an index to each. */
export function fillsSubgroups(lanes: number, workgroupSize: number, profile: DeviceProfile): boolean {
  const { features, subgroups } = profile;
  if (!features.includes("subgroups") || !features.includes("subgroup_id") || subgroups === null)
    return false;
  if (sizeToAskFor(profile, workgroupSize) !== undefined) return false;
  const [least, most] = subgroups;
  return least < most && isPowerOfTwo(lanes) && isPowerOfTwo(most) && lanes % most === 0;
}

/** Slots for each component of a state: one for each lane, each block of lanes or each subgroup; 0 where all are exchanged. */
export function countSlots(
  { lanes, order, method }: GroupShape,
  workgroupSize: number,
  profile: DeviceProfile,
): number {
  if (lanes === 1 || isSubgroupRuns(order)) return 0;
  if (method === "tree" || order !== "inner") return workgroupSize;
  const block = blockLanes(lanes, workgroupSize, profile);
  if (block === lanes) return 0;
  if (fillsSubgroups(lanes, workgroupSize, profile))
    return Math.ceil(workgroupSize / (profile.subgroups?.[0] ?? 4));
  return workgroupSize / block;
}

/** What one group reduction combines at once. */
export interface GroupStates {
  readonly slots: number;
  /** Type of each component of each state. */
  readonly types: readonly ValueType[];
}

/** Bytes of one area of scratch: arrays are shared by type and place, and each is as long as the reduction that needs most. */
export function countScratchBytes(reductions: readonly GroupStates[]): number {
  const longest = new Map<string, number>();
  for (const { slots, types } of reductions) {
    const count = new Map<string, number>();
    for (const { scalar, width } of types) {
      const type = `${scalar}x${String(width)}`;
      const place = count.get(type) ?? 0;
      count.set(type, place + 1);
      const key = `${type} ${String(place)}`;
      longest.set(key, Math.max(longest.get(key) ?? 0, 4 * width * slots));
    }
  }
  return [...longest.values()].reduce((sum, bytes) => sum + bytes, 0);
}
