/** Copies a buffer to the host. */
import { BUFFER_USAGE, MAP_READ } from "./gpu-flags.ts";

export async function readBuffer(gpu: GPUDevice, buffer: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
  const staging = gpu.createBuffer({ size: bytes, usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyDst });
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const copy = staging.getMappedRange().slice(0);
  staging.destroy();
  return copy;
}
