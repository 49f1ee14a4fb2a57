/**
 * The comparison in docs/weight-norm.md: every behaviour of the list has its row, says whether it is the same, and names tests that
 * exist by file and title.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDoc, REPOSITORY } from "./read-doc.ts";

/** Behaviours of PyTorch and MLX that were collected. */
const COUNT = 49;

const lines = readDoc("docs/weight-norm.md").split("\n");
const cellsOf = (line: string): readonly string[] =>
  line
    .slice(1, -1)
    .split("|")
    .map((cell) => cell.trim());
const rows = lines.filter((line) => /^\| +\d+ +\|/.test(line)).map(cellsOf);
const files = new Map(
  lines.flatMap((line) => {
    const [, name, path] = /^\| (\w+) +\| `(test\/[^`]+)` +\|$/.exec(line) ?? [];
    return name === undefined || path === undefined ? [] : [[name, path] as const];
  }),
);

const textOf = (path: string): string => {
  const file = join(REPOSITORY, path);
  expect(existsSync(file), path).toBe(true);
  return readFileSync(file, "utf8");
};

test("every behaviour has one row, in order, with four cells", () => {
  expect(rows.map(([number]) => Number(number))).toEqual(Array.from({ length: COUNT }, (_, i) => i + 1));
  for (const row of rows) {
    expect(row, row.join()).toHaveLength(4);
    for (const cell of row) expect(cell.length, row.join()).toBeGreaterThan(0);
  }
});

test("every row names tests that exist", () => {
  const used = new Set<string>();
  for (const [number = "", , , shown = ""] of rows)
    for (const reference of shown.split("; ")) {
      const [, path] = /^`(test\/[^`]+)`$/.exec(reference) ?? [];
      if (path !== undefined) {
        textOf(path);
        continue;
      }
      const [, name = "", title = ""] = /^(\w+): (.+)$/.exec(reference) ?? [];
      const file = files.get(name);
      expect(file, `row ${number}: ${reference}`).toBeDefined();
      used.add(name);
      const group = /^group (\w+)$/.exec(title)?.[1];
      const wanted = group === undefined ? title : `  ${group}: `;
      expect(textOf(file ?? "").includes(wanted), `row ${number}: ${reference}`).toBe(true);
    }
  expect([...files.keys()].filter((name) => !used.has(name))).toEqual([]);
});
