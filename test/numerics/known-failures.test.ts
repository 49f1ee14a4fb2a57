/**
 * What runtimes for the web, and PyTorch on a CPU, were measured to get wrong (docs/numerics.md, "Where others fail"): our
 * results on the same kind of data, against float64.
 */
import { expect, test } from "vitest";
import { jit, layerNorm, norm, softmax, weightNorm, type Device, type TracedTensor } from "tensorweft";
import { openForTest } from "../runtime/support.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";

type T = TracedTensor;

/** Nearly normal numbers with the mean and the standard deviation, rounded to f32. */
function noise(length: number, mean: number, deviation: number): Float32Array {
  const random = createRandom(length);
  const draw = (): number => {
    let total = -6;
    for (let i = 0; i < 12; i++) total += random();
    return total;
  };
  return Float32Array.from({ length }, () => mean + deviation * draw());
}

/** Layer norm of rows, in float64. */
function normalizeRows(x: Float32Array, length: number): Float64Array {
  const y = Float64Array.from(x);
  for (let start = 0; start < y.length; start += length) {
    const row = y.subarray(start, start + length);
    const mean = row.reduce((a, b) => a + b, 0) / length;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / length;
    row.forEach((value, i) => {
      row[i] = (value - mean) / Math.sqrt(variance + 1e-5);
    });
  }
  return y;
}

/** NaN where anything is nan. */
const greatestDeviation = (got: ArrayLike<number>, want: ArrayLike<number>): number =>
  Array.from(got).reduce((most, value, i) => Math.max(most, Math.abs(value - (want[i] ?? 0))), 0);

describeGpu("right where others are wrong", () => {
  const open = (): Promise<Device> => openForTest({ backend: "webgpu" });
  const read = async (tensor: { read(): Promise<ArrayLike<number | bigint>> }): Promise<number[]> =>
    Array.from(await tensor.read(), Number);

  // The data itself is known to 2^-11 at 1e4, where numbers of f32 lie 2^-10 apart: the mean is off by up to two of these.
  test.each([
    [1e4, 1, 2 ** -9],
    [1e4, 100, 2e-5],
    [100, 1, 2e-5],
    [0, 1, 2e-6],
  ])("layer norm of rows with mean %d and deviation %d", async (mean, deviation, most) => {
    const device = await open();
    for (const length of [128, 4096]) {
      const x = noise(8 * length, mean, deviation);
      const y = await read(jit((rows: T) => layerNorm(rows))(device.tensor(x, [8, length])));
      expect(greatestDeviation(y, normalizeRows(x, length)), `rows of ${length}`).toBeLessThanOrEqual(most);
    }
  });

  test("softmax rows of 50,257 keep their digits", async () => {
    const device = await open();
    const [rows, length] = [2, 50257];
    const x = noise(rows * length, 0, 3);
    const y = await read(jit((a: T) => softmax(a))(device.tensor(x, [rows, length])));
    for (let r = 0; r < rows; r++) {
      const row = Float64Array.from(x.subarray(r * length, (r + 1) * length));
      const top = row.reduce((a, b) => Math.max(a, b));
      const total = row.reduce((a, b) => a + Math.exp(b - top), 0);
      const worst = row.reduce((most, value, i) => {
        const want = Math.exp(value - top) / total;
        return Math.max(most, Math.abs((y[r * length + i] ?? 0) - want) / want);
      }, 0);
      expect(worst).toBeLessThanOrEqual(4e-6);
      expect(Math.abs(y.slice(r * length, (r + 1) * length).reduce((a, b) => a + b, 0) - 1)).toBeLessThan(
        1e-6,
      );
    }
  });

  test.each([1e-22, 1e-30, 1e20, 1e30])("safe norms of values near %d, in one kernel", async (size) => {
    const device = await open();
    const x = noise(4 * 300, size, 0.2 * size);
    const f = jit((a: T) => norm(a, { axis: 1, safe: true }));
    const before = device.counters.dispatches;
    const y = await read(f(device.tensor(x, [4, 300])));
    expect(device.counters.dispatches - before).toBe(1);
    for (let r = 0; r < 4; r++) {
      const want = Math.hypot(...x.subarray(300 * r, 300 * (r + 1)));
      expect(Math.abs((y[r] ?? 0) / want - 1)).toBeLessThanOrEqual(1e-6);
    }
  });

  test("weight norm of a whole tensor of 7 million elements", { timeout: 120_000 }, async () => {
    const device = await open();
    const shape = [1024, 1024, 7] as const;
    const v = noise(1024 * 1024 * 7, 0, 1);
    const f = jit((a: T, g: T) => weightNorm(a, g, { dim: null }));
    const y = await read(f(device.tensor(v, shape), device.tensor([3], [1, 1, 1])));
    const length = Math.sqrt(v.reduce((total, value) => total + value * value, 0));
    let worst = 0;
    for (let i = 0; i < v.length; i += 997)
      worst = Math.max(
        worst,
        Math.abs((y[i] ?? 0) - (3 * (v[i] ?? 0)) / length) / Math.abs((v[i] ?? 1) / length),
      );
    expect(worst).toBeLessThanOrEqual(3e-6);
  });
});
