/**
 * One GPUDevice for onnxruntime-web and tensorweft: a model's output is normalised by our kernel and fed back to the model,
 * three times, and no element passes through the host. Then two ranges of one buffer that other code has made and filled.
 *
 * In a browser, `navigator.gpu` is there and the first three lines go; test/browser/sharing.test.ts is this loop in Chromium.
 */
import * as ort from "onnxruntime-web/webgpu";
import { compileGraph, f32, findProfile, jit, layerNorm, openDevice, renderStage, trace } from "tensorweft";
import type { TracedTensor } from "tensorweft";
import { create, globals } from "webgpu";
import { buildModel } from "./onnx-model.ts";

Object.assign(globalThis, globals);
Object.defineProperty(navigator, "gpu", { value: create([]) });

const [ROWS, COLUMNS] = [4, 8];
const shape = [ROWS, COLUMNS];
const bias = Array.from({ length: COLUMNS }, (_, i) => (i % 5) - 2);
const start = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => ((i * 7) % 13) - 6);

/** The plain computation of one turn: y = relu(x + bias), then the layer norm of y. */
function turn(x: readonly number[]): readonly number[] {
  const y = x.map((value, i) => Math.max(0, value + (bias[i % COLUMNS] ?? 0)));
  return y.map((value, i) => {
    const row = y.slice(i - (i % COLUMNS), i - (i % COLUMNS) + COLUMNS);
    const mean = row.reduce((sum, v) => sum + v, 0) / COLUMNS;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / COLUMNS;
    return (value - mean) / Math.sqrt(variance + 1e-5);
  });
}

function check(values: ArrayLike<number>, expected: readonly number[]): void {
  const worst = Math.max(...expected.map((y, i) => Math.abs((values[i] ?? NaN) - y)));
  if (!(worst < 1e-4)) throw new Error(`the result is off by ${worst}`);
}

// The first session makes the device; ours opens on it, and dispose() will leave it alone.
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(buildModel(ROWS, bias), {
  executionProviders: ["webgpu"],
  preferredOutputLocation: "gpu-buffer",
});
const gpuDevice = await ort.env.webgpu.device;
const device = await openDevice({ gpuDevice });
console.log(`one device: ${device.gpuDevice === gpuDevice}`);

// The only way from the GPU to the host is a mapped buffer.
let mapped = 0;
const mapAsync: unknown = Reflect.get(GPUBuffer.prototype, "mapAsync");
GPUBuffer.prototype.mapAsync = function (...args) {
  mapped += 1;
  return Reflect.apply(mapAsync as GPUBuffer["mapAsync"], this, args);
};

const normalize = jit((x: TracedTensor) => layerNorm(x, { normalizedShape: [COLUMNS] }));
let current = await device.tensor(start, shape).takeGpuBuffer();
let expected: readonly number[] = [...start];
for (let i = 0; i < 3; i++) {
  const x = ort.Tensor.fromGpuBuffer(current, { dataType: "float32", dims: shape });
  const { y } = await session.run({ x });
  if (y === undefined) throw new Error("the model has no y");
  using wrapped = device.wrap(y.gpuBuffer, shape, { readOnly: true });
  // Taken over, not copied: from here on it is ours to destroy. All that reads y has been submitted.
  const next = await normalize(wrapped).takeGpuBuffer();
  y.dispose();
  current.destroy();
  current = next;
  expected = turn(expected);
}
console.log(`buffers mapped in three turns: ${mapped}`);
const values = await device.wrap(current, shape).read();
console.log(`and when the result is read: ${mapped}`);
check(Array.from(values, Number), expected);
console.log(`first row: ${Array.from(values.slice(0, COLUMNS), (v) => v.toFixed(4)).join(" ")}`);
current.destroy();

// The second half of a foreign buffer is normalised into its first half. Only here something is copied, on the GPU: WebGPU lets
// no kernel read one range of a buffer and write another.
const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
const foreign = gpuDevice.createBuffer({ size: 256 + 32, usage: STORAGE | COPY_SRC | COPY_DST });
gpuDevice.queue.writeBuffer(foreign, 256, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
const row = device.wrap(foreign, [1, COLUMNS], { offset: 256 });
const result = device.wrap(foreign, [1, COLUMNS], { offset: 0 });
const call = normalize.bind([row], result);
call.run();
check(
  Array.from(await result.read(), Number),
  turn([1, 2, 3, 4, 5, 6, 7, 8].map((v, i) => v - (bias[i] ?? 0))),
);
console.log(`in a foreign buffer: ${Array.from(await result.read(), (v) => v.toFixed(4)).join(" ")}`);
call.dispose();
foreign.destroy();
device.dispose();
await session.release();

const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const { graph } = trace(
  (x: TracedTensor) => layerNorm(x, { normalizedShape: [COLUMNS] }),
  [f32(ROWS, COLUMNS)],
);
console.log(`\n${renderStage(compileGraph(graph, { profile }), "wgsl")}`);
