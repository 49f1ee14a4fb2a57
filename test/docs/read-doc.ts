/** Documents as tests see them: their code blocks, tables and links. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

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
