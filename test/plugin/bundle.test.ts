/** The plugin in a real bundle: what is in it, what it computes, what is written beside the sources, what is refused where. */
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { expect, test } from "vitest";
import { build, type Rolldown } from "vite";
import { weftPlugin } from "../../src/plugin/unplugin-entry.ts";
import { runWeft } from "../cli/run-weft.ts";
import { describeGpu } from "../support/gpu.ts";
import { type App, CONDITIONS, makeApp, viteConfig } from "./make-app.ts";

async function bundle(app: App, entry = "main.ts", sourcemap = false): Promise<Rolldown.OutputChunk> {
  const built = await build({
    ...viteConfig(app),
    build: {
      write: false,
      target: "es2024",
      minify: false,
      sourcemap,
      lib: { entry: app.path(entry), formats: ["es"] },
      rolldownOptions: { external: ["webgpu"] },
    },
  });
  const [first] = Array.isArray(built) ? built : [];
  const chunk = first?.output.find((file) => file.type === "chunk");
  if (chunk === undefined) throw new Error("Vite gave no chunk");
  return chunk;
}

test("the bundle has the runtime and neither compiler, chevrotain nor ts-morph", async () => {
  const app = makeApp();
  const { modules, imports, dynamicImports, code } = await bundle(app);
  const ids = Object.keys(modules).map((id) => id.replaceAll("\\", "/"));
  expect(ids.filter((id) => /chevrotain|ts-morph|typescript/.test(id))).toEqual([]);
  const parts = ids.flatMap((id) => /\/src\/(?:([^/]+)\/)?[^/]+\.ts$/.exec(id)?.[1] ?? []);
  expect([...new Set(parts)].sort()).toEqual(["diagnostics", "ir", "runtime", "slim"]);
  expect(ids).toEqual(expect.arrayContaining([app.path("norms.weft"), app.path("activations.gen.ts")]));
  expect([...imports, ...dynamicImports].filter((name) => name !== "webgpu")).toEqual([]);
  expect(code.match(/@compute/g)?.length).toBeGreaterThanOrEqual(4);
  expect(code).not.toContain("kernel weightNorm(");
});

test("what is written beside the sources is what weft build writes", async () => {
  const app = makeApp();
  await bundle(app);
  const check = (source: string, out: string) =>
    runWeft("build", app.path(source), "--out", app.path(out), "--check");
  expect(await check("norms.weft", "norms.d.weft.ts")).toMatchObject({ status: 0 });
  expect(await check("activations.ts", "activations.gen.ts")).toMatchObject({ status: 0 });
  expect(existsSync(app.path("norms.gen.ts"))).toBe(false);
  expect(existsSync(app.path("half.gen.ts"))).toBe(false);
});

test("the source map leads from an export to its kernel", async () => {
  const app = makeApp();
  const { map } = await bundle(app, "main.ts", true);
  const at = map?.sources.findIndex((file) => file.endsWith("norms.weft")) ?? -1;
  expect(map?.sourcesContent[at]).toBe(app.read("norms.weft"));
});

test("files of other tools are left alone", async () => {
  const app = makeApp();
  app.write("norms.d.weft.ts", "export declare const rms: unknown;\n");
  app.write("routes.ts", "export const routes = 1;\n");
  app.write("routes.gen.ts", "export const made = 2;\n");
  app.write("other.ts", 'export { made } from "./routes.gen.ts";\nexport { rms } from "./norms.weft";\n');
  expect((await bundle(app, "other.ts")).code).toContain("made = 2");
  expect(app.read("norms.d.weft.ts")).toBe("export declare const rms: unknown;\n");
  expect(app.read("routes.gen.ts")).toBe("export const made = 2;\n");
});

test("mistakes stop the build at their file, line and column", async () => {
  const app = makeApp();
  app.edit("norms.weft", "mean(", "meen(");
  await expect(bundle(app)).rejects.toThrow(/unknown function meen[\s\S]*did you mean mean/);
  const other = makeApp();
  other.edit("half.ts", "x * 0.5", "x * factor");
  const error: unknown = await bundle(other).catch((thrown: unknown) => thrown);
  const { errors } = error as { readonly errors: readonly object[] };
  expect(errors).toMatchObject([
    { plugin: "tensorweft", loc: { file: other.path("half.ts"), line: 1, column: 48 } },
  ]);
});

test("the plugin of another bundler does the same", async () => {
  const app = makeApp();
  const made = await rolldown({
    input: app.path("main.ts"),
    plugins: [weftPlugin.rolldown({ types: false })],
    resolve: { conditionNames: CONDITIONS },
    external: ["webgpu"],
    transform: { target: "es2024" },
  });
  const { output } = await made.generate();
  await made.close();
  expect(output[0].code.match(/@compute/g)?.length).toBeGreaterThanOrEqual(4);
  expect(existsSync(app.path("norms.d.weft.ts"))).toBe(false);
});

describeGpu("a bundle", (gpu) => {
  test("runs the kernels that it imports", async () => {
    const app = makeApp();
    const { code } = await bundle(app);
    app.write("bundle.mjs", code);
    const { run } = (await import(/* @vite-ignore */ pathToFileURL(app.path("bundle.mjs")).href)) as {
      readonly run: (gpuDevice: GPUDevice) => Promise<readonly (readonly number[])[]>;
    };
    const [weights = [], rows = [], halves = [], ...soft] = await run(gpu().device);
    expect(weights).toHaveLength(8 * 48);
    for (const weight of weights) expect(weight).toBeCloseTo(3 / Math.sqrt(48), 5);
    expect(rows.map(Math.round)).toEqual(new Array(32).fill(1));
    expect(soft).toEqual([new Array(4).fill(0.25), new Array(12).fill(0.25)]);
    [0, 1, -1, 2].forEach((x, i) => expect(halves[i]).toBeCloseTo((0.5 * x) / (1 + Math.exp(-x)), 5));
  });
});
