/** Kernels for every size of a dimension: the JIT's WGSL, compiled once per range, right at each size, refused where none is. */
import { expect, test } from "vitest";
import { buildKernels, printModule } from "../../src/build-module.ts";
import type { BuiltKernel } from "../../src/build/built-kernel.ts";
import { compileStandIns, findStandIns, SIZE_CLASSES } from "../../src/compile-dynamic.ts";
import { f32, findProfile, layerNorm, sum, trace, type Graph, type TracedTensor } from "../../src/index.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { defineKernel, openDevice, sizedPlan, type Tensor } from "../../src/runtime-entry.ts";
import { compareToOracle } from "../support/compare-to-oracle.ts";
import { describeGpu } from "../support/gpu.ts";

const SOURCE = `import { kernel, layerNorm, reshape, sum, type Tensor } from "tensorweft/aot";
export const normalized = kernel((x: Tensor<["B", "D"]>, w: Tensor<["D"]>) => layerNorm(x, { weight: w }));
export const merged = kernel((x: Tensor<["B", "T", "D"]>) => sum(reshape(x, [x.shape[0] * 3, x.shape[2]]), { axis: 1 }));
export const shapes = { normalized: { B: "dynamic", D: 24 }, merged: { B: "dynamic", T: 3, D: 8 } };
`;

const build = (text: string, file = "sized.ts"): Promise<readonly BuiltKernel[]> =>
  buildKernels(file, { read: (path) => (path === file ? text : undefined) });

const find = async (name: string): Promise<BuiltKernel> => {
  const kernel = (await build(SOURCE)).find((one) => one.name === name);
  if (kernel === undefined) throw new Error(`no kernel ${name}`);
  return kernel;
};

const normalizedAt = (size: number): Graph =>
  trace((x: TracedTensor, w: TracedTensor) => layerNorm(x, { weight: w }), [f32(size, 24), f32(24)]).graph;
const mergedAt = (size: number): Graph =>
  trace((x: TracedTensor) => sum(x.reshape([size * 3, 8]), { axis: 1 }), [f32(size, 3, 8)]).graph;

test.each([
  ["normalized", normalizedAt],
  ["merged", mergedAt],
] as const)(
  "the kernels of %s are those that the JIT shares between sizes, word for word",
  async (name, graphAt) => {
    const profile = findProfile("default");
    if (profile === undefined) throw new Error("no default profile");
    const built = (await find(name)).variants[0]?.dynamic;
    const wanted = SIZE_CLASSES.map((sizes) => {
      const standIns = findStandIns(graphAt, sizes, profile);
      return "reason" in standIns ? standIns : compileStandIns(standIns, { profile });
    });
    expect(built?.map(({ plan }) => plan.kernels.map(({ wgsl }) => wgsl))).toEqual(
      wanted.map((one) => ("plan" in one ? one.plan.kernels.map(({ wgsl }) => wgsl) : one)),
    );
    expect(built?.map(({ least, most }) => [least, most > least])).toEqual([
      [1, true],
      [4096, true],
    ]);
  },
);

test("types say number where the dimension is dynamic", async () => {
  const text = printModule(await build(SOURCE), { form: "dts", header: "", place: () => "" });
  expect(text).toContain(
    '(x: Tensor<"f32", readonly [number, 24]>, w: Tensor<"f32", readonly [24]>): Tensor<"f32", readonly [number, 24]>',
  );
  expect(text).toContain('(x: Tensor<"f32", readonly [number, 3, 8]>): Tensor<"f32", readonly [number]>');
});

test("text programs say it in their comments", async () => {
  const text =
    "// @shapes scale N=dynamic D=8\n// @shapes scale x=dynamic,16\nkernel scale(x: f32[N, D]) = x * 2\n";
  const [scale] = await build(text, "scale.weft");
  expect(scale?.variants.map(({ dynamic }) => dynamic?.map(({ inputs }) => inputs))).toEqual([
    [[[1, 0]], [[1, 0]]],
    [[[1, 0]], [[1, 0]]],
  ]);
  await expect(build(text.replace("x * 2", "x / sum(x, axis=0)"), "scale.weft")).rejects.toThrow(
    /3:34: error\[value-dependent\]: N of scale cannot be dynamic: sum reduces the dynamic dimension/,
  );
});

test("fixed lengths that a size standing for others would divide are no trouble", async () => {
  const text = SOURCE.replace("D: 24", "D: 1021").replace("T: 3, D: 8", "T: 3, D: 131");
  expect((await build(text)).map(({ variants }) => variants[0]?.dynamic?.[0]?.inputs)).toEqual([
    [[1, 0], [0]],
    [[1, 0, 0]],
  ]);
});

