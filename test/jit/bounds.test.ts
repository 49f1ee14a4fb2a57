/** What a function keeps of its calls: a bounded number of programs, no device, and one warning. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { jit, openDevice, type Tensor, type TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";
import { describeGpu } from "../support/gpu.ts";
import { failureOf, openForTest } from "../runtime/support.ts";

const ones = (length: number): Float32Array => new Float32Array(length).fill(1);
const sum = (x: TracedTensor): TracedTensor => x.sum();

describeGpu("bounds", () => {
  test("hundreds of shapes in a row keep as many programs and kernels as are asked for", async () => {
    const device = await openForTest({ cache: false });
    const f = jit((x: TracedTensor) => x.add(1), { maxPrograms: 8, warn: () => undefined });
    const results: Tensor[] = [];
    for (let length = 1; length <= 200; length++) {
      using x = device.tensor(ones(length));
      results.push(f(x));
    }
    const read = await Promise.all(results.map((result) => result.read()));
    expect(read).toEqual(read.map((_, i) => new Float32Array(i + 1).fill(2)));
    for (const result of results) result.dispose();
    expect(f.counters.traces).toBe(200);
    expect(device.memory().kernels).toBeLessThanOrEqual(8);
    expect(device.memory()).toMatchObject({ tensors: 0, buffers: 0 });
    // What was forgotten is compiled again; what was used last is not.
    expect(await f(device.tensor(ones(200))).read()).toHaveLength(200);
    expect(f.counters.traces).toBe(200);
    expect([...(await f(device.tensor(ones(1))).read())]).toEqual([2]);
    expect(f.counters.traces).toBe(201);
  });

  test("a program that is called between others stays, by whichever way it is found", async () => {
    const device = await openForTest();
    const f = jit(sum, { maxPrograms: 3 });
    const hot = device.tensor(ones(4));
    for (let length = 5; length <= 12; length++) {
      f(hot).dispose();
      f(device.tensor(ones(length))).dispose();
    }
    expect(f.counters).toEqual({ traces: 9, calls: 16 });
  });

  test("a bound call outlives its program's place, and kernels of programs that are kept stay shared", async () => {
    const device = await openForTest();
    const f = jit(sum, { maxPrograms: 1 });
    const g = jit(sum);
    const [x, y] = [device.tensor(ones(4)), device.tensor([0], [])];
    const call = f.bind([x], y);
    await g.compile(x);
    await f.compile(device.tensor(ones(5))); // takes the place
    const before = device.counters.pipelines;
    expect(device.memory().kernels).toBe(2);
    call.run();
    expect([...(await y.read())]).toEqual([4]);
    await jit(sum).compile(x); // the kernel of `g`
    expect(device.counters.pipelines).toBe(before);
  });
});

test("a function that is compiled for ever more shapes says once which dimension it is", async () => {
  const device = await openDevice({ backend: "cpu" });
  const warnings: string[] = [];
  const f = jit((x: TracedTensor, w: TracedTensor) => x.mul(w), {
    name: "scale",
    warn: (message) => warnings.push(message),
  });
  const w = device.tensor([1, 2]);
  for (let rows = 1; rows <= 32; rows++) f(device.tensor(ones(2 * rows), [rows, 2]), w);
  expect(warnings).toEqual([]);
  for (let rows = 33; rows <= 40; rows++) f(device.tensor(ones(2 * rows), [rows, 2]), w);
  expect(warnings).toEqual([
    "tensorweft: scale was compiled for 33 sets of arguments; axis 0 of x varied: 1, 2, 3, ...; " +
      "declare an outermost dimension dynamic (docs/shapes.md), or pad it to a few sizes",
  ]);
});

test("plain numbers that change are told apart from shapes; kernels of a text warn too", async () => {
  const device = await openDevice({ backend: "cpu" });
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const f = jit((x: TracedTensor, { eps }: { readonly eps: number }) => x.add(eps), { name: "f", warn });
  for (let i = 0; i < 40; i++) f(device.tensor(ones((i % 2) + 1)), { eps: i / 4 });
  const { double } = loadText("kernel double(x: f32[n]) -> f32[n] = x * 2", { warn });
  for (let i = 0; i < 40; i++) double?.([device.tensor(ones(i))]);
  expect(warnings).toEqual([
    expect.stringMatching(
      /^tensorweft: f was .*; arg1\.eps varied: 0, 0\.25, 0\.5, \.\.\.; axis 0 of x varied: 1, 2; pass it as scalar/,
    ),
    expect.stringMatching(/^tensorweft: double was compiled for 33 .*; axis 0 of x varied: 0, 1, 2, \.\.\.;/),
  ]);
});

test("no program at all cannot be kept", async () => {
  const { code, message } = await failureOf(() => jit(sum, { name: "f", maxPrograms: 0 }));
  expect([code, message]).toEqual(["wrong-argument", "maxPrograms of f is 0"]);
});

test("a function does not keep devices that nobody else has", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const f = jit(sum);
  const use = async (): Promise<WeakRef<object>> => {
    const device = await openDevice({ backend: "cpu" });
    await f(device.tensor(ones(2))).read();
    return new WeakRef(device);
  };
  const device = await use();
  for (let i = 0; i < 10 && device.deref() !== undefined; i++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    collect();
  }
  expect(device.deref()).toBeUndefined();
});
