/** Where what waits between the phases of a row has room, under lanes that are dealt already. */
import type { GroupView } from "../ir/group-view.ts";
import { registersPerLane, workgroupBytes } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { wordsPerStep } from "../ir/row-arrays.ts";
import { workgroupSizeOf, type KernelSchedule } from "../ir/schedule.ts";
import { hasWideSubgroups } from "../ir/subgroup-blocks.ts";
import { bytesTouched } from "./access-size.ts";
import { MOST_UNROLLED, stepsPerLane } from "./row-steps.ts";
import { countWorkgroupMemory } from "./workgroup-memory.ts";

/** CPUs have 16 vector registers, and caches that make reading again cheap. */
const SOFTWARE_REGISTERS = 16;
/** In kernels whose tensors take so long to copy. */
const LONG_KERNEL = { us: 10_000, registers: 32 };
/** The same where lanes are eight to a vector, and texts take a quarter as long to compile (lavapipe). */
const LONG_WIDE_KERNEL = { us: 2000, registers: 256 };

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
  // One lane per row reads its row again from the caches of a CPU: unrolling it would only make the text long.
  const isShared = schedule.lanes.some(({ axis, lanes }) => lanes > 1 && view.rowAxes.includes(axis));
  const { registers } = hasWideSubgroups(profile) ? LONG_WIDE_KERNEL : LONG_KERNEL;
  const most = runsLong(view, profile) ? registers : SOFTWARE_REGISTERS;
  const fits =
    countRegisters(view, schedule).registers <= most && stepsPerLane(view, schedule) <= MOST_UNROLLED;
  return isShared && fits ? "registers" : "reload";
}

/** Whether a kernel on a CPU runs so long that a longer text of it pays. */
export function runsLong(view: GroupView, profile: DeviceProfile): boolean {
  const us = bytesTouched(view).reduce((sum, bytes) => sum + bytes, 0) / (profile.copyGBps * 1e3);
  return us >= (hasWideSubgroups(profile) ? LONG_WIDE_KERNEL : LONG_KERNEL).us;
}

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
