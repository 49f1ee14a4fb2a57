/** Source compiled ahead of time: what it gives on the GPU, that it is what tracing gives, and what is refused where. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildKernels, printModule } from "../../src/build-module.ts";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import {
  compileGraph,
  f16,
  f32,
  findProfile,
  max,
  mean,
  norm,
  scalar,
  sum,
  trace,
  where,
  type Graph,
  type TracedTensor,
} from "../../src/index.ts";
import { defineKernel, openDevice, type Tensor } from "../../src/runtime-entry.ts";
import { AOT_FUNCTIONS } from "../../src/frontend/aot/aot-library.ts";
import * as activations from "../../src/aot/activations.ts";
import * as functions from "../../src/aot/functions.ts";
import { makeFolder, runWeft } from "../cli/run-weft.ts";
import { describeGpu } from "../support/gpu.ts";

const SOURCE = "test/aot/sources/norms.ts";
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

type T = TracedTensor;
const ROW = { axis: 1, keepdims: true } as const;

/** The five norms again, traced. */
const TRACED = {
  weightNorm: (v: T, g: T) => g.mul(v).div(norm(v, { axis: [1, 2], keepdims: true })),
  l2Normalize: (x: T) => {
    const length = sum(x.pow(2), ROW).sqrt();
    return x.div(where(length.gt(1e-12), length, 1e-12));
  },
  rmsNorm: (x: T, w: T, eps: T) => x.div(mean(x.pow(2), ROW).add(eps).sqrt()).mul(w),
  layerNorm: (x: T) => {
    const centred = x.sub(mean(x, ROW));
    const variance = mean(centred.mul(centred), ROW);
    return { y: centred.div(variance.add(1e-5).sqrt()), variance };
  },
  softmax: (x: T) => {
    const e = x.sub(max(x, ROW)).exp();
    return [e.div(sum(e, ROW))];
  },
};

test.each([
  ["weightNorm", 0, (): Graph => trace(TRACED.weightNorm, [f32(8, 16, 3), f32(8, 1, 1)]).graph],
  ["weightNorm", 1, (): Graph => trace(TRACED.weightNorm, [f16(4, 4, 7), f16(4, 1, 1)]).graph],
  ["l2Normalize", 0, (): Graph => trace(TRACED.l2Normalize, [f32(4, 33)]).graph],
  ["rmsNorm", 0, (): Graph => trace(TRACED.rmsNorm, [f32(4, 32), f32(32), scalar(1e-6)]).graph],
  ["layerNorm", 0, (): Graph => trace(TRACED.layerNorm, [f32(4, 32)]).graph],
  ["softmax", 0, (): Graph => trace(TRACED.softmax, [f32(2, 16)]).graph],
])(
  "the kernel of %s, variant %d, is that which tracing gives, word for word",
  async (name, variant, graph) => {
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

  test("run five norms", async () => {
    using device = await openDevice({ gpuDevice: gpu().device });
    const v = Float32Array.from({ length: 8 * 48 }, (_, i) => Math.sin(i));
    const g = Float32Array.from({ length: 8 }, (_, i) => i + 1);
    const w = await load("weightNorm");
    const weight = w(device.tensor(v, [8, 16, 3]), device.tensor(g, [8, 1, 1])) as Tensor<"f32">;
    const data = await weight.read();
    for (let row = 0; row < 8; row++) {
      const part = data.subarray(row * 48, row * 48 + 48);
      expect(Math.hypot(...part)).toBeCloseTo(row + 1, 4);
    }
    const x = device.tensor(v.subarray(0, 128), [4, 32]);
    const ones = device.tensor(new Float32Array(32).fill(1), [32]);
    const rms = (await load("rmsNorm"))(x, ones, { eps: 0 }) as Tensor<"f32">;
    expect(Math.hypot(...(await rms.read()).subarray(0, 32))).toBeCloseTo(Math.sqrt(32), 4);
    const layer = (await load("layerNorm"))(x) as {
      readonly y: Tensor<"f32">;
      readonly variance: Tensor<"f32">;
    };
    expect((await layer.y.read()).subarray(0, 32).reduce((a, b) => a + b, 0)).toBeCloseTo(0, 4);
    expect(layer.variance.shape).toEqual([4, 1]);
    const [soft] = (await load("softmax"))(
      device.tensor(v.subarray(0, 32), [2, 16]),
    ) as readonly Tensor<"f32">[];
    expect(((await soft?.read()) ?? new Float32Array()).reduce((a, b) => a + b, 0)).toBeCloseTo(2, 5);
    const rows = (await load("l2Normalize"))(device.tensor(v.subarray(0, 132), [4, 33])) as Tensor<"f32">;
    expect(Math.hypot(...(await rows.read()))).toBeCloseTo(2, 5);
  });

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
