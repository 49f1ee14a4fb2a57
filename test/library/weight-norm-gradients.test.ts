/**
 * Derivatives of `weightNorm` beside PyTorch's: its formula, second derivatives, rows of zeros. docs/weight-norm.md names these
 * tests; PyTorch's own numbers are in test/golden-pytorch.
 */
import { expect, test } from "vitest";
import { f32, grad, stopGradient, sum, vjp, weightNorm, type TracedTensor } from "../../src/index.ts";
import { makeLayer } from "../fold/checkpoint.ts";
import { DIMS, draw, expectNear, keptOf, run, SHAPE, typesOf, type Traced } from "./weight-norm-cases.ts";

type T = TracedTensor;

/** The gradients by v and by g. */
const pullOf =
  (dim: number | null, eps = 0) =>
  (v: T, g: T, c: T): readonly [T, T] =>
    vjp((a: T, b: T) => weightNorm(a, b, { dim, eps }), v, g)[1](c);

test("those of PyTorch's formula, for every dim", () => {
  for (const dim of DIMS) {
    const { v, g } = makeLayer(SHAPE, keptOf(dim), { seed: 8 });
    const c = draw(SHAPE);
    const [gradV, gradG] = run(pullOf(dim), [...typesOf(dim), f32(...SHAPE)], [v, g, c]);
    const kept = keptOf(dim);
    const inner = kept === null ? v.length : [15, 5, 1][kept];
    const at = (i: number): number => (kept === null ? 0 : Math.floor(i / (inner ?? 1)) % (SHAPE[kept] ?? 1));
    const squares = g.map(() => 0);
    const along = g.map(() => 0);
    v.forEach((x, i) => {
      squares[at(i)] = (squares[at(i)] ?? 0) + x * x;
      along[at(i)] = (along[at(i)] ?? 0) + x * (c[i] ?? 0);
    });
    expectNear(
      gradG,
      along.map((s, k) => s / Math.sqrt(squares[k] ?? 0)),
    );
    expectNear(
      gradV,
      v.map((x, i) => {
        const [n2 = 0, s = 0, gain = 0] = [squares[at(i)], along[at(i)], g[at(i)]];
        return (gain / Math.sqrt(n2)) * ((c[i] ?? 0) - (x * s) / n2);
      }),
      1e-12,
    );
  }
});

test("second derivatives are those of differences, also for the first and the last dim", () => {
  for (const dim of [0, 1, 2, null]) {
    const types = [...typesOf(dim), f32(...SHAPE)];
    const { v, g } = makeLayer(SHAPE, dim, { seed: 9 });
    const [c, t] = [draw(SHAPE), draw(SHAPE)];
    // The derivative of <gradient by v, t> by v, along a direction, twice: by vjp and by central differences.
    const second: Traced = (v, g, c, t) => vjp((x: T) => pullOf(dim)(x, g, c)[0], v)[1](t)[0];
    const [hessian = []] = run(second, [...types, f32(...SHAPE)], [v, g, c, t]);
    const direction = draw(SHAPE);
    const h = 2 ** -14;
    const slopeAt = (step: number): number => {
      const moved = v.map((x, i) => x + step * (direction[i] ?? 0));
      const [gradV = []] = run(pullOf(dim), types, [moved, g, c]);
      return gradV.reduce((total, x, i) => total + x * (t[i] ?? 0), 0);
    };
    const differences = (slopeAt(h) - slopeAt(-h)) / (2 * h);
    const along = hessian.reduce((total, x, i) => total + x * (direction[i] ?? 0), 0);
    expect(Math.abs(along)).toBeGreaterThan(1e-3);
    expect(Math.abs(along - differences)).toBeLessThanOrEqual(1e-5 * Math.abs(differences));
  }
});

test("a row of zeros has nan in the weight and in both gradients, and spoils no other row", () => {
  const types = [f32(2, 2), f32(2, 1), f32(2, 2)];
  const data = [
    [0, 0, 3, 4],
    [2, 5],
    [1, -1, 1, 1],
  ];
  const nan = Number.NaN;
  expect(run((v, g) => weightNorm(v, g), types.slice(0, 2), data.slice(0, 2))).toEqual([[nan, nan, 3, 4]]);
  const [gradV = [], gradG = []] = run(pullOf(0), types, data);
  expect(gradV.map(Number.isNaN)).toEqual([true, true, false, false]);
  expect(gradG.map(Number.isNaN)).toEqual([true, false]);
  // An epsilon mends the weight; the root at 0 still has no derivative. `safe` has PyTorch's vector_norm's: 0.
  expect(run((v, g) => weightNorm(v, g, { eps: 0.5 }), types.slice(0, 2), data.slice(0, 2))[0]).toEqual([
    0,
    0,
    ...[3, 4].map((x) => (x * 5) / 5.5),
  ]);
  expect(run(pullOf(0, 0.5), types, data)[0]?.map(Number.isNaN)).toEqual([true, true, false, false]);
  const safe = ((v: T, g: T, c: T) =>
    vjp((a: T, b: T) => weightNorm(a, b, { eps: 0.5, safe: true }), v, g)[1](c)) as Traced;
  expect(run(safe, types, data)[0]?.slice(0, 2)).toEqual([4, -4]);
});

test("a gain of 0 and a negative one", () => {
  const types = [f32(3, 2), f32(3, 1), f32(3, 2)];
  const data = [
    [3, 4, 3, 4, 3, 4],
    [0, -5, 10],
    [1, 0, 1, 0, 1, 0],
  ];
  expect(run((v, g) => weightNorm(v, g), types.slice(0, 2), data.slice(0, 2))[0]).toEqual([
    0, 0, -3, -4, 6, 8,
  ]);
  const [gradV, gradG] = run(pullOf(0), types, data);
  expectNear(gradG, [0.6, 0.6, 0.6]);
  expectNear(gradV, [0, 0, -0.64, 0.48, 1.28, -0.96]);
});

test("a frozen direction has no gradient", () => {
  const loss = (v: T, g: T): T => sum(weightNorm(stopGradient(v), g));
  const [gradV, gradG] = run(grad(loss, { argnums: [0, 1] }), [f32(1, 2), f32(1, 1)], [[3, 4], [2]]);
  expect(gradV).toEqual([0, 0]);
  expectNear(gradG, [1.4]);
});
