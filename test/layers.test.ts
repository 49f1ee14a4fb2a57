/**
 * Imports under src/ point one way (ARCHITECTURE.md): stages see the artefacts in src/ir and not each other, and only
 * the files directly under src/ join them.
 */
import { expect, test } from "vitest";
import { findCycle, type Import, importsOf, importsUnderSrc } from "./support/imports.ts";

/** What each folder may import beside itself. "." stands for the files directly under src/. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  diagnostics: [],
  ir: ["diagnostics"],
  formats: ["diagnostics"],
  cache: ["ir", "diagnostics"],
  autodiff: ["ir", "diagnostics"],
  library: ["ir", "diagnostics"],
  frontend: ["ir", "diagnostics", "library", "autodiff"],
  passes: ["ir", "diagnostics"],
  schedule: ["ir", "diagnostics"],
  lower: ["ir", "diagnostics"],
  codegen: ["ir", "diagnostics"],
  runtime: ["ir", "diagnostics", "cache"],
  slim: ["ir", "diagnostics", "runtime"],
  aot: ["ir", "diagnostics"],
  build: ["ir", "diagnostics"],
  plugin: [".", "diagnostics"],
  bench: [".", "ir", "diagnostics", "cache", "runtime"],
  cli: [".", "ir", "diagnostics", "formats", "bench", "cache"],
  ".": [
    "diagnostics",
    "ir",
    "formats",
    "cache",
    "library",
    "frontend",
    "passes",
    "schedule",
    "lower",
    "codegen",
    "runtime",
    "slim",
    "aot",
    "build",
  ],
};

/** Packages that must not reach programs which do without the part that needs them. */
const ONLY_BELOW: Readonly<Record<string, string>> = {
  chevrotain: "src/frontend/text/",
  "ts-morph": "src/frontend/aot/",
  unplugin: "src/plugin/",
  "@jridgewell/gen-mapping": "src/plugin/",
  vite: "src/plugin/",
  commander: "src/cli/",
  "cli-progress": "src/cli/",
  "@observablehq/plot": "src/bench/",
  linkedom: "src/bench/",
  idb: "src/cache/",
};

const layerOf = (file: string): string => /^src\/([^/]+)\//.exec(file)?.[1] ?? ".";

/** What is wrong with an import and how to mend it, or undefined. */
function complaint({ from, to, isFile }: Import): string | undefined {
  if (!isFile) {
    const folder = ONLY_BELOW[to];
    if (folder === undefined || from.startsWith(folder)) return undefined;
    return `${from} imports ${to}: only files below ${folder} may, move the code that needs it there`;
  }
  if (!to.startsWith("src/"))
    return `${from} imports ${to}: nothing under src/ may import what is not published`;
  const [source, target] = [layerOf(from), layerOf(to)];
  const allowed = MAY_IMPORT[source];
  if (allowed === undefined)
    return `src/${source} is new: say in MAY_IMPORT (test/layers.test.ts) what it may import`;
  if (source === target || allowed.includes(target)) return undefined;
  const may = allowed.length === 0 ? "nothing" : allowed.map(spell).join(", ");
  return (
    `${from} imports ${to}: ${spell(source)} may import ${may} beside itself. ` +
    "Move what both need into src/ir, or join the two in a file directly under src/"
  );
}

const spell = (layer: string): string => (layer === "." ? "src/*.ts" : `src/${layer}`);

test("every import under src/ follows an allowed arrow", () => {
  const complaints = importsUnderSrc().flatMap((each) => complaint(each) ?? []);
  expect(complaints.join("\n")).toBe("");
});

test("no import cycle exists under src/", () => {
  const cycle = findCycle(importsUnderSrc())?.join(" -> ") ?? "";
  expect(cycle, "move what the files of the cycle share into a file of its own").toBe("");
});

const complaints = (from: string, text: string): readonly string[] =>
  importsOf(from, text).flatMap((each) => complaint(each) ?? []);

test("a stage that imports a stage is told the way out", () => {
  expect(complaints("src/lower/lower.ts", 'import { print } from "../codegen/wgsl/print.ts";')).toEqual([
    "src/lower/lower.ts imports src/codegen/wgsl/print.ts: src/lower may import src/ir, src/diagnostics beside itself. " +
      "Move what both need into src/ir, or join the two in a file directly under src/",
  ]);
});

test("type imports, exports and dynamic imports count as well", () => {
  const text =
    'import type { A } from "../passes/a.ts"; export * from "../lower/b.ts"; await import("../cli/c.ts");';
  expect(complaints("src/runtime/run.ts", text)).toHaveLength(3);
});

test("packages stay in their folders", () => {
  expect(complaints("src/frontend/text/lexer.ts", 'import { Lexer } from "chevrotain";')).toEqual([]);
  expect(complaints("src/ir/parse.ts", 'import { Lexer } from "chevrotain";')).toEqual([
    "src/ir/parse.ts imports chevrotain: only files below src/frontend/text/ may, move the code that needs it there",
  ]);
});

test("new folders and files outside src/ are refused", () => {
  expect(complaints("src/magic/a.ts", 'import "../ir/graph.ts";')).toHaveLength(1);
  expect(complaints("src/ir/a.ts", 'import "../../test/support/gpu.ts";')).toHaveLength(1);
  expect(complaints("src/cli/main.ts", 'import "../compile.ts";')).toEqual([]);
});

test("cycles are found", () => {
  const file = (from: string, to: string): Import => ({ from, to, isFile: true });
  expect(findCycle([file("a", "b"), file("b", "c"), file("c", "b")])).toEqual(["b", "c", "b"]);
  expect(findCycle([file("a", "b"), file("a", "c"), file("b", "c")])).toBeUndefined();
});
