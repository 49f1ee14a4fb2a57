import { expect, test } from "vitest";
import { CompilerBug } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { runPass, runPasses, runToFixpoint } from "../../src/ir/run-pass.ts";
import type { GraphPass } from "../../src/ir/run-pass.ts";

const GRAPH = parseGraph("func @f(%x: f32[4]) -> (y: f32[4]) {\n  %0 = exp %x : f32[4]\n  return %0\n}\n");

const nothing: GraphPass = { name: "nothing", run: (graph) => graph };
const rename: GraphPass = { name: "rename", run: (graph) => ({ ...graph, name: `${graph.name}g` }) };
const breakIt: GraphPass = {
  name: "break it",
  run: (graph) => ({ ...graph, results: [{ name: "y", node: 7 }] }),
};

test("a pass that breaks the graph is named, with the problems and the text", () => {
  const run = (): Graph => runPass(breakIt, GRAPH, { check: true });
  expect(run).toThrow(CompilerBug);
  expect(run).toThrow(/pass "break it" broke the graph\n {2}- result y is node 7, which is not there/);
  expect(run).toThrow(/func @f\(/);
});

test("without check nothing is verified", () => {
  expect(runPass(breakIt, GRAPH).results).toEqual([{ name: "y", node: 7 }]);
});

test("only passes that changed something are dumped, in order", () => {
  const dumps: (readonly [string, string])[] = [];
  const dump = (stage: string, text: string): void => void dumps.push([stage, text]);
  const out = runPasses([nothing, rename, nothing, rename], GRAPH, { dump });
  expect(out.name).toBe("fgg");
  expect(dumps).toEqual([
    ["rename", printGraph({ ...GRAPH, name: "fg" })],
    ["rename", printGraph({ ...GRAPH, name: "fgg" })],
  ]);
});

test("a fixpoint is reached when a round changes nothing, and is the same object", () => {
  expect(runToFixpoint([nothing], GRAPH)).toBe(GRAPH);
  const until3: GraphPass = { name: "until 3", run: (g) => (g.name.length < 3 ? rename.run(g) : g) };
  expect(runToFixpoint([until3], GRAPH).name).toBe("fgg");
});

test("passes that never settle are stopped", () => {
  expect(runToFixpoint([rename], GRAPH, { maxRounds: 5 }).name).toBe("fggggg");
});
