import { expect, test } from "vitest";
import { findBuildId, hashSources } from "../../src/cache/build-id.ts";
import { printExactly, printPlanKey } from "../../src/cache/plan-key.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder, nodeModules } from "./support.ts";

const profile = findProfile("default");
if (profile === undefined) throw new Error("no default profile");
const compiler = { version: "1.2.3", buildId: "abc" };
const parts = { profile, options: { isTuned: false } };
const graphOf = (value: string) =>
  parseGraph(`func @f(%x: f32[4]) -> (y: f32[4]) {
  %0 = const ${value} : f32[4]
  %1 = add %x, %0 : f32[4]
  return %1
}
`);

test("everything that a plan depends on is in the key", () => {
  const keys = [
    printPlanKey(compiler, graphOf("1"), parts),
    printPlanKey({ ...compiler, version: "1.2.4" }, graphOf("1"), parts),
    printPlanKey({ ...compiler, buildId: "abd" }, graphOf("1"), parts),
    printPlanKey(compiler, graphOf("1"), { ...parts, options: { isTuned: true } }),
    printPlanKey(compiler, graphOf("1"), {
      ...parts,
      profile: { ...profile, launchUs: profile.launchUs + 1e-9 },
    }),
    printPlanKey(compiler, graphOf("1"), {
      ...parts,
      profile: { ...profile, limits: { ...profile.limits, maxBufferSize: 1 } },
    }),
    ...["0", "-0", "nan", "inf", "-inf", "1e-45", "0.1"].map((value) =>
      printPlanKey(compiler, graphOf(value), parts),
    ),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test("the order of fields is not", () => {
  const turned = { ...profile, limits: Object.fromEntries(Object.entries(profile.limits).reverse()) };
  const other = { ...parts, profile: turned as typeof profile };
  expect(printPlanKey(compiler, graphOf("1"), other)).toBe(printPlanKey(compiler, graphOf("1"), parts));
});

test("numbers that JSON does not tell apart are told apart", () => {
  const values = [null, 0, -0, Number.NaN, Infinity, -Infinity, "nan", "-0"];
  expect(new Set(values.map((value) => printExactly({ value }))).size).toBe(values.length);
});

test("a compiler is told from others by the names and contents of its sources", () => {
  const node = nodeModules();
  const folder = newFolder();
  const write = (name: string, text: string): void => {
    mkdirSync(join(folder, "passes"), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  write("a.ts", "1");
  write("passes/b.ts", "2");
  const seen = [hashSources(node, folder)];
  const expectNew = (act: () => void): void => {
    act();
    const next = hashSources(node, folder);
    expect(seen).not.toContain(next);
    seen.push(next);
  };
  expectNew(() => {
    write("passes/b.ts", "3");
  });
  expectNew(() => {
    renameSync(join(folder, "a.ts"), join(folder, "c.ts"));
  });
  write("notes.md", "no source");
  expect(hashSources(node, folder)).toBe(seen.at(-1));
});

test("sources that run unbuilt have an id", () => {
  expect(findBuildId(nodeModules())).toMatch(/^[0-9a-f]{64}$/);
  expect(findBuildId(null)).toBeNull(); // a browser that loads sources: nobody can say which
});
