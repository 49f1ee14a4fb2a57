import { expect, test } from "vitest";
import type { Plan } from "../../src/ir/plan.ts";
import type { Tensor } from "../../src/runtime/device.ts";
import { assignDonations } from "../../src/runtime/donate.ts";
import { describeGpu } from "../support/gpu.ts";
import { identityPlan, rowSharePlan, scalePlan } from "./plans.ts";
import { failureOf, openForTest } from "./support.ts";

/** t = f(x); y = g(t): x may become y, since nothing reads it when y is written. */
const twoStepPlan = (): Plan => {
  const plan = scalePlan({ count: 4 });
  return {
    ...plan,
    buffers: [...plan.buffers, { kind: "temporary", bytes: 16 }],
    steps: [
      { kind: "dispatch", kernel: 0, buffers: [0, 2], workgroups: [1, 1, 1] },
      { kind: "dispatch", kernel: 0, buffers: [2, 1], workgroups: [1, 1, 1] },
    ],
  };
};

test("an input is replaced only by a result that is written after its last read", () => {
  expect(assignDonations(twoStepPlan(), [0])).toEqual([0]);
  expect(assignDonations(scalePlan({ count: 4 }), [0])).toEqual([-1]);
  expect(assignDonations(rowSharePlan(2, 4), [0])).toEqual([-1]);
  expect(assignDonations(identityPlan("f32", [4], 16), [0])).toEqual([-1]);
  expect(assignDonations(twoStepPlan(), [])).toEqual([-1]);
});

test("dtype and size have to fit", () => {
  const plan = twoStepPlan();
  const other = (output: Plan["outputs"][number]): Plan => ({ ...plan, outputs: [output] });
  expect(assignDonations(other({ name: "y", dtype: "i32", shape: [4] }), [0])).toEqual([-1]);
  expect(assignDonations(other({ name: "y", dtype: "f32", shape: [40] }), [0])).toEqual([-1]);
  expect(assignDonations(other({ name: "y", dtype: "f32", shape: [2, 2] }), [0])).toEqual([0]);
});

describeGpu("donated inputs", () => {
  const run = async (plan: Plan, donate: readonly number[]) => {
    const device = await openForTest();
    const program = device.load({ plan });
    await program.ready;
    const x = device.tensor([1, 2, 3, 4]);
    const call = (tensor: Tensor): Tensor => {
      const [result] = program.run([tensor], { factor: 2 }, { donate });
      if (result === undefined) throw new Error("no result");
      return result;
    };
    return { device, x, call };
  };

  test("the result takes over the buffer, and the input is gone", async () => {
    const { device, x, call } = await run(twoStepPlan(), [0]);
    const buffer = await x.gpuBuffer();
    const y = call(x);
    expect(x.disposed).toBe(true);
    expect(await y.gpuBuffer()).toBe(buffer);
    expect(await y.read()).toEqual(Float32Array.of(4, 8, 12, 16));
    expect(device.memory()).toMatchObject({ tensors: 1, buffers: 1 });
    expect((await failureOf(() => x.read())).code).toBe("disposed-tensor");
  });

  test("where it cannot, the input is freed all the same", async () => {
    const { device, x, call } = await run(scalePlan({ count: 4 }), [0]);
    const y = call(x);
    expect(x.disposed).toBe(true);
    expect(await y.read()).toEqual(Float32Array.of(2, 4, 6, 8));
    expect(device.memory()).toMatchObject({ tensors: 1, buffers: 1 });
  });

  test("a read that was asked for before sees the input", async () => {
    const { x, call } = await run(twoStepPlan(), [0]);
    const reading = x.read();
    const y = call(x);
    expect(await reading).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(await y.read()).toEqual(Float32Array.of(4, 8, 12, 16));
  });

  test("a chain of donations stays in one buffer", async () => {
    const { device, x, call } = await run(twoStepPlan(), [0]);
    const created = device.counters.buffersCreated;
    let y = call(x);
    for (let i = 0; i < 5; i++) y = call(y);
    expect(await y.read()).toEqual(Float32Array.of(4096, 8192, 12288, 16384));
    // The temporary, and the uniform buffer that came with the first program.
    expect(device.counters.buffersCreated - created).toBeLessThanOrEqual(2);
  });

  test("a buffer that the caller brought is not written", async () => {
    const { device, call } = await run(twoStepPlan(), [0]);
    const buffer = device.gpuDevice?.createBuffer({ size: 16, usage: 0x0080 | 0x0004 | 0x0008 });
    if (buffer === undefined) throw new Error("no buffer");
    device.gpuDevice?.queue.writeBuffer(buffer, 0, Float32Array.of(1, 1, 1, 1));
    const y = call(device.wrap(buffer, [4]));
    expect(await y.read()).toEqual(Float32Array.of(4, 4, 4, 4));
    expect(await device.wrap(buffer, [4]).read()).toEqual(Float32Array.of(1, 1, 1, 1));
  });

  test("a bound result may be its input under the same rule", async () => {
    const { device, x } = await run(twoStepPlan(), []);
    const program = device.load({ plan: twoStepPlan() });
    const call = program.bind([x], [x], { factor: 2 });
    call.run();
    call.run();
    expect(await x.read()).toEqual(Float32Array.of(16, 32, 48, 64));
    const refused = await failureOf(() =>
      device.load({ plan: scalePlan({ count: 4 }) }).bind([x], [x], { factor: 1 }),
    );
    expect(refused.message).toBe(
      "result y of @scale is bound to the tensor of input x, which is still read when the result is written",
    );
  });

  test("a bound call keeps its buffers until it is disposed, and may be called before its kernels are ready", async () => {
    const device = await openForTest();
    const program = device.load({ plan: rowSharePlan(2, 4) });
    const x = device.tensor([1, 1, 1, 1, 1, 2, 3, 4], [2, 4]);
    const y = device.tensor(new Float32Array(8), [2, 4]);
    const call = program.bind([x], [y]);
    call.run();
    expect(await y.read()).toEqual(Float32Array.of(0.25, 0.25, 0.25, 0.25, 0.1, 0.2, 0.3, 0.4));
    expect(device.memory()).toMatchObject({ tensors: 2, buffers: 3 });
    call.dispose();
    call.dispose();
    expect(device.memory()).toMatchObject({ tensors: 2, buffers: 2 });
    const late = device.load({ plan: { ...rowSharePlan(2, 4), name: "late" } }).bind([x], [y]);
    late.run();
    late.dispose();
    await y.read();
    expect(device.memory()).toMatchObject({ tensors: 2, buffers: 2 });
  });

  test("whose buffer is that of another input as well is not written in place", async () => {
    const device = await openForTest();
    // y = w / sums of the rows of x: nothing reads x when y is written, but w is read then.
    const share = rowSharePlan(16, 16);
    const [x] = share.inputs;
    if (x === undefined) throw new Error("no input");
    const plan: Plan = {
      ...share,
      inputs: [x, { ...x, name: "w" }],
      buffers: [...share.buffers, { kind: "input", index: 1 }],
      steps: share.steps.map((step, index) =>
        index === 1 && step.kind === "dispatch" ? { ...step, buffers: [3, 1, 2] } : step,
      ),
    };
    expect(assignDonations(plan, [0])).toEqual([0]);
    const program = device.load({ plan });
    const given = device.tensor(new Float32Array(256).fill(2), [16, 16]);
    const same = device.wrap(await given.gpuBuffer(), [16, 16]);
    const [y] = program.run([given, same], {}, { donate: [0] });
    expect(await y?.read()).toEqual(new Float32Array(256).fill(1 / 16));
    expect(given.disposed).toBe(true);
  });
});
