import { expect, test } from "vitest";
import { parseStack } from "../../../src/diagnostics/call-site.ts";
import { layerNorm } from "../../../src/frontend/trace/library-functions.ts";
import { add } from "../../../src/frontend/trace/functions.ts";
import { f32, trace } from "../../../src/frontend/trace/trace.ts";
import type { TracedTensor } from "../../../src/frontend/trace/traced-tensor.ts";
import { captureError } from "./capture-error.ts";

/** The line of the caller, from the engine itself. */
const lineHere = (): number => parseStack(new Error().stack ?? "")[1]?.line ?? -1;

test("a method, a function and a library function point at the user's line", () => {
  const lines: number[] = [];
  const { graph } = trace(
    (x, y) => {
      lines.push(lineHere() + 1);
      const sum = x.add(y);
      lines.push(lineHere() + 1);
      const twice = add(sum, sum);
      lines.push(lineHere() + 1);
      return layerNorm(twice);
    },
    [f32(4, 4), f32(4)],
  );
  const spans = graph.nodes.flatMap(({ span }) => (span === undefined ? [] : [span]));
  expect(new Set(spans.map((span) => span.line))).toEqual(new Set(lines));
  for (const span of spans) expect(span.file).toMatch(/call-site\.test\.ts$/);
  expect(new Set(spans.map((span) => span.length))).toEqual(new Set(["add".length, "layerNorm".length]));
});

test("a shape error points at the user's line", () => {
  let line = 0;
  const error = captureError(() =>
    trace(
      // Of unknown shapes: known ones would not compile.
      (x: TracedTensor, y: TracedTensor) => {
        line = lineHere() + 1;
        return x.mul(y);
      },
      [f32(8, 256), f32(255)],
    ),
  );
  expect(error.diagnostics).toMatchObject([
    { code: "shape-mismatch", message: "cannot broadcast f32[255] to f32[8,256]", span: { line } },
  ]);
});

test("without `locate` no node has a span", () => {
  const { graph } = trace((x) => x.exp(), [f32(4)], { locate: false });
  expect(graph.nodes.every(({ span }) => span === undefined)).toBe(true);
});
