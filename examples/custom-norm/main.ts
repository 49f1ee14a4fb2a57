/** A norm of your own: p = 1.5, over two axes that do not stand side by side, with a learned scale along a third. */
import { readFile } from "node:fs/promises";
import { abs, compileGraph, f32, findProfile, jit, openDevice, renderStage, sum, trace } from "tensorweft";
import type { TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";

const SHAPE = [2, 3, 4, 5] as const;
const [B, C, H, W] = SHAPE;
const eps = 1e-7;
const x = Float32Array.from({ length: B * C * H * W }, (_, i) => ((i * 17) % 29) / 8 - 1.5);
const scale = Float32Array.from({ length: H }, (_, h) => 1 + h / 2);

// What the kernels should compute, written plainly.
const at = (b: number, c: number, h: number, w: number): number => x[((b * C + c) * H + h) * W + w] ?? NaN;
function expectedAt(b: number, c: number, h: number, w: number): number {
  let total = 0;
  for (let k = 0; k < C; k++) for (let l = 0; l < W; l++) total += Math.abs(at(b, k, h, l)) ** 1.5;
  return ((scale[h] ?? NaN) * at(b, c, h, w)) / (total ** (1 / 1.5) + eps);
}

function check(what: string, actual: Iterable<number>): void {
  const values = [...actual];
  let worst = 0;
  values.forEach((y, i) => {
    const [b, c, h, w] = [
      Math.floor(i / (C * H * W)),
      Math.floor(i / (H * W)) % C,
      Math.floor(i / W) % H,
      i % W,
    ];
    const error = Math.abs(y - expectedAt(b, c, h, w));
    worst = error > worst || Number.isNaN(error) ? error : worst;
  });
  if (values.length !== x.length || !(worst < 1e-5)) throw new Error(`${what} is off by ${worst}`);
  console.log(
    `${what}: agrees; the first row is ${values
      .slice(0, W)
      .map((y) => y.toFixed(4))
      .join(" ")}`,
  );
}

const device = await openDevice();
const tensors = { x: device.tensor(x, SHAPE), scale: device.tensor(scale, [H, 1]) };

const file = new URL("custom-norm.weft", import.meta.url);
const kernels = loadText(await readFile(file, "utf8"), { file: "custom-norm.weft" });
for (const y of kernels["custom_norm"]?.([tensors.x, tensors.scale]) ?? []) check("text", await y.read());

const pNorm = (x: TracedTensor, p: number, axis: readonly number[]): TracedTensor =>
  sum(abs(x).pow(p), { axis, keepdims: true }).pow(1 / p);
const customNorm = (x: TracedTensor, scale: TracedTensor): TracedTensor =>
  scale.mul(x).div(pNorm(x, 1.5, [1, 3]).add(eps));
check("jit", await jit(customNorm)(tensors.x, tensors.scale).read());
device.dispose();

// One kernel: the grid runs over b and h, each row over c and w.
const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const { graph } = trace(customNorm, [f32(8, 64, 32, 32), f32(32, 1)]);
console.log(`\n${renderStage(compileGraph(graph, { profile }), "wgsl")}`);
