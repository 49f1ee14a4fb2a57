import fc from "fast-check";
import { expect, test } from "vitest";
import { type Diagnostic } from "../../../src/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../../src/diagnostics/render.ts";
import { checkModule } from "../../../src/frontend/text/check.ts";
import { listKernels } from "../../../src/frontend/text/list-kernels.ts";
import { lowerKernel } from "../../../src/frontend/text/lower-kernel.ts";
import { parseModule } from "../../../src/frontend/text/parse.ts";

const PROGRAM = `// norms
fn l2(x, axis, eps: f32 = 1e-7) = sqrt(sum(x * x, axis=axis, keepdims=true)) + eps
kernel weight_norm(v: f32[O, I, K], g: f32[O, 1, 1], eps: f32 = -1e-7) -> f32[O, I, K] {
  let n = l2(v, [1, 2])
  g * v / (n + eps)
}
kernel stats(x: f32[..., D]) -> (mu: f32[..., 1], rstd: f32[..., 1]) {
  let c = x - mean(x, axis=-1, keepdims=true)
  let (a, b) = (x[:, 1:-1, ::2], not (c < 1 and c >= 2 or true))
  (mean(x, axis=-1, keepdims=true), rsqrt(mean(c ** 2, axis=-1, keepdims=true) + 1e-5))
}
`;
const SHAPES = { v: { shape: [2, 3, 4] }, x: { shape: [2, 3, 4] } };
const PIECES = PROGRAM.match(/\w+|\s+|[^\w\s]/g) ?? [];

/** Runs everything that a text can meet; whatever it is, only diagnostics may come out. */
function survive(source: string): void {
  const { module, diagnostics } = parseModule(source, "fuzz.weft");
  const all: Diagnostic[] = [...diagnostics];
  if (module !== undefined) {
    all.push(...checkModule(module));
    for (const { name } of listKernels(module)) {
      const lowered = lowerKernel(module, name, SHAPES);
      const found = [...diagnostics, ...lowered.diagnostics];
      expect(lowered.graph !== undefined || found.some(({ severity }) => severity === "error")).toBe(true);
      all.push(...lowered.diagnostics);
    }
  }
  const lines = source.split(/\r\n|\r|\n/);
  for (const { span, message } of all) {
    expect(message).not.toMatch(/undefined|NaN|\[object/);
    if (span?.file !== "fuzz.weft") continue;
    expect(span.line).toBeLessThanOrEqual(lines.length);
    expect(span.column).toBeLessThanOrEqual((lines[span.line - 1]?.length ?? 0) + 1);
  }
  renderDiagnostics(all, new Map([["fuzz.weft", source]]));
}

test("random bytes give diagnostics, never an exception", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      survive(new TextDecoder("latin1").decode(bytes));
    }),
    { numRuns: 300 },
  );
});

test("random pieces of programs give diagnostics, never an exception", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 120 }), (pieces) => {
      survive(pieces.join(""));
    }),
    { numRuns: 300 },
  );
});

const edit = fc.record({
  at: fc.nat({ max: PIECES.length - 1 }),
  remove: fc.nat({ max: 3 }),
  insert: fc.array(fc.constantFrom(...PIECES, "...", "\u2212", "\ud83d\ude00", "1e999", "-9"), {
    maxLength: 3,
  }),
});

test("a program with a few edits gives diagnostics, never an exception", () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const pieces = [...PIECES];
      for (const { at, remove, insert } of edits) pieces.splice(at, remove, ...insert);
      survive(pieces.join(""));
    }),
    { numRuns: 600 },
  );
});

test("the program without edits has no errors", () => {
  const { module, diagnostics } = parseModule(PROGRAM, "fuzz.weft");
  expect(diagnostics).toEqual([]);
  expect(module === undefined ? [] : checkModule(module)).toEqual([]);
  for (const name of ["weight_norm", "stats"])
    expect((module && lowerKernel(module, name, pick(name)))?.diagnostics).toEqual([]);
});

const pick = (kernel: string) => (kernel === "stats" ? { x: SHAPES.x } : { v: SHAPES.v });

test("a long run of nonsense is reported in bounded length", () => {
  const { diagnostics } = parseModule(") ] fn ( } [ let = #\n".repeat(1000), "a");
  expect(diagnostics.length).toBeLessThanOrEqual(200);
  expect(diagnostics.length).toBeGreaterThan(0);
});
