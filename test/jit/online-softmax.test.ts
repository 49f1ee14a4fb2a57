/** Maximum and softmax in one walk, on the device: a nan anywhere in a row is the maximum of that row, and of no other. */
import { expect, test } from "vitest";
import { jit, logsumexp, softmax, type TracedTensor } from "tensorweft";
import { openForTest } from "../runtime/support.ts";
import { describeGpu } from "../support/gpu.ts";

const LENGTH = 512;
const PLACES = [0, 1, 6, 257, LENGTH - 1];

describeGpu("rows that are read twice", () => {
  test("nan wherever it stands, infinities of either sign", async () => {
    using device = await openForTest();
    const f = jit((x: TracedTensor) => [
      x.max({ axis: 1 }),
      logsumexp(x, { axis: 1 }),
      softmax(x, { axis: 1 }).sum({ axis: 1 }),
    ]);
    const rows = [
      ...PLACES.map((place) => [place, Number.NaN] as const),
      [3, Infinity] as const,
      [3, -Infinity] as const,
    ];
    const x = new Float32Array(rows.length * LENGTH).map((_, i) => Math.sin(i));
    rows.forEach(([place, value], row) => (x[row * LENGTH + place] = value));
    const results = f(device.tensor(x, [rows.length, LENGTH]));
    const [top, sums, ones] = await Promise.all(results.map(async (t) => Array.from(await t.read(), Number)));
    for (let row = 0; row < PLACES.length; row++)
      expect([top?.[row], sums?.[row], ones?.[row]], `nan at ${String(PLACES[row])}`).toEqual([
        NaN,
        NaN,
        NaN,
      ]);
    const at = PLACES.length;
    expect([top?.[at], sums?.[at], ones?.[at]]).toEqual([Infinity, Infinity, NaN]);
    expect(top?.[at + 1]).toBeCloseTo(1, 2);
    expect(ones?.[at + 1]).toBeCloseTo(1, 5);
  });
});
