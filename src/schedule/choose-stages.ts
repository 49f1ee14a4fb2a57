/**
 * How the lanes of a workgroup share the stages that it computes first. Their number is given by the main part. A stage of one
 * point takes all of them, so that all know its value; else neighbouring lanes read neighbouring elements, be it along the
 * points or along the row of each, and lanes that points leave over share rows.
 */
import { turnAxes, type GroupView } from "../ir/group-view.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { NO_AXIS, type LaneAxis, type StageSchedule, type Turns } from "../ir/schedule.ts";
import { fastAxisOf, ROW_LANES, workgroupsWithStages, type StageView } from "../ir/stage-view.ts";
import { fitsSubgroups } from "./subgroup-lanes.ts";

/** Terms of its largest stage that each lane of a workgroup takes at least, before lanes are added for it. */
const TERMS_PER_LANE = 4;
/** Lanes of a workgroup, those of the stages included. */
const STAGE_LANES = 256;

/** A main part of few lanes would compute its stages slowly: more lanes join for these. */
export function addStageLanes(
  view: GroupView,
  profile: DeviceProfile,
  lanes: readonly LaneAxis[],
): readonly LaneAxis[] {
  const terms = view.stages.map((s) => countPoints(view, [...s.pointAxes, ...s.rowAxes]));
  const most = Math.min(STAGE_LANES, profile.limits.maxComputeInvocationsPerWorkgroup);
  const wanted = Math.min(most, Math.max(0, ...terms) / TERMS_PER_LANE);
  const more = Math.floor(wanted / lanes.reduce((n, l) => n * l.lanes, 1));
  return more < 2 ? lanes : [{ axis: NO_AXIS, lanes: 2 ** Math.floor(Math.log2(more)) }, ...lanes];
}

const countPoints = (view: GroupView, axes: readonly string[]): number =>
  axes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);

export const chooseStages = (view: GroupView, lanes: number, profile: DeviceProfile): StageSchedule[] =>
  view.stages.map((stage) => chooseStage(view, stage, lanes, profile));

/**
 * Blocks that each workgroup takes so that there are no more workgroups than a few for each that is busy: what they repeat
 * (stages, or reductions of partial results that all points along helper axes share) is then little beside what they do.
 * Along the axis with most blocks; a number that divides them where one is near.
 */
export function chooseTurns(
  view: GroupView,
  lanes: readonly LaneAxis[],
  gridAxes: readonly string[],
  units: (axis: string) => number,
  profile: DeviceProfile,
): Turns | null {
  const along = (axis: string): number => lanes.find((l) => l.axis === axis)?.lanes ?? 1;
  const blocks = gridAxes.map((axis) => ({ axis, count: Math.ceil(units(axis) / along(axis)) }));
  const total = blocks.reduce((n, b) => n * b.count, 1);
  const free = blocks.filter((b) => turnAxes(view).includes(b.axis));
  const [most] = free.sort((a, b) => b.count - a.count);
  if (most === undefined) return null;
  const enough = workgroupsWithStages(countRepeated(view, along)) * profile.usefulWorkgroups;
  const wanted = Math.min(most.count, Math.floor(total / enough), mostTurns(view, profile));
  if (wanted < 2) return null;
  for (let away = 0; away * 4 <= wanted; away++)
    for (const count of [wanted - away, wanted + away])
      if (most.count % count === 0 && total / count >= profile.usefulWorkgroups)
        return { axis: most.axis, count };
  return { axis: most.axis, count: wanted };
}

/** Terms that each workgroup reduces again. */
function countRepeated(view: GroupView, along: (axis: string) => number): number {
  if (view.stages.length > 0)
    return view.stages.reduce(
      (sum, s) => sum + s.reductions.length * countPoints(view, [...s.pointAxes, ...s.rowAxes]),
      0,
    );
  const points = view.gridAxes.reduce((n, axis) => (view.helperAxes.includes(axis) ? n : n * along(axis)), 1);
  const reductions = view.phases.reduce((n, phase) => n + phase.reductions.length, 0);
  return reductions * points * countPoints(view, view.rowAxes);
}

/** Half of the loop turns that an invocation may make, so that the reductions have the others. */
const mostTurns = ({ stages }: GroupView, { maxLoopTurns }: DeviceProfile): number =>
  stages.length > 0 || maxLoopTurns === null ? Infinity : Math.floor(maxLoopTurns / 2);

function chooseStage(
  view: GroupView,
  stage: StageView,
  lanes: number,
  profile: DeviceProfile,
): StageSchedule {
  const [points, terms] = [countPoints(view, stage.pointAxes), countPoints(view, stage.rowAxes)];
  const own = [...stage.pointAxes, ...stage.rowAxes];
  const found = fastAxisOf([...stage.statements, ...stage.reductions], own, view.sizes);
  const fastAxis = found ?? stage.rowAxes.at(-1) ?? null;
  const isInner = fastAxis === null || stage.rowAxes.includes(fastAxis);
  const lanesPerPoint = points === 1 ? lanes : shareLanes(lanes, points, terms, found !== null && isInner);
  const ofRow = { axis: "row", lanes: lanesPerPoint };
  const ofPoints = { axis: "points", lanes: lanes / lanesPerPoint };
  const order: readonly LaneAxis[] = isInner ? [ofPoints, ofRow] : [ofRow, ofPoints];
  const used = order.filter((l) => l.lanes > 1);
  return {
    lanesPerPoint,
    fastAxis,
    reduction:
      lanesPerPoint === 1
        ? "serial"
        : fitsSubgroups(used, (axis) => axis === "row", profile)
          ? "subgroup"
          : "tree",
  };
}

/**
 * Lanes for each point: all points at once, as long as every lane has terms; as many as read whole sectors where rows are
 * contiguous, whatever turns that takes; 1 where there are many points.
 */
function shareLanes(lanes: number, points: number, terms: number, isInner: boolean): number {
  const together = Math.floor(lanes / points);
  const most = Math.min(isInner ? Math.max(together, ROW_LANES) : together, terms);
  for (let share = most; share > 1; share--) if (lanes % share === 0) return share;
  return 1;
}
