import { describe, expect, test } from "vitest";
import type { Backend, Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";
import { scaleGraph, scalePlan } from "./plans.ts";
import { failureOf, openForTest } from "./support.ts";

const program = { plan: scalePlan({ count: 3 }), graph: scaleGraph(3) };

/** What holds on every backend. */
function describeTensors(backend: Backend): void {
  const open = (): Promise<Device> => openForTest({ backend });

  test("a program runs on tensors and gives tensors", async () => {
    const device = await open();
    const loaded = device.load(program);
    const x = device.tensor(Float32Array.of(1, -2, 0.1), [3]);
    const [y] = loaded.run([x], { factor: 3, offset: 1 });
    expect(y).toMatchObject({
      shape: [3],
      dtype: "f32",
      disposed: false,
      label: 'result "y" of @scale, f32[3]',
    });
    expect(y?.device).toBe(device);
    const read = await y?.read();
    expect(read?.[0]).toBe(4);
    expect(read?.[1]).toBe(-5);
    expect(read?.[2]).toBeCloseTo(1.3, 6);
    await loaded.ready;
  });

  test("every dtype is read as its own kind of array", async () => {
    const device = await open();
    expect(await device.tensor(Int32Array.of(-1)).read()).toEqual(Int32Array.of(-1));
    expect(await device.tensor(Uint32Array.of(2 ** 32 - 1)).read()).toEqual(Uint32Array.of(2 ** 32 - 1));
    expect(await device.tensor([true, false]).read()).toEqual(Uint8Array.of(1, 0));
    expect(await device.tensor([1], [1], { dtype: "bf16" }).read()).toEqual(Uint16Array.of(0x3f80));
    expect(await device.tensor(7).read()).toEqual(Float32Array.of(7));
  });

  test("a read is the caller's own copy", async () => {
    const device = await open();
    const x = device.tensor([1]);
    (await x.read())[0] = 9;
    expect(await x.read()).toEqual(Float32Array.of(1));
  });

  test("memory counts tensors until they are disposed, by hand or by `using`", async () => {
    const device = await open();
    {
      using x = device.tensor(new Float32Array(1024));
      expect(device.memory()).toMatchObject({ tensors: 1, buffers: 1, bytes: 4096 });
      const y = device.tensor([1]);
      y.dispose();
      y.dispose();
      expect(y.disposed).toBe(true);
      expect(device.memory().tensors).toBe(1);
      expect(x.disposed).toBe(false);
    }
    device.trim();
    expect(device.memory()).toEqual({ tensors: 0, buffers: 0, bytes: 0, pooledBytes: 0, kernels: 0 });
  });

  test("a tensor may be disposed while it is being read", async () => {
    const device = await open();
    const x = device.tensor([5]);
    const reading = x.read();
    x.dispose();
    device.tensor([6]);
    expect(await reading).toEqual(Float32Array.of(5));
  });

  test("use after dispose names the tensor", async () => {
    const device = await open();
    const x = device.tensor([1, 2, 3]);
    x.dispose();
    for (const act of [() => x.read(), () => device.load(program).run([x], { factor: 1 })]) {
      const { code, message } = await failureOf(act);
      expect(code).toBe("disposed-tensor");
      expect(message).toBe("tensor f32[3] was used after dispose()");
    }
  });

  test("a tensor of another device is refused", async () => {
    const [one, other] = [await open(), await open()];
    const { code, help } = await failureOf(() =>
      one.load(program).run([other.tensor([1, 2, 3])], { factor: 1 }),
    );
    expect(code).toBe("wrong-device");
    expect(help).toContain("await t.read()");
  });

  test("arguments are checked against the program", async () => {
    const device = await open();
    const loaded = device.load(program);
    const x = device.tensor([1, 2, 3]);
    const failing = (inputs: Parameters<typeof loaded.run>[0], scalars: Record<string, number>) =>
      failureOf(() => loaded.run(inputs, scalars));
    expect((await failing([], { factor: 1 })).message).toBe("@scale takes 1 tensors, not 0");
    expect(await failing([device.tensor([1, 2])], { factor: 1 })).toMatchObject({
      code: "shape-mismatch",
      message: 'input "x" of @scale is f32[3], but f32[2] was passed',
    });
    expect((await failing([device.tensor(Int32Array.of(1, 2, 3))], { factor: 1 })).code).toBe(
      "dtype-mismatch",
    );
    expect(await failing([x], {})).toMatchObject({
      code: "wrong-argument",
      message: 'scalar "factor" of @scale has no value',
    });
    expect(await failing([x], { factor: 1, ofset: 1 })).toMatchObject({
      code: "unknown-argument",
      help: 'did you mean "offset"?',
    });
  });

  test("a disposed device refuses work", async () => {
    const device = await open();
    device.dispose();
    expect((await failureOf(() => device.tensor([1]))).message).toBe("the device was disposed");
  });
}

describe("tensors on cpu", () => {
  describeTensors("cpu");
});
describeGpu("tensors on webgpu", () => {
  describeTensors("webgpu");
});

describeGpu("buffers of others", () => {
  test("a wrapped buffer is read in place and survives dispose()", async () => {
    const device = await openForTest();
    const { gpuDevice } = device;
    if (gpuDevice === null) throw new Error("no GPUDevice");
    const buffer = gpuDevice.createBuffer({ size: 16, usage: 0x0080 | 0x0004 | 0x0008 });
    gpuDevice.queue.writeBuffer(buffer, 0, Float32Array.of(1, 2, 3));
    const loaded = device.load(program);
    for (let i = 0; i < 2; i++) {
      using x = device.wrap(buffer, [3]);
      const [y] = loaded.run([x], { factor: 2 });
      expect(await y?.read()).toEqual(Float32Array.of(2, 4, 6));
      expect(await x.gpuBuffer()).toBe(buffer);
      y?.dispose();
    }
    expect(device.counters.bindGroups).toBe(1);
    expect(device.memory()).toMatchObject({ tensors: 0, buffers: 0 });
    expect(await device.wrap(buffer, [3]).read()).toEqual(Float32Array.of(1, 2, 3));
    expect((await failureOf(() => device.wrap(buffer, [5]))).message).toContain("needs 20 bytes");
  });
});

test("a program without a graph does not run on the CPU, and says why", async () => {
  const device = await openDevice({ backend: "cpu" });
  const { code, message } = await failureOf(() => device.load({ plan: program.plan }));
  expect(code).toBe("no-adapter");
  expect(message).toBe("@scale was compiled for WebGPU only, and this device is the CPU");
});
