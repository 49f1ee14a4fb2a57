/** Runs one WGSL text for a kernel on a device: buffers by binding name, as float64 values in and out. */
import { storageBytes } from "../../src/ir/dtype.ts";
import type { Binding, Kernel } from "../../src/ir/kernel.ts";
import { bufferBytes } from "../../src/ir/plan.ts";
import { dawn } from "./dawn.ts";

/** What the buffer of a binding holds. 16-bit dtypes are taken and given as their bit patterns. */
function packWords(binding: Binding, values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(bufferBytes(binding.elements, storageBytes(binding.dtype)));
  viewOf(binding, bytes.buffer).set(values);
  return bytes;
}

function viewOf(
  { dtype }: Binding,
  buffer: ArrayBuffer,
): Float32Array | Int32Array | Uint32Array | Uint16Array {
  if (dtype === "f32") return new Float32Array(buffer);
  if (dtype === "i32") return new Int32Array(buffer);
  return dtype === "f16" || dtype === "bf16" ? new Uint16Array(buffer) : new Uint32Array(buffer);
}

function packScalars(kernel: Kernel, scalars: Readonly<Record<string, number>>): Uint8Array {
  const block = new DataView(new ArrayBuffer(Math.ceil(kernel.scalars.length / 4) * 16));
  kernel.scalars.forEach(({ name, dtype }, i) => {
    const value = scalars[name] ?? 0;
    if (dtype === "f32") block.setFloat32(4 * i, value, true);
    else block.setUint32(4 * i, value, true);
  });
  return new Uint8Array(block.buffer);
}

export type Values = Readonly<Record<string, ArrayLike<number>>>;

/** The contents of all read_write bindings after one dispatch. */
export async function runWgsl(
  device: GPUDevice,
  kernel: Kernel,
  wgsl: string,
  inputs: Values,
  scalars: Readonly<Record<string, number>> = {},
): Promise<Record<string, number[]>> {
  device.pushErrorScope("validation");
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffers = kernel.bindings.map((binding) => {
    const bytes = packWords(binding, inputs[binding.name] ?? []);
    const buffer = device.createBuffer({ size: bytes.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, bytes.buffer);
    return buffer;
  });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const layoutEntries: GPUBindGroupLayoutEntry[] = kernel.bindings.map(({ access }, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: access === "read" ? "read-only-storage" : "storage" },
  }));
  if (kernel.scalars.length > 0) {
    const bytes = packScalars(kernel, scalars);
    const buffer = device.createBuffer({
      size: bytes.byteLength,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, bytes.buffer);
    entries.push({ binding: buffers.length, resource: { buffer } });
    layoutEntries.push({
      binding: buffers.length,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "uniform" },
    });
  }
  const layout = device.createBindGroupLayout({ entries: layoutEntries });
  const module = device.createShaderModule({ code: wgsl });
  const pipeline = device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: "main" },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(...kernel.workgroups);
  pass.end();
  const readbacks = buffers.map((buffer) => {
    const readback = device.createBuffer({
      size: buffer.size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    encoder.copyBufferToBuffer(buffer, 0, readback, 0, buffer.size);
    return readback;
  });
  device.queue.submit([encoder.finish()]);
  const error = await device.popErrorScope();
  if (error !== null) throw new Error(`${error.message}\n${wgsl}`);
  const outputs: Record<string, number[]> = {};
  for (const [i, binding] of kernel.bindings.entries()) {
    const readback = readbacks[i];
    if (binding.access === "read" || readback === undefined) continue;
    await readback.mapAsync(GPUMapMode.READ);
    outputs[binding.name] = [...viewOf(binding, readback.getMappedRange().slice(0))].slice(
      0,
      binding.elements,
    );
  }
  for (const buffer of [...buffers, ...readbacks]) buffer.destroy();
  return outputs;
}

const OPTIONAL: readonly GPUFeatureName[] = ["subgroups", "subgroup-size-control" as GPUFeatureName];

/** Errors and warnings of Dawn's null backend, which needs no driver: WGSL, and a pipeline made of it. */
export async function checkWgsl(wgsl: string): Promise<readonly string[]> {
  const adapter = await dawn("null").requestAdapter();
  if (adapter === null) throw new Error("Dawn's null backend is missing: reinstall the package webgpu");
  const device = await adapter.requestDevice({
    requiredFeatures: OPTIONAL.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxComputeInvocationsPerWorkgroup: adapter.limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: adapter.limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupStorageSize: adapter.limits.maxComputeWorkgroupStorageSize,
    },
  });
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code: wgsl });
  const info = await module.getCompilationInfo();
  const problems = info.messages.map(({ lineNum, message }) => `line ${String(lineNum)}: ${message}`);
  if (problems.length === 0) device.createComputePipeline({ layout: "auto", compute: { module } });
  const error = await device.popErrorScope();
  device.destroy();
  return error === null || problems.length > 0 ? problems : [error.message];
}
