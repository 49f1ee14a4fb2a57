import { describe, expect, test } from "vitest";
import { f32, type Device, jit, openDevice, scalar, type Tensor, type TracedTensor } from "tensorweft";
import { describeGpu } from "../support/gpu.ts";
import { openForTest } from "../runtime/support.ts";

const numbers = async (tensor: Tensor): Promise<readonly number[]> => [...(await tensor.read())].map(Number);

/** What holds on every backend. */
function describeCalls(backend: "cpu" | "webgpu"): void {
  const open = (): Promise<Device> => openForTest({ backend });

  test("weight norm gives the same numbers as by hand, and a second call traces and compiles nothing", async () => {
    const device = await open();
    const f = jit((v: TracedTensor, g: TracedTensor) =>
      g.mul(v).div(v.mul(v).sum({ axis: 1, keepdims: true }).sqrt()),
    );
    const v = device.tensor([3, 4, 6, 8], [2, 2]);
    const g = device.tensor([10, 5], [2, 1]);
    const first = await numbers(f(v, g));
    [6, 8, 3, 4].forEach((value, i) => expect(first[i]).toBeCloseTo(value, 5));
    const before = { ...device.counters };
    const again = f(v, g);
    expect(device.counters.submits - before.submits).toBeLessThanOrEqual(1);
    expect(await numbers(again)).toEqual(first);
    expect(f.counters).toEqual({ traces: 1, calls: 2 });
    expect(device.counters).toMatchObject({
      pipelines: before.pipelines,
      shaderModules: before.shaderModules,
    });
    f(device.tensor([3, 4], [1, 2]), device.tensor([1], [1, 1]));
    expect(f.counters.traces).toBe(2);
  });

  test("results keep the structure of what the function returned", async () => {
    const device = await open();
    const f = jit((x: TracedTensor) => ({
      sum: x.sum(),
      pair: [x.mul(2), { neg: x.neg() }] as const,
    }));
    const { sum, pair } = f(device.tensor([1, 2]));
    expect(sum.shape).toEqual([]);
    expect(await numbers(sum)).toEqual([3]);
    expect(await numbers(pair[0])).toEqual([2, 4]);
    expect(await numbers(pair[1].neg)).toEqual([-1, -2]);
  });

  test("arguments may be arrays and objects of tensors, scalars and statics", async () => {
    const device = await open();
    const f = jit(
      (layers: readonly { readonly w: TracedTensor; readonly b: TracedTensor }[], x: TracedTensor) =>
        layers.reduce((y, { w, b }) => y.mul(w).add(b), x),
    );
    const t = (value: number): Tensor => device.tensor([value]);
    const layers = [
      { w: t(2), b: t(1) },
      { w: t(3), b: t(10) },
    ];
    expect(await numbers(f(layers, t(5)))).toEqual([43]);
    expect(await numbers(f(layers, t(6)))).toEqual([49]);
    expect(f.counters.traces).toBe(1);
    // Another structure is another graph.
    expect(await numbers(f([{ w: t(2), b: t(1) }], t(5)))).toEqual([11]);
    expect(f.counters.traces).toBe(2);
  });

  test("objects whose keys look like those of scalars and tensors are still objects", async () => {
    const device = await open();
    const f = jit((options: { readonly kind: TracedTensor; readonly dtype: string }) => options.kind.add(1));
    const kind = device.tensor([1]);
    expect(await numbers(f({ kind, dtype: "sum" }))).toEqual([2]);
    expect(await numbers(f({ kind, dtype: "sum" }))).toEqual([2]);
    f({ kind, dtype: "other" });
    expect(f.counters.traces).toBe(2);
  });

  test("a scalar may change from call to call; a static number is part of the program", async () => {
    const device = await open();
    const x = device.tensor([1, 2]);
    const add = jit((a: TracedTensor, eps: TracedTensor) => a.add(eps));
    for (const eps of [0.5, 0.25, -1]) expect(await numbers(add(x, scalar(eps)))).toEqual([1 + eps, 2 + eps]);
    expect(add.counters).toEqual({ traces: 1, calls: 3 });
    const power = jit((a: TracedTensor, n: number) =>
      Array.from({ length: n }, () => a).reduce((y, z) => y.mul(z)),
    );
    expect(await numbers(power(x, 2))).toEqual([1, 4]);
    expect(await numbers(power(x, 3))).toEqual([1, 8]);
    expect(await numbers(power(x, 2))).toEqual([1, 4]);
    expect(power.counters).toEqual({ traces: 2, calls: 3 });
    const divide = jit((a: TracedTensor, by: number) => a.div(by));
    expect(await numbers(divide(x, 0))).toEqual([Infinity, Infinity]);
    expect(divide.counters.traces).toBe(1);
    expect(await numbers(divide(x, -0))).toEqual([-Infinity, -Infinity]);
    expect(divide.counters.traces).toBe(2);
    const specials = device.tensor([0, -0, -1, Infinity, -Infinity, Number.NaN, 2e-38, -3e38]);
    const quotients = [NaN, NaN, -Infinity, Infinity, -Infinity, NaN, Infinity, -Infinity];
    expect(await numbers(divide(specials, 0))).toEqual(quotients);
    expect(await numbers(divide(specials, -0))).toEqual(quotients.map((q) => -q));
  });

  test("scalars of other dtypes, and scalars and inputs that the result does not need", async () => {
    const device = await open();
    const f = jit((x: TracedTensor, n: TracedTensor, _unused: TracedTensor, _tensor: TracedTensor) =>
      x.add(n),
    );
    const x = device.tensor(Int32Array.of(1, 2));
    const y = f(x, scalar(3, { dtype: "i32" }), scalar(1), device.tensor([1]));
    expect(y.dtype).toBe("i32");
    expect(await numbers(y)).toEqual([4, 5]);
  });

  test("more shapes than are remembered as patterns still trace once each", async () => {
    const device = await open();
    const f = jit((x: TracedTensor) => x.add(1));
    for (let round = 0; round < 2; round++)
      for (let n = 1; n <= 8; n++)
        expect(await numbers(f(device.tensor(new Float32Array(n))))).toEqual(
          Array.from({ length: n }, () => 1),
        );
    expect(f.counters).toEqual({ traces: 8, calls: 16 });
  });

  test("compile() takes tensors, or types together with a device, and the call then finds its program", async () => {
    const device = await open();
    const f = jit((v: TracedTensor, g: TracedTensor) => g.mul(v), { device });
    await f.compile(f32(2, 2), f32(2, 1));
    const { pipelines } = device.counters;
    expect(f.counters).toEqual({ traces: 1, calls: 0 });
    const v = device.tensor([1, 2, 3, 4], [2, 2]);
    const g = device.tensor([1, 10], [2, 1]);
    await f.compile(v, g);
    expect(await numbers(f(v, g))).toEqual([1, 2, 30, 40]);
    expect(f.counters).toEqual({ traces: 1, calls: 1 });
    expect(device.counters.pipelines).toBe(pipelines);
  });

  test("bind() fills the given tensors, again and again, with scalars that may change", async () => {
    const device = await open();
    const f = jit((x: TracedTensor, by: TracedTensor) => ({ scaled: x.mul(by), sum: x.sum() }));
    const x = device.tensor([1, 2]);
    const outputs = { scaled: device.tensor([0, 0]), sum: device.tensor(0) };
    using call = f.bind([x, scalar(2)], outputs);
    call.run();
    expect(await numbers(outputs.scaled)).toEqual([2, 4]);
    expect(await numbers(outputs.sum)).toEqual([3]);
    const tensors = device.memory().tensors;
    call.run({ by: 5 });
    call.run();
    expect(await numbers(outputs.scaled)).toEqual([5, 10]);
    expect(device.memory().tensors).toBe(tensors);
  });

  test("donated arguments are disposed, also inside structures", async () => {
    const device = await open();
    const f = jit(
      (pair: readonly [TracedTensor, TracedTensor], y: TracedTensor) => pair[0].add(pair[1]).add(y),
      {
        donate: [0],
      },
    );
    const [a, b, y] = [device.tensor([1]), device.tensor([2]), device.tensor([3])];
    const z = f([a, b], y);
    expect([a.disposed, b.disposed, y.disposed]).toEqual([true, true, false]);
    expect(await numbers(z)).toEqual([6]);
  });
}

