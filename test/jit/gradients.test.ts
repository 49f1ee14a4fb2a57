/** Derivatives through `jit`, on the device, beside the formula in float64: the kept dimension in the middle. */
import { expect, test } from "vitest";
import { jit, valueAndGrad, sum, vjp, weightNorm, type Tensor, type TracedTensor } from "tensorweft";
import { openForTest } from "../runtime/support.ts";
import { describeGpu } from "../support/gpu.ts";

const SHAPE = [5, 7, 3] as const;
const [OUTER, KEPT, INNER] = SHAPE;

const wave = (length: number, step: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(step * i + 1) + 0.1);

/** dv and dg of sum(c * g v / |v|), one norm for each index of dimension 1. */
function expectedGradients(v: Float32Array, g: Float32Array, c: Float32Array) {
  const at = (i: number): number => Math.floor(i / INNER) % KEPT;
  const [squares, along] = [new Float64Array(KEPT), new Float64Array(KEPT)];
  v.forEach((x, i) => {
    squares[at(i)] = (squares[at(i)] ?? 0) + x * x;
    along[at(i)] = (along[at(i)] ?? 0) + x * (c[i] ?? 0);
  });
  const n2 = (i: number): number => squares[at(i)] ?? 0;
  return {
    dv: Array.from(
      v,
      (x, i) => ((g[at(i)] ?? 0) / Math.sqrt(n2(i))) * ((c[i] ?? 0) - (x * (along[at(i)] ?? 0)) / n2(i)),
    ),
    dg: Array.from(along, (s, k) => s / Math.sqrt(squares[k] ?? 0)),
  };
}

async function expectNear(actual: Tensor, expected: readonly number[]): Promise<void> {
  const got = Array.from(await actual.read(), Number);
  expect(got).toHaveLength(expected.length);
  const size = Math.max(...expected.map(Math.abs));
  const deviation = Math.max(...got.map((value, i) => Math.abs(value - (expected[i] ?? 0))));
  expect(deviation).toBeLessThanOrEqual(2e-6 * size);
}

type T = TracedTensor;
const pull = (v: T, g: T, c: T): readonly [T, T] =>
  vjp((a: T, b: T) => weightNorm(a, b, { dim: 1 }), v, g)[1](c);

describeGpu("weight norm of dimension 1", () => {
  const length = OUTER * KEPT * INNER;
  const [v, g, c] = [wave(length, 0.7), wave(KEPT, 1.3), wave(length, 2.1)];

  test("both gradients are those of the formula, in one kernel", async () => {
    const device = await openForTest({ backend: "webgpu" });
    const f = jit(pull);
    const before = device.counters.dispatches;
    const [dv, dg] = f(device.tensor(v, SHAPE), device.tensor(g, [1, KEPT, 1]), device.tensor(c, SHAPE));
    const expected = expectedGradients(v, g, c);
    await expectNear(dv, expected.dv);
    await expectNear(dg, expected.dg);
    expect(dg.shape).toEqual([1, KEPT, 1]);
    expect(device.counters.dispatches - before).toBe(1);
  });

  test("a loss and its gradients at once, and steps down it", async () => {
    const device = await openForTest({ backend: "webgpu" });
    const loss = (a: T, b: T, target: T): T => {
      const d = weightNorm(a, b, { dim: 1 }).sub(target);
      return sum(d.mul(d));
    };
    const step = jit((a: T, b: T, target: T) => {
      const [value, [da, db]] = valueAndGrad(loss, { argnums: [0, 1] })(a, b, target);
      return { value, a: a.sub(da.mul(0.05)), b: b.sub(db.mul(0.05)) };
    });
    const target = device.tensor(c, SHAPE);
    let [a, b]: readonly [Tensor, Tensor] = [device.tensor(v, SHAPE), device.tensor(g, [1, KEPT, 1])];
    const losses: number[] = [];
    for (let n = 0; n < 40; n++) {
      const next = step(a, b, target);
      losses.push(Number((await next.value.read())[0]));
      [a, b] = [next.a, next.b];
    }
    expect(losses.every((value, n) => n === 0 || value < (losses[n - 1] ?? 0))).toBe(true);
    expect(losses.at(-1)).toBeLessThan(0.5 * (losses[0] ?? 0));
    expect(step.counters.traces).toBe(1);
  });
});
