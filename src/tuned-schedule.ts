/**
 * Schedules from a tuning record, as compilation reads them.
 *
 * Ensures: what comes back is legal for the group on this device; an entry that is not (of another device, an older
 *          compiler, or made up) is as if there were none.
 */
import { canonicalizeGroup } from "./ir/canonical-group.ts";
import type { GroupView, ViewOptions } from "./ir/group-view.ts";
import type { DeviceProfile } from "./ir/profile.ts";
import { renameAxes, type KernelSchedule, type Tile } from "./ir/schedule.ts";
import type { TunedKernel } from "./ir/tuning-record.ts";
import type { IsolatedGroup } from "./passes/index/isolate-groups.ts";
import { chooseSchedule } from "./schedule/choose-schedule.ts";
import { registerBlock } from "./schedule/register-blocks.ts";
import { isSameSchedule } from "./schedule/schedule-space.ts";
import { verifySchedule } from "./schedule/verify-schedule.ts";

/** What a device or a record knows, by the canonical text of a group. */
export interface TunedSchedules {
  readonly size: number;
  readonly find: (group: string) => Pick<TunedKernel, "schedule"> | undefined;
}

export function findTuned(
  tuned: TunedSchedules,
  { program, group }: IsolatedGroup,
  viewWith: (options: ViewOptions) => GroupView,
  profile: DeviceProfile,
): KernelSchedule | undefined {
  if (tuned.size === 0) return undefined; // spelling out a group takes time
  const { text, axes } = canonicalizeGroup(program, group);
  const found = tuned.find(text);
  if (found === undefined) return undefined;
  const own = new Map([...axes].map(([name, canonical]) => [canonical, name]));
  const schedule = renameAxes(found.schedule, own);
  if (schedule === undefined) return undefined;
  if (schedule.tile?.memory === "registers") return findBlock(schedule, schedule.tile, viewWith, profile);
  if (schedule.tile !== null) {
    // What goes through a tile follows from the group: such a schedule is the chosen one, or none.
    const chosen = chooseSchedule(viewWith, profile);
    const named = renameAxes(chosen, axes);
    return named !== undefined && isSameSchedule(named, found.schedule) ? chosen : undefined;
  }
  const view = viewWith({ pairing: schedule.pairing });
  return verifySchedule(view, schedule, profile).length === 0 ? schedule : undefined;
}

/** What goes through a block in registers is all that can. */
function findBlock(
  schedule: KernelSchedule,
  tile: Tile,
  viewWith: (options: ViewOptions) => GroupView,
  profile: DeviceProfile,
): KernelSchedule | undefined {
  const { vectorAxis, vectorWidth, pairing } = schedule;
  const view = viewWith({ pairing });
  if (vectorAxis === null || vectorWidth === 1) return undefined;
  const block = registerBlock(view, vectorAxis, tile.axis, vectorWidth);
  if (block === undefined) return undefined;
  const whole = { ...schedule, tile: { ...tile, through: block.tile.through } };
  return verifySchedule(view, whole, profile).length === 0 ? whole : undefined;
}
