/** Which rows subgroups can reduce. */
import type { DeviceProfile } from "../ir/profile.ts";
import type { LaneAxis } from "../ir/schedule.ts";
import { blockLanes } from "../ir/subgroup-blocks.ts";

/** Whether the lanes of a row (slowest digit first) are neighbours in whole blocks of lanes that share a subgroup. */
export function fitsSubgroups(
  lanes: readonly LaneAxis[],
  isShared: (axis: string) => boolean,
  profile: DeviceProfile,
): boolean {
  const first = lanes.findIndex(({ axis }) => isShared(axis));
  if (first < 0 || !lanes.slice(first).every(({ axis }) => isShared(axis))) return false;
  const count = (list: readonly LaneAxis[]): number => list.reduce((n, l) => n * l.lanes, 1);
  return blockLanes(count(lanes.slice(first)), count(lanes), profile) > 1;
}
