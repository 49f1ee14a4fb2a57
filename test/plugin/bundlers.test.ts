/** The plugin under bundlers that load modules in other ways than Vite and Rolldown do: esbuild and webpack. */
import { readFileSync } from "node:fs";
import * as esbuild from "esbuild";
import { describe, expect, test } from "vitest";
import webpack from "webpack";
import { weftPlugin } from "../../src/plugin/unplugin-entry.ts";
import { runWeft } from "../cli/run-weft.ts";
import { type App, CONDITIONS, makeApp } from "./make-app.ts";

const kernelsIn = (code: string): number => code.match(/@compute/g)?.length ?? 0;

describe("esbuild", () => {
  const bundle = (app: App) =>
    esbuild.build({
      entryPoints: [app.path("main.ts")],
      outdir: app.path("dist"),
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      target: "es2024",
      conditions: CONDITIONS,
      external: ["webgpu"],
      logLevel: "silent",
      plugins: [weftPlugin.esbuild()],
    });

  test("bundles kernels of both kinds, before and after their modules are there", async () => {
    const app = makeApp();
    for (const _ of ["built", "built again"]) {
      const { outputFiles, metafile } = await bundle(app);
      expect(kernelsIn(outputFiles[0]?.text ?? "")).toBeGreaterThanOrEqual(4);
      expect(
        Object.keys(metafile.inputs).filter((file) => /chevrotain|ts-morph|frontend/.test(file)),
      ).toEqual([]);
    }
    const [source, out] = [app.path("activations.ts"), app.path("activations.gen.ts")];
    expect(await runWeft("build", source, "--out", out, "--check")).toMatchObject({ status: 0 });
  });

  test("shows mistakes at their line", async () => {
    const app = makeApp();
    app.edit("norms.weft", "mean(", "meen(");
    const error: unknown = await bundle(app).catch((thrown: unknown) => thrown);
    const { errors } = error as esbuild.BuildFailure;
    expect(errors.map(({ text }) => text)).toEqual([
      expect.stringMatching(/unknown function meen[^]*did you mean mean/),
    ]);
    expect(errors[0]?.location).toMatchObject({
      file: expect.stringMatching(/norms\.weft$/) as string,
      line: 6,
    });
  });
});

describe("webpack", () => {
  /** TypeScript is a loader's work there, so the entry is JavaScript and the runtime stays an import. */
  async function bundle(app: App): Promise<webpack.Stats> {
    app.write(
      "entry.js",
      'export { rms } from "./norms.weft";\nexport { halfSwish } from "./activations.gen.js";\n',
    );
    const compiler = webpack({
      context: app.folder,
      mode: "none",
      entry: "./entry.js",
      output: { path: app.path("dist"), filename: "main.mjs", library: { type: "module" } },
      experiments: { outputModule: true },
      externalsType: "module",
      externals: { "tensorweft/runtime": "tensorweft/runtime" },
      plugins: [weftPlugin.webpack()],
    });
    return new Promise((resolve, reject) => {
      compiler.run((error, stats) => {
        if (error !== null || stats === undefined) reject(error ?? new Error("webpack gave nothing"));
        else resolve(stats);
      });
    });
  }

  test("bundles kernels of both kinds, before and after their modules are there", async () => {
    const app = makeApp();
    for (const _ of ["built", "built again"]) {
      expect((await bundle(app)).toJson({ errors: true }).errors).toEqual([]);
      expect(kernelsIn(readFileSync(app.path("dist/main.mjs"), "utf8"))).toBeGreaterThanOrEqual(3);
    }
    const [source, out] = [app.path("norms.weft"), app.path("norms.d.weft.ts")];
    expect(await runWeft("build", source, "--out", out, "--check")).toMatchObject({ status: 0 });
  });

  test("stops at mistakes", async () => {
    const app = makeApp();
    app.edit("norms.weft", "mean(", "meen(");
    const { errors = [] } = (await bundle(app)).toJson({ errors: true });
    expect(errors[0]?.message).toMatch(/unknown function meen[^]*did you mean mean/);
  });
});
