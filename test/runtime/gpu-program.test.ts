import { expect, test } from "vitest";
import { bufferBytes } from "../../src/ir/plan.ts";
import { describeGpu } from "../support/gpu.ts";
import { identityPlan, rowSharePlan, scalePlan } from "./plans.ts";
import { openForTest } from "./support.ts";

const first = <T>(items: readonly T[]): T => {
  const [item] = items;
  if (item === undefined) throw new Error("there is no first item");
  return item;
};

describeGpu("programs on WebGPU", () => {
  test("kernels over a temporary, with a copy in between, in one submit", async () => {
    const device = await openForTest();
    const program = device.load({ plan: rowSharePlan(2, 4, true) });
    await program.ready;
    const x = device.tensor([1, 1, 1, 1, 1, 2, 3, 4], [2, 4]);
    const [y, again] = program.run([x]);
    expect(device.counters).toMatchObject({ dispatches: 2, submits: 1, pipelines: 2, shaderModules: 2 });
    expect(y?.shape).toEqual([2, 4]);
    expect(await y?.read()).toEqual(Float32Array.of(0.25, 0.25, 0.25, 0.25, 0.1, 0.2, 0.3, 0.4));
    expect(await again?.read()).toEqual(await x.read());
  });

  test("repeated calls create nothing: pipelines, bind groups and buffers are reused", async () => {
    const device = await openForTest();
    const program = device.load({ plan: rowSharePlan(2, 4) });
    await program.ready;
    const x = device.tensor(new Float32Array(8).fill(1), [2, 4]);
    first(program.run([x])).dispose();
    const before = { ...device.counters };
    for (let i = 0; i < 10; i++) first(program.run([x])).dispose();
    expect(device.counters).toEqual({
      ...before,
      dispatches: before.dispatches + 20,
      submits: before.submits + 10,
    });
  });

  test("equal kernels of different programs share a pipeline", async () => {
    const device = await openForTest();
    const programs = [1, 2, 3].map(() => device.load({ plan: scalePlan({ count: 4 }) }));
    programs.push(device.load({ plan: scalePlan({ count: 5 }) }));
    await Promise.all(programs.map((program) => program.ready));
    expect(device.counters).toMatchObject({ pipelines: 2, shaderModules: 2 });
  });

  test("calls wait in order for kernels, and dispose does not take their inputs away", async () => {
    const device = await openForTest();
    const slow = device.load({ plan: scalePlan({ count: 4 }) });
    const fast = device.load({ plan: identityPlan("f32", [4], 16) });
    await fast.ready;
    const x = device.tensor([1, 2, 3, 4]);
    const y = first(slow.run([x], { factor: 2 }));
    x.dispose();
    const z = first(fast.run([y]));
    y.dispose();
    expect(device.counters.submits).toBe(0);
    expect(device.memory()).toMatchObject({ tensors: 1, buffers: 3 });
    expect(await z.read()).toEqual(Float32Array.of(2, 4, 6, 8));
    expect(device.memory()).toMatchObject({ tensors: 1, buffers: 1 });
  });

  test("each call sees its own scalars; unchanged ones are not written again", async () => {
    const device = await openForTest();
    const program = device.load({ plan: scalePlan({ count: 4 }) });
    await program.ready;
    const x = device.tensor([1, 2, 3, 4]);
    const written = device.counters.writeBuffers;
    const results = [2, 3, 3].map((factor) => first(program.run([x], { factor })));
    const shifted = first(program.run([x], { factor: Number.NaN, offset: Infinity }));
    expect(device.counters.writeBuffers - written).toBe(3);
    expect(await first(results).read()).toEqual(Float32Array.of(2, 4, 6, 8));
    expect(await results[1]?.read()).toEqual(Float32Array.of(3, 6, 9, 12));
    expect(await results[2]?.read()).toEqual(Float32Array.of(3, 6, 9, 12));
    expect(await shifted.read()).toHaveLength(4);
  });

  test("scalars of calls that wait are those of the call", async () => {
    const device = await openForTest();
    const program = device.load({ plan: scalePlan({ count: 2 }) });
    const x = device.tensor([1, 2]);
    const results = [1, 2, 3].map((factor) => first(program.run([x], { factor, offset: 1 })));
    const read = await Promise.all(results.map((result) => result.read()));
    expect(read).toEqual([Float32Array.of(2, 3), Float32Array.of(3, 5), Float32Array.of(4, 7)]);
  });

  test("one tensor may be two inputs, and results may be inputs of the same program", async () => {
    const device = await openForTest();
    const program = device.load({ plan: scalePlan({ count: 3 }) });
    let x = device.tensor([1, 2, 3]);
    for (let i = 0; i < 200; i++) {
      const next = first(program.run([x], { factor: 1, offset: 1 }));
      x.dispose();
      x = next;
    }
    expect(await x.read()).toEqual(Float32Array.of(201, 202, 203));
    expect(device.memory()).toMatchObject({ tensors: 1, buffers: 1 });
  });

  test("tensors without elements", async () => {
    const device = await openForTest();
    const program = device.load({ plan: identityPlan("f32", [0, 3], bufferBytes(0, 4)) });
    const x = device.tensor([], [0, 3]);
    expect(await x.read()).toEqual(new Float32Array(0));
    const y = first(program.run([x]));
    expect(y.shape).toEqual([0, 3]);
    expect(await y.read()).toEqual(new Float32Array(0));
  });

  test.each([
    ["f16", Uint16Array.of(0x3c00, 0x7e00, 1)],
    ["bf16", Uint16Array.of(0x3f80, 0xffc0, 1)],
    ["bool", Uint8Array.of(0, 1, 1)],
  ] as const)("%s comes back as it went", async (dtype, data) => {
    const device = await openForTest();
    const bytes = bufferBytes(3, dtype === "bool" ? 4 : 2);
    const y = first(
      device.load({ plan: identityPlan(dtype, [3], bytes) }).run([device.tensor(data, [3], { dtype })]),
    );
    const read = await y.read();
    expect(y.dtype).toBe(dtype);
    expect([...new Uint8Array(read.buffer)]).toEqual([...new Uint8Array(data.buffer)]);
  });

  test("more sets of buffers than are kept still compute right", async () => {
    const device = await openForTest();
    const program = device.load({ plan: scalePlan({ count: 1 }) });
    await program.ready;
    const inputs = Array.from({ length: 200 }, (_, i) => device.tensor([i]));
    const results = inputs.map((x) => first(program.run([x], { factor: 10 })));
    const read = await Promise.all(results.map((result) => result.read()));
    expect(read.map(([value]) => value)).toEqual(inputs.map((_, i) => i * 10));
  });
});
