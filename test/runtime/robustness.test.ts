/** Long runs, many calls at once, several devices, and devices that go away in the middle of it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { TracedTensor } from "../../src/frontend/trace/traced-tensor.ts";
import { jit } from "../../src/jit.ts";
import type { Device, Tensor } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";
import { countApi } from "./count-api.ts";
import { scalePlan } from "./plans.ts";
import { failureOf, openForTest } from "./support.ts";

const double = (x: TracedTensor): TracedTensor => x.mul(2);

function gpuDeviceOf({ gpuDevice }: Device): GPUDevice {
  if (gpuDevice === null) throw new Error("the device has no GPUDevice");
  return gpuDevice;
}

describeGpu("long runs", () => {
  test("10,000 calls create no object of WebGPU but their encoders, and hold no memory", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const device = await openForTest();
    const f = jit(double);
    const x = device.tensor([1, 2, 3, 4]);
    /** 1000 calls, ten to a submit, and a read that waits for them. */
    const callAndRead = async (): Promise<void> => {
      for (let batch = 0; batch < 100; batch++)
        device.batch(() => {
          for (let i = 0; i < 10; i++) f(x).dispose();
        });
      using result = f(x);
      expect(await result.read()).toEqual(Float32Array.of(2, 4, 6, 8));
    };
    await callAndRead();
    collect();
    const api = countApi(gpuDeviceOf(device));
    const [memory, heap] = [device.memory(), process.memoryUsage().heapUsed];
    for (let round = 0; round < 10; round++) await callAndRead();
    const counts = api.counts();
    for (const create of ["createBuffer", "createBindGroup", "createShaderModule", "writeBuffer"])
      expect(counts).not.toHaveProperty(create);
    expect(counts).toMatchObject({ dispatchWorkgroups: 10_010, submit: 1020 });
    expect(device.memory()).toEqual(memory);
    collect();
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(2 ** 21);
  });

  test("64 calls at once, before their kernels are ready, each give their own results", async () => {
    const device = await openForTest();
    const f = jit(double);
    const results = await Promise.all(
      Array.from({ length: 64 }, async (_, i) => {
        using x = device.tensor(new Float32Array((i % 4) + 1).fill(i));
        using y = f(x);
        return await y.read();
      }),
    );
    expect(results).toEqual(results.map((__, i) => new Float32Array((i % 4) + 1).fill(2 * i)));
    expect(f.counters).toEqual({ traces: 4, calls: 64 });
    expect(device.memory()).toMatchObject({ tensors: 0, buffers: 0 });
  });
});

describeGpu("several devices", () => {
  test("one function runs on two devices, in turns", async () => {
    const devices = [await openForTest(), await openForTest()];
    const f = jit(double);
    const results: Tensor[] = [];
    for (let i = 0; i < 6; i++) {
      const device = devices[i % 2];
      if (device !== undefined) results.push(f(device.tensor([i])));
    }
    const read = await Promise.all(results.map((result) => result.read()));
    expect(read.map(([value]) => value)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(results.map(({ device }) => devices.indexOf(device))).toEqual([0, 1, 0, 1, 0, 1]);
    expect(f.counters.traces).toBe(2);
  });

  test("after its device is lost, a function compiles again for tensors of a new one", async () => {
    const old = await openForTest();
    const f = jit(double);
    const x = old.tensor([1]);
    const pending = f(x).read();
    const { lost } = old;
    gpuDeviceOf(old).destroy();
    const failure = await failureOf(() => pending);
    expect(failure.code).toBe("device-lost");
    expect((await lost).diagnostics[0]?.message).toBe(failure.message);
    expect((await failureOf(() => f(x))).code).toBe("device-lost");
    const device = await openForTest();
    expect(await f(device.tensor([4])).read()).toEqual(Float32Array.of(8));
    expect(await f(device.tensor([5])).read()).toEqual(Float32Array.of(10));
    expect(f.counters.traces).toBe(2);
  });

  test("a device that is disposed in mid-flight fails 32 reads, those of calls that wait for kernels too", async () => {
    const device = await openForTest();
    const x = device.tensor([1]);
    const ready = jit(double);
    await ready.compile(x);
    const waiting = jit((a: TracedTensor) => a.add(7).mul(3));
    const reads = Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? ready : waiting)(x).read());
    const failures = reads.map((read) => failureOf(() => read));
    device.dispose();
    for (const { code, message } of await Promise.all(failures))
      expect([code, message]).toEqual(["device-lost", "the device was disposed"]);
    expect((await device.lost).diagnostics[0]?.code).toBe("device-lost");
    expect(device.memory()).toMatchObject({ buffers: 0, pooledBytes: 0 });
  });
});

describeGpu("bound calls", () => {
  test("whose result was handed out refuse to run, and leave its new owner's buffer alone", async () => {
    const device = await openForTest();
    const program = device.load({ plan: scalePlan({ count: 4 }) });
    const [x, y] = [device.tensor([1, 2, 3, 4]), device.tensor([0, 0, 0, 0])];
    const call = program.bind([x], [y], { factor: 2 });
    call.run();
    const taken = await y.takeGpuBuffer();
    const before = { ...device.counters };
    expect((await failureOf(() => { call.run(); })).code).toBe("disposed-tensor"); // prettier-ignore
    expect(device.counters).toEqual(before);
    call.dispose();
    device.trim();
    using again = device.wrap(taken, [4]);
    expect(await again.read()).toEqual(Float32Array.of(2, 4, 6, 8));
    taken.destroy();
  });

  test("a range of the buffer of one of our tensors may be read; as the result of a call on that tensor it is refused", async () => {
    const device = await openForTest();
    const x = device.tensor(new Float32Array(4100)); // its buffer has 20 KiB: from 16,640 on, no element
    const behind = device.wrap(await x.gpuBuffer(), [4100 - 4096 + 60], { offset: 16_640 });
    const program = device.load({ plan: scalePlan({ count: 64 }) });
    const y = device.tensor(new Float32Array(64));
    const small = device.tensor(new Float32Array(64));
    const over = device.wrap(await small.gpuBuffer(), [64]);
    expect((await failureOf(() => program.bind([small], [over], { factor: 1 }))).message).toContain(
      "still read when the result is written",
    );
    program.run([behind], { factor: 2 });
    using call = program.bind([behind], [y], { factor: 2 });
    call.run();
    expect(await y.read()).toEqual(new Float32Array(64));
  });
});

test("a device of the CPU is lost when it is disposed", async () => {
  const device = await openDevice({ backend: "cpu" });
  device.dispose();
  expect((await device.lost).diagnostics[0]?.message).toBe("the device was disposed");
});
