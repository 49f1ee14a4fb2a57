/** Library functions on small data, evaluated in float64, and the comparison with numbers worked out apart from them. */
import { expect } from "vitest";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";

export type Data = readonly number[] | readonly (readonly number[])[];

function shapeOf(data: Data): readonly number[] {
  const [first] = data;
  return typeof first === "object" ? [data.length, first.length] : [data.length];
}

/** Builds a graph over tensors of the data and evaluates it in float64 (results rounded to f32). */
export function evaluate(
  data: readonly Data[],
  build: (b: GraphBuilder, ...xs: Value[]) => Value,
): readonly number[] {
  const builder = createGraphBuilder("test");
  const params = data.map((d, i) => builder.param(`x${i}`, { dtype: "f32", shape: shapeOf(d) }));
  const graph = builder.finish([{ name: "y", value: build(builder, ...params) }]);
  expect(verifyGraph(graph)).toEqual([]);
  const inputs = new Map(data.map((d, i) => [`x${i}`, d.flat()]));
  return [...(interpretGraph(graph, inputs).get("y")?.values ?? [])];
}

export function expectClose(actual: readonly number[], expected: readonly number[], relative = 1e-6): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((want, i) => {
    const got = actual[i] ?? Number.NaN;
    if (Number.isFinite(want))
      expect(Math.abs(got - want)).toBeLessThanOrEqual(relative * Math.max(1, Math.abs(want)));
    else expect(got).toBe(want);
  });
}
