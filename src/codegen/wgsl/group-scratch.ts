/**
 * Workgroup memory through which lanes of a row exchange partial results, and the reading of its slots.
 *
 * Scratch is written again by the next reduction while slow lanes may still read it. Two areas in turn make the next
 * reduction's own barrier do; a barrier of its own stands only where control flow (a loop, an `if`) or a lack of
 * workgroup memory leaves no free area.
 */
import { COMBINE } from "../../ir/kernel-values.ts";
import { BOOL, U32, typeOf } from "../../ir/kernel.ts";
import type { Expr, GroupReduceItem, Kernel, SharedArray, Stmt, ValueType } from "../../ir/kernel.ts";
import { makeIndex, takeName, u32 } from "../../ir/walk-kernel.ts";

export type GroupReduce = Stmt & { kind: "groupReduce" };

/** More loads than these stay a loop. */
const UNROLL_LIMIT = 16;

export interface Expansion {
  readonly kernel: Kernel;
  readonly taken: Set<string>;
  /** Up to so many lanes, one level of a tree. */
  readonly oneLevelLanes: number;
  /** Lanes that are sure to share a subgroup, or 0 where nothing is sure. */
  readonly subgroupLanes: number;
  /** Scratch arrays by area, type and position among items of that type. */
  readonly scratch: Map<string, SharedArray>;
  /** Areas that a lane may still read when control gets here. */
  pending: Set<number>;
  readonly areas: readonly number[];
}

export const isLaneBelow = (lane: Expr, count: number): Expr => ({
  kind: "op",
  fn: "lt",
  type: BOOL,
  args: [lane, u32(count)],
});

/**
 * A scratch array of `length` slots for each item, in an area that nobody reads any more; appends a barrier where there is
 * none. The caller has to put a barrier between its writes and its reads: it frees the other area.
 */
export function takeScratch(
  stmt: GroupReduce,
  length: number,
  expansion: Expansion,
  out: Stmt[],
): readonly (readonly [GroupReduceItem, SharedArray])[] {
  if (expansion.areas.every((area) => expansion.pending.has(area))) {
    out.push({ kind: "barrier" });
    expansion.pending = new Set();
  }
  const area = expansion.areas.find((candidate) => !expansion.pending.has(candidate)) ?? 0;
  expansion.pending = new Set([area]);
  const count = new Map<string, number>();
  return stmt.items.map((item) => {
    const type = typeOf(item.value);
    const kind = `${type.scalar}${type.width === 1 ? "" : `x${String(type.width)}`}`;
    const position = count.get(kind) ?? 0;
    count.set(kind, position + 1);
    const key = `scratch_${kind}_${String(position)}_${String(area)}`;
    const known = expansion.scratch.get(key);
    const array: SharedArray = {
      name: known?.name ?? takeName(expansion.taken, key),
      type,
      length: Math.max(length, known?.length ?? 0),
    };
    expansion.scratch.set(key, array);
    return [item, array] as const;
  });
}

/** Appends the loads of `count` slots and their combination; gives the total. */
export function combineSlots(
  item: GroupReduceItem,
  array: SharedArray,
  count: number,
  slotOf: (j: Expr) => Expr,
  label: string,
  expansion: Expansion,
  out: Stmt[],
): Expr {
  const type: ValueType = array.type;
  const nameFresh = (suffix: string): Expr & { kind: "name" } => ({
    kind: "name",
    type,
    name: takeName(expansion.taken, `${item.result}_${suffix}`),
  });
  const load = (into: string, j: Expr): Stmt => ({
    kind: "sharedLoad",
    name: into,
    array: array.name,
    index: slotOf(j),
  });
  const combine = (a: Expr, b: Expr): Expr => ({ kind: "op", fn: COMBINE[item.fn], type, args: [a, b] });
  if (count <= UNROLL_LIMIT) {
    const slots = Array.from({ length: count }, (_, j) => nameFresh(`${label}_${String(j)}`));
    slots.forEach((slot, j) => out.push(load(slot.name, u32(j))));
    return slots.reduce<Expr>((total, slot, j) => (j === 0 ? slot : combine(total, slot)), u32(0));
  }
  const [first, total, next] = [nameFresh(`${label}_0`), nameFresh(label), nameFresh(`${label}_next`)];
  const counter = takeName(expansion.taken, `${item.result}_${label}_k`);
  const k: Expr = { kind: "name", type: U32, name: counter };
  const body: Stmt[] = [
    load(next.name, makeIndex("add", k, u32(1))),
    { kind: "assign", name: total.name, value: combine(total, next) },
  ];
  out.push(
    load(first.name, u32(0)),
    { kind: "var", name: total.name, value: first },
    { kind: "for", counter, trips: count - 1, unroll: false, body },
  );
  return total;
}
