/** The cut against all subsets of vertices, tried one by one. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { minVertexCut, type CutVertex } from "../../src/passes/min-cut.ts";

/** Small graphs whose edges go from lower to higher numbers. */
const network = fc
  .array(
    fc.record({
      capacity: fc.integer({ min: 0, max: 9 }),
      from: fc.array(fc.nat(6), { maxLength: 3 }),
      isSource: fc.boolean(),
      isSink: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((vertices) =>
    vertices.map((v, i): CutVertex => ({ ...v, from: [...new Set(v.from.filter((u) => u < i))] })),
  );

/** Whether a sink can be reached from a source around the vertices of `cut`. */
function isConnected(vertices: readonly CutVertex[], cut: ReadonlySet<number>): boolean {
  const reached = new Set<number>();
  vertices.forEach((vertex, v) => {
    const isReached = vertex.isSource || vertex.from.some((u) => reached.has(u));
    if (isReached && !cut.has(v)) reached.add(v);
  });
  return [...reached].some((v) => vertices[v]?.isSink === true);
}

const costOf = (vertices: readonly CutVertex[], cut: ReadonlySet<number>): number =>
  [...cut].reduce((sum, v) => sum + (vertices[v]?.capacity ?? 0), 0);

test("no set of vertices separates for less", () => {
  fc.assert(
    fc.property(network, (vertices) => {
      let best = Infinity;
      for (let subset = 0; subset < 2 ** vertices.length; subset++) {
        const cut = new Set(vertices.flatMap((_, v) => ((subset >> v) & 1 ? [v] : [])));
        if (!isConnected(vertices, cut)) best = Math.min(best, costOf(vertices, cut));
      }
      const found = minVertexCut(vertices);
      expect(found.cost).toBe(best);
      expect(costOf(vertices, found.cut)).toBe(best);
      expect(isConnected(vertices, found.cut)).toBe(false);
      for (const v of found.beyond) expect(found.cut.has(v)).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test("of equal cuts the one nearest to the sinks", () => {
  const { cut, beyond } = minVertexCut([
    { capacity: 2, from: [], isSource: true, isSink: false },
    { capacity: 2, from: [0], isSource: false, isSink: false },
    { capacity: 2, from: [1], isSource: false, isSink: true },
  ]);
  expect([...cut]).toEqual([2]);
  expect([...beyond]).toEqual([]);
});
