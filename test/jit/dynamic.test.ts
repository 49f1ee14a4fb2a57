/** Outermost dimensions whose sizes share kernels: counted, and compared with programs of their own. */
import { describe, expect, test } from "vitest";
import {
  type Device,
  jit,
  layerNorm,
  scalar,
  softmax,
  type Tensor,
  type TracedTensor,
  type TypedArray,
} from "tensorweft";
import { callable, loadText, weft } from "tensorweft/text";
import type { DType } from "../../src/ir/dtype.ts";
import { fillTensor } from "../../src/runtime/fill-tensor.ts";
import { describeGpu } from "../support/gpu.ts";
import { failureOf, openForTest } from "../runtime/support.ts";

const SIZES = [1, 2, 3, 7, 64, 1000];

/** Numbers that differ from element to element. */
function fill(device: Device, shape: readonly number[], dtype: DType = "f32"): Tensor {
  const words = fillTensor({ name: "x", dtype, shape }, 1);
  const count = shape.reduce((n, d) => n * d, 1);
  const data =
    dtype === "f32" ? new Float32Array(words.buffer, 0, count) : new Uint16Array(words.buffer, 0, count);
  return device.tensor(data, shape, { dtype });
}

const read = async (tensor: Tensor | undefined): Promise<TypedArray> => {
  if (tensor === undefined) throw new Error("there is no result");
  return tensor.read();
};

const refuseWarning = (message: string): void => expect.fail(message);

type Fn = (x: TracedTensor, w: TracedTensor) => TracedTensor;

/** Hardware may share rows among other lanes where there are few of them, and adds in another order then. */
function expectSame(
  actual: TypedArray,
  expected: TypedArray,
  { size, isExact }: { readonly size: number; readonly isExact: boolean },
): void {
  const message = `of ${String(size)}`;
  if (isExact || actual.length !== expected.length) {
    expect(actual, message).toEqual(expected);
    return;
  }
  // Words differ by one unit in the last place.
  const slack = actual instanceof Uint16Array ? 1 : actual instanceof Float32Array ? 1e-5 : 2e-3;
  const worst = Math.max(...Array.from(expected, (value, i) => Math.abs(value - (actual[i] ?? NaN))));
  expect(worst, message).toBeLessThanOrEqual(slack);
}

/** Every size on one compilation, with the results that a program of its own gives. */
async function expectShared(
  fn: Fn,
  rest: readonly number[],
  weight: readonly number[],
  { dtype = "f32", kernels: expectedKernels = 1 }: { readonly dtype?: DType; readonly kernels?: number } = {},
): Promise<void> {
  const device = await openForTest();
  const shared = jit(fn, { dynamic: [[0], []], debug: true, warn: refuseWarning });
  const w = fill(device, weight, dtype);
  const before = device.counters.pipelines;
  await shared.compile({ dtype, shape: [5, ...rest] }, w);
  const kernels = device.counters.pipelines - before;
  expect(kernels).toBe(expectedKernels);
  for (const size of SIZES) {
    const x = fill(device, [size, ...rest], dtype);
    const result = await read(shared(x, w));
    expect(shared.counters.traces).toBe(1);
    expect(device.counters.pipelines - before).toBe(kernels);
    const own = jit(fn);
    const other = await openForTest();
    const expected = await read(own(fill(other, [size, ...rest], dtype), fill(other, weight, dtype)));
    expectSame(result, expected, { size, isExact: device.profile.software });
  }
}

