/** TensorFlow.js and tensorweft on one GPUDevice. */
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { openDevice, rmsNorm, jit } from "tensorweft";
import type { TracedTensor } from "tensorweft";
import { countTransfers, subtract } from "./count-transfers.ts";

const SHAPE: [number, number] = [3, 5];
const INPUT = Float32Array.from({ length: 15 }, (_, i) => ((i * 7) % 11) - 5);

/** rmsNorm(x * x): TensorFlow.js multiplies, our kernel normalises, TensorFlow.js takes the result over. */
export async function handOver() {
  using device = await openDevice({ backend: "webgpu" });
  const { gpuDevice } = device;
  if (gpuDevice === null) throw new Error("no GPUDevice");
  const transfers = countTransfers(gpuDevice);
  tf.registerBackend("webgpu-shared", () => new WebGPUBackend(gpuDevice, gpuDevice.adapterInfo));
  tf.copyRegisteredKernels("webgpu", "webgpu-shared");
  tf.env().set("WEBGPU_CPU_FORWARD", false); // small tensors would be computed on the host
  await tf.setBackend("webgpu-shared");
  const normalize = jit((x: TracedTensor) => rmsNorm(x, { normalizedShape: [5], eps: 0 }));

  const x = tf.tensor2d(INPUT, SHAPE);
  const squared = tf.mul(x, x); // on the GPU from here on
  const before = transfers.counts();
  const { buffer, tensorRef } = squared.dataToGPU();
  if (buffer === undefined) throw new Error("TensorFlow.js has no buffer");
  using wrapped = device.wrap(buffer, SHAPE, { readOnly: true });
  const normed = await normalize(wrapped).takeGpuBuffer();
  const back = tf.tensor({ buffer: normed, zeroCopy: true }, SHAPE, "float32");
  const after = transfers.counts();
  const clipped = tf.relu(back); // of its size; `back.data()` would read all of our buffer
  const values = await clipped.data();
  const counted = transfers.counts().mapAsync - after.mapAsync;
  for (const tensor of [x, squared, tensorRef, back, clipped]) tensor.dispose();
  normed.destroy();
  const rows = Array.from({ length: 3 }, (_, r) =>
    Array.from(INPUT.subarray(r * 5, r * 5 + 5), (v) => v * v),
  );
  const expected = rows.flatMap((row) => {
    const rms = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / 5);
    return row.map((v) => v / rms);
  });
  return {
    values: Array.from(values),
    expected,
    moved: subtract(after, before),
    readsAreCounted: counted,
  };
}
