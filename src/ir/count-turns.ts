/**
 * How many turns the loops of a kernel take in one invocation, all loops together. llvmpipe counts them so, and silently
 * leaves every loop after 65,535 (`LP_MAX_TGSI_LOOP_ITERATIONS`; measured: the test that ends a loop counts, too).
 *
 * Requires: a verified kernel, before or after legalisation.
 * Ensures:  an upper bound. Loops marked `unroll` are no loops.
 */
import type { Kernel, Stmt } from "./kernel.ts";
import { bodyOf } from "./walk-kernel.ts";
import { loopTurns } from "./walk-shape.ts";

export function countTurns({ body, shared, workgroupSize }: Kernel): number {
  // WebGPU clears workgroup memory before the kernel starts.
  const clearing = shared.reduce((n, { length }) => n + loopTurns(Math.ceil(length / workgroupSize), 0), 0);
  return clearing + turnsOf(body);
}

const turnsOf = (body: readonly Stmt[]): number =>
  body.reduce((turns, stmt) => {
    const inside = turnsOf(bodyOf(stmt));
    if (stmt.kind === "for")
      return turns + (stmt.unroll ? stmt.trips * inside : loopTurns(stmt.trips, inside));
    return turns + inside + (stmt.kind === "groupReduce" ? groupTurns(stmt.items.length, stmt.lanes) : 0);
  }, 0);

/** Lanes of a row may go through each other's results one by one, once for each state. */
export const groupTurns = (states: number, lanes: number): number => states * loopTurns(lanes, 0);
