import { expect, test } from "vitest";
import { CompilerBug } from "../../src/diagnostics/diagnostic.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { filterNodes, rewriteNodes } from "../../src/ir/rewrite-graph.ts";

const graph = parseGraph(`
func @f(%x: f32[4], scalar %s: f32) -> (y: f32[4], x: f32[4]) {
  %0 = mul %x, %x : f32[4]
  %1 = neg %0 : f32[4]
  %2 = neg %1 : f32[4]
  return %2, %x
}`);

test("keeping every node gives the same object", () => {
  expect(rewriteNodes(graph, () => undefined)).toBe(graph);
  expect(rewriteNodes(graph, (_node, id) => id)).toBe(graph);
});

test("inputs are not visited; operands and ids are those of the new graph", () => {
  const visited: (readonly [string, number])[] = [];
  rewriteNodes(graph, (node, id) => {
    visited.push([node.op === "map" ? `${node.fn} ${node.args.join(" ")}` : node.op, id]);
    return undefined;
  });
  expect(visited).toEqual([
    ["mul 0 0", 2],
    ["neg 2", 3],
    ["neg 3", 4],
  ]);
});

test("a replaced node is not made, and its users follow", () => {
  const out = rewriteNodes(graph, (node, id, { at }) => {
    if (node.op !== "map" || node.fn !== "neg") return id;
    const [arg = 0] = node.args;
    const inner = at(arg);
    return inner.op === "map" && inner.fn === "neg" ? inner.args[0] : id;
  });
  expect(printGraph(out)).toBe(`func @f(%x: f32[4], scalar %s: f32) -> (y: f32[4], x: f32[4]) {
  %0 = mul %x, %x : f32[4]
  %1 = neg %0 : f32[4]
  return %0, %x
}
`);
});

test("emitted nodes take their place and the span of the node that they stand for", () => {
  const span = { file: "a.t", line: 1, column: 1, length: 1 };
  const located = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, span })) };
  const out = rewriteNodes(located, (node, _id, { emit }) => {
    if (node.op !== "map" || node.fn !== "neg") return undefined;
    const zero = emit({ op: "const", type: node.type, value: 0 });
    return emit({ op: "map", type: node.type, fn: "sub", args: [zero, ...node.args] });
  });
  expect(out.nodes.map((node) => node.span)).toEqual(out.nodes.map(() => span));
  expect(printGraph(out)).toBe(`func @f(%x: f32[4], scalar %s: f32) -> (y: f32[4], x: f32[4]) {
  %0 = mul %x, %x : f32[4]
  %1 = const 0 : f32[4]
  %2 = sub %1, %0 : f32[4]
  %3 = const 0 : f32[4]
  %4 = sub %3, %2 : f32[4]
  return %4, %x
}
`);
});

test("a node may be kept after an emit", () => {
  const out = rewriteNodes(graph, (node, _id, { emit }) => {
    if (node.op === "map" && node.fn === "mul") emit({ op: "const", type: node.type, value: 7 });
    return undefined;
  });
  expect(printGraph(out)).toContain("%0 = const 7 : f32[4]\n  %1 = mul %x, %x : f32[4]\n  %2 = neg %1");
});

test("the input graph is not changed", () => {
  const before = JSON.stringify(graph);
  rewriteNodes(graph, () => 0);
  filterNodes(graph, () => true);
  expect(JSON.stringify(graph)).toBe(before);
});

test("an id that is not there is a bug of the pass", () => {
  expect(() => rewriteNodes(graph, () => 99)).toThrow(CompilerBug);
  expect(() => rewriteNodes(graph, () => -1)).toThrow(CompilerBug);
  expect(() => filterNodes(graph, (_node, id) => id !== 3)).toThrow(CompilerBug);
});

test("filterNodes drops nodes, never inputs", () => {
  expect(filterNodes(graph, () => true)).toBe(graph);
  const xOnly = { ...graph, results: [{ name: "x", node: 0 }] };
  expect(printGraph(filterNodes(xOnly, () => false))).toBe(
    "func @f(%x: f32[4], scalar %s: f32) -> (x: f32[4]) {\n  return %x\n}\n",
  );
});

test("a chain is visited once a node and built without recursion", () => {
  const length = 20_000;
  const type = { dtype: "f32", shape: [4] } as const;
  const chain = {
    name: "chain",
    nodes: [
      { op: "param", type, name: "x" } as const,
      ...Array.from({ length }, (_, i) => ({ op: "map", type, fn: "neg", args: [i] }) as const),
    ],
    results: [{ name: "y", node: length }],
  };
  let visits = 0;
  const out = rewriteNodes(chain, () => {
    visits++;
    return 0;
  });
  expect(visits).toBe(length);
  expect(out.nodes.length).toBe(1);
  expect(out.results).toEqual([{ name: "y", node: 0 }]);
});