describe("jit on cpu", () => {
  describeCalls("cpu");
});

describeGpu("jit on webgpu", () => {
  describeCalls("webgpu");

  test("calls made before kernels are compiled queue in order, whatever is disposed meanwhile", async () => {
    const device = await openForTest();
    const double = jit((x: TracedTensor) => x.mul(2));
    const shift = jit((x: TracedTensor, by: TracedTensor) => x.add(by));
    const x = device.tensor([1, 2]);
    let y = double(x);
    x.dispose();
    for (let i = 0; i < 5; i++) {
      const next = shift(double(y), scalar(i));
      y.dispose();
      y = next;
    }
    expect(device.counters.submits).toBe(0);
    const early = y.read();
    expect([...(await early)].map(Number)).toEqual([90, 154]);
    // All calls that waited left together.
    expect(device.counters.dispatches).toBe(11);
    expect(device.counters.submits).toBeLessThanOrEqual(4);
  });

  test("the CPU device gives the same answers", async () => {
    const f = jit((x: TracedTensor) => x.sub(x.mean({ axis: 1, keepdims: true })).exp());
    const data = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
    const answers = await Promise.all(
      (["cpu", "webgpu"] as const).map(async (backend) => {
        const device = await openForTest({ backend });
        return numbers(f(device.tensor(data, [3, 4])));
      }),
    );
    expect(f.counters.traces).toBe(2);
    const [cpu = [], gpu = []] = answers;
    cpu.forEach((value, i) => expect(gpu[i]).toBeCloseTo(value, 5));
  });
});

test("a function without tensors runs on the device that it names", async () => {
  const device = await openDevice({ backend: "cpu" });
  const f = jit((n: TracedTensor) => n.add(1), { device });
  expect(await numbers(f(scalar(2)))).toEqual([3]);
});
