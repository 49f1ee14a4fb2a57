/** What a schedule may count on of subgroups, whose size WebGPU tells at run time only. */
import type { DeviceProfile } from "../ir/profile.ts";
import type { LaneAxis } from "../ir/schedule.ts";

/** Lanes of an aligned block that are sure to share a subgroup; 1 without the feature. */
export function subgroupLanes(profile: DeviceProfile): number {
  if (!profile.features.includes("subgroups") || profile.subgroups === null) return 1;
  return 2 ** Math.floor(Math.log2(profile.subgroups[0]));
}

/** Whether the lanes of a row (slowest digit first) are neighbours that fill a block's power-of-two part, or whole blocks. */
export function fitsSubgroups(
  lanes: readonly LaneAxis[],
  isShared: (axis: string) => boolean,
  profile: DeviceProfile,
): boolean {
  const block = subgroupLanes(profile);
  const first = lanes.findIndex(({ axis }) => isShared(axis));
  if (block === 1 || first < 0 || !lanes.slice(first).every(({ axis }) => isShared(axis))) return false;
  const perRow = lanes.slice(first).reduce((n, l) => n * l.lanes, 1);
  return perRow <= block ? Number.isInteger(Math.log2(perRow)) : perRow % block === 0;
}
