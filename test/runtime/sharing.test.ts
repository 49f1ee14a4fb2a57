/** Tensors over buffers of others, and results handed out: what is bound in place, copied on the GPU, or refused. */
import { onTestFinished, expect, test } from "vitest";
import { jit } from "../../src/jit.ts";
import type { TracedTensor } from "../../src/frontend/trace/traced-tensor.ts";
import { compileGraph } from "../../src/compile.ts";
import { f32, trace } from "../../src/frontend/trace/trace.ts";
import type { Device, LoadedProgram } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu, openNewGpu } from "../support/gpu.ts";
import { countApi } from "./count-api.ts";
import { failureOf } from "./support.ts";

const USAGE = 0x0080 | 0x0004 | 0x0008; // STORAGE, COPY_SRC, COPY_DST

async function openShared(): Promise<{ device: Device; gpuDevice: GPUDevice }> {
  const { gpu, reason } = await openNewGpu();
  if (gpu === null) throw new Error(reason);
  const device = await openDevice({ gpuDevice: gpu.device });
  onTestFinished(() => {
    device.dispose();
    gpu.device.destroy();
  });
  return { device, gpuDevice: gpu.device };
}

/** A buffer that holds 0, 1, 2, ... */
function counting(gpuDevice: GPUDevice, bytes: number, usage = USAGE): GPUBuffer {
  const buffer = gpuDevice.createBuffer({ size: bytes, usage });
  gpuDevice.queue.writeBuffer(
    buffer,
    0,
    Float32Array.from({ length: bytes / 4 }, (_, i) => i),
  );
  return buffer;
}

const double = jit((x: TracedTensor) => x.mul(2));

function loadDouble(device: Device, count: number): LoadedProgram {
  const { graph } = trace((x: TracedTensor) => x.mul(2), [f32(count)]);
  return device.load(compileGraph(graph, { profile: device.profile }));
}

describeGpu("buffers of others", () => {
  test("a range at an aligned offset is bound in place", async () => {
    const { device, gpuDevice } = await openShared();
    const x = device.wrap(counting(gpuDevice, 512), [4], { offset: 256 });
    expect(x.byteOffset).toBe(256);
    const api = countApi(gpuDevice);
    const y = double(x);
    await y.gpuBuffer();
    expect(api.counts()).not.toHaveProperty("copyBufferToBuffer");
    expect(api.counts()).not.toHaveProperty("writeBuffer");
    expect(await y.read()).toEqual(Float32Array.of(128, 130, 132, 134));
    expect(await x.read()).toEqual(Float32Array.of(64, 65, 66, 67));
  });

  test.each([
    ["at an odd offset", 512, 20, 4],
    ["at the very end, without room for a whole vector", 268, 256, 3],
    ["in a buffer of just its size", 12, 0, 3],
  ])("a range %s is copied on the GPU, anew at each call", async (_, size, offset, count) => {
    const { device, gpuDevice } = await openShared();
    const buffer = counting(gpuDevice, size);
    const x = device.wrap(buffer, [count], { offset });
    const start = offset / 4;
    const expected = (): Float32Array => Float32Array.from({ length: count }, (__, i) => 2 * (start + i));
    expect(await double(x).read()).toEqual(expected());
    const api = countApi(gpuDevice);
    gpuDevice.queue.writeBuffer(buffer, offset, Float32Array.of(-7));
    api.reset();
    const y = double(x);
    await y.gpuBuffer();
    expect(api.counts()).toMatchObject({ copyBufferToBuffer: 1, dispatchWorkgroups: 1, submit: 1 });
    expect(api.counts()).not.toHaveProperty("writeBuffer");
    expect(await y.read()).toEqual(expected().fill(-14, 0, 1));
    expect(device.memory().tensors).toBeGreaterThan(0);
  });

  test("two ranges of one buffer are two tensors", async () => {
    const { device, gpuDevice } = await openShared();
    const buffer = counting(gpuDevice, 1024);
    const [a, b] = [device.wrap(buffer, [4]), device.wrap(buffer, [4], { offset: 512 })];
    const add = jit((p: TracedTensor, q: TracedTensor) => p.add(q));
    for (let i = 0; i < 2; i++) expect(await add(a, b).read()).toEqual(Float32Array.of(128, 130, 132, 134));
    expect(await add(b, b).read()).toEqual(Float32Array.of(256, 258, 260, 262));
  });

  test("a result is written into a foreign range, and nothing beside it", async () => {
    const { device, gpuDevice } = await openShared();
    const buffer = counting(gpuDevice, 1024);
    const program = loadDouble(device, 4);
    using call = program.bind([device.wrap(buffer, [4])], [device.wrap(buffer, [4], { offset: 256 })]);
    const api = countApi(gpuDevice);
    // Input and result share the buffer, which one dispatch may not read and write: the input is copied first.
    for (let i = 0; i < 2; i++) call.run();
    expect(await device.wrap(buffer, [4], { offset: 256 }).read()).toEqual(Float32Array.of(0, 2, 4, 6));
    expect(api.counts()["copyBufferToBuffer"]).toBe(3); // and one of the read
    const all = await device.wrap(buffer, [256]).read();
    expect([...all.slice(60, 64), ...all.slice(68, 72)]).toEqual([60, 61, 62, 63, 68, 69, 70, 71]);
  });

  test("results that are inputs are copied without their padding", async () => {
    const { device, gpuDevice } = await openShared();
    const buffer = counting(gpuDevice, 512);
    const { graph } = trace((x: TracedTensor) => x, [f32(3)]);
    const program = device.load(compileGraph(graph, { profile: device.profile }));
    using call = program.bind([device.tensor([7, 8, 9])], [device.wrap(buffer, [3], { offset: 256 })]);
    call.run();
    expect((await device.wrap(buffer, [128]).read()).slice(64, 69)).toEqual(Float32Array.of(7, 8, 9, 67, 68));
  });

  test("what cannot be is refused, with a way out", async () => {
    const { device, gpuDevice } = await openShared();
    const buffer = counting(gpuDevice, 1024);
    const program = loadDouble(device, 4);
    const x = device.tensor([1, 2, 3, 4]);
    const wrap = (offset: number, readOnly = false) => device.wrap(buffer, [4], { offset, readOnly });
    const refusals = [
      [() => wrap(2), "starts at byte 2", "multiple of 4"],
      [() => wrap(1020), "needs 16 bytes from byte 1020 on, but the buffer has 1024", "larger|that large"],
      [() => device.wrap(counting(gpuDevice, 16, 0x0008 | 0x0080), [4]), "lacks the usage", "COPY_SRC"],
      [() => program.bind([x], [wrap(0, true)]), "read-only", "another tensor"],
      [() => program.bind([x], [wrap(20)]), "starts at byte 20", "multiple of 256"],
      [() => program.bind([wrap(0)], [wrap(0)]), null, null],
      [() => program.bind([wrap(8)], [wrap(0)]), "covers in part", "memory of its own"],
    ] as const;
    for (const [act, message, help] of refusals) {
      if (message === null) {
        // In place: the same range is replaced only where the plan has read it before.
        expect((await failureOf(act)).message).toContain("still read when the result is written");
        continue;
      }
      const failure = await failureOf(act);
      expect(failure).toMatchObject({
        code: "wrong-argument",
        message: expect.stringContaining(message) as string,
      });
      expect(failure.help).toMatch(new RegExp(help));
    }
  });

  test("a buffer of another GPUDevice fails the results that depend on it, and says so", async () => {
    const [{ device }, { gpuDevice: other }] = [await openShared(), await openShared()];
    const y = double(device.wrap(counting(other, 16), [4]));
    const { code, message } = await failureOf(() => y.read());
    expect(code).toBe("gpu-error");
    expect(message).toMatch(/associated with|device/);
    expect(await double(device.tensor([1])).read()).toEqual(Float32Array.of(2));
  });

  test("a result is taken over without a copy and outlives tensor and pool", async () => {
    const { device, gpuDevice } = await openShared();
    const y = double(device.tensor([1, 2, 3, 4]));
    const z = double(y); // still reads y
    await z.gpuBuffer();
    const api = countApi(gpuDevice);
    const before = device.memory().buffers;
    const buffer = await y.takeGpuBuffer();
    expect(api.counts()).toEqual({});
    expect(y.disposed).toBe(true);
    expect(device.memory().buffers).toBe(before - 1);
    device.trim();
    expect(await z.read()).toEqual(Float32Array.of(4, 8, 12, 16));
    using again = device.wrap(buffer, [4]);
    expect(await again.read()).toEqual(Float32Array.of(2, 4, 6, 8));
    expect((await failureOf(() => y.takeGpuBuffer())).code).toBe("disposed-tensor");
    buffer.destroy();
  });
});

