/** The tutorial's programs are programs, and its list of functions names them all. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BUILTINS } from "../../../src/frontend/text/builtins.ts";
import { checkModule } from "../../../src/frontend/text/check.ts";
import { lowerKernel } from "../../../src/frontend/text/lower-kernel.ts";
import { parseModule } from "../../../src/frontend/text/parse.ts";

const DOC = readFileSync(new URL("../../../docs/language.md", import.meta.url), "utf8");
// Fenced blocks without a language are programs.
const programs = [...DOC.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, language, text = ""], k) =>
  language === "" ? [{ title: `block ${String(k)} of the tutorial`, source: text }] : [],
);

test("the tutorial has programs", () => {
  expect(programs.length).toBeGreaterThanOrEqual(3);
});

test.each(programs)("$title is a program", ({ source }) => {
  const { module, diagnostics } = parseModule(source, "docs/language.md");
  expect(diagnostics).toEqual([]);
  if (module === undefined) throw new Error("no module");
  expect(checkModule(module)).toEqual([]);
  const shapes = { weight_norm: { v: [4, 3, 2] }, stats: { x: [2, 5] }, views: { x: [3, 4, 6] } };
  for (const [kernel, given] of Object.entries(shapes)) {
    if (!source.includes(`kernel ${kernel}(`)) continue;
    const entries = Object.entries(given).map(([name, shape]) => [name, { shape }] as const);
    expect(lowerKernel(module, kernel, Object.fromEntries(entries)).diagnostics).toEqual([]);
  }
});

test("the list of functions is complete", () => {
  const section = /## Functions\n([\s\S]*?)\n## /.exec(DOC)?.[1] ?? "";
  const named = new Set(
    [...section.matchAll(/`([^`]*)`/g)].flatMap(([, code]) => code?.match(/[a-z]\w*/g) ?? []),
  );
  expect([...BUILTINS.keys()].filter((name) => !named.has(name))).toEqual([]);
});
