/**
 * Whether a schedule is one that lowering may be given, decided in one place: the space of schedules holds no other, and
 * what comes from outside (a tuning record, a hand) is asked before it is obeyed.
 *
 * Invariants:
 * - the axes of the grid, of the row and of the walk are the group's, each once; lanes stand on the first two only
 * - lanes along an axis are no more than its accesses (along the row: than the next power of two), and together no more than
 *   a workgroup may have
 * - vectors run along one axis that every access has whole and aligned, or steps over along the row, or not at all; never
 *   along a walked axis
 * - lanes that share a row combine what they found, by exchanges where they fill a subgroup's part, else through
 *   workgroup memory; one lane has nothing to combine
 * - an invocation does the work of several lanes only where these share nothing, and the same number in each
 * - helper axes are grid axes that the work of reducing may be shared along, and then the row has no lanes of its own
 * - a tile is for groups without rows. In workgroup memory: lanes along its axis and, fastest, along one other; scalars; memory
 *   enough. In registers: as many points along its axis as a vector has elements, whole vectors either way
 * - stages have lanes that divide the workgroup, each as the group has them; nothing goes along pinned axes but workgroups
 * - what a lane keeps in registers is bounded, and so is the text of the loops that are unrolled for it; rows wait somewhere
 *   only where a phase needs what another has read or computed
 * - rows, what stages leave and what reductions need fit the workgroup memory together
 * - the device runs the loops of an invocation to their end
 */
import { turnAxes, type GroupView } from "../ir/group-view.ts";
import { readKey } from "../ir/index-expr.ts";
import { mostLanes } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { lanesAlong, NO_AXIS, workgroupSizeOf, type KernelSchedule, type Tile } from "../ir/schedule.ts";
import { chooseWidth, widthAcross } from "./vector-width.ts";
import { countRegisters, mostKept } from "./choose-residency.ts";
import { registerBlock } from "./register-blocks.ts";
import { stepsPerLane, unitsAlong } from "./row-steps.ts";
import { countScheduleTurns } from "./schedule-turns.ts";
import { fitsSubgroups } from "./subgroup-lanes.ts";
import { countWorkgroupMemory } from "./workgroup-memory.ts";

/** Steps of a turn: these are written out one after the other. */
const MOST_UNROLLED = 128;

/** What is wrong with the schedule, in words; empty where nothing is. `view` is the group's under the schedule's pairing. */
export function verifySchedule(
  view: GroupView,
  schedule: KernelSchedule,
  profile: DeviceProfile,
): readonly string[] {
  const problems = [...verifyAxes(view, schedule), ...verifyLanes(view, schedule, profile)];
  // What follows counts with axes and lanes.
  if (problems.length > 0) return problems;
  problems.push(...verifyVectors(view, schedule));
  if (problems.length > 0) return problems;
  return [
    ...verifyHelpers(view, schedule),
    ...verifyReduction(schedule, profile),
    ...verifyCoarsening(schedule),
    ...verifyUnroll(schedule),
    ...verifyResidency(view, schedule, profile),
    ...verifyWorkgroupMemory(view, schedule, profile),
    ...verifyTile(view, schedule, profile),
    ...verifyStages(view, schedule),
    ...verifyTurns(view, schedule, profile),
    ...(schedule.pairing === "one-walk" && view.pairs.length === 0
      ? ["no two reductions of the group can share a walk"]
      : []),
  ];
}

const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && new Set(a).size === a.length && a.every((name) => b.includes(name));

function verifyAxes(view: GroupView, schedule: KernelSchedule): string[] {
  const lists = [
    ["gridAxes", schedule.gridAxes, view.gridAxes],
    ["rowAxes", schedule.rowAxes, view.rowAxes],
    ["walkAxes", schedule.walkAxes, view.walkAxes],
  ] as const;
  return lists.flatMap(([field, given, own]) =>
    isSameSet(given, own) ? [] : [`${field} are [${given.join(",")}], those of the group [${own.join(",")}]`],
  );
}

/** A few lanes along the row may be idle, where a power of two is better than the number of its units. */
const mostLanesAlong = (view: GroupView, schedule: KernelSchedule, axis: string): number => {
  const units = unitsAlong(view, schedule, axis);
  return view.rowAxes.includes(axis) && Number.isInteger(units) ? 2 ** Math.ceil(Math.log2(units)) : units;
};

function verifyLanes(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): string[] {
  const problems: string[] = [];
  const { lanes } = schedule;
  if (new Set(lanes.map((l) => l.axis)).size !== lanes.length) problems.push("an axis has lanes twice");
  for (const { axis, lanes: count } of lanes) {
    if (axis === NO_AXIS && view.stages.length > 0) continue;
    if (!view.gridAxes.includes(axis) && !view.rowAxes.includes(axis))
      problems.push(`there are lanes along ${axis}, which is no axis of the grid or the row`);
    else if (!Number.isInteger(count) || count < 1 || count > mostLanesAlong(view, schedule, axis))
      problems.push(
        `${axis} has ${String(count)} lanes for ${String(unitsAlong(view, schedule, axis))} units`,
      );
  }
  const size = lanes.reduce((n, l) => n * l.lanes, 1);
  const most = mostLanes(profile);
  if (size > most)
    problems.push(`a workgroup has ${String(size)} invocations, the device allows ${String(most)}`);
  return problems;
}

