import { expect, test } from "vitest";
import { CompilerBug, TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { checkPlan } from "../../src/runtime/check-plan.ts";
import { findProfile } from "../../src/ir/profile.ts";
import type { Device } from "../../src/runtime/device.ts";
import { describeGpu } from "../support/gpu.ts";
import { identityPlan, rowSharePlan, scalePlan, withWgsl } from "./plans.ts";
import { failureOf, openForTest } from "./support.ts";

const BAD_WGSL = "@compute @workgroup_size(1)\nfn main() { let x: f32 = 1u; }";

describeGpu("errors of kernels", () => {
  test("a kernel that does not compile fails ready, and the reads of all that depends on it", async () => {
    const device = await openForTest();
    const broken = device.load({ plan: withWgsl(scalePlan({ count: 4, name: "my_kernel" }), BAD_WGSL) });
    const copy = device.load({ plan: identityPlan("f32", [4], 16) });
    const x = device.tensor([1, 2, 3, 4]);
    const [y] = broken.run([x], { factor: 1 });
    const [z] = y === undefined ? [] : copy.run([y]);
    for (const act of [() => broken.ready, () => y?.read(), () => z?.read()]) {
      const { code, message } = await failureOf(act);
      expect(code).toBe("gpu-error");
      expect(message).toMatch(/^kernel "my_kernel" does not compile: 2:17: .*f32/);
    }
    const error: unknown = await broken.ready.catch((reason: unknown) => reason);
    if (!(error instanceof TensorweftError)) throw error;
    expect(error.diagnostics[0]?.notes[0]?.span).toMatchObject({
      file: "my_kernel.wgsl",
      line: 2,
      column: 17,
    });
    // Others are not touched.
    expect(await x.read()).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(() => broken.run([x], { factor: 1 })).not.toThrow();
  });

  test("a dispatch that fails validation names its kernel, and results computed from it fail too", async () => {
    const device = await openForTest();
    // The kernel wants a larger array than its binding has: only known when it is dispatched.
    const plan = withWgsl(
      scalePlan({ count: 4, name: "too_wide" }),
      `@group(0) @binding(0) var<storage, read> x: array<f32, 1000>;
       @group(0) @binding(1) var<storage, read_write> y: array<f32, 4>;
       @compute @workgroup_size(1) fn main() { y[0] = x[999]; }`,
    );
    const program = device.load({ plan });
    await program.ready;
    const [y] = program.run([device.tensor([1, 2, 3, 4])], { factor: 1 });
    const [z] = y === undefined ? [] : device.load({ plan: identityPlan("f32", [4], 16) }).run([y]);
    for (const tensor of [y, z]) {
      const { code, message } = await failureOf(() => tensor?.read());
      expect(code).toBe("gpu-error");
      expect(message).toContain('running @scale failed in kernel "too_wide"');
    }
  });

  test("an error that nobody caught surfaces in the next read, once", async () => {
    const device = await openForTest();
    const x = device.tensor([1]);
    causeUncapturedError(device);
    expect((await failureOf(() => x.read())).code).toBe("gpu-error");
    expect(await x.read()).toEqual(Float32Array.of(1));
  });

  test("on a shared device, errors of others are not ours", async () => {
    const own = await openForTest();
    const shared = await openForTest({ gpuDevice: gpuDeviceOf(own) });
    const x = shared.tensor([1]);
    causeUncapturedError(shared);
    expect(await x.read()).toEqual(Float32Array.of(1));
  });
});

describeGpu("lost devices", () => {
  test("reads and calls reject with device-lost", async () => {
    const device = await openForTest();
    const program = device.load({ plan: scalePlan({ count: 1 }) });
    const x = device.tensor([1]);
    const waiting = program.run([x], { factor: 1 });
    const pending = x.read();
    gpuDeviceOf(device).destroy();
    expect((await failureOf(() => pending)).code).toBe("device-lost");
    expect((await failureOf(() => waiting[0]?.read())).code).toBe("device-lost");
    expect((await failureOf(() => program.run([x], { factor: 1 }))).code).toBe("device-lost");
    const { code, help } = await failureOf(() => device.tensor([1]));
    expect(code).toBe("device-lost");
    expect(help).toContain("openDevice()");
  });

  test("dispose() rejects pending reads, and later uses say that the device was disposed", async () => {
    const device = await openForTest();
    const x = device.tensor([1]);
    const program = device.load({ plan: scalePlan({ count: 1 }) });
    const [y] = program.run([x], { factor: 1 });
    const pending = [x, y].map((tensor) => failureOf(() => tensor?.read()));
    device.dispose();
    device.dispose();
    for (const failure of await Promise.all(pending)) expect(failure.message).toBe("the device was disposed");
    expect((await failureOf(() => device.load({ plan: scalePlan({ count: 1 }) }))).code).toBe("device-lost");
    x.dispose();
  });

  test("a device that the caller brought lives on", async () => {
    const own = await openForTest();
    const shared = await openForTest({ gpuDevice: gpuDeviceOf(own) });
    shared.tensor([1]);
    shared.dispose();
    expect(await own.tensor([2]).read()).toEqual(Float32Array.of(2));
    expect(() => shared.tensor([1])).toThrow("the device was disposed");
  });
});

describeGpu("sizes beyond the device", () => {
  test("are refused with both sizes before any GPU work", async () => {
    const device = await openForTest();
    const before = { ...device.counters };
    const huge = 2 ** 40;
    const { code, message } = await failureOf(() => device.load({ plan: identityPlan("f32", [huge], 16) }));
    expect(code).toBe("too-large");
    expect(message).toMatch(/^input "x" of @identity, f32\[1099511627776\] needs 4 TiB, but .* at most /);
    expect(device.counters).toEqual(before);
  });
});

test("a plan is checked against limits and features of the profile", async () => {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("no default profile");
  const plan = rowSharePlan(2, 70_000);
  const wide = await failureOf(() => { checkPlan(plan, profile); }); // prettier-ignore
  expect(wide.code).toBe("too-large");
  expect(wide.message).toContain('kernel "divide" runs 140000 x 1 x 1 workgroups');
  const scale = scalePlan({ count: 4 });
  const needy = {
    ...scale,
    kernels: scale.kernels.map((kernel) => ({ ...kernel, features: ["shader-f16"] })),
  };
  const lacking = await failureOf(() => { checkPlan(needy, profile); }); // prettier-ignore
  expect(lacking.message).toBe('kernel "scale" needs shader-f16, which this device lacks');
  const short = { ...profile, limits: { ...profile.limits, maxStorageBufferBindingSize: 8 } };
  expect((await failureOf(() => { checkPlan(scale, short); })).message).toContain("needs 16 bytes of a buffer at once"); // prettier-ignore
  const narrow = { ...profile, limits: { ...profile.limits, maxStorageBuffersPerShaderStage: 1 } };
  expect((await failureOf(() => { checkPlan(scale, narrow); })).message).toContain("binds 2 buffers"); // prettier-ignore
});

test("a broken plan is a bug of ours, with every problem listed", () => {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("no default profile");
  const plan = scalePlan({ count: 4 });
  const broken = {
    ...plan,
    steps: [
      { kind: "dispatch", kernel: 0, buffers: [0, 0], workgroups: [1, 1, 1] },
      { kind: "dispatch", kernel: 7, buffers: [], workgroups: [1, 1, 1] },
      { kind: "copy", from: 0, to: 5, bytes: 16 },
      { kind: "dispatch", kernel: 0, buffers: [0, 1], workgroups: [1, 1, 1], offsets: [4, 256] },
    ],
  } as const;
  try {
    checkPlan(broken, profile);
    throw new Error("nothing was thrown");
  } catch (error) {
    if (!(error instanceof CompilerBug)) throw error;
    expect(error.problems).toEqual([
      "step 0: binding 1 writes an input",
      "step 0: buffer 0 is written and bound twice",
      "step 1: there is no kernel 7",
      "step 2: 16 bytes exceed buffer 5",
      "step 3: binding 0 needs 16 bytes from 4, its buffer has 16",
      "step 3: binding 0 starts at 4, no multiple of 256",
      "step 3: binding 1 needs 16 bytes from 256, its buffer has 16",
    ]);
  }
});

function gpuDeviceOf(device: Device): GPUDevice {
  if (device.gpuDevice === null) throw new Error("the device has no GPUDevice");
  return device.gpuDevice;
}

function causeUncapturedError(device: Device): void {
  gpuDeviceOf(device).createBuffer({ size: 4, usage: 0x0001 | 0x0002 }); // both map usages: never allowed
}
