/** spectralNorm against the formula written plainly: values, the gradient by w, and how often w is read. */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { spectralNorm } from "../../src/library/spectral-norm.ts";
import { finishProgram, gradientOf } from "../support/differentiate.ts";
import type { Program } from "../support/differentiate.ts";
import { evaluate, expectClose } from "./evaluate.ts";

const W = [
  [1, -2, 0.5, 3],
  [0.25, 4, -1, 2],
  [-3, 1.5, 2, -0.5],
];
const U = [0.6, -0.3, 0.7];
const V = [0.2, 0.5, -0.1, 0.8];

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
const columnsOf = (w: readonly (readonly number[])[]): readonly (readonly number[])[] =>
  (w[0] ?? []).map((_, j) => w.map((row) => row[j] ?? 0));

interface Iterated {
  readonly sigma: number;
  readonly u: readonly number[];
  readonly v: readonly number[];
}

/** The definition: `sigma = u W v` after the steps. */
function iterate(w: readonly (readonly number[])[], steps: number, eps: number): Iterated {
  const unit = (x: readonly number[]): number[] => x.map((one) => one / Math.max(Math.sqrt(dot(x, x)), eps));
  const timesMatrix = (x: readonly number[]): number[] => w.map((row) => dot(row, x));
  const timesTransposed = (x: readonly number[]): number[] => columnsOf(w).map((column) => dot(column, x));
  let u: readonly number[] = U;
  let v: readonly number[] = V;
  for (let step = 0; step < steps; step++) {
    u = unit(timesMatrix(v));
    v = unit(timesTransposed(u));
  }
  return { sigma: dot(u, timesMatrix(v)), u, v };
}

const vectors = new Map([
  ["u", Float64Array.from(U)],
  ["v", Float64Array.from(V)],
]);

/** sigma alone, as a program to differentiate. */
const sigmaOf = (nPowerIterations: number, eps: number): Program => ({
  name: "sigma",
  inputs: new Map([
    ["w", { dtype: "f32", shape: [3, 4] }],
    ["u", { dtype: "f32", shape: [3] }],
    ["v", { dtype: "f32", shape: [4] }],
  ]),
  build: (b, inputs) => {
    const [w, u, v] = [...inputs.values()];
    if (w === undefined || u === undefined || v === undefined) throw new Error("inputs are missing");
    return new Map([["sigma", spectralNorm(b, w, u, v, { nPowerIterations, eps }).sigma]]);
  },
});

describe.each([0, 1, 2, 5])("%d power iterations", (nPowerIterations) => {
  // The greater eps is more than the norms: u and v are shorter than 1.
  test.each([1e-12, 100])("eps %d: values are those of the formula", (eps) => {
    const { sigma, u, v } = iterate(W, nPowerIterations, eps);
    const options = { nPowerIterations, eps };
    const part = (key: "y" | "sigma" | "u" | "v"): readonly number[] =>
      evaluate([W, U, V], (b, w, left, right) => spectralNorm(b, w, left, right, options)[key]);
    expectClose(part("sigma"), [sigma]);
    expectClose(part("u"), u);
    expectClose(part("v"), v);
    expectClose(
      part("y"),
      W.flat().map((x) => x / sigma),
    );
  });

  test.each([1e-12, 100])("eps %d: the gradient of sigma is u v, by w alone", (eps) => {
    const { u, v } = iterate(W, nPowerIterations, eps);
    const inputs = new Map([
      ...vectors,
      ["w", Float64Array.from(W.flat())],
      ["up_sigma", Float64Array.of(2)],
    ]);
    const slopes = interpretGraph(finishProgram(gradientOf(sigmaOf(nPowerIterations, eps))), inputs);
    expectClose(
      [...(slopes.get("grad_w")?.values ?? [])],
      u.flatMap((left) => v.map((right) => 2 * left * right)),
    );
    expectClose([...(slopes.get("grad_u")?.values ?? [])], [0, 0, 0]);
    expectClose([...(slopes.get("grad_v")?.values ?? [])], [0, 0, 0, 0]);
  });
});

test.each(["nvidia", "default"])("w is read once for each product, and once to be divided: %s", (name) => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  const b = createGraphBuilder("spectral");
  const [h, w] = [512, 640];
  const matrix = b.param("w", { dtype: "f32", shape: [h, w] });
  const [u, v] = [b.param("u", { dtype: "f32", shape: [h] }), b.param("v", { dtype: "f32", shape: [w] })];
  const { y, sigma, u: left, v: right } = spectralNorm(b, matrix, u, v);
  const graph = b.finish(
    Object.entries({ y, sigma, left, right }).map(([key, value]) => ({ name: key, value })),
  );
  const { bytes } = explainCompiled(compileGraph(graph, { profile }), profile);
  const sweeps = bytes.moved / (4 * h * w);
  expect(sweeps).toBeGreaterThan(4);
  expect(sweeps).toBeLessThan(4.1);
});
