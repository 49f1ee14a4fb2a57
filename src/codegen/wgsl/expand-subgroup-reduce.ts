/**
 * Group reductions inside subgroups: partial results go from lane to lane without workgroup memory.
 *
 * WebGPU tells the size of a subgroup at run time only, between the bounds of the profile. So the text counts on no size:
 * it reduces over blocks of `m` neighbouring lanes, where `m` is the largest power of two that is no larger than the
 * smallest subgroup. Such a block lies inside one subgroup whatever its size, provided that the lanes of a subgroup are
 * neighbours in the workgroup and start at a multiple of its size; WGSL leaves the mapping open, all implementations that
 * we know number lanes so (gpuweb PR #5578 calls it safe to rely on).
 *
 *     lanes <= m         stays a `groupReduce`: log2(lanes) exchanges (print-subgroup-reduce.ts), no barrier
 *     lanes = S * m      one slot per block, one barrier, then the S slots: a second exchange where S is small enough or
 *                        a multiple of m, else every lane reads them all
 *     anything else      a tree (expand-group-reduce.ts)
 *
 *     groupReduce 256 inner: s = sum x    =>    groupReduce 32 inner: s_block = sum x
 *     (subgroups of 32 and more)                if (lane % 32 < 1) { scratch[lane / 32] = s_block }
 *                                               barrier
 *                                               s_slot = scratch[lane % 8]
 *                                               groupReduce 8 inner: s = sum s_slot
 *
 * Ensures: the result depends neither on the size of subgroups nor on the run.
 */
import { typeOf } from "../../ir/kernel.ts";
import type { Expr, GroupReduceItem, Stmt } from "../../ir/kernel.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { LANE, makeIndex, takeName, u32 } from "../../ir/walk-kernel.ts";
import {
  combineSlots,
  isLaneBelow,
  nameResults,
  takeScratch,
  type Expansion,
  type GroupReduce,
  type ScratchItem,
} from "./group-scratch.ts";

const isPowerOfTwo = (n: number): boolean => Number.isInteger(Math.log2(n));

/** Lanes of an aligned block that are sure to share a subgroup; 0 without the feature. */
export function provenSubgroupLanes(profile: DeviceProfile): number {
  if (!profile.features.includes("subgroups") || profile.subgroups === null) return 0;
  const [smallest] = profile.subgroups;
  return smallest < 2 ? 0 : 2 ** Math.floor(Math.log2(smallest));
}

/** Whether a reduction needs nothing but exchanges between lanes of a subgroup: such a statement is legal WGSL. */
export const isInsideSubgroup = (stmt: GroupReduce, profile: DeviceProfile): boolean =>
  stmt.method === "subgroup" &&
  stmt.order === "inner" &&
  stmt.lanes > 1 &&
  isPowerOfTwo(stmt.lanes) &&
  stmt.lanes <= provenSubgroupLanes(profile);

/** The expansion, or undefined where a tree has to serve. */
export function expandInSubgroups(stmt: GroupReduce, expansion: Expansion): readonly Stmt[] | undefined {
  const block = expansion.subgroupLanes;
  if (block === 0 || stmt.order !== "inner") return undefined;
  if (stmt.lanes <= block) return isPowerOfTwo(stmt.lanes) ? [stmt] : undefined;
  if (stmt.lanes % block !== 0) return undefined;
  const out: Stmt[] = [];
  const scratch = takeScratch(stmt, expansion.kernel.workgroupSize / block, expansion, out);
  const items = stmt.items.map((item) => ({
    ...item,
    parts: item.parts.map((part) => ({ ...part, result: takeName(expansion.taken, `${part.result}_block`) })),
  }));
  out.push({ ...stmt, lanes: block, items });
  const stores = items.flatMap(({ parts }, i) =>
    parts.map(({ value, result }, k): Stmt => ({
      kind: "sharedStore",
      array: scratch[i]?.[1][k]?.name ?? "",
      index: makeIndex("div", LANE, u32(block)),
      value: { kind: "name", type: typeOf(value), name: result },
    })),
  );
  const isFirst = isLaneBelow(makeIndex("mod", LANE, u32(block)), 1);
  out.push({ kind: "if", condition: isFirst, body: stores }, { kind: "barrier" });
  readBlocks(stmt, scratch, block, expansion, out);
  return out;
}

/** Combines the slots of a row: by an exchange if they make whole blocks, else in every lane. */
function readBlocks(
  stmt: GroupReduce,
  scratch: readonly ScratchItem[],
  block: number,
  expansion: Expansion,
  out: Stmt[],
): void {
  const { lanes } = stmt;
  const slots = lanes / block;
  const isWholeRow = lanes === expansion.kernel.workgroupSize;
  const base = isWholeRow ? u32(0) : makeIndex("mul", makeIndex("div", LANE, u32(lanes)), u32(slots));
  const isExchanged = slots % block === 0 || (slots < block && isPowerOfTwo(slots));
  const sharers = isExchanged ? Math.min(slots, block) : 1;
  const first = makeIndex("add", base, makeIndex("mod", LANE, u32(sharers)));
  const slotOf = (j: Expr): Expr => makeIndex("add", first, makeIndex("mul", j, u32(sharers)));
  const items: GroupReduceItem[] = [];
  for (const one of scratch) {
    const [item] = one;
    const values = combineSlots(one, slots / sharers, slotOf, "blocks", expansion, out);
    if (isExchanged)
      items.push({
        ...item,
        parts: item.parts.map((part, i) => ({ ...part, value: values[i] ?? part.value })),
      });
    else out.push(...nameResults(item, values));
  }
  if (isExchanged) out.push({ ...stmt, lanes: sharers, items });
}
