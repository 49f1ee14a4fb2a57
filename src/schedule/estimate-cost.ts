/**
 * A rough price of a schedule, to rank candidates before any is timed. It knows what schedules differ in (idle lanes,
 * gaps between what neighbours read, sweeps, barriers, workgroups) and nothing of what they share, so its figures compare
 * schedules of one group on one device and mean nothing else.
 */
import { coefficientOf, readKey } from "../ir/index-expr.ts";
import type { GroupView } from "../ir/group-view.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { elementsPerSector } from "../ir/sectors.ts";
import { pointsAlong, type KernelSchedule, type LaneAxis } from "../ir/schedule.ts";
import { bytesOf, sectorOf } from "./access-size.ts";
import { stepsPerLane, unitsAlong } from "./row-steps.ts";
import { blockLanes, subgroupLanes } from "../ir/subgroup-blocks.ts";

/** Invocations of a workgroup that `usefulWorkgroups` counts. */
const FULL_WORKGROUP = 256;
/** What starting a workgroup costs, in microseconds of the core that runs it. */
const WORKGROUP_US = 0.05;
const WORKGROUP_US_SOFTWARE = 2;
/** One access, of whatever width, of one vector of lanes on a CPU. */
const ACCESS_US_SOFTWARE = 0.002;
/** Several lanes' values at a time take registers; what that is good for (ir/far-walks.ts) is not known here. */
const CROWDED = 1.02;
/** A row that is read again comes from a cache as long as it fits: this share of a read from memory. */
const CACHED_SWEEP = 0.3;
/** A row in workgroup memory: nothing but loads and stores that no other lane gets in the way of. */
const WORKGROUP_SWEEP = 0.05;

/** Microseconds, roughly. */
export function estimateCost(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): number {
  const size = schedule.lanes.reduce((n, l) => n * l.lanes, 1);
  const workgroups = schedule.gridAxes.reduce(
    (n, axis) => n * Math.ceil(unitsAlong(view, schedule, axis) / pointsAlong(schedule, axis)),
    1,
  );
  const walked = view.walkAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  const sweeps = countSweeps(view, schedule, profile);
  const steps = Math.max(1, stepsPerLane(view, schedule)) * walked;
  const barriers = countCombinations(view, schedule) * walked * workgroups * barrierUs(schedule, profile);
  const accesses = steps * sweeps * size * workgroups * (schedule.tile?.steps ?? 1);
  if (profile.software) {
    // A vector of lanes costs the same however many of them work.
    const subgroup = subgroupLanes(profile, size) * schedule.coarsening;
    const vectors = (Math.ceil(size / subgroup) * schedule.coarsening) / size;
    const crowded = schedule.coarsening === 1 ? 1 : CROWDED;
    const gathered = schedule.tile === null && wasteOf(view, schedule, profile) > 1 ? 1.5 : 1;
    // A wider access is a few more instructions, not a longer wait.
    const each = ACCESS_US_SOFTWARE * (0.5 + 0.5 * schedule.vectorWidth) * gathered * crowded;
    const cores = Math.min(profile.usefulWorkgroups, workgroups);
    return (accesses * vectors * each + workgroups * WORKGROUP_US_SOFTWARE + barriers) / cores;
  }
  const bytes = accesses * schedule.vectorWidth * 4;
  const invocations = (size * workgroups) / schedule.coarsening;
  const full = Math.min(1, invocations / (profile.usefulWorkgroups * FULL_WORKGROUP));
  const few = schedule.vectorWidth === 4 ? 1 : schedule.vectorWidth === 2 ? 1.05 : 1.15;
  const memory = ((bytes * wasteOf(view, schedule, profile)) / (profile.copyGBps * 1e3)) * few;
  const shared = Math.min(workgroups, 4 * profile.usefulWorkgroups);
  return memory / full + (barriers + workgroups * WORKGROUP_US) / shared;
}

/** Walks over the row that go to memory, and what other walks cost beside them. */
function countSweeps(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): number {
  const phases = Math.max(1, view.phases.length);
  if (schedule.residency === "registers" || phases === 1) return 1;
  // On a CPU workgroup memory is memory, written to be read again.
  if (schedule.residency === "workgroup")
    return profile.software ? phases + 1 : 1 + (phases - 1) * WORKGROUP_SWEEP;
  const row = view.rowAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 4);
  return row <= profile.onChipBytes && !profile.software ? 1 + (phases - 1) * CACHED_SWEEP : phases;
}

/** Times that the lanes of a row put their results together. */
const countCombinations = (view: GroupView, { reduction }: KernelSchedule): number =>
  reduction === "serial" ? 0 : view.phases.filter((phase) => phase.reductions.length > 0).length;

function barrierUs(schedule: KernelSchedule, profile: DeviceProfile): number {
  const sharing = schedule.lanes.filter(
    ({ axis }) => schedule.rowAxes.includes(axis) || schedule.helperAxes.includes(axis),
  );
  const count = (list: readonly LaneAxis[]): number => list.reduce((n, l) => n * l.lanes, 1);
  const lanes = count(sharing);
  if (schedule.reduction === "subgroup")
    return blockLanes(lanes, count(schedule.lanes), profile) === lanes
      ? profile.barrierUs / 100
      : profile.barrierUs;
  return 2 * profile.barrierUs;
}

/** Sectors that neighbouring lanes touch over those that their elements fill, of all accesses together. */
function wasteOf(view: GroupView, schedule: KernelSchedule, { software }: DeviceProfile): number {
  const fastest = schedule.lanes[schedule.lanes.length - 1];
  if (fastest === undefined) return 1;
  const width = fastest.axis === schedule.vectorAxis ? schedule.vectorWidth : 1;
  let [bytes, touched] = [0, 0];
  for (const access of view.accesses) {
    const own = bytesOf(view, access);
    const sector = software ? elementsPerSector("f32") : sectorOf(access); // CPUs ask for gaps alone
    const run = Math.min(sector, width * fastest.lanes);
    const step = coefficientOf(access.index, fastest.axis);
    const { tile } = schedule;
    const isTiled =
      tile?.memory === "workgroup" && tile.through.includes(readKey(access.tensor.name, access.index));
    const isWhole = step === 0 || isTiled;
    bytes += own;
    touched += own * (isWhole ? 1 : step === 1 ? sector / run : sector / schedule.vectorWidth);
  }
  return bytes === 0 ? 1 : touched / bytes;
}
