/**
 * Runs the graph passes that a golden's header names, each verified: `; run: canonicalize, cse`, `; allow: signed-zero`.
 * `; run: to-fixpoint` repeats all of them.
 */
import { parseGraph } from "../../../src/ir/parse-graph.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";
import { runPasses, runToFixpoint } from "../../../src/ir/run-pass.ts";
import type { GraphPass } from "../../../src/ir/run-pass.ts";
import { canonicalize } from "../../../src/passes/graph/canonicalize.ts";
import { cse } from "../../../src/passes/graph/cse.ts";
import { dce } from "../../../src/passes/graph/dce.ts";
import { foldConstants } from "../../../src/passes/graph/fold-constants.ts";
import type { Relaxation } from "../../../src/passes/graph/rule.ts";
import { simplify } from "../../../src/passes/graph/simplify.ts";
import type { Golden } from "../../support/golden.ts";

const RELAXATIONS: readonly Relaxation[] = ["signed-zero", "no-nan-inf", "reassociates"];

const listOf = (golden: Golden, key: string): readonly string[] =>
  (golden.header.get(key) ?? []).flatMap((line) => line.split(",").map((word) => word.trim()));

export interface GoldenOptions {
  readonly onRule?: (name: string) => void;
}

/** The passes under the names that goldens and dumps use. */
export function graphPasses(
  allow: readonly Relaxation[],
  onRule?: (name: string) => void,
): readonly GraphPass[] {
  return [
    { name: "canonicalize", run: canonicalize },
    { name: "simplify", run: (graph) => simplify(graph, { allow, onRule }) },
    { name: "fold-constants", run: foldConstants },
    { name: "cse", run: cse },
    { name: "dce", run: dce },
  ];
}

/** The text that the golden's passes make of its input. */
export function runGolden(golden: Golden, options: GoldenOptions = {}): string {
  const allow = listOf(golden, "allow").map((word) => {
    const known = RELAXATIONS.find((relaxation) => relaxation === word);
    if (known === undefined) throw new Error(`${golden.path}: unknown relaxation "${word}"`);
    return known;
  });
  const passes = graphPasses(allow, options.onRule);
  const graph = parseGraph(golden.input);
  if (listOf(golden, "run").includes("to-fixpoint"))
    return printGraph(runToFixpoint(passes, graph, { check: true }));
  const wanted = listOf(golden, "run").map((name) => {
    const pass = passes.find((candidate) => candidate.name === name);
    if (pass === undefined) throw new Error(`${golden.path}: unknown pass "${name}"`);
    return pass;
  });
  if (wanted.length === 0) throw new Error(`${golden.path}: the header names no pass`);
  return printGraph(runPasses(wanted, graph, { check: true }));
}
