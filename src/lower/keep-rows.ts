/**
 * Where reads and values of a row wait from one phase to the next (row-arrays.ts): in registers, or in slots of workgroup
 * memory that no other lane touches. Slot `step * workgroupSize + lane` puts neighbouring lanes side by side, so that they meet
 * in no bank; and nobody has to wait at a barrier for what he wrote himself.
 */
import type { GroupView } from "../ir/group-view.ts";
import type { Expr, SharedArray, ValueType } from "../ir/kernel.ts";
import { assignSlots, elementOf } from "../ir/row-arrays.ts";
import { workgroupSizeOf, type KernelSchedule } from "../ir/schedule.ts";
import { LANE, makeIndex, u32 } from "../ir/walk-kernel.ts";
import { bind, stepsPerLane, type Emitter, type LaneSlot, type Scope } from "./emitter.ts";
import { nameOf } from "./kernel-expr.ts";

/** Read key or statement -> its array. In workgroup memory several take turns in one. */
export function chooseRowSlots(view: GroupView, schedule: KernelSchedule): ReadonlyMap<string, LaneSlot> {
  const slots = new Map<string, LaneSlot>();
  if (schedule.residency === "workgroup")
    for (const [i, { type, arrays }] of assignSlots(view.rowArrays, schedule).entries())
      for (const { name } of arrays) slots.set(name, { array: `row${String(i)}`, type });
  if (schedule.residency !== "registers") return slots;
  const counts = { read: 0, value: 0 };
  for (const array of view.rowArrays) {
    const name = `${array.kind === "read" ? "cache" : "kept"}${String(counts[array.kind]++)}`;
    slots.set(array.name, { array: name, type: elementOf(array, schedule) });
  }
  return slots;
}

/** Declares the registers; gives the workgroup arrays. */
export function declareRowSlots(emitter: Emitter, grid: Scope): readonly SharedArray[] {
  const { schedule, rowSlots } = emitter;
  const steps = stepsPerLane(emitter);
  const types = new Map([...rowSlots.values()].map(({ array, type }) => [array, type]));
  if (schedule.residency === "workgroup")
    return [...types].map(([name, type]) => ({ name, type, length: steps * workgroupSizeOf(schedule) }));
  for (const [name, type] of types) grid.out.push({ kind: "registers", name, type, length: steps });
  return [];
}

/** Type in which a value waits, if it does. */
export const keptType = ({ rowSlots }: Emitter, name: string): ValueType | undefined =>
  rowSlots.get(name)?.type;

const slotAt = ({ schedule }: Emitter, step: Expr): Expr =>
  makeIndex("add", makeIndex("mul", step, u32(workgroupSizeOf(schedule))), LANE);

/** The read or value as an earlier phase has left it at this step, or undefined where none has. */
export function takeKept(emitter: Emitter, scope: Scope, name: string): Expr | undefined {
  const slot = emitter.rowSlots.get(name);
  if (slot === undefined || scope.step === undefined || !emitter.filled.has(name)) return undefined;
  const { array, type } = slot;
  if (emitter.schedule.residency === "registers")
    return bind(emitter, scope, "c", { kind: "register", type, array, index: scope.step });
  const taken = emitter.fresh("c");
  scope.out.push({ kind: "sharedLoad", name: taken, array, index: slotAt(emitter, scope.step) });
  return nameOf(taken, type);
}

/** Leaves a read or value for later phases, where any needs it; in workgroup memory once the step has taken all it needs. */
export function keepValue(emitter: Emitter, scope: Scope, name: string, value: Expr): void {
  const slot = emitter.rowSlots.get(name);
  if (slot === undefined || scope.step === undefined) return;
  const { array } = slot;
  emitter.filling.add(name);
  if (emitter.schedule.residency === "registers")
    scope.out.push({ kind: "setRegister", array, index: scope.step, value });
  else
    (scope.late ?? scope.out).push({ kind: "sharedStore", array, index: slotAt(emitter, scope.step), value });
}
