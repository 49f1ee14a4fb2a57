/** Gradients of the library where it has derivatives of its own: at points where the formula behind has a kink. */
import { describe, expect, test } from "vitest";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import * as smooth from "../../src/library/activations.ts";
import { norm } from "../../src/library/norm.ts";
import * as piecewise from "../../src/library/piecewise-activations.ts";
import { finishProgram, gradientOf } from "../support/differentiate.ts";
import type { Program } from "../support/differentiate.ts";

type Build = (b: GraphBuilder, x: Value) => Value;

const programFor = (build: Build, length: number): Program => ({
  name: "f",
  inputs: new Map([["x", { dtype: "f32", shape: [length] }]]),
  build: (builder, inputs) =>
    new Map([
      ["r", build(builder, inputs.get("x") ?? builder.param("x", { dtype: "f32", shape: [length] }))],
    ]),
});

function evaluate(build: Build, x: readonly number[]): number[] {
  const graph = finishProgram(programFor(build, x.length));
  return [...(interpretGraph(graph, new Map([["x", x]]), { rounded: false }).get("r")?.values ?? [])];
}

/** The gradient of the sum of the results. */
function slopes(build: Build, x: readonly number[]): number[] {
  const program = programFor(build, x.length);
  const b = createGraphBuilder("size");
  const size = build(b, b.param("x", { dtype: "f32", shape: [x.length] })).type.shape.reduce(
    (n, m) => n * m,
    1,
  );
  const inputs = new Map([
    ["x", x],
    ["up_r", new Array<number>(size).fill(1)],
  ]);
  const results = interpretGraph(finishProgram(gradientOf(program)), inputs, { rounded: false });
  return [...(results.get("grad_x")?.values ?? [])].map((value) => value + 0);
}

const SMOOTH: Readonly<Record<string, Build>> = {
  sigmoid: smooth.sigmoid,
  logSigmoid: smooth.logSigmoid,
  silu: smooth.silu,
  swish: (b, x) => smooth.swish(b, x, { beta: 1.5 }),
  gelu: smooth.gelu,
  "gelu by tanh": (b, x) => smooth.gelu(b, x, { approximate: "tanh" }),
  softplus: (b, x) => smooth.softplus(b, x, { beta: 2 }),
  mish: smooth.mish,
  softsign: smooth.softsign,
  tanhshrink: smooth.tanhshrink,
  elu: smooth.elu,
  selu: (b, x) => smooth.selu(b, x, { alpha: 1 }),
  celu: (b, x) => smooth.celu(b, x, { alpha: 2 }),
};

describe("smooth activations have their slope at 0 and beside it", () => {
  test.each(Object.entries(SMOOTH))("%s", (_, build) => {
    const points = [-1.3, 0, 0.7];
    const h = 2 ** -12;
    const [above, below] = [h, -h].map((step) =>
      evaluate(
        build,
        points.map((x) => x + step),
      ),
    );
    slopes(build, points).forEach((slope, i) => {
      expect(slope).toBeCloseTo(((above?.[i] ?? NaN) - (below?.[i] ?? NaN)) / (2 * h), 3);
    });
  });
});

/** PyTorch's, from threshold_backward, clamp_backward, hardtanh_backward, hardsigmoid_backward, hardswish_backward. */
const AT_CORNERS: readonly (readonly [string, Build, readonly number[], readonly number[]])[] = [
  ["relu", piecewise.relu, [-1, 0, 2, NaN], [0, 0, 1, 1]],
  ["relu6", piecewise.relu6, [-1, 0, 3, 6, 7], [0, 0, 1, 0, 0]],
  ["clip", (b, x) => piecewise.clip(b, x, { min: 0, max: 2 }), [-1, 0, 1, 2, 3], [0, 1, 1, 1, 0]],
  ["leakyRelu", (b, x) => piecewise.leakyRelu(b, x, { negativeSlope: 0.5 }), [-1, 0, 2], [0.5, 0.5, 1]],
  ["hardSigmoid", (b, x) => piecewise.hardSigmoid(b, x, { alpha: 0.5, beta: 0.5 }), [-1, 0, 1], [0, 0.5, 0]],
  ["threshold", (b, x) => piecewise.threshold(b, x, { threshold: 1 }), [0, 1, 2], [0, 0, 1]],
  ["shrink", (b, x) => piecewise.shrink(b, x, { lambd: 0.5, bias: 0.5 }), [-1, -0.5, 0.5, 1], [1, 0, 0, 1]],
];

test.each(AT_CORNERS)("%s at its corners", (_, build, points, want) => {
  expect(slopes(build, points)).toEqual(want);
});

describe("norms at a row of zeros, and their safe forms", () => {
  test.each([0.5, 1, 1.5, 2, 3, Infinity, -Infinity])("order %f", (ord) => {
    for (const safe of [false, true]) {
      const build: Build = (b, x) => norm(b, x, { ord, safe });
      expect(slopes(build, [0, 0, 0])).toEqual([0, 0, 0]);
      const plain = slopes((b, x) => norm(b, x, { ord }), [3, -1, 0.5]);
      slopes(build, [3, -1, 0.5]).forEach((slope, i) => {
        expect(slope).toBeCloseTo(plain[i] ?? NaN, 6);
      });
    }
  });

  test("the safe gradient is right where squares leave f32", () => {
    for (const scale of [1e30, 1e-30]) {
      const build: Build = (b, x) => norm(b, x, { safe: true });
      slopes(build, [3 * scale, -4 * scale]).forEach((slope, i) => {
        expect(slope).toBeCloseTo([0.6, -0.8][i] ?? NaN, 6);
      });
    }
  });
});