describeGpu("dynamic dimensions", () => {
  test("pointwise programs, of lengths that vectors divide and that they do not", async () => {
    await expectShared((x, w) => x.mul(w).add(1), [3], [3]);
    await expectShared((x, w) => x.mul(w).add(1), [8], [8]);
    await expectShared((x, w) => x.mul(w).add(1), [], []);
  });

  test("rows", async () => {
    await expectShared((x, w) => softmax(x).mul(w), [5, 24], [24]);
    await expectShared((x, w) => layerNorm(x, { weight: w }), [33], [33]);
  });

  test("several kernels, whose temporaries are as long as the size says", async () => {
    // A transpose of what a reduction computes, read along other axes.
    await expectShared(
      (x, w) =>
        softmax(x)
          .add(softmax(x).transpose([0, 2, 1]))
          .mul(w),
      [12, 12],
      [],
      { kernels: 2 },
    );
    await expectShared((x, w) => x.sum({ axis: 2 }).mul(w).sum({ axis: 1, keepdims: true }), [4, 300], [4], {
      kernels: 2,
    });
  });

  test("16-bit tensors of odd counts, two elements to a word", async () => {
    await expectShared((x, w) => x.mul(w), [3], [3], { dtype: "f16" });
    await expectShared((x, w) => softmax(x).mul(w), [7], [7], { dtype: "bf16" });
  });

  test("the dimension may be merged with the next", async () => {
    await expectShared((x, w) => softmax(x.reshape([-1, 6])).mul(w), [4, 6], [6]);
  });

  test("bound calls, donated inputs and scalars of the call, with one pipeline for all sizes", async () => {
    const device = await openForTest();
    const shared = jit((x: TracedTensor, by: TracedTensor) => x.mul(by).add(1), {
      dynamic: { x: [0] },
      donate: [0],
      warn: refuseWarning,
    });
    const before = device.counters.pipelines;
    for (const size of [2, 5, 9]) {
      const ones = Float32Array.from({ length: 3 * size }, () => 1);
      const out = device.tensor(new Float32Array(3 * size), [size, 3]);
      using call = shared.bind([device.tensor(ones, [size, 3]), scalar(2)], out);
      call.run();
      expect(await out.read()).toEqual(ones.map(() => 3));
      call.run({ by: 4 });
      expect(await out.read()).toEqual(ones.map(() => 5));
      const given = device.tensor(ones, [size, 3]);
      expect(await shared(given, scalar(size)).read()).toEqual(ones.map(() => size + 1));
      expect(given.disposed).toBe(true);
    }
    expect(shared.counters).toEqual({ traces: 1, calls: 3 });
    expect(device.counters.pipelines - before).toBe(1);
  });

  test("many sizes have a kernel of their own kind, which the guards choose, and more workgroups than one dimension takes", async () => {
    const device = await openForTest();
    const shared = jit((x: TracedTensor) => x.add(1), { dynamic: { x: [0] }, warn: refuseWarning });
    for (const size of [1, 4095]) expect(await read(shared(fill(device, [size])))).toHaveLength(size);
    expect(shared.counters.traces).toBe(1);
    for (const size of [4096, 5000, 4096])
      expect(await read(shared(fill(device, [size])))).toHaveLength(size);
    expect(shared.counters.traces).toBe(2);
    const long = 65_535 * 128 + 1000;
    const x = new Float32Array(long);
    x[long - 1] = 7;
    const y = await shared(device.tensor(x)).read();
    expect(shared.counters.traces).toBe(2);
    expect([y.length, y[0], y[long - 2], y[long - 1]]).toEqual([long, 1, 1, 8]);
    // No elements: nothing to share.
    expect(await shared(device.tensor([], [0])).read()).toEqual(new Float32Array(0));
  });

  test("what does more with the dimension has kernels for each size, and says why, once", async () => {
    const device = await openForTest();
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const center = jit((x: TracedTensor) => x.sub(x.mean({ axis: 0 })), {
      dynamic: [[0]],
      name: "center",
      warn,
    });
    for (const size of [2, 4]) {
      const x = device.tensor(Float32Array.from({ length: size }, (_, i) => i));
      const mean = (size - 1) / 2;
      expect(await center(x).read()).toEqual(Float32Array.from({ length: size }, (_, i) => i - mean));
    }
    expect(center.counters.traces).toBe(2);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^tensorweft: @center with dynamic x\[0\] has kernels for each size: sum reduces the dynamic dimension \(.*dynamic\.test\.ts:\d+:\d+\)$/,
    );
  });

  test("a function that takes another course at some size computes what it does there", async () => {
    const device = await openForTest();
    const warnings: string[] = [];
    const few = jit((x: TracedTensor) => ((x.shape[0] ?? 0) < 3 ? x.neg() : x.add(1)), {
      dynamic: { x: [0] },
      warn: (message) => warnings.push(message),
    });
    expect(await few(device.tensor([1, 2, 3, 4])).read()).toEqual(Float32Array.of(2, 3, 4, 5));
    expect(await few(device.tensor([1, 2])).read()).toEqual(Float32Array.of(-1, -2));
    expect(await few(device.tensor([1, 2, 3])).read()).toEqual(Float32Array.of(2, 3, 4));
    expect(few.counters.traces).toBe(2);
    expect(warnings).toHaveLength(1);
    // A number that is the same at most sizes is still another one at some.
    const scaled = jit((x: TracedTensor) => x.mul(Math.min(x.shape[0] ?? 0, 3)), {
      dynamic: { x: [0] },
      warn: () => undefined,
    });
    for (const size of [4, 2, 1])
      expect(await scaled(device.tensor(new Float32Array(size).fill(1))).read()).toEqual(
        new Float32Array(size).fill(Math.min(size, 3)),
      );
  });

  test("tensors in structures are named by their paths", async () => {
    const device = await openForTest();
    const add = (
      batch: { readonly a: TracedTensor; readonly b: TracedTensor },
      w: TracedTensor,
    ): TracedTensor => batch.a.add(batch.b).mul(w);
    const shared = jit(add, { dynamic: { "batch.a": [0], "batch.b": [0] }, warn: refuseWarning });
    for (const size of [2, 6]) {
      const [a, b] = [fill(device, [size, 2]), fill(device, [size, 2])];
      expect(await read(shared({ a, b }, device.tensor([2, 2])))).toHaveLength(2 * size);
    }
    expect(shared.counters.traces).toBe(1);
  });

  test("text programs and templates", async () => {
    const device = await openForTest();
    const source = `
      kernel share(x: f32[m, n], w: f32[n]) -> f32[m, n] = x * w / sum(x, axis=1, keepdims=true)
      kernel twice(y: f32[n]) -> f32[n] = y * 2`;
    const { share } = loadText(source, { dynamic: { x: [0] }, warn: refuseWarning });
    const half = callable(weft`(x) => x / sum(x, axis=1, keepdims=true)`, {
      dynamic: [[0]],
      warn: refuseWarning,
    });
    const before = device.counters.pipelines;
    for (const size of [1, 2, 5]) {
      const x = device.tensor(
        Float32Array.from({ length: 2 * size }, (_, i) => (i % 2 === 0 ? 1 : 3)),
        [size, 2],
      );
      const expected = Float32Array.from({ length: 2 * size }, (_, i) => (i % 2 === 0 ? 0.25 : 0.75));
      expect(await read(share?.([x, device.tensor([1, 1])])[0])).toEqual(expected);
      expect(await read(half([x])[0])).toEqual(expected);
    }
    expect(share?.counters).toEqual({ traces: 1, calls: 3 });
    expect(half.counters).toEqual({ traces: 1, calls: 3 });
    expect(device.counters.pipelines - before).toBe(2);
    expect(await failureOf(() => loadText(source, { dynamic: { z: [0] } }))).toMatchObject({
      code: "unknown-argument",
      message: '<text> has no tensor "z" to be dynamic',
    });
  });
});

