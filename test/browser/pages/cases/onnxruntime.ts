/** onnxruntime-web and tensorweft on one GPUDevice: the model's output is normalised by our kernel and fed back. */
import { jit, layerNorm, openDevice } from "tensorweft";
import type { TracedTensor } from "tensorweft";
import * as ort from "onnxruntime-web/webgpu";
import { buildModel } from "../../../../examples/sharing/onnx-model.ts";
import { countTransfers, subtract, type Transfers } from "./count-transfers.ts";

const [ROWS, COLUMNS] = [64, 32];
const BIAS = Array.from({ length: COLUMNS }, (_, i) => (i % 5) - 2);
const INPUT = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => ((i * 7) % 13) - 6);
const STEPS = 3;

export async function handOver() {
  ort.env.wasm.wasmPaths = "/ort/";
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(buildModel(ROWS, BIAS), {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
  });
  // The first session makes the device, with the features that the models need; ours opens on it.
  const gpuDevice = await ort.env.webgpu.device;
  const transfers = countTransfers(gpuDevice);
  using device = await openDevice({ gpuDevice });
  const shape = [ROWS, COLUMNS];
  const normalize = jit((x: TracedTensor) => layerNorm(x, { normalizedShape: [COLUMNS] }));

  /** What each hand-over moved: from the model's output to its next input, without the model. */
  const handOvers: Transfers[] = [];
  /** One turn of the loop: x stays on the GPU, and so does what becomes of it. */
  const step = async (xBuffer: GPUBuffer): Promise<GPUBuffer> => {
    const x = ort.Tensor.fromGpuBuffer(xBuffer, { dataType: "float32", dims: shape });
    const { y } = await session.run({ x });
    if (y === undefined) throw new Error("the model has no y");
    const before = transfers.counts();
    using wrapped = device.wrap(y.gpuBuffer, shape, { readOnly: true });
    const next = await normalize(wrapped).takeGpuBuffer(); // all that reads y has been submitted
    handOvers.push(subtract(transfers.counts(), before));
    y.dispose();
    x.dispose();
    return next;
  };
  const start = (): Promise<GPUBuffer> => device.tensor(INPUT, shape).takeGpuBuffer();

  const warm = await step(await start()); // compiles the kernels of both
  warm.destroy();
  let current = await start();
  const before = { ...transfers.counts(), large: transfers.largeWrites(256) };
  for (let i = 0; i < STEPS; i++) {
    const next = await step(current);
    current.destroy();
    current = next;
  }
  const after = { ...transfers.counts(), large: transfers.largeWrites(256) };
  const values = await device.wrap(current, shape).read();
  current.destroy();
  await session.release();
  return {
    values: Array.from(values),
    handOvers: handOvers.slice(1), // the first one compiled our kernel
    moved: { ...subtract(after, before), large: after.large - before.large },
    readsAreCounted: transfers.counts().mapAsync - after.mapAsync,
    expected: expect(),
  };
}

/** The same in float64. */
function expect(): readonly number[] {
  let x = Array.from(INPUT);
  for (let i = 0; i < STEPS; i++) {
    const y = x.map((value, at) => Math.max(0, value + (BIAS[at % COLUMNS] ?? 0)));
    x = y.map((value, at) => {
      const first = at - (at % COLUMNS);
      const row = y.slice(first, first + COLUMNS);
      const mean = row.reduce((sum, v) => sum + v, 0) / COLUMNS;
      const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / COLUMNS;
      return (value - mean) / Math.sqrt(variance + 1e-5);
    });
  }
  return x;
}
