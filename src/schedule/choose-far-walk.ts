/**
 * How an invocation walks down the columns of a large matrix, on devices that run on the CPU: each load waits for a page of its
 * own there (ir/far-walks.ts). The vectors beside it are in the next lines of that page, so an invocation does the work of several
 * lanes (`coarsening`); the loads of several rows wait together (`unroll`).
 *
 * Measured on SwiftShader in one run, coarsening with and without: l2-normalise axis 0 of [8192, 1024] 0.76, softmax over axis 1 of
 * [32, 197, 768] 0.76 to 0.83, layer norm of it 1.1 (hence `MOST_STATES`), layer norm backward of [8192, 1024] 0.85; where rows are
 * near each other or small, up to twice as long. On lavapipe, whose lanes are eight to a vector, workgroups of 32 lanes four to an
 * invocation took 0.92 to 0.99 of the time for sums of columns, 0.80 to 0.93 for those of a product of two tensors, 0.78 for l2-normalise
 * axis 0 (on another processor 1.2), 0.72 for the columns of a layer norm's gradient (0.58 there).
 */
import {
  FAR_BYTES,
  MOST_IN_FLIGHT,
  MOST_ROWS,
  MOST_SPAN_BYTES,
  VECTORS_ABREAST,
  VECTORS_BESIDE_ROWS,
} from "../ir/far-walks.ts";
import type { GroupView } from "../ir/group-view.ts";
import { coefficientOf, readKey } from "../ir/index-expr.ts";
import { visitScalar, type Statement } from "../ir/index-notation.ts";
import { monoidOf } from "../ir/monoids.ts";
import { isCostly } from "../ir/op-cost.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { Phase } from "../ir/row-arrays.ts";
import { lanesSharing, type KernelSchedule } from "../ir/schedule.ts";
import { hasWideSubgroups, subgroupLanes } from "../ir/subgroup-blocks.ts";
import { farthestStep } from "./far-steps.ts";
import { unitsAlong } from "./row-steps.ts";

/**
 * Vectors of states of each lane at most: those of a sum, or of a maximum and its sum of exponentials. The five of a mean and
 * moments are as much as a CPU has registers, without any coarsening.
 */
const MOST_STATES = 3;

/** From one column to the next, where a row is made of short runs: a line of a cache has them and their neighbours. */
const MOST_STEP_BYTES = 64;

/** Numbers of lanes that are tried, and of steps. */
export const COARSENINGS = [1, 2, 4] as const;
export const UNROLLS = [1, 2, 4] as const;

/** Loads under way, and rows of a turn, at most: where lanes are eight to a vector, a load is as many as it has lanes. */
const NARROW = { loads: MOST_IN_FLIGHT, rows: MOST_ROWS };
const WIDE = { loads: 2 * MOST_IN_FLIGHT, rows: MOST_ROWS / 2 };

type FarWalk = Pick<KernelSchedule, "coarsening" | "unroll">;

export function chooseFarWalk(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): FarWalk {
  if (!profile.software) return { coarsening: 1, unroll: 1 };
  const coarsening = divideLanes(schedule, profile, countAbreast(view, schedule, profile));
  const most = hasWideSubgroups(profile) ? WIDE : NARROW;
  return { coarsening, unroll: chooseUnroll(view, schedule, coarsening, most) };
}

/** Lanes whose work an invocation should do: 1 where that gains nothing. */
function countAbreast(view: GroupView, schedule: KernelSchedule, profile: DeviceProfile): number {
  const { lanes, rowAxes, vectorAxis, vectorWidth, reduction, stages, turns } = schedule;
  const [columns, ...others] = lanes;
  if (columns === undefined || others.length > 0 || reduction !== "serial") return 1;
  if (stages.length > 0 || turns !== null || countStates(view) > MOST_STATES) return 1;
  const isVector = columns.axis === vectorAxis && vectorWidth === 4;
  const isRun = vectorAxis === null && farthestStep(view, columns.axis) <= MOST_STEP_BYTES;
  if (!isRun && !isVector) return 1;
  const farthest = Math.max(0, ...rowAxes.map((axis) => farthestStep(view, axis)));
  if (farthest < FAR_BYTES) return 1;
  const hasRows = isVector && 2 * farthest < MOST_SPAN_BYTES && !hasWideSubgroups(profile);
  return hasRows ? VECTORS_BESIDE_ROWS : VECTORS_ABREAST;
}

function divideLanes({ lanes }: KernelSchedule, profile: DeviceProfile, most: number): number {
  const [columns] = lanes;
  if (columns === undefined) return 1;
  const subgroup = subgroupLanes(profile, columns.lanes);
  for (let times = most; times > 1; times--) if (columns.lanes % (times * subgroup) === 0) return times;
  return 1;
}

/** Steps of the innermost row axis in a turn, where each has loads of so many columns. */
function chooseUnroll(
  view: GroupView,
  schedule: KernelSchedule,
  columns: number,
  most: typeof NARROW,
): number {
  const axis = schedule.rowAxes[schedule.rowAxes.length - 1];
  const walks = view.phases.filter(isPlainWalk);
  if (axis === undefined || walks.length === 0 || holdsRows(view, schedule)) return 1;
  const lanes = lanesSharing(schedule, axis);
  const bytes = farthestStep(view, axis) * lanes;
  if (bytes < FAR_BYTES) return 1;
  const loads = Math.max(1, ...walks.map((phase) => countLoads(view, view.phases.indexOf(phase), axis)));
  const trips = Math.floor(unitsAlong(view, schedule, axis) / lanes);
  const fits = (steps: number): boolean =>
    steps <= most.rows &&
    steps * loads * columns <= most.loads &&
    steps * bytes < MOST_SPAN_BYTES &&
    trips >= 2 * steps;
  let steps = 1;
  while (fits(2 * steps)) steps *= 2;
  return steps;
}

/** Rows in registers have their loops unrolled whole, and so have sums that are carried along a walk. */
const holdsRows = (view: GroupView, { residency }: KernelSchedule): boolean =>
  (residency === "registers" && view.rowArrays.length > 0) || view.phases.some((p) => p.carried.length > 0);

/** Walks that only reduce, by ops of few instructions: what they wait for is their loads. */
const isPlainWalk = (phase: Phase): boolean =>
  phase.reductions.length > 0 &&
  phase.stores.length === 0 &&
  [...phase.statements, ...phase.reductions].every(isCheap);

function isCheap({ value, reduce }: Statement): boolean {
  let isFound = reduce?.fn === "exp_sum";
  visitScalar(value, (e) => (isFound ||= e.kind === "map" && isCostly(e.fn)));
  return !isFound;
}

const countLoads = (view: GroupView, phase: number, axis: string): number =>
  new Set(
    view.accesses
      .filter(
        ({ phases, write, index }) => !write && phases.includes(phase) && coefficientOf(index, axis) !== 0,
      )
      .map(({ tensor, index }) => readKey(tensor.name, index)),
  ).size;

/** Components of the states that a walk over the row keeps. */
const countStates = (view: GroupView): number =>
  Math.max(
    0,
    ...view.phases.map(({ reductions }) =>
      reductions.reduce(
        (n, { reduce }) => n + (reduce === undefined ? 0 : monoidOf(reduce.fn).start.length),
        0,
      ),
    ),
  );
