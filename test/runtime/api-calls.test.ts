/** How many calls of WebGPU a call of a program makes once it is warm. They are what a call costs the host. */
import { expect, test } from "vitest";
import type { Device, LoadedProgram, Tensor } from "../../src/runtime/device.ts";
import { describeGpu } from "../support/gpu.ts";
import { type ApiCounts, countApi } from "./count-api.ts";
import { rowSharePlan, scalePlan } from "./plans.ts";
import { openForTest } from "./support.ts";

interface Warm {
  readonly device: Device;
  readonly api: ApiCounts;
  readonly program: LoadedProgram;
  readonly x: Tensor;
}

async function warm(options: { readonly shared?: boolean } = {}): Promise<Warm> {
  const own = await openForTest();
  if (own.gpuDevice === null) throw new Error("no GPUDevice");
  const device = options.shared === true ? await openForTest({ gpuDevice: own.gpuDevice }) : own;
  const program = device.load({ plan: scalePlan({ count: 4 }) });
  await program.ready;
  const x = device.tensor([1, 2, 3, 4]);
  program.run([x], { factor: 2 })[0]?.dispose();
  return { device, api: countApi(own.gpuDevice), program, x };
}

const ONE_CALL = {
  createCommandEncoder: 1,
  beginComputePass: 1,
  setPipeline: 1,
  setBindGroup: 1,
  dispatchWorkgroups: 1,
  end: 1,
  finish: 1,
  submit: 1,
};

describeGpu("calls of WebGPU", () => {
  test("a repeated call encodes one dispatch and submits: nothing is created, written or scoped", async () => {
    const { api, program, x } = await warm();
    program.run([x], { factor: 2 })[0]?.dispose();
    expect(api.counts()).toEqual(ONE_CALL);
  });

  test("changed scalars cost one write", async () => {
    const { api, program, x } = await warm();
    program.run([x], { factor: 3 })[0]?.dispose();
    expect(api.counts()).toEqual({ ...ONE_CALL, writeBuffer: 1 });
  });

  test("on a shared device each call has an error scope", async () => {
    const { api, program, x } = await warm({ shared: true });
    program.run([x], { factor: 2 })[0]?.dispose();
    expect(api.counts()).toEqual({ ...ONE_CALL, pushErrorScope: 1, popErrorScope: 1 });
  });

  test("a new result buffer costs its creation and a bind group, once", async () => {
    const { api, program, x } = await warm();
    const y = program.run([x], { factor: 2 });
    expect(api.counts()).toEqual(ONE_CALL);
    api.reset();
    const z = program.run([x], { factor: 2 });
    expect(api.counts()).toMatchObject({ createBuffer: 1, createBindGroup: 1 });
    api.reset();
    for (const tensor of [...y, ...z]) tensor.dispose();
    for (const tensor of [program.run([x], { factor: 2 }), program.run([x], { factor: 2 })].flat())
      tensor.dispose();
    expect(api.counts()).toMatchObject({ submit: 2, dispatchWorkgroups: 2 });
    expect(api.counts()).not.toHaveProperty("createBindGroup");
    expect(api.counts()).not.toHaveProperty("createBuffer");
  });

  test("two kernels and a temporary: one pass, one submit", async () => {
    const { device, api } = await warm();
    const program = device.load({ plan: rowSharePlan(2, 4) });
    await program.ready;
    const x = device.tensor(new Float32Array(8).fill(1), [2, 4]);
    program.run([x])[0]?.dispose();
    api.reset();
    program.run([x])[0]?.dispose();
    expect(api.counts()).toEqual({ ...ONE_CALL, setPipeline: 2, setBindGroup: 2, dispatchWorkgroups: 2 });
  });

  test("64 calls of a batch share encoder, pass, pipeline, upload and submit", async () => {
    const { device, api, program, x } = await warm();
    const call = (): void =>
      device.batch(() => {
        for (let factor = 0; factor < 64; factor++) program.run([x], { factor })[0]?.dispose();
      });
    call();
    api.reset();
    call();
    expect(api.counts()).toEqual({
      ...ONE_CALL,
      setBindGroup: 64,
      dispatchWorkgroups: 64,
      writeBuffer: 1,
    });
  });

  test("a bound call makes no more than the raw calls", async () => {
    const { api, program, x, device } = await warm();
    const y = device.tensor([0, 0, 0, 0]);
    const call = program.bind([x], [y], { factor: 2 });
    call.run();
    api.reset();
    const { tensors, buffers } = device.memory();
    call.run();
    expect(api.counts()).toEqual(ONE_CALL);
    expect(device.memory()).toMatchObject({ tensors, buffers });
    expect(await y.read()).toEqual(Float32Array.of(2, 4, 6, 8));
  });
});
