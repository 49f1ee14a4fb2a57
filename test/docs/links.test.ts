/** Links in the documents lead somewhere: to files of this repository and to headings that exist. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { proseOf, readDoc, REPOSITORY } from "./read-doc.ts";

const IGNORED = new Set(["node_modules", "dist", "coverage", "demo-output"]);

function listPages(folder: string): readonly string[] {
  return readdirSync(join(REPOSITORY, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name.startsWith(".") || IGNORED.has(entry.name) ? [] : listPages(path);
    return entry.name.endsWith(".md") ? [path.replaceAll("\\", "/")] : [];
  });
}

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");

const anchorsOf = (page: string): ReadonlySet<string> =>
  new Set([...proseOf(readDoc(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading)));

/** What is wrong with a link, or undefined. Addresses of other sites are taken as they are. */
function complaint(page: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : relative(REPOSITORY, join(REPOSITORY, dirname(page), path));
  if (!existsSync(join(REPOSITORY, file))) return `${page}: ${target} leads nowhere`;
  if (anchor === undefined || statSync(join(REPOSITORY, file)).isDirectory()) return undefined;
  return anchorsOf(file).has(anchor) ? undefined : `${page}: ${file} has no heading #${anchor}`;
}

const linksOf = (page: string): readonly string[] =>
  [...proseOf(readDoc(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);

const pages = listPages(".");

test.each(pages)("links of %s", (page) => {
  expect(linksOf(page).flatMap((target) => complaint(page, target) ?? [])).toEqual([]);
});

test("paths in backticks exist", () => {
  const missing = pages.flatMap((page) =>
    [...proseOf(readDoc(page)).matchAll(/`((?:src|test|scripts|docs|examples|bin)\/[\w./-]+)`/g)].flatMap(
      ([, path = ""]) => (existsSync(join(REPOSITORY, path)) ? [] : [`${page}: ${path}`]),
    ),
  );
  expect(missing).toEqual([]);
});

test("every page of docs/ is in its index", () => {
  const index = linksOf("docs/README.md");
  const listed = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
  expect(listed.filter((page) => !index.includes(page.slice("docs/".length)))).toEqual([]);
});

test("a broken link is noticed", () => {
  expect(complaint("README.md", "docs/nowhere.md")).toBe("README.md: docs/nowhere.md leads nowhere");
  expect(complaint("README.md", "docs/ir.md#nothing")).toBe("README.md: docs/ir.md has no heading #nothing");
  expect(complaint("docs/ir.md", "#kernel")).toBeUndefined();
  expect(complaint("docs/README.md", "../package.json")).toBeUndefined();
});
