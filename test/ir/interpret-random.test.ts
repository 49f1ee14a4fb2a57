import fc from "fast-check";
import { expect, test } from "vitest";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import { compareToOracle } from "../support/compare-to-oracle.ts";
import { emulateF32 } from "../support/emulate-f32.ts";
import { randomProgram } from "../support/random-graph.ts";
import { createRandom } from "../support/random-values.ts";

test("random graphs are valid", () => {
  fc.assert(
    fc.property(randomProgram(), ({ graph }) => {
      expect(verifyGraph(graph)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("every f32 evaluation of a random graph stays within the bounds, and most elements have one", () => {
  let compared = 0;
  let elements = 0;
  fc.assert(
    fc.property(randomProgram({ maxElements: 400 }), fc.nat(), ({ graph, inputs }, seed) => {
      const oracle = interpretGraph(graph, inputs, { bounds: true });
      const actual = emulateF32(graph, inputs, createRandom(seed));
      for (const [name, want] of oracle) {
        const { mismatches, excluded } = compareToOracle(actual.get(name) ?? [], want, 3);
        elements += want.values.length;
        compared += want.values.length * (1 - excluded);
        expect(mismatches, `${name} of\n${printGraph(graph)}`).toEqual([]);
      }
    }),
    { numRuns: 400 },
  );
  expect(compared / elements).toBeGreaterThan(0.6);
});

test("bounds do not change values, but for those that hang on the sign of a zero", () => {
  fc.assert(
    fc.property(randomProgram({ maxElements: 200 }), ({ graph, inputs }) => {
      const plain = interpretGraph(graph, inputs);
      for (const [name, { values, bounds }] of interpretGraph(graph, inputs, { bounds: true })) {
        const kept = (_: number, i: number): boolean => (bounds?.[i] ?? 0) < Infinity;
        const want = plain.get(name)?.values ?? new Float64Array();
        expect([...values].filter(kept).map((x) => x + 0)).toEqual([...want].filter(kept).map((x) => x + 0));
      }
    }),
    { numRuns: 100 },
  );
});
