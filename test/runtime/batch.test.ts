import { expect, test } from "vitest";
import type { Device, Tensor } from "../../src/runtime/device.ts";
import { describeGpu } from "../support/gpu.ts";
import { identityPlan, rowSharePlan, scalePlan, withWgsl } from "./plans.ts";
import { failureOf, openForTest } from "./support.ts";

const first = <T>(items: readonly T[]): T => {
  const [item] = items;
  if (item === undefined) throw new Error("there is no first item");
  return item;
};

const readAll = async (tensors: readonly Tensor[]): Promise<readonly number[]> =>
  (await Promise.all(tensors.map((tensor) => tensor.read()))).map((data) => Number(data[0]));

async function openScaling(): Promise<{
  readonly device: Device;
  readonly scale: (x: Tensor, factor: number, offset?: number) => Tensor;
}> {
  const device = await openForTest();
  const program = device.load({ plan: scalePlan({ count: 1 }) });
  await program.ready;
  const scale = (x: Tensor, factor: number, offset = 0): Tensor =>
    first(program.run([x], { factor, offset }));
  return { device, scale };
}

describeGpu("batches", () => {
  test("calls with different scalars in one submit each see their own", async () => {
    const { device, scale } = await openScaling();
    const x = device.tensor([1]);
    const { submits } = device.counters;
    const results = device.batch(() => Array.from({ length: 100 }, (_, i) => scale(x, i)));
    expect(device.counters.submits - submits).toBe(1);
    expect(await readAll(results)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test("more scalars than one submit takes go in pieces, in order", async () => {
    const { device, scale } = await openScaling();
    const x = device.tensor([1]);
    const { submits } = device.counters;
    const results = device.batch(() => Array.from({ length: 600 }, (_, i) => scale(x, i)));
    expect(device.counters.submits - submits).toBe(3);
    expect(await readAll(results)).toEqual(Array.from({ length: 600 }, (_, i) => i));
  });

  test("results feed later calls, and buffers that were disposed serve them", async () => {
    const { device, scale } = await openScaling();
    const y = device.batch(() => {
      let value = device.tensor([0]);
      for (let i = 0; i < 50; i++) {
        const next = scale(value, 1, 2);
        value.dispose();
        value = next;
      }
      return value;
    });
    expect(await readAll([y])).toEqual([100]);
    expect(device.memory()).toMatchObject({ tensors: 1, buffers: 1 });
  });

  test("an upload into a buffer that recorded calls still read waits for them", async () => {
    const { device, scale } = await openScaling();
    const [a, b] = device.batch(() => {
      const x = device.tensor([5]);
      const y = scale(x, 2);
      x.dispose();
      const again = device.tensor([7]); // takes the buffer of x
      return [y, scale(again, 2)] as const;
    });
    expect(await readAll([a, b])).toEqual([10, 14]);
  });

  test("a read in a batch sees the calls before it, and not those after", async () => {
    const { device, scale } = await openScaling();
    const program = device.load({ plan: scalePlan({ count: 1 }) });
    await program.ready;
    const [x, y] = [device.tensor([3]), device.tensor([0])];
    const call = program.bind([x], [y], { factor: 2 });
    const early = device.batch(() => {
      call.run();
      const reading = y.read();
      call.run({ factor: 5 });
      return { reading };
    });
    expect(Number((await early.reading)[0])).toBe(6);
    expect(await readAll([y, scale(y, 1)])).toEqual([15, 15]);
  });

  test("trim() in a batch does not take buffers from calls that are recorded", async () => {
    const { device, scale } = await openScaling();
    const y = device.batch(() => {
      const x = device.tensor([4]);
      const result = scale(x, 2);
      x.dispose();
      device.trim();
      return result;
    });
    expect(await readAll([y])).toEqual([8]);
  });

  test("batches nest, and one that throws still submits what was called", async () => {
    const { device, scale } = await openScaling();
    const x = device.tensor([1]);
    const results: Tensor[] = [];
    const { submits } = device.counters;
    expect(() =>
      device.batch(() => {
        device.batch(() => results.push(scale(x, 2)));
        results.push(scale(x, 3));
        throw new Error("on the way");
      }),
    ).toThrow("on the way");
    expect(device.counters.submits - submits).toBe(1);
    expect(await readAll(results)).toEqual([2, 3]);
  });

  test("calls whose kernels are not ready wait beyond the batch, in order, and leave together", async () => {
    const device = await openForTest();
    const program = device.load({ plan: scalePlan({ count: 1 }) });
    const x = device.tensor([1]);
    const results = device.batch(() => [2, 3, 4].map((factor) => first(program.run([x], { factor }))));
    expect(device.counters.submits).toBe(0);
    await program.ready;
    expect(device.counters.submits).toBe(1);
    expect(await readAll(results)).toEqual([2, 3, 4]);
  });

  test("copies and passes alternate as the calls did", async () => {
    const { device, scale } = await openScaling();
    const copy = device.load({ plan: identityPlan("f32", [1], 16) });
    const share = device.load({ plan: rowSharePlan(1, 2, true) });
    await Promise.all([copy.ready, share.ready]);
    const results = device.batch(() => {
      const y = first(copy.run([scale(device.tensor([3]), 2)]));
      const shares = share.run([device.tensor([1, 3], [1, 2])]);
      return [scale(y, 10), ...shares];
    });
    expect(await readAll(results)).toEqual([60, 0.25, 1]);
  });

  test("a call that fails validation fails the batch, and says which kernel it was", async () => {
    const { device, scale } = await openScaling();
    const broken = device.load({
      plan: withWgsl(
        scalePlan({ count: 1, name: "too_wide" }),
        `@group(0) @binding(0) var<storage, read> x: array<f32, 1000>;
         @group(0) @binding(1) var<storage, read_write> y: array<f32, 4>;
         @compute @workgroup_size(1) fn main() { y[0] = x[999]; }`,
      ),
    });
    await broken.ready;
    const x = device.tensor([1]);
    const results = device.batch(() => [scale(x, 2), first(broken.run([x], { factor: 1 }))]);
    const [innocent, guilty] = await Promise.all(
      results.map(async (result) => (await failureOf(() => result.read())).message),
    );
    expect(innocent).toContain("@scale was submitted with a call that failed: ");
    expect(guilty).toContain('running @scale failed in kernel "too_wide"');
    expect(await readAll([scale(x, 2)])).toEqual([2]);
  });

  test("a device that is disposed or lost in a batch fails its calls", async () => {
    const { device, scale } = await openScaling();
    const x = device.tensor([1]);
    const y = device.batch(() => {
      const result = scale(x, 2);
      device.dispose();
      return result;
    });
    expect((await failureOf(() => y.read())).message).toBe("the device was disposed");
  });
});
