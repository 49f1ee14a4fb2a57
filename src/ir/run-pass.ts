/**
 * Runs graph passes: one, a list, or a list until nothing changes. Every graph that a pass made is verified when
 * `check` is set, and dumped when somebody listens.
 *
 * Requires: passes are pure, and return their argument itself when they changed nothing.
 * Ensures:  a broken graph never leaves here unnoticed when `check` is set: `CompilerBug` names the pass.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Graph } from "./graph.ts";
import { printGraph } from "./print-graph.ts";
import { verifyGraph } from "./verify-graph.ts";

export interface GraphPass {
  readonly name: string;
  readonly run: (graph: Graph) => Graph;
}

export interface RunPassOptions {
  /** Verify the graph after each pass. Always set in tests; `debug: true` sets it for users. */
  readonly check?: boolean | undefined;
  /** Called with the name and the graph's text after each pass that changed something. */
  readonly dump?: ((stage: string, text: string) => void) | undefined;
}

export interface FixpointOptions extends RunPassOptions {
  /** Rounds after which the graph is taken as it is. */
  readonly maxRounds?: number | undefined;
}

/**
 * A single round follows a chain of operands from end to end, so later rounds only serve passes that open the way
 * for an earlier one, and two or three is what real programs take. Stopping early costs speed, never meaning.
 */
const DEFAULT_MAX_ROUNDS = 8;

export function runPass(pass: GraphPass, graph: Graph, options: RunPassOptions = {}): Graph {
  const out = pass.run(graph);
  if (out === graph) return graph;
  const problems = options.check === true ? verifyGraph(out) : [];
  if (problems.length > 0)
    throw new CompilerBug(`pass "${pass.name}" broke the graph`, problems, printGraph(out));
  options.dump?.(pass.name, printGraph(out));
  return out;
}

/** Runs the passes in order. */
export function runPasses(passes: readonly GraphPass[], graph: Graph, options: RunPassOptions = {}): Graph {
  return passes.reduce((current, pass) => runPass(pass, current, options), graph);
}

/** Repeats the whole list until a round changes nothing, at most `maxRounds` times. */
export function runToFixpoint(
  passes: readonly GraphPass[],
  graph: Graph,
  options: FixpointOptions = {},
): Graph {
  let current = graph;
  for (let round = 0; round < (options.maxRounds ?? DEFAULT_MAX_ROUNDS); round++) {
    const next = runPasses(passes, current, options);
    if (next === current) return current;
    current = next;
  }
  return current;
}
