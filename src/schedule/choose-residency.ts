/** Where what waits between the phases of a row has room, under lanes that are dealt already. */
import type { GroupView } from "../ir/group-view.ts";
import { registersPerLane, workgroupBytes } from "../ir/on-chip.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { wordsPerStep } from "../ir/row-arrays.ts";
import { workgroupSizeOf, type KernelSchedule } from "../ir/schedule.ts";
import { stepsPerLane } from "./row-steps.ts";
import { countWorkgroupMemory } from "./workgroup-memory.ts";

/** CPUs have 16 vector registers, and caches that make reading again cheap. */
const SOFTWARE_REGISTERS = 16;

/** Registers first, then workgroup memory; rows that fit neither are read again. */
export function chooseResidency(
  view: GroupView,
  schedule: KernelSchedule,
  profile: DeviceProfile,
): KernelSchedule["residency"] {
  if (view.rowArrays.length === 0) return "reload";
  if (profile.software) return chooseOnCpu(view, schedule);
  const kept = countRegisters(view, schedule);
  const most = registersPerLane(profile, workgroupSizeOf(schedule));
  if (kept.registers <= most) return "registers";
  const memory = countWorkgroupMemory(view, { ...schedule, residency: "workgroup" }, profile);
  const fits = memory.rows <= workgroupBytes(profile, memory.stages + memory.scratch);
  return fits && kept.carried <= most ? "workgroup" : "reload";
}

/** By tensors that phases read, whether or not they wait: so the limit was found. */
function chooseOnCpu(view: GroupView, schedule: KernelSchedule): KernelSchedule["residency"] {
  const read = view.accesses.filter((access) => !access.write && access.phases.length > 0);
  const tensors = new Set(read.map(({ tensor }) => tensor.name)).size;
  const registers = stepsPerLane(view, schedule) * schedule.vectorWidth * tensors;
  // One lane per row reads its row again from the caches of a CPU: unrolling it would only make the text long.
  const isShared = schedule.lanes.some(({ axis, lanes }) => lanes > 1 && view.rowAxes.includes(axis));
  return isShared && registers <= SOFTWARE_REGISTERS ? "registers" : "reload";
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
