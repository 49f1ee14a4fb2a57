/** Source compiled ahead of time: what it gives on the GPU, that it is what tracing gives, and what is refused where. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { buildKernels, printModule } from "../../src/build-module.ts";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { compileGraph, findProfile } from "../../src/index.ts";
import { defineKernel, openDevice } from "../../src/runtime-entry.ts";
import { AOT_FUNCTIONS } from "../../src/frontend/aot/aot-library.ts";
import * as activations from "../../src/aot/activations.ts";
import * as functions from "../../src/aot/functions.ts";
import * as gradients from "../../src/aot/gradients.ts";
import * as norms from "../../src/aot/norms.ts";
import { makeFolder, runWeft } from "../cli/run-weft.ts";
import { describeGpu } from "../support/gpu.ts";
import { NORM_CASES, SOURCE } from "./norm-cases.ts";

const readText = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, "utf8") : undefined;
const build = (path: string, text?: string) =>
  buildKernels(path, { read: (name) => (name === path ? text : undefined) ?? readText(name) });

const print = async (): Promise<string> =>
  printModule(await build(SOURCE), { form: "ts", header: "", place: ({ line }) => String(line) });

/** Diagnostics of source as `line:column code`. */
async function mistakes(body: string): Promise<readonly string[]> {
  const head = 'import { kernel, norm, sum, type Tensor } from "tensorweft/aot";\n';
  const error: unknown = await build("mistake.ts", head + body).catch((thrown: unknown) => thrown);
  if (!(error instanceof TensorweftError)) return [];
  return error.diagnostics.map(({ span, code }) => `${span?.line ?? 0}:${span?.column ?? 0} ${code}`);
}

test.each(NORM_CASES)(
  "the kernel of $name, variant $variant, is that which tracing gives, word for word",
  async ({ name, variant, graph }) => {
    const profile = findProfile("default");
    if (profile === undefined) throw new Error("no default profile");
    const kernel = (await build(SOURCE)).find((built) => built.name === name);
    const texts = kernel?.variants[variant]?.plan.kernels.map(({ wgsl }) => wgsl);
    expect(texts).toEqual(compileGraph(graph(), { profile }).plan.kernels.map(({ wgsl }) => wgsl));
    expect(texts).toHaveLength(1);
  },
);

