/** Nothing grows: objects of WebGPU that live, and memory, over 10,000 calls, hundreds of shapes and 50 devices. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { jit, openDevice, type TracedTensor } from "tensorweft";
import { describeGpu } from "../support/gpu.ts";
import { type LiveObjects, watchLiveObjects } from "./count-live.ts";
import { openForTest } from "./support.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function watch(sample: GPUDevice): LiveObjects {
  const live = watchLiveObjects(sample);
  onTestFinished(() => {
    live.stop();
  });
  return live;
}

/** Collects what nobody holds, whose finalizers run in tasks of their own. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const ones = (length: number): Float32Array => new Float32Array(length).fill(1);

describeGpu("live objects", (gpu) => {
  test("the count is strict: what is created shows, and goes when it is destroyed or collected", async () => {
    const live = watch(gpu().device);
    const { device } = gpu();
    const buffers = [16, 32].map((size) => device.createBuffer({ size, usage: 0x80 }));
    const modules = [device.createShaderModule({ code: "" })];
    expect(live.counts()).toEqual({ createBuffer: 2, createShaderModule: 1 });
    buffers[0]?.destroy();
    modules.pop();
    await settle();
    expect(live.counts()).toEqual({ createBuffer: 1 });
    buffers[1]?.destroy();
    expect(live.counts()).toEqual({});
  });

  test("10,000 calls of changing shapes, with a cache of 8 programs, end with the objects that they began with", async () => {
    const live = watch(gpu().device);
    const device = await openForTest({ cache: false });
    const f = jit((x: TracedTensor) => x.mul(2).sum(), { maxPrograms: 8, warn: () => undefined });
    let calls = 0;
    /** 1000 calls; every 250 the next of 12 shapes, which is none of the 8 that were compiled last. */
    const callAndRead = async (): Promise<void> => {
      for (let i = 0; i < 1000; i++) {
        const length = 1 + (Math.floor(calls++ / 250) % 12) * 40;
        using x = device.tensor(ones(length));
        using y = f(x);
        if (i % 250 === 249) expect([...(await y.read())]).toEqual([2 * length]);
      }
    };
    for (let round = 0; round < 2; round++) await callAndRead();
    // How many buffers are idle depends on how many calls waited for a compilation at once.
    device.trim();
    await settle();
    const before = { live: live.counts(), memory: device.memory(), heap: process.memoryUsage().heapUsed };
    const { traces } = f.counters;
    for (let round = 0; round < 10; round++) await callAndRead();
    device.trim();
    await settle();
    expect(f.counters.traces - traces).toBe(40);
    expect(device.memory()).toEqual(before.memory);
    const after = live.counts();
    // Buffers are exact. Others are collected when the engine likes: at most what one round leaves behind.
    expect(after["createBuffer"]).toBe(before.live["createBuffer"]);
    for (const [name, count] of Object.entries(after))
      expect(count, name).toBeLessThanOrEqual((before.live[name] ?? 0) + 16);
    expect(process.memoryUsage().heapUsed - before.heap).toBeLessThan(2 ** 22);
  });

  test("50 devices in a row, each opened, used and disposed, leave nothing", async () => {
    const live = watch(gpu().device);
    const f = jit((x: TracedTensor) => x.mul(2), { warn: () => undefined });
    const useDevice = async (i: number): Promise<void> => {
      const device = await openDevice({ backend: "webgpu", cache: false });
      const y = f(device.tensor([1, 2, 3, i]));
      if (i % 2 === 0) expect((await y.read())[3]).toBe(2 * i);
      else await y.gpuBuffer(); // it is disposed in mid-flight
      device.dispose();
    };
    for (let i = 0; i < 50; i++) await useDevice(i);
    await settle();
    expect(live.devices()).toBe(0);
    expect(live.counts()).toEqual({});
  });
});