describeGpu("kernels of a dynamic size", (gpu) => {
  test("are compiled once for all sizes of a range, and right at each", async () => {
    const counting = countPipelines(gpu().device);
    using device = await openDevice({ gpuDevice: counting.device });
    const { form, variants } = await find("normalized");
    type Call = (x: Tensor, w: Tensor) => Tensor<"f32">;
    const plans = variants.flatMap(({ dynamic }) => dynamic ?? []).map(sizedPlan);
    const kernel = defineKernel<Call>("normalized", form, plans);
    const w = Float32Array.from({ length: 24 }, (_, i) => 1 + (i % 5));
    for (const size of [1, 2, 7, 64, 7, 1, 4095]) {
      const x = Float32Array.from({ length: size * 24 }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 11)));
      const [inputX, inputW] = [device.tensor(x, [size, 24]), device.tensor(w, [24])];
      const result = kernel(inputX, inputW);
      expect(result.shape).toEqual([size, 24]);
      const inputs = new Map([
        ["x", [...x]],
        ["w", [...w]],
      ]);
      const [wanted] = interpretGraph(normalizedAt(size), inputs, { bounds: size < 100 }).values();
      if (wanted?.bounds === undefined) expect(await result.read()).toHaveLength(size * 24);
      else expect(compareToOracle(await result.read(), wanted)).toEqual({ mismatches: [], excluded: 0 });
      for (const tensor of [inputX, inputW, result]) tensor.dispose();
    }
    expect(counting.count()).toBe(1);
    const large = device.tensor(new Float32Array(5000 * 24), [5000, 24]);
    expect(await kernel(large, device.tensor(w, [24])).read()).toHaveLength(5000 * 24);
    expect(counting.count()).toBe(2);
    await kernel.prepare(device);
    expect(counting.count()).toBe(2);
  });

  test("are kept for many sizes without keeping what each of them needs", async () => {
    using device = await openDevice({ gpuDevice: gpu().device });
    const text = `import { kernel, norm, type Tensor } from "tensorweft/aot";
export const whole = kernel((x: Tensor<["B", 4096]>) => x / norm(x, { axis: 1, keepdims: true }));
export const shapes = { whole: { B: "dynamic" } };`;
    const [whole] = await build(text);
    const plans = (whole?.variants ?? []).flatMap(({ dynamic }) => dynamic ?? []).map(sizedPlan);
    const kernel = defineKernel<(x: Tensor) => Tensor<"f32">>("whole", "one", plans);
    for (let size = 1; size <= 70; size++) {
      using x = device.tensor(new Float32Array(size * 4096).fill(1), [size, 4096]);
      using result = kernel(x);
      if (size % 23 === 0) expect((await result.read())[size * 4096 - 1]).toBeCloseTo(1 / 64, 6);
    }
  });

  test("refuse other shapes and sizes that they do not serve, and say which they do", async () => {
    using device = await openDevice({ gpuDevice: gpu().device });
    const { form, variants } = await find("normalized");
    const plans = variants.flatMap(({ dynamic }) => dynamic ?? []).map(sizedPlan);
    const kernel = defineKernel<(...tensors: readonly Tensor[]) => Tensor>("normalized", form, plans);
    const w = device.tensor(new Float32Array(24), [24]);
    const of = (...shape: readonly number[]): Tensor =>
      device.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
    const served = /it was built for \(x: f32\[1 to 4095,24\], w: f32\[24\]\) or \(x: f32\[4096 to \d+,24\]/;
    expect(() => kernel(of(0, 24), w)).toThrow(served);
    expect(() => kernel(of(4, 25), w)).toThrow(served);
    expect(() => kernel(of(4, 24, 1), w)).toThrow(served);
    expect(() => kernel(of(4, 24), of(25))).toThrow(served);
    expect(() => kernel(device.tensor(new Int32Array(96), [4, 24]), w)).toThrow(served);
    expect(() => kernel(of(4, 24))).toThrow(/takes 2 tensors/);
  });
});

/** The device, counting the pipelines that are made on it. */
function countPipelines(device: GPUDevice): { readonly device: GPUDevice; readonly count: () => number } {
  let made = 0;
  const counting = new Proxy(device, {
    get: (target, key) => {
      if (key === "createComputePipeline" || key === "createComputePipelineAsync") made += 1;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return { device: counting, count: () => made };
}
