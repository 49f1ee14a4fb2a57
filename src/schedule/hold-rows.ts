/**
 * Other lanes than the usual ones, where these cannot keep the row and would read it again: larger workgroups, fewer grid
 * points side by side, narrower vectors across columns. All are judged by sectors, by the share of the device that has
 * work, and by what reading again would move.
 */
import type { GroupView } from "../ir/group-view.ts";
import { readKey } from "../ir/index-expr.ts";
import type { Width } from "../ir/kernel.ts";
import { mostLanes, WORKGROUP_LANES } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { KernelSchedule } from "../ir/schedule.ts";
import { GOOD_SECTORS, otherNeighbours, shareOfDevice, type DealOptions } from "./deal-hardware.ts";
import { estimateSectors } from "./estimate-sectors.ts";
import { elementsOf, sectorOfGroup } from "./access-size.ts";
import { unitsAlong } from "./row-steps.ts";

/** What a row in workgroup memory costs over one in registers: its words go there and back. */
const WORKGROUP_MEMORY = 1.05;
/** Share of the modelled cost that other lanes must come down to: sectors that are good enough, over a row read twice and written. */
const WORTH = GOOD_SECTORS / 1.5;
/** Phases beyond the second that read a row again are likely to find it in a cache. */
const MOST_SWEEPS = 2;

/** The schedule with lanes dealt otherwise. */
export type DealAgain = (width: Width, options: DealOptions) => KernelSchedule;

export function holdRows(
  view: GroupView,
  profile: DeviceProfile,
  usual: KernelSchedule,
  deal: DealAgain,
): KernelSchedule {
  const usualSectors = sectorsOf(view, usual, profile);
  let best = usual;
  let least = WORTH * costOf(view, usual, profile, usualSectors);
  const tried = new Set<string>();
  for (const schedule of dealOthers(view, profile, usual, deal)) {
    const key = JSON.stringify([schedule.lanes, schedule.vectorWidth]);
    if (schedule.residency === "reload" || tried.has(key)) continue;
    tried.add(key);
    const sectors = sectorsOf(view, schedule, profile);
    if (sectors > Math.max(GOOD_SECTORS, usualSectors)) continue;
    const cost = costOf(view, schedule, profile, sectors);
    if (cost < least) [best, least] = [schedule, cost];
  }
  return best;
}

/** Smaller workgroups first: of equal cost, they are the better ones. */
function* dealOthers(
  view: GroupView,
  profile: DeviceProfile,
  { vectorWidth, vectorAxis }: KernelSchedule,
  deal: DealAgain,
): Generator<KernelSchedule> {
  const isAcross = vectorAxis !== null && view.gridAxes.includes(vectorAxis);
  const widths = ([4, 2, 1] as const).filter(
    (width) => width <= vectorWidth && (isAcross || width === vectorWidth),
  );
  const others = otherNeighbours(sectorOfGroup(view, profile));
  for (let most = WORKGROUP_LANES; most <= Math.max(WORKGROUP_LANES, mostLanes(profile)); most *= 2)
    for (const width of widths)
      for (const neighbours of [undefined, ...others])
        for (const isPadded of [false, true]) yield deal(width, { neighbours, most, isPadded });
}

const sectorsOf = (view: GroupView, { lanes, vectorWidth }: KernelSchedule, profile: DeviceProfile): number =>
  estimateSectors(view, [...lanes].reverse(), vectorWidth, profile);

function costOf(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile, sectors: number): number {
  const share = shareOfDevice(view, profile, schedule.lanes, (axis) => unitsAlong(view, schedule, axis));
  const { residency } = schedule;
  const traffic =
    residency === "reload" ? moreTraffic(view) : residency === "workgroup" ? WORKGROUP_MEMORY : 1;
  return (sectors * traffic) / share;
}

/** Elements that go to memory where phases read the row again, over those where it is read once. */
function moreTraffic(view: GroupView): number {
  let written = 0;
  const reads = new Map<string, { elements: number; readonly phases: Set<number> }>();
  for (const access of view.accesses) {
    const elements = elementsOf(view, access);
    if (access.write) written += elements;
    else {
      const key = readKey(access.tensor.name, access.index);
      const { phases } = reads.get(key) ?? { phases: new Set<number>() };
      for (const phase of access.phases) phases.add(phase);
      reads.set(key, { elements, phases });
    }
  }
  let [once, again] = [written, written];
  for (const { elements, phases } of reads.values()) {
    once += elements;
    again += elements * Math.min(MOST_SWEEPS, Math.max(1, phases.size));
  }
  return once === 0 ? 1 : again / once;
}
