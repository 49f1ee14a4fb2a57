/** An application as users write it: kernels by import, with types. */
import { openDevice, type Tensor } from "tensorweft/runtime";
import { halfSwish, softRows } from "./activations.gen.ts";
import { rms, weightNorm } from "./norms.weft";

export async function run(gpuDevice: GPUDevice): Promise<readonly (readonly number[])[]> {
  using device = await openDevice({ gpuDevice });
  await weightNorm.prepare(device);
  const v = device.tensor(new Float32Array(8 * 16 * 3).fill(2), [8, 16, 3]);
  const g = device.tensor(new Float32Array(8).fill(3), [8, 1, 1]);
  const x = device.tensor(new Float32Array(32).fill(5), [4, 8]);
  const results: Tensor<"f32">[] = [
    weightNorm(v, g),
    rms(x, { eps: 0 }),
    halfSwish(device.tensor([0, 1, -1, 2], [4])),
  ];
  for (const count of [1, 3]) results.push(softRows(device.tensor(new Float32Array(count * 4), [count, 4])));
  return await Promise.all(results.map(async (result) => [...(await result.read())]));
}
