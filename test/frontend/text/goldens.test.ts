import { describe, expect, test } from "vitest";
import { renderDiagnostics } from "../../../src/diagnostics/render.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";
import { verifyGraph } from "../../../src/ir/verify-graph.ts";
import { checkGolden, listGoldens, testGoldens } from "../../support/golden.ts";
import { FILE, lowerCase } from "./read-case.ts";

// Other stages keep their error goldens in the same folder.
const errors = listGoldens("errors").filter(({ header }) => header.get("run")?.includes("text"));

describe("test/golden/errors", () => {
  test("has cases of the text language", () => {
    expect(errors.length).toBeGreaterThan(0);
  });
  for (const golden of errors) {
    test(golden.name, () => {
      const { diagnostics } = lowerCase(golden);
      const codes = diagnostics.map(({ code }) => code);
      expect(codes.some((code) => golden.name.startsWith(code))).toBe(true);
      checkGolden(golden, renderDiagnostics(diagnostics, new Map([[FILE, golden.input]])));
    });
  }
});

testGoldens("text", (golden) => {
  const lowered = lowerCase(golden);
  expect(lowered.diagnostics).toEqual([]);
  if (!("graph" in lowered) || lowered.graph === undefined) throw new Error("there is no graph");
  expect(verifyGraph(lowered.graph)).toEqual([]);
  return printGraph(lowered.graph);
});
