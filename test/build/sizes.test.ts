/** What the entries weigh in a page: bundled with all that they need, minified, gzipped. docs/browsers.md has the table. */
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { beforeAll, expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { buildKernels, printModule } from "../../src/build-module.ts";
import { readDoc, tableRows } from "../docs/read-doc.ts";

/** Changes below this share need no new table; a package that is bundled by mistake is larger. */
const TOLERANCE = 0.1;

const SOURCES: Readonly<Record<string, string>> = {
  tensorweft: "src/index.ts",
  "tensorweft/text": "src/text.ts",
  "tensorweft/runtime": "src/runtime-entry.ts",
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

test("a module with one kernel and the runtime stay below 12 kB", async () => {
  const source =
    'import { kernel, norm, type Tensor } from "tensorweft/aot";\n' +
    "export const w = kernel((v: Tensor<[512, 512, 3]>, g: Tensor<[512, 1, 1]>) => g * v / norm(v, { axis: [1, 2], keepdims: true }));";
  const kernels = await buildKernels("w.ts", { read: (path) => (path === "w.ts" ? source : undefined) });
  const text = printModule(kernels, { form: "js", header: "", place: () => "" });
  const entry = fileURLToPath(new URL("../../src/runtime-entry.ts", import.meta.url));
  const bundle = await rolldown({
    input: "page",
    platform: "browser",
    transform: { target: "es2024" },
    plugins: [
      {
        name: "page",
        resolveId: (id) =>
          id === "tensorweft/runtime" ? entry : id === "page" || id === "kernels" ? `\0${id}` : null,
        load: (id) =>
          id === "\0kernels"
            ? text
            : id === "\0page"
              ? 'export * from "kernels"; export { openDevice } from "tensorweft/runtime";'
              : null,
      },
    ],
  });
  const { output } = await bundle.generate({ minify: true, codeSplitting: false });
  await bundle.close();
  const code = output.map((file) => (file.type === "chunk" ? file.code : "")).join("");
  expect(code).toContain("@compute");
  expect(gzipSync(code, { level: 9 }).length).toBeLessThan(12_000);
});
