/** What happens where the GPU has no memory left: room is made, the allocation repeated once, and then there is a typed error. */
import { expect, test } from "vitest";
import { LARGE_BUFFER } from "../../src/runtime/memory-pressure.ts";
import type { Device, LoadedProgram, Tensor } from "../../src/runtime/device.ts";
import { describeGpu } from "../support/gpu.ts";
import { countApi } from "./count-api.ts";
import { identityPlan, scalePlan, twicePlan } from "./plans.ts";
import { type MemoryRefusal, refuseMemory } from "./refuse-memory.ts";
import { failureOf, openForTest } from "./support.ts";

const COUNT = LARGE_BUFFER / 4;
const IDLE_COUNT = 2 ** 19; // 2 MiB: another class of sizes

function gpuDeviceOf({ gpuDevice }: Device): GPUDevice {
  if (gpuDevice === null) throw new Error("the device has no GPUDevice");
  return gpuDevice;
}

interface Setting {
  readonly device: Device;
  readonly memory: MemoryRefusal;
  readonly double: LoadedProgram;
  readonly x: Tensor;
}

/** A device with 2 MiB of idle buffers and a tensor of 4 MiB. */
async function open(): Promise<Setting> {
  const device = await openForTest({ cache: false });
  const memory = refuseMemory(gpuDeviceOf(device));
  const double = device.load({ plan: scalePlan({ count: COUNT }) });
  await double.ready;
  const x = device.tensor(new Float32Array(COUNT).fill(3));
  device.tensor(new Float32Array(IDLE_COUNT)).dispose();
  await x.gpuBuffer();
  expect(device.memory()).toMatchObject({ bytes: LARGE_BUFFER, pooledBytes: 4 * IDLE_COUNT });
  return { device, memory, double, x };
}

const first = ([tensor]: readonly Tensor[]): Tensor => {
  if (tensor === undefined) throw new Error("no result");
  return tensor;
};

/** First and last element. */
async function ends(tensor: Tensor): Promise<readonly (number | undefined)[]> {
  const data = await tensor.read();
  return [Number(data[0]), Number(data[data.length - 1])];
}

describeGpu("an allocation that fails once", () => {
  test("is repeated after idle buffers have gone, and the call succeeds", async () => {
    const { device, memory, double, x } = await open();
    memory.refuse(1);
    const y = first(double.run([x], { factor: 2 }));
    const z = first(double.run([y], { factor: 2 })); // waits behind it
    expect(await ends(z)).toEqual([12, 12]);
    expect(await ends(y)).toEqual([6, 6]);
    expect(device.memory()).toMatchObject({ tensors: 3, buffers: 3, bytes: 3 * LARGE_BUFFER });
    for (const tensor of [x, y, z]) tensor.dispose();
    const storage = memory.asked().filter((size) => size === LARGE_BUFFER);
    expect(storage).toHaveLength(2 + 1 + 1); // two results, one of them again, and what reads are copied to
  });

  test("makes uploads wait with a copy of their data, where idle buffers can make room", async () => {
    const { device, memory } = await open();
    const data = new Float32Array(COUNT).fill(7);
    memory.refuse(1);
    const y = device.tensor(data);
    data.fill(-1);
    expect(await ends(y)).toEqual([7, 7]);
    expect(device.memory().pooledBytes).toBe(LARGE_BUFFER); // that of the read
  });

  test("of a temporary is repeated", async () => {
    const { device, memory } = await open();
    const program = device.load({ plan: twicePlan(COUNT) });
    await program.ready;
    const x = device.tensor(new Float32Array(COUNT).fill(5));
    memory.refuse(2); // those of the result and of the temporary
    const z = first(program.run([x]));
    expect(await ends(z)).toEqual([20, 20]);
    const call = program.bind([x], [z]);
    device.trim();
    memory.refuse(1);
    for (let i = 0; i < 3; i++) call.run(); // its temporary is allocated at the first
    expect(await ends(z)).toEqual([20, 20]);
    expect(memory.asked().filter((size) => size === LARGE_BUFFER)).toHaveLength(3);
    call.dispose();
  });

  test("of the buffer that a read is copied to is repeated", async () => {
    const { memory, x } = await open();
    memory.refuse(1);
    expect(await ends(x)).toEqual([3, 3]);
    expect(memory.asked()).toEqual([LARGE_BUFFER, LARGE_BUFFER]);
  });

  test.each([true, false])(
    "leaves a bound call that is disposed while it waits to its end",
    async (isReused) => {
      const { device, memory, x: large } = await open();
      const program = device.load({ plan: twicePlan(COUNT) });
      await program.ready;
      const x = device.tensor(new Float32Array(COUNT).fill(5));
      const y = device.tensor(new Float32Array(COUNT));
      await y.gpuBuffer();
      memory.refuse(1);
      const call = program.bind([x], [y]);
      call.run();
      call.dispose();
      const other = isReused ? device.tensor(new Float32Array(COUNT).fill(9)) : null; // may get its temporary
      expect(await ends(y)).toEqual([20, 20]);
      if (other !== null) expect(await ends(other)).toEqual([9, 9]);
      for (const tensor of [x, large, y, other]) tensor?.dispose();
      expect(device.memory()).toMatchObject({ tensors: 0, buffers: 0 });
    },
  );
});

