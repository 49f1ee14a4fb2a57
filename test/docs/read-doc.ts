/** Documents as tests see them: their code blocks, tables and links. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const root = new URL("../../", import.meta.url);

/** The folder that holds the documents. */
export const REPOSITORY = fileURLToPath(root);

export interface CodeBlock {
  /** The word behind the fence, "" without one. */
  readonly language: string;
  readonly text: string;
}

export const readDoc = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** Fenced blocks, in order. A fence without an end takes the rest, as in CommonMark. */
export function codeBlocks(page: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { readonly language: string; readonly lines: string[] } | undefined;
  for (const line of page.split("\n")) {
    const fence = /^```(\S*)/.exec(line);
    if (open === undefined) {
      if (fence !== null) open = { language: fence[1] ?? "", lines: [] };
    } else if (fence === null) open.lines.push(line);
    else {
      blocks.push({ language: open.language, text: open.lines.map((l) => `${l}\n`).join("") });
      open = undefined;
    }
  }
  if (open !== undefined) blocks.push({ language: open.language, text: open.lines.join("\n") });
  return blocks;
}

/** The page without its code blocks. */
export const proseOf = (page: string): string => page.replace(/^```[^]*?^```[^\n]*$/gm, "");

/** Body rows of the table under a heading cell of this text, as trimmed cells. */
export function tableRows(page: string, firstHeading: string): readonly (readonly string[])[] {
  const lines = page.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${firstHeading} `));
  if (start < 0) return [];
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 2, end < 0 ? undefined : end).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

/**
 * The text between `<!-- generated: NAME -->` and `<!-- end -->`, without the line ends next to the marks. What stands there is
 * compared with `actual`, or rewritten under UPDATE_GOLDENS=1, as goldens are.
 */
export function checkGenerated(path: string, name: string, actual: string): void {
  const page = readDoc(path);
  const start = `<!-- generated: ${name} -->\n`;
  const at = page.indexOf(start);
  const end = page.indexOf("\n<!-- end -->", at);
  if (at < 0 || end < 0) throw new Error(`${path} has no part "${name}" between its marks`);
  const shown = page.slice(at + start.length, end);
  if (shown === actual) return;
  if (process.env["UPDATE_GOLDENS"] === "1") {
    writeFileSync(new URL(path, root), `${page.slice(0, at + start.length)}${actual}${page.slice(end)}`);
    return;
  }
  const message =
    `part "${name}" of ${path} is out of date; if the new text is right, rewrite it with\n` +
    "  UPDATE_GOLDENS=1 npx vitest run test/docs\nand review the change";
  expect(actual, message).toBe(shown);
}
