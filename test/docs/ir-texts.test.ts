/** The texts that docs/ir.md shows are canonical, sound, and mean what the page says. */
import { expect, test } from "vitest";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { interpretIndexProgram } from "../../src/ir/interpret-index.ts";
import { interpretKernel } from "../../src/ir/interpret-kernel.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { parseIndexProgram } from "../../src/ir/parse-index.ts";
import { parseKernel } from "../../src/ir/parse-kernel.ts";
import { printIndexProgram } from "../../src/ir/print-index.ts";
import { printKernel } from "../../src/ir/print-kernel.ts";
import { verifyIndexProgram } from "../../src/ir/verify-index.ts";
import { verifyKernel } from "../../src/ir/verify-kernel.ts";
import { codeBlocks, readDoc } from "./read-doc.ts";

const texts = codeBlocks(readDoc("docs/ir.md")).map(({ text }) => text);

function findText(start: string): string {
  const text = texts.find((candidate) => candidate.startsWith(start));
  if (text === undefined) throw new Error(`docs/ir.md has no block that starts with "${start}"`);
  return text;
}

const wave = (count: number): Float64Array =>
  Float64Array.from({ length: count }, (_, i) => ((i * 7) % 11) - 4);

function expectClose(actual: Float64Array | undefined, wanted: ArrayLike<number>): void {
  expect(actual?.length).toBe(wanted.length);
  // Each was rounded to f32 once: two roundings of one number differ by at most one step of 2^-23.
  actual?.forEach((value, i) => {
    const want = wanted[i] ?? NaN;
    expect(Math.abs(value - want)).toBeLessThanOrEqual(Math.abs(want) * 2 ** -23);
  });
}

test("the index notation is canonical, sound, and the same function as the graph", () => {
  const text = findText("index ");
  const program = parseIndexProgram(text);
  expect(printIndexProgram(program)).toBe(text);
  expect(verifyIndexProgram(program)).toEqual([]);
  const inputs = new Map([
    ["v", wave(64 * 9)],
    ["g", wave(64)],
  ]);
  const oracle = interpretGraph(parseGraph(findText("func ")), inputs);
  expectClose(interpretIndexProgram(program, inputs).get("w"), oracle.get("w")?.values ?? []);
});

test("the kernel is canonical, sound, and computes weight norm", () => {
  const text = findText("kernel ");
  const kernel = parseKernel(text);
  expect(printKernel(kernel)).toBe(text);
  expect(verifyKernel(kernel)).toEqual([]);
  const [v, g, eps] = [wave(64 * 1024), wave(64), 0.5];
  const buffers = new Map([
    ["v", v],
    ["g", g],
  ]);
  interpretKernel(kernel, buffers, new Map([["eps", eps]]));
  const wanted = v.map((x, i) => {
    const start = i - (i % 1024);
    const norm = Math.sqrt(v.subarray(start, start + 1024).reduce((sum, y) => sum + y * y, 0));
    return Math.fround((x * (g[start / 1024] ?? NaN)) / (norm + eps));
  });
  expectClose(buffers.get("w"), wanted);
});