describeGpu("an allocation that fails twice", () => {
  test("fails the results that depend on it, with the sizes, and nothing else", async () => {
    const { device, memory, double, x } = await open();
    const { submits } = device.counters;
    memory.refuse(Infinity, LARGE_BUFFER);
    const y = first(double.run([x], { factor: 2 }));
    const z = first(double.run([y], { factor: 2 }));
    for (const act of [() => y.read(), () => z.read(), () => y.gpuBuffer(), () => z.takeGpuBuffer()]) {
      const { code, message, help } = await failureOf(act);
      expect(code).toBe("too-large");
      expect(message).toMatch(
        /^the GPU is out of memory: no 4 MiB left for result "y" of @scale, f32\[1048576\], beside \d+ MiB in use on this device; 2 MiB of idle buffers were freed for it$/,
      );
      expect(help).toMatch(/dispose tensors/);
    }
    expect(device.counters.submits).toBe(submits);
    for (const tensor of [y, z]) tensor.dispose();
    expect(device.memory()).toMatchObject({ tensors: 1, buffers: 1, bytes: LARGE_BUFFER, pooledBytes: 0 }); // x, used below
    // Smaller ones still fit.
    const small = device.load({ plan: scalePlan({ count: 4 }) });
    expect(await first(small.run([device.tensor([1, 2, 3, 4])], { factor: 2 })).read()).toEqual(
      Float32Array.of(2, 4, 6, 8),
    );
    memory.refuse(0);
    expect(await ends(first(double.run([x], { factor: 2 })))).toEqual([6, 6]);
  });

  test("fails uploads, reads and bound calls, which work again when there is memory", async () => {
    const { device, memory, x } = await open();
    const program = device.load({ plan: twicePlan(COUNT) });
    await program.ready;
    const column = device.tensor(new Float32Array(COUNT).fill(2));
    const result = device.tensor(new Float32Array(COUNT).fill(1));
    const call = program.bind([column], [result]);
    await result.gpuBuffer();
    device.trim();
    memory.refuse(Infinity, LARGE_BUFFER);
    const failures = [
      [() => device.tensor(new Float32Array(COUNT)).read(), "tensor f32[1048576]"],
      [() => x.read(), "reading tensor f32[1048576]"],
      [() => (call.run(), result.read()), "a temporary of @twice"],
      [() => device.load({ plan: identityPlan("f32", [COUNT], 4 * COUNT) }).run([x])[0]?.read(), 'result "y" of @identity'], // prettier-ignore
    ] as const;
    for (const [act, what] of failures) {
      const { code, message } = await failureOf(act);
      expect([code, message]).toEqual(["too-large", expect.stringContaining(`no 4 MiB left for ${what}`)]);
    }
    memory.refuse(0);
    expect(await ends(x)).toEqual([3, 3]);
    call.run();
    expect(await ends(result)).toEqual([8, 8]);
  });

  test("fails a call of a batch, and not the others", async () => {
    const { device, memory, double, x } = await open();
    const small = device.load({ plan: scalePlan({ count: 4 }) });
    await small.ready;
    const s = device.tensor([1, 2, 3, 4]);
    memory.refuse(2, LARGE_BUFFER);
    const [before, large, after] = device.batch(() => [
      first(small.run([s], { factor: 2 })),
      first(double.run([x], { factor: 2 })),
      first(small.run([s], { factor: 3 })),
    ]);
    expect((await failureOf(() => large.read())).code).toBe("too-large");
    expect(await before.read()).toEqual(Float32Array.of(2, 4, 6, 8));
    expect(await after.read()).toEqual(Float32Array.of(3, 6, 9, 12));
  });
});

