/**
 * Group reductions by whole subgroups, where these may be of several sizes and kernels cannot ask for one: each reduces
 * its lanes, however many they are, and leaves one slot by its index (`subgroup_id`).
 *
 * Requires: `fillsSubgroups`: rows are neighbours, a power of two of them, and whole subgroups of the largest size, hence of any.
 * Ensures:  one barrier; the order in which numbers are combined depends on the size of subgroups, which a device chooses once
 *           for a pipeline.
 *
 *     groupReduce 256 inner: s = sum x       =>    groupReduce within 256: s_run = sum x
 *     (subgroups of 8, 16 or 32)                   if (subgroup.lane < 1) { scratch[subgroup.id] = s_run }
 *                                                  barrier
 *                                                  n = 256 / subgroup.size                           slots of a row
 *                                                  s_slots = scratch[subgroup.lane % n]
 *                                                  for k in 3 { if (n > (k + 1) * subgroup.size) {   only subgroups of 8
 *                                                    s_slots += scratch[(k + 1) * subgroup.size + subgroup.lane] } }
 *                                                  groupReduce within n: s = sum s_slots
 */
import { BOOL, U32, typeOf } from "../../ir/kernel.ts";
import type { Expr, GroupReduceItem, Stmt } from "../../ir/kernel.ts";
import { countSlots } from "../../ir/scratch-slots.ts";
import { LANE, makeIndex, takeName, u32 } from "../../ir/walk-kernel.ts";
import {
  combineInto,
  isLaneBelow,
  takeScratch,
  type Expansion,
  type GroupReduce,
  type ScratchItem,
} from "./group-scratch.ts";

const SIZE: Expr = { kind: "subgroup", part: "size" };
const OWN: Expr = { kind: "subgroup", part: "lane" };

const nameU32 = (name: string): Expr => ({ kind: "name", type: U32, name });
const isAbove = (a: Expr, b: Expr): Expr => ({ kind: "op", fn: "gt", type: BOOL, args: [a, b] });

export function expandInRuns(stmt: GroupReduce, expansion: Expansion): readonly Stmt[] {
  const { kernel, profile, taken } = expansion;
  const [, most = 128] = profile.subgroups ?? [];
  const out: Stmt[] = [];
  const scratch = takeScratch(stmt, countSlots(stmt, kernel.workgroupSize, profile), expansion, out);
  const runs = stmt.items.map((item) => ({
    ...item,
    parts: item.parts.map((part) => ({ ...part, result: takeName(taken, `${part.result}_run`) })),
  }));
  out.push({ ...stmt, lanes: most, order: { within: u32(stmt.lanes) }, items: runs });
  const stores = runs.flatMap(({ parts }, i) =>
    parts.map(({ value, result }, k): Stmt => ({
      kind: "sharedStore",
      array: scratch[i]?.[1][k]?.name ?? "",
      index: { kind: "subgroup", part: "id" },
      value: { kind: "name", type: typeOf(value), name: result },
    })),
  );
  out.push({ kind: "if", condition: isLaneBelow(OWN, 1), body: stores }, { kind: "barrier" });
  const slots = takeName(taken, "slots");
  out.push({ kind: "let", name: slots, value: makeIndex("div", u32(stmt.lanes), SIZE) });
  const row = makeIndex("div", LANE, u32(stmt.lanes));
  const base = stmt.lanes === kernel.workgroupSize ? u32(0) : makeIndex("mul", row, nameU32(slots));
  const items = scratch.map((one) =>
    readSlots(one, { base, slots: nameU32(slots) }, stmt.lanes, expansion, out),
  );
  out.push({ ...stmt, lanes: most, order: { within: nameU32(slots) }, items });
  return out;
}

/** What each lane has of a row's slots, to be combined by a second exchange. */
function readSlots(
  [item, arrays]: ScratchItem,
  { base, slots }: { readonly base: Expr; readonly slots: Expr },
  lanes: number,
  { taken, profile }: Expansion,
  out: Stmt[],
): GroupReduceItem {
  const least = profile.subgroups?.[0] ?? 4;
  const nameEach = (suffix: string): (Expr & { readonly kind: "name" })[] =>
    arrays.map(({ type }, i) => ({
      kind: "name",
      type,
      name: takeName(taken, `${item.parts[i]?.result ?? ""}_${suffix}`),
    }));
  const load = (into: readonly { readonly name: string }[], at: Expr): Stmt[] =>
    arrays.map((array, i) => ({
      kind: "sharedLoad",
      name: into[i]?.name ?? "",
      array: array.name,
      index: makeIndex("add", base, at),
    }));
  const first = nameEach("slot");
  // Fewer slots than lanes: runs of lanes read them in turn, and the exchange stays within a run.
  out.push(...load(first, makeIndex("mod", OWN, slots)));
  const turns = Math.ceil(lanes / least / least) - 1;
  if (turns === 0) return withValues(item, first);
  const [total, next] = [nameEach("slots"), nameEach("slot_next")];
  const counter = takeName(taken, `${item.parts[0]?.result ?? ""}_slot_k`);
  const start = makeIndex("mul", makeIndex("add", nameU32(counter), u32(1)), SIZE);
  const more: Stmt[] = load(next, makeIndex("add", start, OWN));
  combineInto(item, total, next, "slot_next", taken, more).forEach((value, i) =>
    more.push({ kind: "assign", name: total[i]?.name ?? "", value }),
  );
  out.push(...total.map(({ name }, i): Stmt => ({ kind: "var", name, value: first[i] ?? u32(0) })), {
    kind: "if",
    condition: isAbove(slots, SIZE),
    body: [
      {
        kind: "for",
        counter,
        trips: turns,
        unroll: false,
        body: [{ kind: "if", condition: isAbove(slots, start), body: more }],
      },
    ],
  });
  return withValues(item, total);
}

const withValues = (item: GroupReduceItem, values: readonly Expr[]): GroupReduceItem => ({
  ...item,
  parts: item.parts.map((part, i) => ({ ...part, value: values[i] ?? part.value })),
});
