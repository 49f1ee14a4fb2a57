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
import { exprsOf, forEachStmt, rewriteStmts } from "../../ir/walk-kernel.ts";
import type { GroupReduce } from "./group-scratch.ts";

/** Components in one round, tried in turn. */
const ROUNDS = [Number.POSITIVE_INFINITY, 16, 8, 4, 2, 1];

/** Bytes that scratch takes for each lane: arrays are shared by type and place, so the most of each type count. */
export function scratchBytesPerLane(
  body: readonly Stmt[],
  needsScratch: (stmt: GroupReduce) => boolean,
): number {
  const most = new Map<string, number>();
  forEachStmt(body, (stmt) => {
    if (stmt.kind !== "groupReduce" || !needsScratch(stmt)) return;
    const own = new Map<string, number>();
    for (const { scalar, width } of exprsOf(stmt).map(typeOf)) {
      const type = `${scalar}x${String(width)}`;
      own.set(type, (own.get(type) ?? 0) + 4 * width);
    }
    for (const [type, bytes] of own) most.set(type, Math.max(most.get(type) ?? 0, bytes));
  });
  return [...most.values()].reduce((sum, bytes) => sum + bytes, 0);
}

export function reduceInRounds(
  body: readonly Stmt[],
  bytesPerLane: number,
  needsScratch: (stmt: GroupReduce) => boolean,
): readonly Stmt[] {
  let rounds = body;
  for (const most of ROUNDS) {
    rounds = rewriteStmts(body, (stmt) =>
      stmt.kind === "groupReduce" && needsScratch(stmt) ? cut(stmt, most) : [stmt],
    );
    if (scratchBytesPerLane(rounds, needsScratch) <= bytesPerLane) return rounds;
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
