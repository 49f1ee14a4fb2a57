/**
 * Workgroup memory through which lanes of a row exchange partial results, and the reading of its slots.
 *
 * Scratch is written again by the next reduction while slow lanes may still read it. Two areas in turn make the next
 * reduction's own barrier do; a barrier of its own stands only where control flow (a loop, an `if`) or a lack of
 * workgroup memory leaves no free area.
 */
import { combineExprs } from "../../ir/kernel-states.ts";
import { BOOL, U32, typeOf } from "../../ir/kernel.ts";
import type { Expr, GroupReduceItem, GroupReducePart, Kernel, SharedArray, Stmt } from "../../ir/kernel.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { makeIndex, takeName, u32 } from "../../ir/walk-kernel.ts";

export type GroupReduce = Stmt & { kind: "groupReduce" };

/** More loads than these stay a loop. */
const UNROLL_LIMIT = 16;

export interface Expansion {
  readonly kernel: Kernel;
  readonly taken: Set<string>;
  /** Up to so many lanes, one level of a tree. */
  readonly oneLevelLanes: number;
  readonly profile: DeviceProfile;
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

/** A state and an array for each of its components. */
export type ScratchItem = readonly [GroupReduceItem, readonly SharedArray[]];

/**
 * A scratch array of `length` slots for each component, in an area that nobody reads any more; appends a barrier where there is
 * none. The caller has to put a barrier between its writes and its reads: it frees the other area.
 */
export function takeScratch(
  stmt: GroupReduce,
  length: number,
  expansion: Expansion,
  out: Stmt[],
): readonly ScratchItem[] {
  if (expansion.areas.every((area) => expansion.pending.has(area))) {
    out.push({ kind: "barrier" });
    expansion.pending = new Set();
  }
  const area = expansion.areas.find((candidate) => !expansion.pending.has(candidate)) ?? 0;
  expansion.pending = new Set([area]);
  const count = new Map<string, number>();
  const takeArray = ({ value }: GroupReducePart): SharedArray => {
    const type = typeOf(value);
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
    return array;
  };
  return stmt.items.map((item) => [item, item.parts.map(takeArray)] as const);
}

/** Appends the loads of `count` slots and their combination; gives the total, component by component. */
export function combineSlots(
  [item, arrays]: ScratchItem,
  count: number,
  slotOf: (j: Expr) => Expr,
  label: string,
  expansion: Expansion,
  out: Stmt[],
): readonly Expr[] {
  const nameFresh = (suffix: string): (Expr & { kind: "name" })[] =>
    arrays.map(({ type }, i) => ({
      kind: "name",
      type,
      name: takeName(expansion.taken, `${item.parts[i]?.result ?? ""}_${suffix}`),
    }));
  const load = (into: readonly { readonly name: string }[], j: Expr): Stmt[] =>
    arrays.map((array, i) => ({
      kind: "sharedLoad",
      name: into[i]?.name ?? "",
      array: array.name,
      index: slotOf(j),
    }));
  const combine = (
    left: readonly Expr[],
    right: readonly Expr[],
    at: string,
    target: Stmt[],
  ): readonly Expr[] => combineInto(item, left, right, `${label}_${at}`, expansion.taken, target);
  if (count <= UNROLL_LIMIT) {
    const slots = Array.from({ length: count }, (_, j) => nameFresh(`${label}_${String(j)}`));
    slots.forEach((slot, j) => out.push(...load(slot, u32(j))));
    return slots.reduce<readonly Expr[]>(
      (total, slot, j) => (j === 0 ? slot : combine(total, slot, String(j), out)),
      [],
    );
  }
  const [first, total, next] = [nameFresh(`${label}_0`), nameFresh(label), nameFresh(`${label}_next`)];
  const counter = takeName(expansion.taken, `${item.parts[0]?.result ?? ""}_${label}_k`);
  const k: Expr = { kind: "name", type: U32, name: counter };
  const body: Stmt[] = load(next, makeIndex("add", k, u32(1)));
  combine(total, next, "next", body).forEach((value, i) =>
    body.push({ kind: "assign", name: total[i]?.name ?? "", value }),
  );
  out.push(
    ...load(first, u32(0)),
    ...total.map(({ name }, i): Stmt => ({ kind: "var", name, value: first[i] ?? u32(0) })),
    { kind: "for", counter, trips: count - 1, unroll: false, body },
  );
  return total;
}

/**
 * Two states combined. Several components each get a name, since all of them are in the formula of each; a single one
 * stays an expression.
 */
export function combineInto(
  { fn, parts }: GroupReduceItem,
  left: readonly Expr[],
  right: readonly Expr[],
  label: string,
  taken: Set<string>,
  out: Stmt[],
): readonly Expr[] {
  const share = (hint: string, value: Expr, i = 0): Expr => {
    const name = takeName(taken, `${parts[i]?.result ?? ""}_${label}_${hint}`);
    out.push({ kind: "let", name, value });
    return { kind: "name", type: typeOf(value), name };
  };
  const combined = combineExprs(fn, left, right, share);
  return combined.length === 1 ? combined : combined.map((value, i) => share("both", value, i));
}

/** Lets for the results of a state. */
export const nameResults = ({ parts }: GroupReduceItem, values: readonly Expr[]): Stmt[] =>
  parts.flatMap(({ result }, i): Stmt[] => {
    const value = values[i];
    return value === undefined ? [] : [{ kind: "let", name: result, value }];
  });
