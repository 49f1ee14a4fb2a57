/**
 * Schedules drawn from the space instead of chosen: the same ones for the same program and draw, so that a failure shrinks
 * and repeats.
 */
import type { CompileOptions } from "../../src/compile.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { createRandom } from "./random-values.ts";

/** For `compileGraph`: each group takes any legal schedule. */
export function forceSchedules(graph: Graph, draw: number): CompileOptions["schedule"] {
  const random = createRandom(hash(printGraph(graph)) ^ draw);
  return (chosen, _group, space) => {
    const all = space.enumerate();
    return all[Math.floor(random() * all.length)] ?? chosen;
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}
