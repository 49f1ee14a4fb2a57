/**
 * Passes on chains of 20,000 ops: no recursion along the graph, and linear work. Work is counted, never timed: nodes are
 * replaced by equal ones that count how often their `op` is read.
 */
import { describe, expect, test } from "vitest";
import { createGraphBuilder } from "../../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../../src/ir/graph-builder.ts";
import type { Graph, Node } from "../../../src/ir/graph.ts";
import { runToFixpoint } from "../../../src/ir/run-pass.ts";
import type { GraphPass } from "../../../src/ir/run-pass.ts";
import { graphPasses } from "./run-golden.ts";

const LONG = 20_000;
const SHORT = 1000;

interface Chain {
  readonly name: string;
  readonly extend: (b: GraphBuilder, value: Value, x: Value, step: number) => Value;
  readonly shape?: readonly number[];
  /** Nodes left at the fixpoint of a long chain, inputs included. */
  readonly left: number;
}

const CHAINS: readonly Chain[] = [
  { name: "exp(exp(...))", extend: (b, v) => b.map("exp", [v]), left: LONG + 1 },
  { name: "x + x + x ...", extend: (b, v, x) => b.map("add", [v, x]), left: LONG + 1 },
  { name: "-(-(...))", extend: (b, v) => b.map("neg", [v]), left: 1 },
  { name: "x * 1 * 1 ...", extend: (b, v) => b.map("mul", [v, 1]), left: 1 },
  { name: "max(max(x, 0), 1) ...", extend: (b, v, _x, step) => b.map("max", [v, step]), left: 3 },
  { name: "reshapes", extend: (b, v, _x, step) => b.reshape(v, step % 2 === 0 ? [4, 6] : [24]), left: 2 },
  { name: "transposes", extend: (b, v) => b.transpose(v), left: 1 },
  {
    name: "slices",
    shape: [LONG + 2],
    extend: (b, v) => b.slice(v, [{ start: 1 }]),
    left: 2,
  },
  { name: "pads", extend: (b, v, _x, step) => b.pad(v, [step % 2, 0], [0, 0]), left: 2 },
  {
    name: "roots of squares",
    extend: (b, v, _x, step) => (step % 2 === 0 ? b.map("pow", [v, 2]) : b.map("sqrt", [v])),
    left: 2,
  },
  { name: "(-v) - x", extend: (b, v, x) => b.map("sub", [b.map("neg", [v]), x]), left: 2 * LONG + 1 },
  { name: "sums of squares", extend: (b, v, x) => b.map("add", [v, b.map("mul", [x, x])]), left: LONG + 2 },
];

function buildChain({ extend, shape = [3, 8] }: Chain, length: number): Graph {
  const b = createGraphBuilder("chain");
  const x = b.param("x", { dtype: "f32", shape });
  let value: Value = x;
  for (let step = 0; step < length; step++) value = extend(b, value, x, step);
  return b.finish([{ name: "y", value }]);
}

/** The graph with nodes that count how often somebody asks for their op: what every visit and every match begins with. */
function countReads(graph: Graph): { readonly graph: Graph; readonly reads: () => number } {
  let count = 0;
  const nodes = graph.nodes.map((node): Node => {
    const { op } = node;
    return Object.defineProperty({ ...node }, "op", {
      enumerable: true,
      get: () => {
        count++;
        return op;
      },
    });
  });
  return { graph: { ...graph, nodes }, reads: () => count };
}

function readsPerNode(pass: GraphPass, graph: Graph): number {
  const counted = countReads(graph);
  pass.run(counted.graph);
  return counted.reads() / graph.nodes.length;
}

describe.each(CHAINS)("$name", (chain) => {
  const long = buildChain(chain, LONG);
  const short = buildChain(chain, SHORT);

  test("comes to a fixpoint in a few rounds", () => {
    const rounds: string[] = [];
    const first = { name: "count rounds", run: (graph: Graph): Graph => (rounds.push("round"), graph) };
    const out = runToFixpoint([first, ...graphPasses([])], long);
    expect(out.nodes.length).toBe(chain.left);
    expect(rounds.length).toBeLessThanOrEqual(3);
  });

  test.each(graphPasses([]))("$name visits a node as often in a long chain as in a short one", (pass) => {
    const reads = readsPerNode(pass, short);
    expect(reads).toBeGreaterThan(0);
    expect(reads).toBeLessThan(60);
    expect(readsPerNode(pass, long)).toBeLessThanOrEqual(reads * 1.01 + 0.01);
  });
});

test("long lists of operands stay linear, too", () => {
  const b = createGraphBuilder("wide");
  const x = b.param("x", { dtype: "f32", shape: [1] });
  const parts = Array.from({ length: LONG }, (_, i) => b.map("add", [x, i]));
  const graph = b.finish([{ name: "y", value: b.concat(parts, 0) }]);
  for (const pass of graphPasses([])) expect(readsPerNode(pass, graph)).toBeLessThan(60);
});