for (const backend of ["cpu", "webgpu"] as const) {
  const define = (): void => {
    test("mistakes in what is dynamic are refused with a way out", async () => {
      const device = await openForTest({ backend });
      const add = (x: TracedTensor, y: TracedTensor): TracedTensor => x.add(y);
      const t = (...shape: number[]): Tensor =>
        device.tensor(new Float32Array(shape.reduce((n, d) => n * d, 1)), shape);
      expect(await failureOf(() => jit(add, { dynamic: { x: [1] } }))).toMatchObject({
        code: "invalid-axis",
        message: "dimension 1 of x of add cannot be dynamic",
        file: import.meta.filename,
      });
      const misnamed = jit(add, { dynamic: { xs: [0] } });
      expect(await failureOf(() => misnamed(t(2), t(2)))).toMatchObject({
        code: "unknown-argument",
        message: 'add has no tensor "xs" to be dynamic',
        help: "its tensors are x, y",
      });
      const both = jit(add, { dynamic: [[0], [0]] });
      expect(await failureOf(() => both(t(2, 3), t(1, 3)))).toMatchObject({
        code: "dimension-mismatch",
        message: "the dynamic dimensions of add are of two sizes: x has 2, y has 1",
      });
      expect(await failureOf(() => both(t(2), t()))).toMatchObject({ code: "invalid-axis" });
      expect(await both(t(2), t(2)).read()).toEqual(new Float32Array(2));
    });
  };
  if (backend === "cpu") describe("dynamic dimensions on cpu", define);
  else describeGpu("dynamic dimensions: mistakes", define);
}
