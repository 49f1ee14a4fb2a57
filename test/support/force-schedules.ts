/**
 * Schedules drawn from the space instead of chosen: the same ones for the same program and draw, so that a failure shrinks
 * and repeats.
 */
import type { CompileOptions } from "../../src/compile.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { createRandom } from "./random-values.ts";

/** The space tries several steps in a turn where memory is large, which tests have not: here any walk may have them. */
const UNROLLS = [1, 1, 2, 3];

/** For `compileGraph`: each group takes any legal schedule. */
export function forceSchedules(graph: Graph, draw: number): CompileOptions["schedule"] {
  const random = createRandom(hash(printGraph(graph)) ^ draw);
  return (chosen, _group, space) => {
    const all = space.enumerate();
    const schedule = all[Math.floor(random() * all.length)] ?? chosen;
    const unroll = UNROLLS[Math.floor(random() * UNROLLS.length)] ?? 1;
    return schedule.rowAxes.length === 0 ? schedule : { ...schedule, unroll };
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}