function verifyVectors(view: GroupView, { vectorAxis, vectorWidth, tile }: KernelSchedule): string[] {
  if (![1, 2, 4].includes(vectorWidth)) return [`vectors have ${String(vectorWidth)} elements`];
  if (vectorAxis === null) return vectorWidth === 1 ? [] : ["vectors have no axis"];
  if (vectorWidth === 1) return ["an axis is named for vectors of one element"];
  if (tile?.memory === "registers") return []; // verifyBlock asks more
  if (!view.gridAxes.includes(vectorAxis) && !view.rowAxes.includes(vectorAxis))
    return [`vectors run along ${vectorAxis}, which is no axis of the grid or the row`];
  return Math.max(chooseWidth(view, vectorAxis), widthAcross(view, vectorAxis)) >= vectorWidth
    ? []
    : [`accesses along ${vectorAxis} are not all vectors of ${String(vectorWidth)}`];
}

/** Lanes that find a part of a row each. */
const sharingAxes = (schedule: KernelSchedule): readonly string[] => [
  ...schedule.rowAxes,
  ...schedule.helperAxes,
];

function verifyHelpers(view: GroupView, schedule: KernelSchedule): string[] {
  const { helperAxes, rowAxes } = schedule;
  if (helperAxes.length === 0) return [];
  const strange = helperAxes.filter((axis) => !view.helperAxes.includes(axis));
  if (strange.length > 0 || new Set(helperAxes).size !== helperAxes.length)
    return [`lanes along [${helperAxes.join(",")}] cannot help each other`];
  const problems: string[] = [];
  if (helperAxes.some((axis) => lanesAlong(schedule, axis) === 1))
    problems.push("a helper axis has no lanes");
  if (rowAxes.some((axis) => lanesAlong(schedule, axis) > 1))
    problems.push("the row has lanes beside those that help");
  return problems;
}

function verifyReduction(schedule: KernelSchedule, profile: DeviceProfile): string[] {
  const { lanes, reduction } = schedule;
  const sharing = sharingAxes(schedule);
  const isShared = (axis: string): boolean => sharing.includes(axis);
  const hasShared = lanes.some((l) => l.lanes > 1 && isShared(l.axis));
  if (!hasShared)
    return reduction === "serial" ? [] : [`one lane has a row, there is no ${reduction} reduction`];
  if (reduction === "serial") return ["lanes share a row, but nothing combines what they find"];
  if (reduction === "subgroup")
    return fitsSubgroups(lanes, isShared, profile)
      ? []
      : ["the lanes of a row do not fill parts of subgroups"];
  return [];
}

function verifyCoarsening({
  lanes,
  coarsening,
  reduction,
  tile,
  stages,
  residency,
}: KernelSchedule): string[] {
  if (coarsening === 1) return [];
  const size = workgroupSizeOf({ lanes });
  if (!Number.isInteger(coarsening) || coarsening < 1 || size % coarsening !== 0)
    return [`${String(size)} lanes cannot be dealt out ${String(coarsening)} to an invocation`];
  const isAlone = reduction === "serial" && tile === null && stages.length === 0 && residency !== "workgroup";
  return isAlone ? [] : ["an invocation does the work of several lanes only where lanes share nothing"];
}

function verifyUnroll({ unroll, rowAxes }: KernelSchedule): string[] {
  if (unroll === 1) return [];
  if (!Number.isInteger(unroll) || unroll < 1 || unroll > MOST_UNROLLED)
    return [`a turn cannot take ${String(unroll)} steps`];
  return rowAxes.length > 0 ? [] : ["turns take several steps only where there are rows to walk"];
}

function verifyResidency(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): string[] {
  const { residency } = schedule;
  if (residency !== "reload" && view.rowArrays.length === 0) return ["no phase needs what another has read"];
  const kept = countRegisters(view, schedule);
  const registers = residency === "registers" ? kept.registers : kept.carried;
  if (registers === 0) return [];
  const steps = stepsPerLane(view, schedule);
  const most = mostKept(view, schedule, profile);
  return registers > most.registers || steps > most.steps
    ? [`a lane keeps ${String(registers)} registers in ${String(steps)} steps`]
    : [];
}

function verifyWorkgroupMemory(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): string[] {
  const { rows, stages, leastScratch } = countWorkgroupMemory(view, schedule, profile);
  const free = profile.limits.maxComputeWorkgroupStorageSize;
  if (rows + stages + leastScratch <= free) return [];
  const parts = [
    ...(rows > 0 ? [`rows take ${String(rows)}`] : []),
    ...(stages > 0 ? [`stages take ${String(stages)}`] : []),
    ...(leastScratch > 0 ? [`partial results take ${String(leastScratch)}`] : []),
  ];
  return [`${parts.join(", ")} bytes of workgroup memory, the device has ${String(free)}`];
}