test("equal sources give equal modules, which import the runtime and nothing else", async () => {
  const text = await print();
  expect(await print()).toBe(text);
  expect([...text.matchAll(/from "([^"]+)"/g)].map(([, name]) => name)).toEqual(["tensorweft/runtime"]);
  expect(text).toContain('(v: Tensor<"f16", readonly [4, 4, 7]>, g: Tensor<"f16", readonly [4, 1, 1]>)');
});

test("the source language declares the functions that the build understands", () => {
  const declared = [activations, functions, gradients, norms].flatMap((file) => Object.keys(file));
  expect(declared.sort()).toEqual([...AOT_FUNCTIONS.keys(), "grad", "valueAndGrad", "vjp"].sort());
});

test("mistakes are reported together, each at its place", async () => {
  expect(
    await mistakes(
      `export const a = kernel((x: Tensor<[2, 3]>, y: Tensor<[2, 4]>) => x * y);\n` +
        `export const b = kernel((x: Tensor<[4]>) => { let s = x; return foo(s); });\n` +
        `export const c = kernel((x: Tensor<[4]>) => { if (sum(x) > 0) return x; return -x; });\n` +
        `export const d = kernel((x: Tensor<["N"]>) => x);\n` +
        `export const e = kernel((x: Tensor<[4]>) => norm(x, { axes: 0 }));\n` +
        `export const f = kernel((x: string) => x);\n`,
    ),
  ).toEqual([
    "2:67 shape-mismatch",
    "3:51 syntax",
    "3:65 unknown-name",
    "4:51 value-dependent",
    "5:18 unbound-dimension",
    "6:53 unknown-argument",
    "7:29 wrong-argument",
  ]);
  expect(await mistakes("export const a = kernel((x: Tensor<[4]>) => x +);\n")).toEqual(["2:48 syntax"]);
});

test("text programs are built at the shapes of their comments", async () => {
  const text =
    "// @shapes scale N=8\n// @shapes scale x=4,\nkernel scale(x: f32[N], by: f32 = 2.0) = x * by\n";
  const [kernel] = await build("scale.weft", text);
  expect(kernel?.variants.map(({ plan }) => plan.inputs[0]?.shape)).toEqual([[8], [4]]);
  await expect(build("scale.weft", text.replace("N=8", "M=8"))).rejects.toThrow(/1:4: .*no dimension M/);
});

test("weft build writes once; --check fails when the module is stale", async () => {
  const folder = makeFolder();
  const [source, out] = [join(folder, "twice.ts"), join(folder, "twice.gen.ts")];
  const text =
    'import { kernel, type Tensor } from "tensorweft/aot";\nexport const twice = kernel((x: Tensor<[4]>) => x * 2);\n';
  writeFileSync(source, text);
  expect((await runWeft("build", source, "--check")).status).toBe(1);
  expect(existsSync(out)).toBe(false);
  expect(await runWeft("build", source)).toMatchObject({ status: 0, err: "" });
  expect((await runWeft("build", source, "--check")).status).toBe(0);
  const built = readFileSync(out, "utf8");
  writeFileSync(source, text.replace("x * 2", "x * 3"));
  const stale = await runWeft("build", source, "--check");
  expect(stale).toMatchObject({ status: 1, out: "" });
  expect(stale.err).toBe(
    `error[stale-file]: ${out} is not what ${source} gives\n  help: run weft build ${source} --out ${out}\n`,
  );
  expect(readFileSync(out, "utf8")).toBe(built);
  writeFileSync(source, text.replace("x * 2", "x *"));
  expect((await runWeft("build", source)).status).toBe(1);
  expect(readFileSync(out, "utf8")).toBe(built);
});

test("the name of the file says what it holds: a module, JavaScript, declarations", async () => {
  const folder = makeFolder();
  const source = join(folder, "scale.weft");
  writeFileSync(source, "kernel scale(x: f32[4]) = x * 2\n");
  const texts = ["scale.gen.ts", "scale.js", "scale.d.weft.ts"].map(async (name) => {
    const out = join(folder, name);
    expect(await runWeft("build", source, "--out", out)).toMatchObject({ status: 0 });
    expect(await runWeft("build", source, "--out", out, "--check")).toMatchObject({ status: 0 });
    return readFileSync(out, "utf8");
  });
  const [module = "", script = "", declarations = ""] = await Promise.all(texts);
  expect(module).toContain("const $scale0: $Plan = {");
  expect(script).toContain("const $scale0 = {");
  expect(declarations).not.toContain("@compute");
  expect(declarations).toContain("export declare const scale: {");
});

test("helpers of other folders are found from wherever the command runs, and mistakes in them quoted", async () => {
  const folder = makeFolder();
  mkdirSync(join(folder, "src"));
  const [source, helper] = [join(folder, "src", "rows.ts"), join(folder, "half.ts")];
  writeFileSync(helper, "export const half = (x: number): number => x * 0.5;\n");
  writeFileSync(
    source,
    'import { kernel, type Tensor } from "tensorweft/aot";\nimport { half } from "../half.ts";\n' +
      "export const rows = kernel((x: Tensor<[4]>) => half(x));\n",
  );
  for (const path of [source, relative(".", source), join(".", relative(".", source))])
    expect(await runWeft("build", path), path).toMatchObject({ status: 0 });
  expect(readFileSync(join(folder, "src", "rows.gen.ts"), "utf8")).toContain("../half.ts:1:44");
  writeFileSync(helper, "export const half = (x: number): number => x * part;\n");
  const { err } = await runWeft("build", source);
  expect(err).toContain(`${helper}:1:48: error[unknown-name]`);
  expect(err).toContain("  1 | export const half");
});

describeGpu("modules built ahead of time", (gpu) => {
  type Call = (...args: readonly unknown[]) => unknown;
  const load = async (name: string): Promise<Call> => {
    const found = (await build(SOURCE)).find((kernel) => kernel.name === name);
    if (found === undefined) throw new Error(`no kernel ${name}`);
    return defineKernel<Call>(
      name,
      found.form,
      found.variants.map(({ plan }) => plan),
    );
  };

  test("refuse wrong shapes, dtypes, tensors that are gone and devices that are gone", async () => {
    const device = await openDevice({ gpuDevice: gpu().device });
    const rms = await load("rmsNorm");
    const weightNorm = await load("weightNorm");
    const x = device.tensor(new Float32Array(128), [4, 32]);
    const w = device.tensor(new Float32Array(32), [32]);
    expect(() => rms(x, x)).toThrow(/input "w" of @rmsNorm is f32\[32\], but f32\[4,32\] was passed/);
    expect(() => rms(x, device.tensor(new Int32Array(32), [32]))).toThrow(/dtype-mismatch/);
    expect(() => rms(x)).toThrow(/takes 2 tensors/);
    expect(() => rms(x, w, { epsilon: 1 })).toThrow(/no scalar "epsilon"/);
    expect(() => weightNorm(x, w)).toThrow(/was not built for .*help: it was built for \(v: f32\[8,16,3\]/s);
    w.dispose();
    expect(() => rms(x, w)).toThrow(/disposed-tensor/);
    device.dispose();
    expect(() => rms(x, x)).toThrow(/device-lost/);
    await expect(x.read()).rejects.toThrow(/device-lost/);
  });
});
