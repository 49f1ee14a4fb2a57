import { expect, test } from "vitest";
import { parseGraph } from "../../../src/ir/parse-graph.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";
import { verifyGraph } from "../../../src/ir/verify-graph.ts";
import { nestConcats } from "../../../src/passes/graph/nest-concats.ts";

const concatOf = (count: number): string => {
  const names = Array.from({ length: count }, (_, i) => `%x${String(i)}`);
  const params = names.map((name, i) => `${name}: f32[2,${String(i + 1)}]`).join(", ");
  const total = (count * (count + 1)) / 2;
  return `func @f(${params}) -> (y: f32[2,${String(total)}]) {
  %0 = concat ${names.join(", ")} axis=1 : f32[2,${String(total)}]
  return %0
}
`;
};

test("four operands stay as they are", () => {
  const graph = parseGraph(concatOf(4));
  expect(nestConcats(graph)).toBe(graph);
});

test.each([5, 17, 300])("%i operands become a tree of at most four each", (count) => {
  const graph = nestConcats(parseGraph(concatOf(count)));
  expect(verifyGraph(graph)).toEqual([]);
  const widths = graph.nodes.flatMap((node) => (node.op === "concat" ? [node.args.length] : []));
  expect(Math.max(...widths)).toBe(4);
  expect(Math.min(...widths)).toBeGreaterThan(1);
});

test("order and lengths are kept", () => {
  expect(printGraph(nestConcats(parseGraph(concatOf(6))))).toContain(
    `  %0 = concat %x0, %x1, %x2, %x3 axis=1 : f32[2,10]
  %1 = concat %x4, %x5 axis=1 : f32[2,11]
  %2 = concat %0, %1 axis=1 : f32[2,21]`,
  );
});
