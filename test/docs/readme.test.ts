/** What README.md shows is what happens: its program runs, its WGSL and its table are the compiler's, its commands work. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LIBRARY } from "../../src/library/registry.ts";
import { loadText } from "../../src/text.ts";
import { runWeft } from "../cli/run-weft.ts";
import { printNormTable } from "./norm-table.ts";
import { checkGenerated, codeBlocks, readDoc, REPOSITORY } from "./read-doc.ts";

const README = readDoc("README.md");
const blocks = codeBlocks(README);

/** Runs a program as a user's file would run, on the adapter of this test run where there is one. */
function runProgram(source: string): string {
  const options = ["--conditions=tensorweft-source", "--input-type=module-typescript", "--eval", source];
  const run = spawnSync(process.execPath, options, { cwd: REPOSITORY, encoding: "utf8", timeout: 60_000 });
  expect(run.status, run.stderr).toBe(0);
  return run.stdout;
}

const program = blocks.find(({ language }) => language === "ts")?.text ?? "";

test("the first program is short, runs, and prints what its comment says", () => {
  expect(program.trimEnd().split("\n").length).toBeLessThanOrEqual(16);
  const said = /console\.log\(.*\/\/ (.*)$/m.exec(program)?.[1];
  expect(said).toBeDefined();
  expect(runProgram(program).trimEnd()).toBe(said);
});

test("the WGSL below is that of the program's function", () => {
  const name = /^function (\w+)/m.exec(program)?.[1] ?? "";
  const definition = /^function [^]*?^}\n/m.exec(program)?.[0] ?? "";
  const print = `
    import { compileGraph, f32, findProfile, renderStage, trace } from "tensorweft";
    const compiled = compileGraph(trace(${name}, [f32(4096, 64)]).graph, { profile: findProfile("default") });
    console.log(renderStage(compiled, "wgsl").trimEnd());`;
  const wgsl = runProgram(`import type { TracedTensor } from "tensorweft";\n${definition}${print}`).trimEnd();
  checkGenerated("README.md", "wgsl", `\`\`\`wgsl\n${wgsl}\n\`\`\``);
});

test("the table of kernels is true", () => {
  checkGenerated("README.md", "norms", printNormTable());
});

test("every text program loads", () => {
  const programs = blocks.filter(({ language }) => language === "weft");
  expect(programs.length).toBeGreaterThan(0);
  for (const { text } of programs) expect(Object.keys(loadText(text)).length).toBeGreaterThan(0);
});

test("every other TypeScript fragment runs", () => {
  const others = blocks.filter(({ language, text }) => language === "ts" && text !== program);
  for (const { text } of others) runProgram(text);
});

describe("commands", () => {
  const lines = blocks
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.split("\n"))
    .map((line) => line.replace(/ +#.*/, ""));

  const weft = lines.filter((line) => line.startsWith("npx weft "));
  test.each(weft)("%s", async (line) => {
    const argv = line.split(/\s+/).slice(2);
    const files = argv.filter((word) => /\.(weft|safetensors)$/.test(word));
    const help = await runWeft(argv[0] ?? "", "--help");
    expect(help.status).toBe(0);
    for (const option of argv.filter((word) => word.startsWith("--"))) expect(help.out).toContain(option);
    // A line about files of the reader's own can be checked no further.
    if (files.every((file) => existsSync(join(REPOSITORY, file))))
      expect((await runWeft(...argv)).status).toBe(0);
  });

  test("npm scripts exist", () => {
    const { scripts } = JSON.parse(readDoc("package.json")) as { readonly scripts: Record<string, string> };
    const named = lines.flatMap((line) => /^npm (?:run )?([a-z:]+)/.exec(line)?.[1] ?? []);
    const own = named.filter((name) => name !== "ci" && name !== "install" && name !== "pack");
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

test("every function of the library is named", () => {
  for (const name of LIBRARY.keys()) expect(README).toContain(`\`${name}\``);
});
