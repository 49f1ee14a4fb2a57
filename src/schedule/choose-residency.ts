/** Where what waits between the phases of a row has room, under lanes that are dealt already. */
import type { GroupView } from "../ir/group-view.ts";
import { coefficientOf, type IndexExpr } from "../ir/index-expr.ts";
import { registersPerLane, workgroupBytes } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { wordsPerStep } from "../ir/row-arrays.ts";
import { workgroupSizeOf, type KernelSchedule } from "../ir/schedule.ts";
import { hasWideSubgroups, WIDE_SUBGROUP } from "../ir/subgroup-blocks.ts";
import { bytesTouched } from "./access-size.ts";
import { stepsPerLane } from "./row-steps.ts";
import { countWorkgroupMemory } from "./workgroup-memory.ts";

/** What a lane may keep of its row in kernels whose tensors take so long to copy. */
interface Keeping {
  readonly us: number;
  readonly registers: number;
}

/** CPUs have 16 vector registers, and caches that make reading again cheap. */
const SHORT_KERNEL: Keeping = { us: 0, registers: 16 };
const LONG_KERNEL: Keeping = { us: 10_000, registers: 32 };
/** The same where lanes are eight to a vector, and texts take a quarter as long to compile (lavapipe). */
const LONG_WIDE_KERNEL: Keeping = { us: 2000, registers: 256 };
/** There, where a lane has a row for itself. */
const LANE_EACH: Keeping = { us: 10_000, registers: 1024 };

/**
 * f32 registers of one lane that cached rows or carried sums may take, in so many steps: hardware has 255, CPUs have a stack. Lanes that
 * share a row shuffle as well: with more than that, llvmpipe compiles for seconds.
 */
export function mostKept(
  view: GroupView,
  { lanes }: KernelSchedule,
  profile: DeviceProfile,
): { readonly registers: number; readonly steps: number } {
  if (!isWideOnCpu(profile)) return { registers: 256, steps: 128 };
  return {
    registers: sharesRows(view, lanes) ? LONG_WIDE_KERNEL.registers : LANE_EACH.registers,
    steps: 256,
  };
}

const sharesRows = (view: GroupView, lanes: KernelSchedule["lanes"]): boolean =>
  lanes.some((l) => l.lanes > 1 && view.rowAxes.includes(l.axis));

/** Rows that have a lane each: so many for each core. */
const ROWS_PER_CORE = 4 * WIDE_SUBGROUP;

const isWideOnCpu = (profile: DeviceProfile): boolean => profile.software && hasWideSubgroups(profile);

/** Registers first, then workgroup memory; rows that fit neither are read again. */
export function chooseResidency(
  view: GroupView,
  schedule: KernelSchedule,
  profile: DeviceProfile,
): KernelSchedule["residency"] {
  if (view.rowArrays.length === 0) return "reload";
  if (profile.software) return chooseOnCpu(view, schedule, profile);
  const kept = countRegisters(view, schedule);
  const most = registersPerLane(profile, workgroupSizeOf(schedule));
  if (kept.registers <= most) return "registers";
  const memory = countWorkgroupMemory(view, { ...schedule, residency: "workgroup" }, profile);
  const fits = memory.rows <= workgroupBytes(profile, memory.stages + memory.scratch);
  return fits && kept.carried <= most ? "workgroup" : "reload";
}

/**
 * Steps of a row in registers are written out one after the other, which takes the driver time to compile (SwiftShader, softmax
 * and layer norm of rows of 128: 50 to 200 ms). Long kernels make up for it in a few calls: there what does not fit the
 * vector registers waits on the stack, at the price of a load from the first cache, and a walk over the row is saved. Measured in
 * processor time, [32768, 128]: layer norm 0.72, softmax 0.83, rms norm 0.81 on SwiftShader; 0.89, 0.95 and 0.66 on lavapipe. There,
 * rows of 1024 and more on a processor whose memory was slow, against two lanes a row that read it again: layer norm 0.82, rms norm
 * 0.66, softmax 0.6, l2-normalise 0.6, layer norm backward 0.54; on a quicker one up to 1.4 for the first two.
 */
function chooseOnCpu(
  view: GroupView,
  schedule: KernelSchedule,
  profile: DeviceProfile,
): KernelSchedule["residency"] {
  const isShared = sharesRows(view, schedule.lanes);
  // One lane per row reads its row again from the caches of a CPU: unrolling it would only make the text long.
  if (!isShared && !isBestAlone(view, profile)) return "reload";
  const { registers } = countRegisters(view, schedule);
  const long = isShared ? longKernel(profile) : LANE_EACH;
  const isKept = [SHORT_KERNEL, long].some((k) => registers <= k.registers && copyUs(view, profile) >= k.us);
  return isKept && stepsPerLane(view, schedule) <= mostKept(view, schedule, profile).steps
    ? "registers"
    : "reload";
}

/**
 * Whether rows should have a lane each that keeps them, on a CPU whose subgroups are wide: where all rows read the same tensors along
 * themselves (weights). Lanes that are at one place of their rows together load an element of these once, lanes along a row load as many
 * as they are. Measured on lavapipe against a subgroup a row, both in registers: layer norm with weight and bias, rows of 64 to 1024, 0.4
 * of the time; rms norm with a weight 0.6; without any 1.0 to 1.2.
 */
export function isBestAlone(view: GroupView, profile: DeviceProfile): boolean {
  if (!isWideOnCpu(profile) || view.rowArrays.length === 0 || view.walkAxes.length > 0) return false;
  const rows = view.gridAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  const has = (index: IndexExpr, axes: readonly string[]): boolean =>
    axes.some((axis) => coefficientOf(index, axis) !== 0);
  return (
    rows >= ROWS_PER_CORE * profile.usefulWorkgroups &&
    view.accesses.some(({ index, write }) => !write && has(index, view.rowAxes) && !has(index, view.gridAxes))
  );
}

/** Whether a kernel on a CPU runs so long that a longer text of it pays. */
export const runsLong = (view: GroupView, profile: DeviceProfile): boolean =>
  copyUs(view, profile) >= longKernel(profile).us;

const longKernel = (profile: DeviceProfile): Keeping =>
  hasWideSubgroups(profile) ? LONG_WIDE_KERNEL : LONG_KERNEL;

const copyUs = (view: GroupView, { copyGBps }: DeviceProfile): number =>
  bytesTouched(view).reduce((sum, bytes) => sum + bytes, 0) / (copyGBps * 1e3);

/** Registers of a lane with rows in registers, and those of them that carry sums over a walk wherever rows are. */
export function countRegisters(
  view: GroupView,
  schedule: KernelSchedule,
): { readonly registers: number; readonly carried: number } {
  const steps = stepsPerLane(view, schedule);
  const { vectorAxis, vectorWidth } = schedule;
  const isWide = ({ axes }: { readonly axes: readonly string[] }): boolean =>
    vectorAxis !== null && (view.rowAxes.includes(vectorAxis) || axes.includes(vectorAxis));
  const sums = view.phases.flatMap((phase) => phase.carried);
  const carried = steps * sums.reduce((n, sum) => n + (isWide(sum) ? vectorWidth : 1), 0);
  return { registers: steps * wordsPerStep(view.rowArrays, schedule) + carried, carried };
}
