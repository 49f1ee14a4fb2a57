/** What the entries weigh in a page: bundled with all that they need, minified, gzipped. docs/browsers.md has the table. */
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { beforeAll, expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { readDoc, tableRows } from "../docs/read-doc.ts";

/** Changes below this share need no new table; a package that is bundled by mistake is larger. */
const TOLERANCE = 0.1;

const SOURCES: Readonly<Record<string, string>> = {
  tensorweft: "src/index.ts",
  "tensorweft/text": "src/text.ts",
};

const kilobytes = new Map<string, number>();

beforeAll(async () => {
  for (const [entry, source] of Object.entries(SOURCES)) {
    const bundle = await rolldown({
      input: fileURLToPath(new URL(`../../${source}`, import.meta.url)),
      platform: "browser",
      transform: { target: "es2024" },
    });
    const { output } = await bundle.generate({ minify: true, codeSplitting: false });
    await bundle.close();
    const code = output.map((file) => (file.type === "chunk" ? file.code : "")).join("");
    kilobytes.set(entry, gzipSync(code, { level: 9 }).length / 1000);
  }
  console.log(
    `bundles, minified and gzipped: ${[...kilobytes].map(([entry, kb]) => `${entry} ${kb.toFixed(1)} kB`).join(", ")}`,
  );
});

test.each(Object.keys(SOURCES))("%s has the size that docs/browsers.md gives", (entry) => {
  const row = tableRows(readDoc("docs/browsers.md"), "Entry").find(([name]) => name === `\`${entry}\``);
  const [, shown = ""] = row ?? [];
  const said = Number(/^(\d+) kB$/.exec(shown)?.[1]);
  const found = kilobytes.get(entry) ?? NaN;
  expect(
    Math.abs(found - said) / said,
    `${entry} has ${found.toFixed(1)} kB, the table says ${shown}`,
  ).toBeLessThan(TOLERANCE);
});
