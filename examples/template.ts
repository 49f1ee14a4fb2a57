/** A formula written in a template: the text language inside TypeScript, with numbers and other templates put in. */
import { openDevice } from "tensorweft";
import { callable, weft } from "tensorweft/text";

const EPS = 1e-6;
const rms = weft`(x) => x * rsqrt(mean(x * x, axis=-1, keepdims=true) + ${EPS})`;
// A template inside a template is a function to call; softplus comes from the library.
const gated = weft`(x, gate) => ${rms}(x) * softplus(gate)`;

const [rows, length] = [3, 4];
const x = Float32Array.from({ length: rows * length }, (_, i) => ((i * 5) % 7) - 3);
const gate = Float32Array.from([-1, 0, 1, 2]);

// What the kernel should compute, written plainly.
const expected = Array.from({ length: rows }, (_, r) => {
  const row = [...x.subarray(r * length, (r + 1) * length)];
  const meanSquare = row.reduce((total, value) => total + value * value, 0) / length;
  return row.map(
    (value, i) => (value / Math.sqrt(meanSquare + EPS)) * Math.log(1 + Math.exp(gate[i] ?? NaN)),
  );
}).flat();

const device = await openDevice();
const run = callable(gated);
for (const y of run([device.tensor(x, [rows, length]), device.tensor(gate)])) {
  const values = [...(await y.read())];
  const worst = Math.max(...expected.map((want, i) => Math.abs((values[i] ?? NaN) - want)));
  if (!(worst < 1e-5)) throw new Error(`off by ${worst}`);
  for (let r = 0; r < rows; r++)
    console.log(
      values
        .slice(r * length, (r + 1) * length)
        .map((value) => value.toFixed(4))
        .join(" "),
    );
}
device.dispose();
