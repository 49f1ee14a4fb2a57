/**
 * The space of schedules of a group: every legal combination of lanes along the row, grid points per workgroup, vector
 * width, residency, pairing, reduction and order of lanes, as data. What to time is a choice of it: the default first,
 * then those that promise most.
 *
 * Ensures: every schedule is legal (verify-schedule.ts), no two are equal, and the same group and profile give the same
 *          list in the same order.
 */
import type { GroupView, ViewOptions } from "../ir/group-view.ts";
import type { Width } from "../ir/kernel.ts";
import { mostLanes } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { RESIDENCIES, type KernelSchedule, type LaneAxis } from "../ir/schedule.ts";
import { chooseSchedule } from "./choose-schedule.ts";
import { addStageLanes, chooseStages, chooseTurns } from "./choose-stages.ts";
import { fitLanes } from "./deal-software.ts";
import { estimateCost } from "./estimate-cost.ts";
import { orderAxes, type MemoryOrder } from "./order-axes.ts";
import { chooseWidth } from "./vector-width.ts";
import { BLOCK_WIDTHS, registerBlock } from "./register-blocks.ts";
import { COARSENINGS, UNROLLS } from "./choose-far-walk.ts";
import { verifySchedule } from "./verify-schedule.ts";

type ViewGroup = (options: ViewOptions) => GroupView;

/** Candidates of a kernel at most, the default included. */
export const MOST_CANDIDATES = 24;
/** Of those with the same lanes, and of those with as many lanes per row, at most so many: the list shows the whole space. */
const MOST_ALIKE = 3;
const MOST_PER_ROW_LANES = 8;
/** Of those with blocks in registers of one size. */
const MOST_ALIKE_BLOCKS = 8;
/** Of those whose invocations do the work of several lanes. */
const MOST_COARSENED = 6;
/** Lanes across the vectors, where each lane has a block in registers. */
const BLOCK_LANES_ACROSS = [1, 2, 8];

