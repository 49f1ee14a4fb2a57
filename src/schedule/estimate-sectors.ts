/**
 * Sectors of 32 bytes that the lanes of a subgroup touch in one access, over those that their elements fill: what
 * `analyzeKernel` finds in the finished kernel, foreseen from how lanes are dealt. Runs of neighbouring lanes that a subgroup's end
 * cuts, and runs that start anywhere in a sector, cost what they cost there.
 */
import { axisTerms } from "../ir/index-expr.ts";
import type { GroupView } from "../ir/group-view.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { LaneAxis } from "../ir/schedule.ts";
import { bytesOf, sectorOf } from "./access-size.ts";

/** Lanes that access memory together where the device does not say. */
const DEFAULT_SUBGROUP = 32;

/** `lanes` fastest first, where a lane takes `width` elements along the fastest axis; weighted by bytes. */
export function estimateSectors(
  view: GroupView,
  lanes: readonly LaneAxis[],
  width: number,
  profile: DeviceProfile,
): number {
  const subgroups = placeLanes(view, lanes, width, profile.subgroups?.[1] ?? DEFAULT_SUBGROUP);
  const known = new Map<string, number>();
  let [bytes, touched] = [0, 0];
  for (const access of view.accesses) {
    const own = bytesOf(view, access);
    const sector = sectorOf(access);
    const terms = new Map(axisTerms(access.index).map((t) => [t.axis, t.coefficient]));
    const steps = lanes.map((l) => terms.get(l.axis) ?? 0);
    const starts = startsOf(terms, view, lanes, width, sector);
    const key = [sector, starts.length, ...steps].join(" ");
    const sectors = known.get(key) ?? sectorsOf(subgroups, steps, width, sector, starts);
    known.set(key, sectors);
    bytes += own;
    touched += own * sectors;
  }
  return bytes === 0 ? 1 : touched / bytes;
}

/** For each subgroup, its lanes that have something to do: how many accesses each stands along every axis. */
function placeLanes(
  view: GroupView,
  lanes: readonly LaneAxis[],
  width: number,
  together: number,
): readonly (readonly (readonly number[])[])[] {
  const size = lanes.reduce((n, l) => n * l.lanes, 1);
  const subgroups: (readonly number[])[][] = [];
  for (let first = 0; first < size; first += together) {
    const busy: (readonly number[])[] = [];
    for (let lane = first; lane < Math.min(size, first + together); lane++) {
      let rest = lane;
      const along = lanes.map(({ lanes: count }) => {
        const at = rest % count;
        rest = Math.floor(rest / count);
        return at;
      });
      const isIdle = lanes.some(
        ({ axis, lanes: count }, i) =>
          (along[i] ?? 0) * (i === 0 ? width : 1) >= (view.sizes.get(axis) ?? count),
      );
      if (!isIdle) busy.push(along);
    }
    subgroups.push(busy);
  }
  return subgroups;
}

/** `steps`: elements from one lane's position to the next along each axis. */
function sectorsOf(
  subgroups: readonly (readonly (readonly number[])[])[],
  steps: readonly number[],
  width: number,
  sector: number,
  starts: readonly number[],
): number {
  const [step = 0] = steps;
  let [least, touched] = [0, 0];
  for (const busy of subgroups) {
    const places = new Set<number>();
    for (const along of busy) {
      let place = 0;
      along.forEach((at, i) => (place += at * (steps[i] ?? 0) * (i === 0 ? width : 1)));
      for (let c = 0; c < width; c++) places.add(place + c * step);
    }
    for (const start of starts) {
      const sectors = new Set<number>();
      for (const place of places) sectors.add(Math.floor((place + start) / sector));
      touched += sectors.size;
      least += Math.ceil(places.size / sector);
    }
  }
  return touched / least;
}

/**
 * Where in a sector the accesses of workgroups and of steps start: at multiples of what all their terms have in common. Along
 * an axis that the lanes take whole there is one start.
 */
function startsOf(
  terms: ReadonlyMap<string, number>,
  view: GroupView,
  lanes: readonly LaneAxis[],
  width: number,
  sector: number,
): number[] {
  let common = sector;
  for (const [axis, coefficient] of terms) {
    const i = lanes.findIndex((l) => l.axis === axis);
    const taken = (lanes[i]?.lanes ?? 1) * (i === 0 ? width : 1);
    if (taken >= (view.sizes.get(axis) ?? 1)) continue;
    const step = coefficient * taken;
    while (step % common !== 0) common /= 2;
  }
  return Array.from({ length: sector / common }, (_, i) => i * common);
}
