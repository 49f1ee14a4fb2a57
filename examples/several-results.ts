/** Several results from one kernel: mean, variance and the standardized row leave it together, and x is read once. */
import {
  compileGraph,
  explainCompiled,
  f32,
  findProfile,
  jit,
  mean,
  openDevice,
  renderStage,
  rsqrt,
  trace,
} from "tensorweft";
import type { TracedTensor } from "tensorweft";

interface Stats<T> {
  readonly mean: T;
  readonly variance: T;
  readonly y: T;
}

/** What comes back has the structure of what is returned: an object here, with tensors in the places of traced ones. */
function standardize(x: TracedTensor): Stats<TracedTensor> & Readonly<Record<string, TracedTensor>> {
  const row = { axis: -1, keepdims: true };
  const mu = mean(x, row);
  const centred = x.sub(mu);
  const variance = mean(centred.mul(centred), row);
  return { mean: mu, variance, y: centred.mul(rsqrt(variance.add(1e-5))) };
}

const [rows, length] = [2, 5];
const x = Float32Array.from([1, 2, 3, 4, 5, 10, 8, 6, 4, 2]);

// What the kernel should compute, written plainly.
const expected = Array.from({ length: rows }, (_, r): Stats<readonly number[]> => {
  const row = [...x.subarray(r * length, (r + 1) * length)];
  const mu = row.reduce((total, value) => total + value, 0) / length;
  const variance = row.reduce((total, value) => total + (value - mu) ** 2, 0) / length;
  return {
    mean: [mu],
    variance: [variance],
    y: row.map((value) => (value - mu) / Math.sqrt(variance + 1e-5)),
  };
});

const device = await openDevice();
const stats = jit(standardize)(device.tensor(x, [rows, length]));
for (const name of ["mean", "variance", "y"] as const) {
  const values = [...(await stats[name].read())];
  const wanted = expected.flatMap((row) => row[name]);
  const worst = Math.max(...wanted.map((want, i) => Math.abs((values[i] ?? NaN) - want)));
  if (!(worst < 1e-5)) throw new Error(`${name} is off by ${worst}`);
  console.log(`${name}: ${values.map((value) => value.toFixed(4)).join(" ")}`);
}
device.dispose();

const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const compiled = compileGraph(trace(standardize, [f32(4096, 1024)]).graph, { profile });
const { dispatches, bytes } = explainCompiled(compiled, profile);
console.log(`${dispatches} dispatch, ${bytes.moved} bytes moved, at least ${bytes.floor} have to be`);
console.log(`\n${renderStage(compiled, "wgsl")}`);
