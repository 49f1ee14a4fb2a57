/**
 * The meaning of graphs on inputs small enough to work out by hand. Golden headers: `input: x = 1 2 3`, `bounds: true`.
 */
import { describe, expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { printType } from "../../src/ir/dtype.ts";
import type { Graph, Node } from "../../src/ir/graph.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import type { InputData, OutputData } from "../../src/ir/interpret-graph.ts";
import { parseNumber, printNumber } from "../../src/ir/number-text.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import { testGoldens } from "../support/golden.ts";
import type { Golden } from "../support/golden.ts";

function readInputs(golden: Golden): Map<string, InputData> {
  return new Map(
    (golden.header.get("input") ?? []).map((line) => {
      const [name = "", text = ""] = line.split("=");
      const numbers = text.split(" ").filter((word) => word !== "");
      return [name.trim(), numbers.map((word) => parseNumber(word) ?? NaN)] as const;
    }),
  );
}

function printOutput(name: string, { type, values, bounds }: OutputData): string {
  const elements = [...values].map((x, i) => {
    const bound = bounds?.[i] ?? 0;
    return (
      printNumber(x, type.dtype) +
      (bound === 0 ? "" : `+-${printNumber(Number(bound.toPrecision(3)), "f32")}`)
    );
  });
  return `${name}: ${printType(type)} = ${elements.join(" ")}`.trimEnd();
}

testGoldens("ir/interpret-graph", (golden) => {
  const graph = parseGraph(golden.input, golden.path);
  expect(verifyGraph(graph)).toEqual([]);
  const results = interpretGraph(graph, readInputs(golden), { bounds: golden.header.has("bounds") });
  return [...results].map(([name, output]) => printOutput(name, output)).join("\n");
});

describe("inputs", () => {
  const graph = parseGraph("func @f(%x: f32[2], scalar %s: f32) -> (x: f32[2]) {\n  return %x\n}");

  test("are rounded to their dtype", () => {
    const results = interpretGraph(
      graph,
      new Map<string, InputData>([
        ["x", [0.1, 1e39]],
        ["s", 1],
      ]),
    );
    expect([...(results.get("x")?.values ?? [])]).toEqual([Math.fround(0.1), Infinity]);
  });

  test.each([
    [new Map<string, InputData>(), "no value is given for x", "pass x as f32[2]"],
    [new Map<string, InputData>([["x", [1, 2, 3]]]), "x has 3 elements, expected 2", "in row-major order"],
    [new Map<string, InputData>([["x", [1, 2]]]), "no value is given for s", "pass s as f32[]"],
  ])("mistakes are the caller's: %o", (inputs, message, help) => {
    const scaled: Graph = {
      ...graph,
      results: [
        { name: "x", node: 0 },
        { name: "s", node: 1 },
      ],
    };
    const attempt = (): unknown => interpretGraph(scaled, inputs);
    expect(attempt).toThrow(TensorweftError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(help);
  });
});

test("a chain of 20,000 ops needs no stack, and keeps few values alive", () => {
  const type = { dtype: "f32", shape: [3] } as const;
  const nodes: Node[] = [{ op: "param", type, name: "x" }];
  for (let i = 0; i < 20_000; i++) nodes.push({ op: "map", fn: "neg", type, args: [i] });
  const graph: Graph = { name: "chain", nodes, results: [{ name: "y", node: 20_000 }] };
  const results = interpretGraph(graph, new Map([["x", [1, -2, NaN]]]), { bounds: true });
  expect([...(results.get("y")?.values ?? [])]).toEqual([1, -2, NaN]);
  expect([...(results.get("y")?.bounds ?? [])]).toEqual([0, 0, 0]);
});

test("a long sum loses nothing to rounding", () => {
  const graph = parseGraph(
    "func @f(%x: f32[1000000]) -> (s: f32[1]) {\n  %0 = reduce.sum %x axes=[0] : f32[1]\n  return %0\n}",
  );
  const x = Float32Array.from({ length: 1e6 }, (_, i) => (i === 0 ? 1e30 : i === 999_999 ? -1e30 : 0.5));
  expect(interpretGraph(graph, new Map([["x", x]])).get("s")?.values[0]).toBe(499_999);
});