describeGpu("memory that is known to be short", () => {
  test("small buffers are not awaited before the first failure; it fails their readers only", async () => {
    const { device, memory, x } = await open();
    memory.refuse(1);
    const lost = device.tensor([1]);
    const kept = device.tensor([2]);
    expect((await failureOf(() => lost.read())).message).toContain("no 256 bytes left for tensor f32[1]");
    expect(await kept.read()).toEqual(Float32Array.of(2));
    // From now on they are: the attempt is repeated.
    memory.refuse(1);
    expect(await device.tensor(new Float32Array(100).fill(4)).read()).toEqual(new Float32Array(100).fill(4));
    expect(await ends(x)).toEqual([3, 3]);
  });

  test("idle buffers go before an allocation that failed at such a size before", async () => {
    const { device, memory, double, x } = await open();
    memory.refuse(2, LARGE_BUFFER);
    const y = first(double.run([x], { factor: 2 }));
    await failureOf(() => y.read());
    y.dispose();
    const idle = device.tensor(new Float32Array(IDLE_COUNT));
    await idle.gpuBuffer();
    idle.dispose();
    expect(device.memory().pooledBytes).toBe(4 * IDLE_COUNT);
    const z = first(double.run([x], { factor: 2 }));
    expect(device.memory().pooledBytes).toBe(0); // at once
    expect(await ends(z)).toEqual([6, 6]);
  });

  test("repeated calls wait for nothing", async () => {
    const { device, memory, double, x } = await open();
    memory.refuse(1);
    const y = first(double.run([x], { factor: 2 }));
    await y.read();
    y.dispose();
    const api = countApi(gpuDeviceOf(device));
    const { submits } = device.counters;
    first(double.run([x], { factor: 2 })).dispose();
    expect(device.counters.submits).toBe(submits + 1);
    expect(api.counts()).not.toHaveProperty("createBuffer");
    expect(api.counts()).not.toHaveProperty("pushErrorScope");
  });
});

describeGpu("a GPU that has no memory for its largest buffer", () => {
  test("says so with the sizes", async (context) => {
    const device = await openForTest();
    const bytes = device.profile.limits.maxBufferSize;
    if (device.profile.name !== "swiftshader" || bytes !== 2 ** 30) {
      context.skip("SwiftShader refuses its own largest size, 1 GiB; other devices may have it");
      return;
    }
    const plan = scalePlan({ count: bytes / 4 });
    const onlyOutput = {
      ...plan,
      inputs: [],
      scalars: [],
      buffers: [{ kind: "output", index: 0 }] as const,
      kernels: [
        {
          name: "fill",
          wgsl: `@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n@compute @workgroup_size(1) fn main() { y[0] = 1; }`,
          entryPoint: "main",
          bindings: [{ access: "read_write", bytes }] as const,
          scalars: [],
          features: [],
        },
      ],
      steps: [{ kind: "dispatch", kernel: 0, buffers: [0], workgroups: [1, 1, 1] }] as const,
    };
    const y = first(device.load({ plan: onlyOutput }).run([]));
    const { code, message } = await failureOf(() => y.gpuBuffer());
    expect(code).toBe("too-large");
    expect(message).toMatch(
      /^the GPU is out of memory: no 1 GiB left for result "y" of @scale, f32\[268435456\], beside /,
    );
    y.dispose();
    const x = device.tensor([1, 2]);
    expect(await x.read()).toEqual(Float32Array.of(1, 2));
  });
});
