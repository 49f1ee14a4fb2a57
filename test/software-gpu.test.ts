import { expect, test } from "vitest";
import { dawn } from "./support/dawn.ts";
import { describeGpu } from "./support/gpu.ts";

const DOUBLE = `
@group(0) @binding(0) var<storage, read_write> values: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&values)) { values[id.x] = values[id.x] * 2.0; }
}`;

describeGpu("the test adapter", (gpu) => {
  test("runs a compute shader", async () => {
    const { device } = gpu();
    const input = Float32Array.from({ length: 100 }, (_, index) => index - 50);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const values = device.createBuffer({ size: input.byteLength, usage });
    const readback = device.createBuffer({
      size: input.byteLength,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(values, 0, input);

    const compute = { module: device.createShaderModule({ code: DOUBLE }) };
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute });
    const entries = [{ binding: 0, resource: { buffer: values } }];
    const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindings);
    pass.dispatchWorkgroups(2);
    pass.end();
    encoder.copyBufferToBuffer(values, 0, readback, 0, input.byteLength);
    device.queue.submit([encoder.finish()]);

    await readback.mapAsync(GPUMapMode.READ);
    const output = new Float32Array(readback.getMappedRange().slice(0));
    readback.destroy();
    values.destroy();
    expect(output).toEqual(input.map((value) => value * 2));
  });

  test("is opened with the adapter's limits", () => {
    const { adapter, device } = gpu();
    expect(device.limits.maxStorageBufferBindingSize).toBe(adapter.limits.maxStorageBufferBindingSize);
    expect(device.limits.maxComputeInvocationsPerWorkgroup).toBe(
      adapter.limits.maxComputeInvocationsPerWorkgroup,
    );
    for (const feature of ["subgroups", "shader-f16", "timestamp-query"])
      expect(device.features.has(feature)).toBe(adapter.features.has(feature));
  });
});

/** Dawn's null backend needs no driver, so WGSL is checked on every machine. */
async function wgslErrors(code: string): Promise<readonly string[]> {
  const adapter = await dawn("null").requestAdapter();
  if (adapter === null) throw new Error("Dawn's null backend is missing: reinstall the package webgpu");
  const device = await adapter.requestDevice();
  device.pushErrorScope("validation");
  const info = await device.createShaderModule({ code }).getCompilationInfo();
  await device.popErrorScope();
  device.destroy();
  return info.messages.filter(({ type }) => type === "error").map(({ message }) => message);
}

test("the null backend accepts valid WGSL", async () => {
  expect(await wgslErrors(DOUBLE)).toEqual([]);
});

test("the null backend rejects invalid WGSL", async () => {
  const [first] = await wgslErrors(DOUBLE.replace("2.0", "2u"));
  expect(first).toContain("no matching overload for 'operator * (f32, u32)'");
});
