/**
 * Kernels that were compiled before the program runs: norms.gen.ts has their plans and WGSL, and needs `tensorweft/runtime` alone,
 * which has no compiler. The shapes are in its types.
 */
import { openDevice } from "tensorweft/runtime";
import { rmsNorm, weightNorm, weightNormBackward } from "./norms.gen.ts";

const show = (values: Iterable<number>): string => Array.from(values, (value) => value.toFixed(4)).join(" ");

using device = await openDevice();
await weightNorm.prepare(device); // optional: compiles the pipelines in the background

const v = device.tensor([3, 0, 0, 4, 0, 5, 12, 0], [2, 2, 2]);
const g = device.tensor([1, 2], [2, 1, 1]);
console.log(`weights   ${show(await weightNorm(v, g).read())}`);

const dw = device.tensor([1, 1, 1, 1, 1, 1, 1, 1], [2, 2, 2]);
const { dv, dg } = weightNormBackward(v, g, dw);
console.log(`gradients ${show(await dv.read())}; ${show(await dg.read())}`);

// One kernel serves every number of rows; the scalar changes without a compilation.
const ones = device.tensor([1, 1, 1, 1], [4]);
for (const rows of [1, 3]) {
  const x = device.tensor(
    Float32Array.from({ length: rows * 4 }, (_, i) => i + 1),
    [rows, 4],
  );
  const y = rmsNorm(x, ones, { eps: 0 });
  console.log(`${rows} row(s)  ${show(await y.read())}`);
}

// What does not fit does not compile, and where types were lost, the call says what the kernel was built for.
try {
  // @ts-expect-error -- v has 3 along its last axis
  weightNorm(device.tensor(new Float32Array(12), [2, 2, 3]), g);
} catch (error) {
  console.log(error instanceof Error ? error.message.replace(/^\S+:\d+:\d+: /, "") : error);
}
