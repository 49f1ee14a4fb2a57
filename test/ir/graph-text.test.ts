import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { SCALAR_OP_NAMES } from "../../src/ir/scalar-ops.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import { testGoldens } from "../support/golden.ts";

testGoldens("ir/print", ({ input }) => {
  const graph = parseGraph(input);
  expect(verifyGraph(graph)).toEqual([]);
  const text = printGraph(graph);
  expect(parseGraph(text)).toEqual(graph);
  return text;
});

testGoldens("ir/parse-errors", ({ input }) => {
  try {
    return `accepted:\n${printGraph(parseGraph(input, "test.ir"))}`;
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    expect(error.diagnostics.every(({ span }) => span !== undefined)).toBe(true);
    return error.message;
  }
});

testGoldens("ir/verify", ({ input }) => {
  const problems = verifyGraph(parseGraph(input));
  return problems.length === 0 ? "sound" : problems.join("\n");
});

const sound: Graph = {
  name: "f",
  nodes: [
    { op: "param", type: { dtype: "f32", shape: [4] }, name: "x" },
    { op: "map", type: { dtype: "f32", shape: [4] }, fn: "neg", args: [0] },
  ],
  results: [{ name: "y", node: 1 }],
};
const [x, neg] = sound.nodes;
if (x === undefined || neg === undefined) throw new Error("the control graph has two nodes");

test("the control graph is sound", () => {
  expect(verifyGraph(sound)).toEqual([]);
});

// Faults that no text can express, one at a time.
test.each<readonly [string, Graph, string]>([
  [
    "forward operand",
    { ...sound, nodes: [x, { ...neg, op: "map", fn: "neg", args: [1] }] },
    "%0: operands 1 are not all earlier nodes",
  ],
  ["operand that is no id", { ...sound, nodes: [x, { ...neg, op: "cast", arg: 0.5 }] }, "%0: operands 0.5"],
  [
    "input after the body",
    { ...sound, nodes: [x, neg, { ...x, op: "param", name: "z" }] },
    "input z comes after",
  ],
  [
    "two inputs of one name",
    { ...sound, nodes: [x, x, { ...neg, op: "cast", arg: 0 }] },
    "two inputs are named x",
  ],
  ["result that is not there", { ...sound, results: [{ name: "y", node: 9 }] }, "result y is node 9"],
  [
    "scalar with a shape",
    { ...sound, nodes: [{ ...x, op: "scalar", name: "x" }, neg] },
    "%x: a scalar has rank 0",
  ],
  [
    "scalar of a storage dtype",
    { ...sound, nodes: [x, neg].with(0, { op: "scalar", name: "x", type: { dtype: "f16", shape: [] } }) },
    "%x: a scalar is no f16",
  ],
  [
    "default that is no value of the dtype",
    {
      ...sound,
      nodes: [x, neg].with(0, { op: "scalar", name: "x", type: { dtype: "u32", shape: [] }, default: -1 }),
    },
    "%x: default -1 is no u32",
  ],
  [
    "constant that is no f32",
    { ...sound, nodes: [x, { ...neg, op: "const", value: 0.1 }] },
    "%0: 0.1 is no f32",
  ],
  [
    "negative zero of an integer",
    { ...sound, nodes: [x, { op: "const", type: { dtype: "i32", shape: [] }, value: -0 }] },
    "%0: -0 is no i32",
  ],
  [
    "concat of nothing",
    { ...sound, nodes: [x, { ...neg, op: "concat", args: [], axis: 0 }] },
    "%0: concat has no",
  ],
  [
    "pad with a value of another dtype",
    {
      ...sound,
      nodes: [
        { op: "param", type: { dtype: "u32", shape: [1] }, name: "x" },
        { op: "pad", type: { dtype: "u32", shape: [2] }, arg: 0, low: [1], high: [0], value: 0.5 },
      ],
    },
    "%0: 0.5 is no u32",
  ],
])("verifyGraph reports: %s", (_name, graph, problem) => {
  const problems = verifyGraph(graph);
  expect(problems.length).toBeGreaterThan(0);
  expect(problems[0]).toContain(problem);
});

test("a broken graph still prints", () => {
  const broken: Graph = {
    ...sound,
    nodes: [x, { ...neg, op: "cast", arg: 7 }],
    results: [{ name: "y", node: 9 }],
  };
  expect(printGraph(broken)).toBe(
    "func @f(%x: f32[4]) -> (y: ?) {\n  %0 = cast %?7 : f32[4]\n  return %?9\n}\n",
  );
});

test("docs/ir.md shows a canonical graph and lists every scalar op", () => {
  const page = readFileSync(new URL("../../docs/ir.md", import.meta.url), "utf8");
  const example = /```text\n(func[^`]*)```/.exec(page)?.[1] ?? "";
  const graph = parseGraph(example);
  expect(verifyGraph(graph)).toEqual([]);
  expect(printGraph(graph)).toBe(example);
  const listed = /scalar-ops\.ts`: `([^`]*)`/.exec(page)?.[1] ?? "";
  expect(listed.split(/\s+/).sort()).toEqual([...SCALAR_OP_NAMES].sort());
});
