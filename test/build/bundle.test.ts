/** Bundles the package as `npm run build` does, in memory, and looks at which file loads what. */
import { rolldown, type OutputChunk } from "rolldown";
import { beforeAll, describe, expect, test } from "vitest";
import config from "../../rolldown.config.ts";
import packageJson from "../../package.json" with { type: "json" };

const chunks = new Map<string, OutputChunk>();

beforeAll(async () => {
  const bundle = await rolldown(config);
  const { output } = await bundle.generate(config.output);
  await bundle.close();
  for (const file of output) if (file.type === "chunk") chunks.set(file.fileName, file);
});

/** The files and packages that importing a file loads at once, itself included. */
function loadedBy(entry: string): readonly string[] {
  const seen = new Set([entry]);
  for (const name of seen) for (const next of chunks.get(name)?.imports ?? []) seen.add(next);
  return [...seen];
}

describe("the built package", () => {
  test("has a file for every entry of package.json and for the command", () => {
    const entries = Object.values(packageJson.exports).flatMap((entry) =>
      typeof entry === "string" ? [] : [entry.default.replace("./dist/", "")],
    );
    expect([...chunks.keys()]).toEqual(expect.arrayContaining([...entries, "cli/main.js"]));
  });

  test("loads no package from its main entry", () => {
    const loaded = loadedBy("index.js");
    expect(loaded.filter((name) => !chunks.has(name) && !name.startsWith("node:"))).toEqual([]);
  });

  test.each([
    ["index.js", 6],
    ["text.js", 8],
    ["runtime-entry.js", 4],
    ["aot.js", 3],
    ["cli/main.js", 4],
    ["plugin/vite-entry.js", 9],
    ["plugin/unplugin-entry.js", 9],
  ])("loads few files from %s", (entry, most) => {
    const own = loadedBy(entry).filter((name) => chunks.has(name));
    expect(own.length, own.join(" ")).toBeLessThanOrEqual(most);
  });

  test("exports from each entry what its source exports, and nothing else", async () => {
    const sources = { index: "index", text: "text", "runtime-entry": "runtime-entry", aot: "aot" };
    for (const [entry, source] of Object.entries(sources)) {
      const exports = (await import(`../../src/${source}.ts`)) as Readonly<Record<string, unknown>>;
      expect(chunks.get(`${entry}.js`)?.exports.toSorted()).toEqual(Object.keys(exports).toSorted());
    }
  });

  test("loads chevrotain from ./text alone", () => {
    expect(loadedBy("text.js")).toContain("chevrotain");
    expect(loadedBy("index.js")).not.toContain("chevrotain");
    expect(loadedBy("cli/main.js")).not.toContain("chevrotain");
  });

  test("loads no compiler from ./runtime", () => {
    const modules = loadedBy("runtime-entry.js").flatMap((name) =>
      Object.keys(chunks.get(name)?.modules ?? {}).map((id) => id.replaceAll("\\", "/")),
    );
    expect(
      modules.filter((id) =>
        /src\/(?:compile|passes|schedule|lower|codegen|frontend|library|cache|autodiff|jit)/.test(id),
      ),
    ).toEqual([]);
    expect(modules.filter((id) => /src\/runtime\/(?:gpu-|buffer-pool|calibrate)/.test(id))).toEqual([
      expect.stringMatching(/src\/runtime\/gpu-flags\.ts$/),
    ]);
    expect(modules.some((id) => id.endsWith("src/slim/slim-device.ts"))).toBe(true);
    expect(loadedBy("index.js")).not.toContain("ts-morph");
    expect(loadedBy("cli/main.js")).not.toContain("ts-morph");
  });

  test("loads unplugin from the plugin's entries alone, and no front end before there is something to build", () => {
    for (const entry of ["plugin/vite-entry.js", "plugin/unplugin-entry.js"]) {
      expect(loadedBy(entry)).toContain("unplugin");
      expect(loadedBy(entry)).not.toContain("ts-morph");
      expect(loadedBy(entry)).not.toContain("chevrotain");
    }
    for (const entry of ["index.js", "text.js", "aot.js", "runtime-entry.js", "cli/main.js"])
      expect(loadedBy(entry)).not.toContain("unplugin");
  });

  test("imports only packages that it declares", () => {
    const declared = [
      ...Object.keys(packageJson.dependencies),
      ...Object.keys(packageJson.peerDependencies),
      // report-html.ts draws with these, and asks the user to install them.
      "@observablehq/plot",
      "linkedom",
    ];
    const imported = [...chunks.values()].flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]);
    const packages = new Set(imported.filter((name) => !chunks.has(name) && !name.startsWith("node:")));
    expect([...packages].filter((name) => !declared.includes(name))).toEqual([]);
  });

  test("knows its own frames: the module that looks for them keeps its place", () => {
    const own = chunks.get("diagnostics/call-site.js");
    expect(Object.keys(own?.modules ?? {}).map((id) => id.replaceAll("\\", "/"))).toEqual([
      expect.stringMatching(/src\/diagnostics\/call-site\.ts$/),
    ]);
  });
});
