/** RMS norm over the last axis: as text, as TypeScript, and from the library. */
import { readFile } from "node:fs/promises";
import {
  compileGraph,
  f32,
  findProfile,
  jit,
  mean,
  openDevice,
  renderStage,
  rmsNorm,
  rsqrt,
  trace,
} from "tensorweft";
import type { TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";

const [rows, length, eps] = [6, 8, 1e-6];
const x = Float32Array.from({ length: rows * length }, (_, i) => ((i * 5) % 13) / 4 - 1);
const weight = Float32Array.from({ length }, (_, i) => 1 + i / 8);

// What the kernels should compute, written plainly.
const expected = Array.from({ length: rows }, (_, r) => {
  const row = [...x.subarray(r * length, (r + 1) * length)];
  const rms = Math.sqrt(row.reduce((total, value) => total + value * value, 0) / length + eps);
  return row.map((value, i) => (value / rms) * (weight[i] ?? 0));
}).flat();

function check(what: string, actual: Iterable<number>): void {
  const values = [...actual];
  const worst = Math.max(...expected.map((y, i) => Math.abs((values[i] ?? NaN) - y)));
  if (!(worst < 1e-5)) throw new Error(`${what} is off by ${worst}`);
  console.log(
    `${what}: agrees; the first row is ${values
      .slice(0, length)
      .map((y) => y.toFixed(4))
      .join(" ")}`,
  );
}

const device = await openDevice();
// Two leading axes: the text says `...`, and the TypeScript function counts axes from the end.
const tensors = { x: device.tensor(x, [2, 3, length]), weight: device.tensor(weight) };

const file = new URL("rms-norm.weft", import.meta.url);
const kernels = loadText(await readFile(file, "utf8"), { file: "rms-norm.weft" });
for (const y of kernels["rms_norm"]?.([tensors.x, tensors.weight]) ?? []) check("text", await y.read());

const normalizeRows = (x: TracedTensor, weight: TracedTensor): TracedTensor =>
  x.mul(rsqrt(mean(x.mul(x), { axis: -1, keepdims: true }).add(eps))).mul(weight);
check("jit", await jit(normalizeRows)(tensors.x, tensors.weight).read());

const fromLibrary = jit((x: TracedTensor, weight: TracedTensor) => rmsNorm(x, { weight, eps }));
check("library", await fromLibrary(tensors.x, tensors.weight).read());
device.dispose();

// A hidden size as language models have it: 4096. Each workgroup takes one row and keeps it in registers.
const profile = findProfile("nvidia");
if (profile === undefined) throw new Error("the profile is missing");
const { graph } = trace(normalizeRows, [f32(2, 1024, 4096), f32(4096)]);
console.log(`\n${renderStage(compileGraph(graph, { profile }), "wgsl")}`);
