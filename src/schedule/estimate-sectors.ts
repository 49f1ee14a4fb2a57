/**
 * Sectors of 32 bytes that the lanes of a subgroup touch in one access, over those that their elements fill: what
 * `analyzeKernel` finds in the finished kernel, foreseen from how lanes are dealt. Runs of neighbouring lanes that a subgroup's end
 * cuts, and runs that start anywhere in a sector, cost what they cost there.
 */
import { axisTerms } from "../ir/index-expr.ts";
import type { Access, GroupView } from "../ir/group-view.ts";
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
  let [bytes, touched] = [0, 0];
  for (const access of view.accesses) {
    const own = bytesOf(view, access);
    bytes += own;
    touched += own * sectorsOf(access, view, lanes, width, profile);
  }
  return bytes === 0 ? 1 : touched / bytes;
}

function sectorsOf(
  access: Access,
  view: GroupView,
  lanes: readonly LaneAxis[],
  width: number,
  profile: DeviceProfile,
): number {
  const terms = new Map(axisTerms(access.index).map((t) => [t.axis, t.coefficient]));
  const size = lanes.reduce((n, l) => n * l.lanes, 1);
  const together = profile.subgroups?.[1] ?? DEFAULT_SUBGROUP;
  const sector = sectorOf(access);
  const starts = startsOf(terms, view, lanes, width, sector);
  let [least, touched] = [0, 0];
  for (let first = 0; first < size; first += together) {
    const places = new Set<number>();
    for (let lane = first; lane < Math.min(size, first + together); lane++) {
      if (isIdle(lane, view, lanes, width)) continue;
      const [place, step] = placeOf(lane, lanes, terms, width);
      for (let c = 0; c < width; c++) places.add(place + c * step);
    }
    for (const start of starts) {
      const sectors = new Set([...places].map((place) => Math.floor((place + start) / sector)));
      touched += sectors.size;
      least += Math.ceil(places.size / sector);
    }
  }
  return touched / least;
}

/** Whether a lane has nothing to do: an axis has fewer accesses than lanes. */
function isIdle(lane: number, view: GroupView, lanes: readonly LaneAxis[], width: number): boolean {
  let rest = lane;
  for (const [i, { axis, lanes: count }] of lanes.entries()) {
    if ((rest % count) * (i === 0 ? width : 1) >= (view.sizes.get(axis) ?? count)) return true;
    rest = Math.floor(rest / count);
  }
  return false;
}

/** First element of a lane's access, and the distance to its next one. */
function placeOf(
  lane: number,
  lanes: readonly LaneAxis[],
  terms: ReadonlyMap<string, number>,
  width: number,
): readonly [number, number] {
  let [rest, place] = [lane, 0];
  for (const [i, { axis, lanes: count }] of lanes.entries()) {
    place += (rest % count) * (terms.get(axis) ?? 0) * (i === 0 ? width : 1);
    rest = Math.floor(rest / count);
  }
  return [place, terms.get(lanes[0]?.axis ?? "") ?? 0];
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
