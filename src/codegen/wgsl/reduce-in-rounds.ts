/**
 * Cuts group reductions of many states into several, so that their scratch fits the workgroup's memory: each later round
 * uses the scratch of the earlier ones.
 *
 * Requires: a verified kernel, before group reductions are expanded.
 * Ensures:  the same results; the fewest rounds of a few sizes whose scratch fits `free` bytes, or one state at a time.
 *
 *     groupReduce (a = sum x, b = sum y, c = sum z)    =>    groupReduce (a = sum x, b = sum y)
 *                                                            groupReduce (c = sum z)
 */
import { typeOf, type GroupReduceItem, type Stmt } from "../../ir/kernel.ts";
import { countScratchBytes, type GroupStates } from "../../ir/scratch-slots.ts";
import { forEachStmt, rewriteStmts } from "../../ir/walk-kernel.ts";
import type { GroupReduce } from "./group-scratch.ts";

/** Components in one round, tried in turn. */
const ROUNDS = [Number.POSITIVE_INFINITY, 16, 8, 4, 2, 1];

/** Bytes of one area of scratch; `slotsOf` says how many slots a reduction takes for each component. */
export function scratchBytes(body: readonly Stmt[], slotsOf: (stmt: GroupReduce) => number): number {
  const reductions: GroupStates[] = [];
  forEachStmt(body, (stmt) => {
    if (stmt.kind === "groupReduce" && slotsOf(stmt) > 0)
      reductions.push({
        slots: slotsOf(stmt),
        types: stmt.items.flatMap(({ parts }) => parts.map(({ value }) => typeOf(value))),
      });
  });
  return countScratchBytes(reductions);
}

export function reduceInRounds(
  body: readonly Stmt[],
  free: number,
  slotsOf: (stmt: GroupReduce) => number,
): readonly Stmt[] {
  let rounds = body;
  for (const most of ROUNDS) {
    rounds = rewriteStmts(body, (stmt) =>
      stmt.kind === "groupReduce" && slotsOf(stmt) > 0 ? cut(stmt, most) : [stmt],
    );
    if (scratchBytes(rounds, slotsOf) <= free) return rounds;
  }
  return rounds;
}

/** States in order, at most `most` components in each statement. */
function cut(stmt: GroupReduce, most: number): readonly Stmt[] {
  const rounds: GroupReduceItem[][] = [];
  let components = Number.POSITIVE_INFINITY;
  for (const item of stmt.items) {
    components += item.parts.length;
    if (components > most || rounds.length === 0) {
      rounds.push([]);
      components = item.parts.length;
    }
    rounds[rounds.length - 1]?.push(item);
  }
  return rounds.length <= 1 ? [stmt] : rounds.map((items): Stmt => ({ ...stmt, items }));
}
