/**
 * Golden text tests: one small file per case, `test/golden/<stage>/<pass>/<case>.txt`.
 *
 *     ; run: cse                          header: `; key: value` lines, and `; ` remarks, up to the first other line
 *     func @f(%x: f32[4]) -> ...          input, passed on as it stands
 *     ; expect:                           exactly this line
 *     func @f(%x: f32[4]) -> ...          expectation
 *
 * `UPDATE_GOLDENS=1` rewrites expectations (and adds missing ones) instead of comparing. A header without an
 * expectation fails otherwise, and so does an empty folder: a golden test that ran nothing has tested nothing.
 */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const GOLDEN_FOLDER = join(REPOSITORY, "test", "golden");
const EXPECT_LINE = "; expect:";

export interface Golden {
  /** Path from the repository root, with forward slashes. */
  readonly path: string;
  /** File name without its extension. */
  readonly name: string;
  /** `; key: value` lines of the header. A key given several times keeps every value, in order. */
  readonly header: ReadonlyMap<string, readonly string[]>;
  /** Text between header and expectation, without blank lines around it. */
  readonly input: string;
  /** Undefined where the file has none yet. */
  readonly expected: string | undefined;
}

const trimBlankLines = (text: string): string => text.replace(/^(?:[ \t]*\n)+/, "").trimEnd();

/** Reads the parts of one golden file. `path` only labels it. */
export function parseGolden(path: string, text: string): Golden {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const header = new Map<string, string[]>();
  let start = 0;
  for (; start < lines.length; start++) {
    const line = lines[start] ?? "";
    if (!line.startsWith(";") || line === EXPECT_LINE) break;
    const entry = /^; *([a-z-]+): *(.+)$/.exec(line);
    const [, key, value] = entry ?? [];
    if (key !== undefined && value !== undefined) header.set(key, [...(header.get(key) ?? []), value.trim()]);
  }
  const end = lines.indexOf(EXPECT_LINE, start);
  return {
    path,
    name: basename(path, ".txt"),
    header,
    input: trimBlankLines(lines.slice(start, end < 0 ? undefined : end).join("\n")),
    expected: end < 0 ? undefined : trimBlankLines(lines.slice(end + 1).join("\n")),
  };
}

/** The file with its expectation replaced; everything up to the expectation stays as it was, byte for byte. */
export function replaceExpectation(text: string, actual: string): string {
  const end = `\n${text}`.indexOf(`\n${EXPECT_LINE}\n`);
  const before = end < 0 ? `${text.trimEnd()}\n` : text.slice(0, end);
  return `${before}${EXPECT_LINE}\n${trimBlankLines(actual)}\n`;
}

/** All golden files of `test/golden/<folder>`, by name. */
export function listGoldens(folder: string): readonly Golden[] {
  const directory = join(GOLDEN_FOLDER, folder);
  const files = readdirSync(directory).filter((file) => file.endsWith(".txt"));
  return files.sort().map((file) => {
    const path = relative(REPOSITORY, join(directory, file)).replaceAll("\\", "/");
    return parseGolden(path, readFileSync(join(directory, file), "utf8"));
  });
}

/** Compares `actual` with the expectation of a golden file, or rewrites it when `UPDATE_GOLDENS=1`. */
export function checkGolden(golden: Golden, actual: string): void {
  const trimmed = trimBlankLines(actual);
  if (golden.expected === trimmed) return;
  if (process.env["UPDATE_GOLDENS"] === "1") {
    const file = join(REPOSITORY, golden.path);
    writeFileSync(file, replaceExpectation(readFileSync(file, "utf8"), trimmed));
    return;
  }
  const testPath = expect.getState().testPath;
  const target = testPath === undefined ? "" : ` ${relative(REPOSITORY, testPath).replaceAll("\\", "/")}`;
  const message =
    `${golden.path} does not match; if the new text is right, rewrite it with\n` +
    `  UPDATE_GOLDENS=1 npx vitest run${target}\nand review the change`;
  expect(trimmed, message).toBe(golden.expected ?? "(no expectation yet)");
}

/**
 * Declares one test per golden file of `test/golden/<folder>`. `produce` maps a case to its actual text; what it throws
 * fails the case (error goldens catch and render).
 */
export function testGoldens(folder: string, produce: (golden: Golden) => string | Promise<string>): void {
  const goldens = listGoldens(folder);
  describe(`test/golden/${folder}`, () => {
    test("has cases", () => {
      expect(goldens.length).toBeGreaterThan(0);
    });
    for (const golden of goldens) {
      test(golden.name, async () => {
        checkGolden(golden, await produce(golden));
      });
    }
  });
}