function verifyTile(view: GroupView, schedule: KernelSchedule, { limits }: DeviceProfile): string[] {
  const { tile, lanes, vectorWidth } = schedule;
  if (tile === null) return [];
  if (view.rowAxes.length > 0 || view.walkAxes.length > 0) return ["a group with rows has no tile"];
  if (tile.memory === "registers") return verifyBlock(view, schedule, tile);
  const fast = lanes[lanes.length - 1];
  const across = lanes.find((l) => l.axis === tile.axis);
  if (
    fast === undefined ||
    across === undefined ||
    fast === across ||
    lanes.length !== 2 ||
    vectorWidth !== 1
  )
    return [`a tile along ${tile.axis} needs lanes there and along one faster axis, and scalars`];
  if (!Number.isInteger(tile.steps) || tile.steps < 1 || fast.lanes % tile.steps !== 0)
    return [`${String(tile.steps)} steps of a tile do not divide ${String(fast.lanes)} lanes`];
  const known = new Set(view.accesses.map((a) => readKey(a.tensor.name, a.index)));
  if (tile.through.length === 0 || !tile.through.every((key) => known.has(key)))
    return ["what goes through the tile is no access of the group"];
  const bytes = 4 * fast.lanes * (across.lanes * tile.steps + 1) * tile.through.length;
  const free = limits.maxComputeWorkgroupStorageSize;
  return bytes <= free
    ? []
    : [`tiles take ${String(bytes)} bytes of workgroup memory, the device has ${String(free)}`];
}

function verifyBlock(view: GroupView, schedule: KernelSchedule, tile: Tile): string[] {
  const { vectorAxis, vectorWidth } = schedule;
  if (vectorAxis === null || vectorWidth === 1 || tile.steps !== vectorWidth)
    return [`a block in registers has ${String(tile.steps)} points for vectors of ${String(vectorWidth)}`];
  const legal = registerBlock(view, vectorAxis, tile.axis, vectorWidth);
  if (legal === undefined || !isSameSet(legal.tile.through, tile.through))
    return [`the group has no block of vectors along ${vectorAxis} and ${tile.axis}`];
  return lanesAlong(schedule, tile.axis) * tile.steps <= (view.sizes.get(tile.axis) ?? 1)
    ? []
    : [`${tile.axis} has more lanes than blocks`];
}

function verifyStages(view: GroupView, { lanes, stages, turns, tile, vectorAxis }: KernelSchedule): string[] {
  if (stages.length !== view.stages.length)
    return [`${String(stages.length)} stages, the group has ${String(view.stages.length)}`];
  if (turns !== null) {
    const isFree = turnAxes(view).includes(turns.axis);
    if (!isFree || !Number.isInteger(turns.count) || turns.count < 1)
      return [`no workgroup takes ${String(turns.count)} turns along ${turns.axis}`];
    if (tile !== null) return ["a tile is taken in one turn"];
  }
  if (stages.length === 0) return [];
  const size = lanes.reduce((n, l) => n * l.lanes, 1);
  const count = (axes: readonly string[]): number =>
    axes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  const problems: string[] = [];
  stages.forEach(({ lanesPerPoint, reduction }, i) => {
    const points = count(view.stages[i]?.pointAxes ?? []);
    if (!Number.isInteger(lanesPerPoint) || lanesPerPoint < 1 || size % lanesPerPoint !== 0)
      problems.push(`${String(lanesPerPoint)} lanes of a stage do not divide ${String(size)}`);
    if (points === 1 && lanesPerPoint !== size) problems.push("a stage of one point takes all lanes");
    if ((lanesPerPoint === 1) !== (reduction === "serial"))
      problems.push(`${String(lanesPerPoint)} lanes of a stage with a ${reduction} reduction`);
  });
  const pinned = lanes.find((l) => l.lanes > 1 && view.pinnedAxes.includes(l.axis))?.axis;
  if (pinned !== undefined) problems.push(`there are lanes along the pinned axis ${pinned}`);
  if (vectorAxis !== null && view.pinnedAxes.includes(vectorAxis))
    problems.push(`vectors run along the pinned axis ${vectorAxis}`);
  if (tile !== null) problems.push("a group with stages has no tile");
  return problems;
}

function verifyTurns(view: GroupView, schedule: KernelSchedule, { maxLoopTurns }: DeviceProfile): string[] {
  if (maxLoopTurns === null) return [];
  const turns = countScheduleTurns(view, schedule);
  return turns <= maxLoopTurns
    ? []
    : [
        `an invocation takes ${String(turns)} turns of loops, the device ends them after ${String(maxLoopTurns)}`,
      ];
}
