/** Gradients in source: the kernels of the tracing API, word for word; types of what is built; and what it gives on the GPU. */
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildKernels, printModule } from "../../src/build-module.ts";
import type { BuiltKernel } from "../../src/build/built-kernel.ts";
import { compileStandIns, findStandIns, SIZE_CLASSES } from "../../src/compile-dynamic.ts";
import {
  compileGraph,
  exp,
  f16,
  f32,
  findProfile,
  grad,
  type Graph,
  layerNorm,
  max,
  mean,
  norm,
  rmsNorm,
  scalar,
  softmax,
  stopGradient,
  sum,
  trace,
  type TracedTensor,
  valueAndGrad,
  vjp,
  weightNorm,
  where,
} from "../../src/index.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { defineKernel, openDevice, type Tensor } from "../../src/runtime-entry.ts";
import { compareToOracle } from "../support/compare-to-oracle.ts";
import { describeGpu } from "../support/gpu.ts";

const SOURCE = "test/aot/sources/gradients.ts";
const built: Promise<readonly BuiltKernel[]> = buildKernels(SOURCE, {
  read: (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
});
const find = async (name: string): Promise<BuiltKernel> => {
  const kernel = (await built).find((one) => one.name === name);
  if (kernel === undefined) throw new Error(`no kernel ${name}`);
  return kernel;
};
const profile = findProfile("default");
if (profile === undefined) throw new Error("no default profile");

type T = TracedTensor;
const ROW = { axis: 1, keepdims: true } as const;
const [V, G] = [f32(8, 16, 3), f32(8, 1, 1)];
const [X, W] = [f32(4, 32), f32(32)];

const loss = (v: T, g: T, target: T): T =>
  sum(
    g
      .mul(v)
      .div(norm(v, { axis: [1, 2], keepdims: true }))
      .sub(target)
      .pow(2),
  );
const rms = (x: T, w: T, eps: T): T => x.div(mean(x.pow(2), ROW).add(eps).sqrt()).mul(w);
const statistics = ({ rows, weights: [first] }: { rows: T; weights: readonly [T] }): { mu: T; total: T } => ({
  mu: mean(rows.mul(first), ROW),
  total: sum(rows.pow(2)),
});
const energy = (x: T): T => {
  const top = stopGradient(max(x, ROW));
  return sum(
    sum(exp(x.sub(top)), ROW)
      .log()
      .add(top),
  );
};

/** The kernels of sources/gradients.ts again, traced. */
const TRACED: Readonly<Record<string, () => Graph>> = {
  weightNormGrad: () => trace(grad(loss, { argnums: [0, 1] }), [V, G, V]).graph,
  weightNormStep: () =>
    trace(
      (v: T, g: T, target: T, rate: T) => {
        const [error, [dv, dg]] = valueAndGrad(loss, { argnums: [0, 1] })(v, g, target);
        return { error, v: v.sub(rate.mul(dv)), g: g.sub(rate.mul(dg)) };
      },
      [V, G, V, scalar(0.1)],
    ).graph,
  rmsBackward: () =>
    trace(
      (x: T, w: T, dy: T, eps: T) => vjp((a: T, b: T) => rms(a, b, eps), x, w)[1](dy),
      [X, W, X, scalar(1e-6)],
    ).graph,
  softmaxBackward: () => trace((x: T, dy: T) => vjp((a: T) => softmax(a), x)[1](dy)[0], [X, X]).graph,
  moments: () =>
    trace(
      (x: T, w: T, dy: T) => {
        const [{ total }, pullback] = vjp(statistics, { rows: x, weights: [w] });
        const [{ rows, weights }] = pullback({ mu: dy, total: 0.5 });
        return [total, rows, ...weights];
      },
      [X, W, f32(4, 1)],
    ).graph,
  curvature: () =>
    trace((x: T) => grad((a: T) => sum(grad((b: T) => sum(exp(b.pow(2).neg())))(a).pow(2)))(x), [X]).graph,
  stable: () => trace(grad(energy), [X]).graph,
  slope: () =>
    trace((x: T, scale: T) => grad((by: T) => sum(x.mul(by).pow(2)).div(2))(scale), [X, scalar(1)]).graph,
  packedGrad: () =>
    trace(
      grad((v: T, g: T) => sum(weightNorm(v, g).pow(2)), { argnums: 1 }),
      [f16(6, 32), f16(6, 1)],
    ).graph,
  powers: () =>
    trace(
      (x: T) => {
        const first = grad((a: T) => sum(a.pow(3)));
        const twice = x.mul(2);
        return [first(x), first(twice), rmsNorm(first(x))];
      },
      [X],
    ).graph,
  sameTwice: () =>
    trace((x: T) => grad((a: T, b: T) => sum(a.mul(b.pow(2))), { argnums: [1, 0] })(x, x), [X]).graph,
  mixed: () =>
    trace((x: T, w: T) => grad((a: T) => sum(a.mul(sum(grad((b: T) => sum(a.mul(b).mul(b)))(w)))))(x), [X, W])
      .graph,
  again: () =>
    trace(
      (x: T, dy: T) => {
        const [y, pullback] = vjp(
          grad((a: T) => sum(where(a.gt(0), a.pow(3), a.neg()))),
          x,
        );
        return [pullback(dy)[0], pullback(1)[0], pullback(y)[0]];
      },
      [X, X],
    ).graph,
};

test.each(Object.entries(TRACED))(
  "the kernels of %s are those that tracing gives, word for word",
  async (name, graph) => {
    const { variants } = await find(name);
    const { kernels, steps } = compileGraph(graph(), { profile }).plan;
    const plan = variants[0]?.plan;
    expect(plan?.kernels.map(({ wgsl }) => wgsl)).toEqual(kernels.map(({ wgsl }) => wgsl));
    expect(plan?.steps).toEqual(steps);
    expect(kernels.length).toBeGreaterThan(0);
  },
);

test("every kernel of the source is held to tracing", async () => {
  const names = (await built).map(({ name }) => name);
  expect(names.filter((name) => !(name in TRACED))).toEqual(["rms", "layerNormBackward"]);
});

test("gradients of a dynamic size are those that the JIT shares between sizes, word for word", async () => {
  const graphAt = (size: number): Graph =>
    trace(
      (x: T, dy: T) => {
        const [y, pullback] = vjp((input: T) => layerNorm(input), x);
        return [y, ...pullback(dy)];
      },
      [f32(size, 24), f32(size, 24)],
    ).graph;
  const { variants } = await find("layerNormBackward");
  const wanted = SIZE_CLASSES.map((sizes) => {
    const standIns = findStandIns(graphAt, sizes, profile);
    return "reason" in standIns ? standIns : compileStandIns(standIns, { profile });
  });
  expect(variants[0]?.dynamic?.map(({ plan }) => plan.kernels.map(({ wgsl }) => wgsl))).toEqual(
    wanted.map((one) => ("plan" in one ? one.plan.kernels.map(({ wgsl }) => wgsl) : one)),
  );
});

test("gradients have the types of what they belong to", async () => {
  const text = printModule(await built, { form: "dts", header: "", place: () => "" });
  const [rows, rowsOfAnySize] = ['Tensor<"f32", readonly [4, 32]>', 'Tensor<"f32", readonly [number, 24]>'];
  const [v, g] = ['Tensor<"f32", readonly [8, 16, 3]>', 'Tensor<"f32", readonly [8, 1, 1]>'];
  for (const type of [
    `(v: ${v}, g: ${g}, target: ${v}): readonly [${v}, ${g}];`,
    `readonly error: Tensor<"f32", readonly []>; readonly v: ${v}; readonly g: ${g} };`,
    `{ readonly dx: ${rows}; readonly dw: Tensor<"f32", readonly [32]> };`,
    `(x: ${rows}, scalars: { readonly scale: number }): Tensor<"f32", readonly []>;`,
    `(x: ${rowsOfAnySize}, dy: ${rowsOfAnySize}): readonly [${rowsOfAnySize}, ${rowsOfAnySize}];`,
    '(v: Tensor<"f16", readonly [6, 32]>, g: Tensor<"f16", readonly [6, 1]>): Tensor<"f16", readonly [6, 1]>;',
  ])
    expect(text).toContain(type);
});

test("kernels are made of functions and derivatives wherever they come from", async () => {
  const files = new Map([
    [
      "half.ts",
      'import { sum, type Tensor } from "tensorweft/aot";\ntype Row = Tensor<["N"]>;\nexport const half = (x: Row, by = 2): number => sum(x / by);\n',
    ],
    [
      "made.ts",
      `import * as tw from "tensorweft/aot";
import { grad as derive, kernel, sum, type Tensor } from "tensorweft/aot";
import { half } from "./half.ts";
const make = (power: number) => (x: Tensor<["N"]>): number => sum(x ** power);
const named = derive(make(2));
export const made = kernel(make(2));
export const madeGrad = kernel(named);
export const imported = kernel(derive(half, { argnums: 1 }));
export const viaModule = kernel((x: Tensor<["N"]>) => tw.grad((a) => tw.sum(a * a))(x));
const N = 4;
export const shapes = { made: { N }, madeGrad: { N }, imported: { N }, viaModule: { N } };
`,
    ],
  ]);
  const kernels = await buildKernels("made.ts", { read: (path) => files.get(path) });
  const outputs = kernels.map(({ name, variants }) => [name, variants[0]?.plan.outputs[0]?.shape]);
  expect(outputs).toEqual([
    ["made", []],
    ["madeGrad", [4]],
    ["imported", []],
    ["viaModule", [4]],
  ]);
  const text = printModule(kernels, { form: "dts", header: "", place: () => "" });
  expect(text).toContain(
    '(x: Tensor<"f32", readonly [4]>, scalars?: { readonly by?: number }): Tensor<"f32", readonly []>;',
  );
});

describeGpu("gradients built ahead of time", (gpu) => {
  test("give what the oracle says of the traced program", async () => {
    using device = await openDevice({ gpuDevice: gpu().device });
    type Results = Readonly<Record<"error" | "v" | "g", Tensor<"f32">>>;
    const { form, variants } = await find("weightNormStep");
    const step = defineKernel<(...args: readonly unknown[]) => Results>(
      "weightNormStep",
      form,
      variants.map(({ plan }) => plan),
    );
    const wave = (count: number, by: number): Float32Array =>
      Float32Array.from({ length: count }, (_, i) => Math.sin(1 + i * by) * (1 + (i % 5)));
    const [v, g, target] = [wave(384, 1.7), wave(8, 0.9), wave(384, 2.3)];
    const given = [
      device.tensor(v, [8, 16, 3]),
      device.tensor(g, [8, 1, 1]),
      device.tensor(target, [8, 16, 3]),
    ];
    const results = step(...given, { rate: 0.25 });
    const inputs = new Map<string, readonly number[]>([
      ["v", [...v]],
      ["g", [...g]],
      ["target", [...target]],
      ["rate", [0.25]],
    ]);
    const graph = TRACED["weightNormStep"]?.() ?? expect.unreachable();
    const wanted = interpretGraph(graph, inputs, { bounds: true });
    expect([...wanted.keys()]).toEqual(["error", "v", "g"]);
    for (const [name, want] of wanted) {
      const values = await results[name as keyof Results].read();
      expect(compareToOracle(values, want), name).toEqual({ mismatches: [], excluded: 0 });
    }
  });
});
