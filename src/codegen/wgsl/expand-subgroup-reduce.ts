/**
 * Group reductions inside subgroups: partial results go from lane to lane without workgroup memory. Which lanes are sure to
 * share a subgroup, `m` of them: ir/subgroup-blocks.ts.
 *
 *     lanes = m          stays a `groupReduce`: log2(lanes) exchanges (print-subgroup-reduce.ts), no barrier
 *     lanes = S * m      one slot per block, one barrier, then the S slots: a second exchange where S is small enough or
 *                        a multiple of m, else every lane reads them all
 *     lanes of whole     the same with whole subgroups in place of blocks, however large they turn out to be
 *     subgroups          (expand-subgroup-runs.ts)
 *     anything else      a tree (expand-group-reduce.ts)
 *
 *     groupReduce 256 inner: s = sum x    =>    groupReduce 32 inner: s_block = sum x
 *     (subgroups of 32 and more)                if (lane % 32 < 1) { scratch[lane / 32] = s_block }
 *                                               barrier
 *                                               s_slot = scratch[lane % 8]
 *                                               groupReduce 8 inner: s = sum s_slot
 *
 * Ensures: the result does not depend on the run; nor, but for whole subgroups, on the size of subgroups.
 */
import { typeOf } from "../../ir/kernel.ts";
import type { Expr, GroupReduceItem, Stmt } from "../../ir/kernel.ts";
import { countSlots, fillsSubgroups } from "../../ir/scratch-slots.ts";
import { blockLanes, isPowerOfTwo } from "../../ir/subgroup-blocks.ts";
import { LANE, makeIndex, takeName, u32 } from "../../ir/walk-kernel.ts";
import { expandInRuns } from "./expand-subgroup-runs.ts";
import {
  combineSlots,
  isLaneBelow,
  nameResults,
  takeScratch,
  type Expansion,
  type GroupReduce,
  type ScratchItem,
} from "./group-scratch.ts";

/** The expansion, or undefined where a tree has to serve. */
export function expandInSubgroups(stmt: GroupReduce, expansion: Expansion): readonly Stmt[] | undefined {
  const { kernel, profile } = expansion;
  if (stmt.order !== "inner") return undefined;
  const block = blockLanes(stmt.lanes, kernel.workgroupSize, profile);
  if (block === stmt.lanes) return [stmt];
  if (fillsSubgroups(stmt.lanes, kernel.workgroupSize, profile)) return expandInRuns(stmt, expansion);
  if (block === 1) return undefined;
  const out: Stmt[] = [];
  const scratch = takeScratch(stmt, countSlots(stmt, kernel.workgroupSize, profile), expansion, out);
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