describeGpu("buffers of our own tensors, wrapped", () => {
  test("a tensor and ranges of its buffer are inputs of one call", async () => {
    const { device } = await openShared();
    const t = device.tensor(Float32Array.from({ length: 128 }, (_, i) => i));
    const buffer = await t.gpuBuffer();
    const [whole, half] = [device.wrap(buffer, [128]), device.wrap(buffer, [64], { offset: 256 })];
    const add = jit((p: TracedTensor, q: TracedTensor) => p.add(q));
    expect((await add(t, whole).read())[127]).toBe(254);
    const halves = jit((p: TracedTensor, q: TracedTensor) => p.slice([{ start: 0, stop: 64 }]).add(q));
    expect((await halves(t, half).read()).slice(0, 2)).toEqual(Float32Array.of(64, 66));
  });

  test("a range as the result of a call on the tensor, or the tensor as that of a call on a range, is refused at the call", async () => {
    const { device, gpuDevice } = await openShared();
    const t = device.tensor(new Float32Array(128));
    const buffer = await t.gpuBuffer();
    const ranges = [0, 256].map((offset) => device.wrap(buffer, [64], { offset }));
    const half = loadDouble(device, 64);
    const { graph } = trace((x: TracedTensor) => x.slice([{ start: 0, stop: 64 }]), [f32(128)]);
    const slice = device.load(compileGraph(graph, { profile: device.profile }));
    const api = countApi(gpuDevice);
    for (const range of ranges) {
      const { code, message } = await failureOf(() => slice.bind([t], [range]));
      expect([code, message]).toEqual(["wrong-argument", expect.stringMatching(/in part|still read/)]);
    }
    const small = device.tensor(new Float32Array(64)); // 256 bytes, all of its buffer
    const over = device.wrap(await small.gpuBuffer(), [64]);
    for (const [input, output] of [
      [over, small],
      [small, over],
    ] as const)
      // prettier-ignore
      expect((await failureOf(() => half.bind([input], [output]))).message).toContain("still read");
    expect(api.counts()).not.toHaveProperty("dispatchWorkgroups");
  });
});

test("tensors of the CPU have no buffer to hand out", async () => {
  using device = await openDevice({ backend: "cpu" });
  const x = device.tensor([1]);
  expect((await failureOf(() => x.takeGpuBuffer())).code).toBe("no-adapter");
  expect(x.byteOffset).toBe(0);
});
