/** The application: kernels by import, with the types that norms.d.weft.ts has of them. */
import { openDevice } from "tensorweft/runtime";
import { softmaxRows, weightNorm } from "./norms.weft";

export async function run(): Promise<readonly (readonly number[])[]> {
  using device = await openDevice();
  const v = device.tensor([3, 0, 0, 4, 0, 5, 12, 0], [2, 2, 2]);
  const g = device.tensor([1, 2], [2, 1, 1]);
  const x = device.tensor([0, 1, 2, 3, 0, 0, 0, 0], [2, 4]);
  const results = [weightNorm(v, g), softmaxRows(x)];
  return await Promise.all(results.map(async (result) => [...(await result.read())]));
}
