/**
 * A pass keeps the meaning of a graph: the interpreter gives the same before and after, on random graphs and on the
 * inputs of the goldens, which between them make every rule fire, at special values too.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Graph } from "../../../src/ir/graph.ts";
import { interpretGraph } from "../../../src/ir/interpret-graph.ts";
import { parseGraph } from "../../../src/ir/parse-graph.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";
import { runToFixpoint } from "../../../src/ir/run-pass.ts";
import type { GraphPass } from "../../../src/ir/run-pass.ts";
import { verifyGraph } from "../../../src/ir/verify-graph.ts";
import { canonicalize } from "../../../src/passes/graph/canonicalize.ts";
import { cse } from "../../../src/passes/graph/cse.ts";
import { dce } from "../../../src/passes/graph/dce.ts";
import { foldConstants } from "../../../src/passes/graph/fold-constants.ts";
import { RULES } from "../../../src/passes/graph/simplify-rules.ts";
import { simplify } from "../../../src/passes/graph/simplify.ts";
import { compareToOracle } from "../../support/compare-to-oracle.ts";
import { listGoldens } from "../../support/golden.ts";
import { randomProgram } from "../../support/random-graph.ts";
import { randomElements } from "../../support/random-values.ts";
import { graphPasses } from "./run-golden.ts";

/**
 * - "bits": every bit of every result stays;
 * - "bounds": within what the op table promises for the graph before.
 */
type Agreement = "bits" | "bounds";

type Inputs = ReadonlyMap<string, Float64Array>;

const EXACT_RULES = RULES.filter((rule) => rule.sound === "exact");

interface CheckedPass extends GraphPass {
  readonly agreement: Agreement;
}

const PIPELINE = graphPasses([]);
const PASSES: readonly CheckedPass[] = [
  { name: "canonicalize", run: canonicalize, agreement: "bits" },
  {
    name: "simplify by exact rules",
    run: (graph) => simplify(graph, { rules: EXACT_RULES }),
    agreement: "bits",
  },
  { name: "cse", run: cse, agreement: "bits" },
  { name: "dce", run: dce, agreement: "bits" },
  { name: "simplify", run: (graph) => simplify(graph), agreement: "bounds" },
  { name: "fold-constants", run: foldConstants, agreement: "bounds" },
  {
    name: "all to a fixpoint",
    run: (graph) => runToFixpoint(PIPELINE, graph, { check: true }),
    agreement: "bounds",
  },
];

/** Places where `after` computes something else than `before`, as text. */
function differences(before: Graph, after: Graph, inputs: Inputs, agreement: Agreement): readonly string[] {
  const oracle = interpretGraph(before, inputs, { bounds: true });
  const want = interpretGraph(before, inputs);
  const got = interpretGraph(after, inputs);
  return [...oracle].flatMap(([name, bounded]) => {
    const actual = got.get(name)?.values ?? new Float64Array();
    if (agreement === "bounds")
      return compareToOracle(actual, bounded).mismatches.map(
        (m) => `${name}[${m.index}]: want ${m.want} within ${m.bound}, got ${m.got}`,
      );
    return [...(want.get(name)?.values ?? [])].flatMap((value, index) => {
      return Object.is(value, actual[index])
        ? []
        : [`${name}[${index}]: want exactly ${value}, got ${actual[index] ?? "none"}`];
    });
  });
}

function expectSameMeaning(pass: CheckedPass, graph: Graph, inputs: Inputs): void {
  const after = pass.run(graph);
  expect(verifyGraph(after)).toEqual([]);
  expect(differences(graph, after, inputs, pass.agreement), printGraph(after)).toEqual([]);
  expect(pass.run(after), "a second run changes nothing and gives the same object").toBe(after);
}

describe("random graphs", () => {
  for (const pass of PASSES)
    test(`${pass.name}: ${pass.agreement}`, () => {
      const check = fc.property(randomProgram({ maxSteps: 16 }), ({ graph, inputs }) => {
        expectSameMeaning(pass, graph, inputs);
      });
      fc.assert(check, { numRuns: 150 });
    });
});

test("whatever is allowed, a fixpoint comes in a few rounds", () => {
  const check = fc.property(randomProgram({ maxSteps: 24 }), ({ graph }) => {
    for (const allow of [[], ["signed-zero", "no-nan-inf", "reassociates"]] as const) {
      let rounds = 0;
      const countRound = { name: "count", run: (g: Graph): Graph => (rounds++, g) };
      runToFixpoint([countRound, ...graphPasses(allow)], graph, { check: true });
      expect(rounds).toBeLessThanOrEqual(5); // the last one sees that nothing is left; the default limit is 8
    }
  });
  fc.assert(check, { numRuns: 150 });
});

/** Inputs for all params: `specials` is the share of nan, infinities, zeros and huge numbers. */
function drawInputs(graph: Graph, seed: number, specials: number): Inputs {
  return new Map(
    graph.nodes.flatMap((node, id) =>
      node.op === "param" || node.op === "scalar"
        ? [[node.name, randomElements(node.type, seed + 31 * id, specials)] as const]
        : [],
    ),
  );
}

describe("inputs of the goldens, with special values", () => {
  const folders = ["canonicalize", "simplify", "fold-constants", "cse", "dce", "pipeline"];
  for (const golden of folders.flatMap((folder) => listGoldens(`passes/${folder}`)))
    test(golden.path, () => {
      const graph = parseGraph(golden.input);
      for (let seed = 0; seed < 40; seed++) {
        const inputs = drawInputs(graph, seed, seed % 2 === 0 ? 0.4 : 0);
        for (const { name, run, agreement } of PASSES)
          expect(differences(graph, run(graph), inputs, agreement), name).toEqual([]);
      }
    });
});

test("rules that need consent hold for positive, finite numbers", () => {
  const golden = listGoldens("passes/simplify").find(({ name }) => name === "unsound-with-consent");
  expect(golden).toBeDefined();
  if (golden === undefined) return;
  const graph = parseGraph(golden.input);
  const after = simplify(graph, { allow: ["signed-zero", "no-nan-inf", "reassociates"] });
  const inputs = new Map([
    ["x", Float64Array.of(1, 2.5, 1000, 0.125)],
    ["y", Float64Array.of(3, 2.5, 0.5, 7)],
  ]);
  expect(differences(graph, after, inputs, "bounds")).toEqual([]);
});
