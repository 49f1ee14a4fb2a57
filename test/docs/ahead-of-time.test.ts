/** docs/ahead-of-time.md and its example: the sources that they show are built, and what stands beside them is what comes out. */
import { expect, test } from "vitest";
import { buildKernels } from "../../src/build-module.ts";
import { runWeft } from "../cli/run-weft.ts";
import { codeBlocks, readDoc } from "./read-doc.ts";

const sources = codeBlocks(readDoc("docs/ahead-of-time.md"))
  .map(({ text }) => text)
  .filter((text) => text.includes('from "tensorweft/aot"'));

test("the sources of the page are built", async () => {
  const built = sources.map(async (text, i) => {
    const names = [...text.matchAll(/^export const (\w+) = kernel/gm)].map(([, name]) => name);
    const shapes = `export const shapes = { ${names.map((name) => `${name ?? ""}: { O: 4, I: 8 }`).join(", ")} };\n`;
    const whole = text.includes("export const shapes") ? text : text + shapes;
    const file = `page${i}.ts`;
    return buildKernels(file, { read: (path) => (path === file ? whole : undefined) });
  });
  const kernels = (await Promise.all(built)).flat();
  expect(kernels.map(({ name }) => name)).toEqual(["weightNorm", "gradient", "step", "backward"]);
  expect(kernels.map(({ form }) => form)).toEqual(["one", "list", ["error", "v"], ["dv", "dg"]]);
});

test("the module of the example is what its source gives", async () => {
  expect(await runWeft("build", "examples/ahead-of-time/norms.ts", "--check")).toMatchObject({ status: 0 });
});
