/** Weight norm, w = g * v / |v| with one norm per output channel: as text, as TypeScript, and from the library. */
import { readFile } from "node:fs/promises";
import {
  compileGraph,
  f32,
  findProfile,
  jit,
  openDevice,
  renderStage,
  sum,
  trace,
  weightNorm,
} from "tensorweft";
import type { TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";

const SHAPE = [4, 3, 2] as const;
const v = Float32Array.from({ length: 24 }, (_, i) => ((i * 7) % 11) - 4);
const g = Float32Array.from([1, 2, -3, 0.5]);

// What the kernels should compute, written plainly.
const [channels, ...rest] = SHAPE;
const rowLength = rest.reduce((n, length) => n * length, 1);
const expected = Array.from({ length: channels }, (_, o) => {
  const row = [...v.subarray(o * rowLength, (o + 1) * rowLength)];
  const norm = Math.sqrt(row.reduce((total, x) => total + x * x, 0));
  return row.map((x) => ((g[o] ?? 0) * x) / norm);
}).flat();

function check(what: string, actual: Iterable<number>): void {
  const values = [...actual];
  const worst = Math.max(...expected.map((x, i) => Math.abs((values[i] ?? NaN) - x)));
  if (!(worst < 1e-5)) throw new Error(`${what} is off by ${worst}`);
  console.log(
    `${what}: agrees; the first row is ${values
      .slice(0, rowLength)
      .map((x) => x.toFixed(4))
      .join(" ")}`,
  );
}

const device = await openDevice();
const tensors = { v: device.tensor(v, SHAPE), g: device.tensor(g, [channels, 1, 1]) };

// 1. A text program. Its kernels become functions; results come as a list.
const file = new URL("weight-norm.weft", import.meta.url);
const kernels = loadText(await readFile(file, "utf8"), { file: "weight-norm.weft" });
for (const w of kernels["weight_norm"]?.([tensors.v, tensors.g]) ?? []) check("text", await w.read());

// 2. A TypeScript function on traced tensors.
const normalizeWeight = (v: TracedTensor, g: TracedTensor): TracedTensor =>
  g.mul(v).div(sum(v.mul(v), { axis: [1, 2], keepdims: true }).sqrt());
check("jit", await jit(normalizeWeight)(tensors.v, tensors.g).read());

// 3. The library's function has PyTorch's conventions: dim 0 by default, dim null for one norm over the whole tensor.
const fromLibrary = jit((v: TracedTensor, g: TracedTensor) => weightNorm(v, g, { dim: 0 }));
check("library", await fromLibrary(tensors.v, tensors.g).read());
device.dispose();

// The kernel, for a built-in profile: no device is asked, so the text is the same everywhere.
const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const { graph } = trace(normalizeWeight, [f32(512, 512, 3), f32(512, 1, 1)]);
console.log(`\n${renderStage(compileGraph(graph, { profile }), "wgsl")}`);
