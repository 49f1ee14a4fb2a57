/** The programs in docs/weight-norm.md run and print what their comments say; its commands have these options. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { runWeft } from "../cli/run-weft.ts";
import { codeBlocks, readDoc, REPOSITORY } from "./read-doc.ts";

const blocks = codeBlocks(readDoc("docs/weight-norm.md"));

test("programs", () => {
  const programs = blocks.filter(({ language }) => language === "ts");
  const printed = programs.map(({ text }) => {
    const options = ["--conditions=tensorweft-source", "--input-type=module-typescript", "--eval", text];
    const run = spawnSync(process.execPath, options, { cwd: REPOSITORY, encoding: "utf8", timeout: 60_000 });
    expect(run.status, run.stderr).toBe(0);
    return run.stdout.trimEnd();
  });
  expect(printed).toEqual(["5.00 10.00\n3.00 4.00 6.00 8.00", "lin.weight adapter_v"]);
});

test("commands", async () => {
  const help = (await runWeft("fold", "--help")).out;
  const lines = blocks
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => text.trim().split("\n"));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line.startsWith("npx weft fold ")).toBe(true);
    for (const [option] of line.matchAll(/--[a-z-]+/g)) expect(help).toContain(option);
  }
});
