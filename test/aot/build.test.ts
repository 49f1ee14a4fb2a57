/** Source compiled ahead of time: what it gives on the GPU, that it is what tracing gives, and what is refused where. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildKernels, printModule } from "../../src/build-module.ts";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { compileGraph, findProfile } from "../../src/index.ts";
import { defineKernel, openDevice } from "../../src/runtime-entry.ts";
import { AOT_FUNCTIONS } from "../../src/frontend/aot/aot-library.ts";
import * as activations from "../../src/aot/activations.ts";
import * as functions from "../../src/aot/functions.ts";
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
  expect([...Object.keys(activations), ...Object.keys(functions)].sort()).toEqual(
    [...AOT_FUNCTIONS.keys()].sort(),
  );
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
  expect((await runWeft("build", source, "--check")).err).toContain("error[stale-file]");
  writeFileSync(source, text.replace("x * 2", "x *"));
  expect((await runWeft("build", source)).status).toBe(1);
  expect(readFileSync(out, "utf8")).toBe(built);
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
