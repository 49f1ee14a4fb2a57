/** Source maps of generated modules, read back. */
import { allMappings, fromMap } from "@jridgewell/gen-mapping";
import { expect, test } from "vitest";
import { buildKernels, printModule } from "../../src/build-module.ts";
import { mapExports } from "../../src/plugin/map-exports.ts";

test("each export leads to its kernel, and nothing else leads anywhere", async () => {
  const text = "// @shapes half N=4\nkernel half(x: f32[N]) = x / 2\n\n  kernel twice(x: f32[8]) = x * 2\n";
  const kernels = await buildKernels("rows.weft", { read: () => text });
  const code = printModule(kernels, { form: "js", header: "", place: () => "" });
  const map = mapExports(code, kernels, new Map([["rows.weft", text]]));
  const lineOf = (name: string): number =>
    code.split("\n").findIndex((l) => l.startsWith(`export const ${name}`)) + 1;
  expect(map).toMatchObject({ version: 3, sources: ["rows.weft"], sourcesContent: [text] });
  expect(
    allMappings(fromMap(JSON.stringify(map))).map(({ generated, original }) => ({ generated, original })),
  ).toEqual([
    { generated: { line: lineOf("half"), column: 0 }, original: { line: 2, column: 7 } },
    { generated: { line: lineOf("twice"), column: 0 }, original: { line: 4, column: 9 } },
  ]);
});