/** What to time: the default, then at most 23 more by their estimated cost. */
export function chooseCandidates(viewWith: ViewGroup, profile: DeviceProfile): readonly KernelSchedule[] {
  const views = viewsOf(viewWith);
  const [standard, ...rest] = enumerateSchedules(viewWith, profile);
  if (standard === undefined) return [];
  const ranked = rest
    .map((schedule, position) => {
      const view = views[schedule.pairing];
      return { schedule, position, cost: estimateCost(view, schedule, profile) };
    })
    .sort((a, b) => a.cost - b.cost || a.position - b.position);
  const counts = new Map<string, number>();
  const chosen = [standard];
  for (const { schedule } of ranked) {
    if (chosen.length === MOST_CANDIDATES) break;
    const shared = schedule.lanes.filter(({ axis }) => schedule.rowAxes.includes(axis));
    const kinds = new Map([[`all ${printLanes(schedule.lanes)}`, MOST_ALIKE]]);
    if (schedule.coarsening > 1) kinds.set("coarsened", MOST_COARSENED);
    if (schedule.tile !== null) kinds.set(`block ${String(schedule.tile.steps)}`, MOST_ALIKE_BLOCKS);
    if (schedule.rowAxes.length > 0) kinds.set(`row ${printLanes(shared)}`, MOST_PER_ROW_LANES);
    if ([...kinds].some(([kind, most]) => (counts.get(kind) ?? 0) >= most)) continue;
    for (const kind of kinds.keys()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    chosen.push(schedule);
  }
  return chosen;
}

/** Every point of the space, the default first. */
export function enumerateSchedules(viewWith: ViewGroup, profile: DeviceProfile): readonly KernelSchedule[] {
  const views = viewsOf(viewWith);
  const found = new Map<string, KernelSchedule>();
  const add = (schedule: KernelSchedule): void => {
    const key = keyOf(schedule);
    if (!found.has(key) && verifySchedule(views[schedule.pairing], schedule, profile).length === 0)
      found.set(key, schedule);
  };
  const standard = chooseSchedule(viewWith, profile);
  found.set(keyOf(standard), standard);
  for (const pairing of ["two-walks", "one-walk"] as const) {
    if (pairing === "one-walk" && views[pairing].pairs.length === 0) continue;
    const shape = { ...standard, pairing };
    for (const unroll of standard.unroll > 1 ? UNROLLS : [1])
      for (const finished of finish(views[pairing], { ...shape, unroll })) add(finished);
    for (const dealt of dealAll(views[pairing], shape, profile))
      for (const finished of finish(views[pairing], dealt)) add(finished);
  }
  return [...found.values()];
}

const viewsOf = (viewWith: ViewGroup): Readonly<Record<KernelSchedule["pairing"], GroupView>> => ({
  "two-walks": viewWith({ pairing: "two-walks" }),
  "one-walk": viewWith({ pairing: "one-walk" }),
});

const printLanes = (lanes: readonly LaneAxis[]): string =>
  lanes.map((l) => `${l.axis}=${String(l.lanes)}`).join(" ");

/** Equal for schedules that say the same, in whatever order their fields were written. */
const keyOf = (s: KernelSchedule): string =>
  JSON.stringify([
    printLanes(s.lanes),
    [s.coarsening, s.unroll],
    [s.vectorWidth, s.vectorAxis, s.residency, s.pairing, s.reduction],
    [s.gridAxes, s.rowAxes, s.walkAxes, s.helperAxes],
    s.tile,
    [s.stages, s.turns],
  ]);

/** Whether two schedules say the same. */
export const isSameSchedule = (a: KernelSchedule, b: KernelSchedule): boolean => keyOf(a) === keyOf(b);

/** The ways to hold rows and to combine lanes; legality is left to the verifier. */
function finish(view: GroupView, schedule: KernelSchedule): readonly KernelSchedule[] {
  const isShared = (axis: string): boolean =>
    view.rowAxes.includes(axis) || schedule.helperAxes.includes(axis);
  const reductions = schedule.lanes.some(({ axis }) => isShared(axis))
    ? (["subgroup", "tree"] as const)
    : (["serial"] as const);
  const residencies: readonly KernelSchedule["residency"][] =
    view.rowArrays.length === 0 ? ["reload"] : RESIDENCIES;
  const coarsenings = reductions.length === 1 && schedule.tile === null ? COARSENINGS : [1];
  return residencies.flatMap((residency) =>
    reductions.flatMap((reduction) =>
      coarsenings.map((coarsening) => ({ ...schedule, coarsening, residency, reduction })),
    ),
  );
}

/** All arrangements of vectors, lanes and blocks in registers. */
function dealAll(view: GroupView, shape: KernelSchedule, profile: DeviceProfile): readonly KernelSchedule[] {
  const order = orderAxes(view, profile);
  const most = mostLanes(profile);
  const counts = powersUpTo(most);
  const blocks = BLOCK_WIDTHS.flatMap((width) => dealBlocks(view, shape, order, width, counts));
  const dealt = widthsOf(view, order).flatMap((vectorWidth) => {
    const vectorAxis = vectorWidth === 1 ? null : order.contiguous;
    const units = (axis: string): number =>
      (view.sizes.get(axis) ?? 1) / (axis === vectorAxis ? vectorWidth : 1);
    const along = (axes: readonly string[], wanted: number): readonly LaneAxis[] =>
      dealLanes(
        order,
        axes.filter((axis) => !view.pinnedAxes.includes(axis)),
        units,
        wanted,
      );
    const withLanes = (dealt: readonly LaneAxis[], helperAxes: readonly string[] = []): KernelSchedule => {
      // The slowest digit first, as schedules have it. Stages and turns follow from the lanes.
      const lanes = addStageLanes(view, profile, dealt.filter((l) => l.lanes > 1).reverse());
      const size = lanes.reduce((n, l) => n * l.lanes, 1);
      return {
        ...shape,
        vectorWidth,
        vectorAxis,
        lanes,
        helperAxes,
        tile: null,
        stages: chooseStages(view, size, profile),
        turns: chooseTurns(view, lanes, shape.gridAxes, units, profile),
      };
    };
    if (view.rowAxes.length === 0) return counts.map((wanted) => withLanes(along(view.gridAxes, wanted)));
    const shared = counts.flatMap((row) =>
      counts
        .filter((points) => row * points <= most)
        .flatMap((points) => {
          const lanes = { row: along(view.rowAxes, row), grid: along(view.gridAxes, points) };
          // Lanes of a row side by side, or those of neighbouring points.
          return [withLanes([...lanes.row, ...lanes.grid]), withLanes([...lanes.grid, ...lanes.row])];
        }),
    );
    const helped = counts.map((wanted) => {
      const lanes = along(view.gridAxes, wanted);
      const helpers = view.helperAxes.filter((axis) => lanes.some((l) => l.axis === axis && l.lanes > 1));
      return withLanes(lanes, helpers);
    });
    return view.helperAxes.length === 0 ? shared : [...shared, ...helped];
  });
  return [...dealt, ...blocks];
}

/** Lanes with a block in registers each, most of them along the vectors. */
function dealBlocks(
  view: GroupView,
  shape: KernelSchedule,
  { contiguous: fast }: MemoryOrder,
  width: (typeof BLOCK_WIDTHS)[number],
  counts: readonly number[],
): readonly KernelSchedule[] {
  if (fast === null) return [];
  return view.gridAxes.flatMap((axis) => {
    const block = registerBlock(view, fast, axis, width);
    if (block === undefined) return [];
    const units = (name: string): number => (view.sizes.get(name) ?? 1) / width;
    const gridAxes = [...shape.gridAxes.filter((other) => other !== axis), axis];
    return counts.flatMap((wanted) =>
      BLOCK_LANES_ACROSS.filter((across) => across <= wanted).map((across) => {
        const lanes = [
          { axis, lanes: fitLanes(units(axis), across) },
          { axis: fast, lanes: fitLanes(units(fast), wanted / across) },
        ].filter((l) => l.lanes > 1);
        const { tile, vectorWidth } = block;
        return { ...shape, lanes, vectorWidth, vectorAxis: fast, gridAxes, tile, stages: [], turns: null };
      }),
    );
  });
}

const powersUpTo = (most: number): readonly number[] =>
  Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i);

function widthsOf(view: GroupView, { contiguous }: MemoryOrder): readonly Width[] {
  if (contiguous === null || [...view.walkAxes, ...view.pinnedAxes].includes(contiguous)) return [1];
  const widest = chooseWidth(view, contiguous);
  return ([4, 2, 1] as const).filter((width) => width <= widest);
}

/** About `wanted` lanes along axes, the fastest first. */
function dealLanes(
  order: MemoryOrder,
  axes: readonly string[],
  units: (axis: string) => number,
  wanted: number,
): readonly LaneAxis[] {
  let free = wanted;
  return order.axes
    .filter((axis) => axes.includes(axis))
    .map((axis) => {
      const lanes = fitLanes(units(axis), free);
      free = Math.max(1, Math.floor(free / lanes));
      return { axis, lanes };
    });
}
