/**
 * The library's formulas against numbers worked out apart from them, and the special cases that PyTorch documents: rows of
 * zeros, infinities, NaN, nothing at all. Agreement with PyTorch's own results is in test/golden-pytorch.
 */
import { describe, expect, test } from "vitest";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { gelu, sigmoid, silu, softplus } from "../../src/library/activations.ts";
import { batchNorm } from "../../src/library/batch-norm.ts";
import { groupNorm, instanceNorm } from "../../src/library/channel-norm.ts";
import { layerNorm, rmsNorm } from "../../src/library/layer-norm.ts";
import { std, variance } from "../../src/library/moments.ts";
import { cosineSimilarity, norm, normalize } from "../../src/library/norm.ts";
import { clip, relu } from "../../src/library/piecewise-activations.ts";
import { logSoftmax, logsumexp, softmax } from "../../src/library/softmax.ts";
import { weightNorm } from "../../src/library/weight-norm.ts";
import { evaluate, expectClose } from "./evaluate.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

describe("norm", () => {
  const x = [
    [3, -4],
    [0, 12],
  ];
  const rows = (ord: number): readonly number[] => evaluate([x], (b, v) => norm(b, v, { ord, axis: 1 }));
  test.each([
    [0, [2, 1]],
    [1, [7, 12]],
    [2, [5, 12]],
    [3, [91 ** (1 / 3), 12]],
    [0.5, [(Math.sqrt(3) + 2) ** 2, 12]],
    [-1, [12 / 7, 0]],
    [inf, [4, 12]],
    [-inf, [3, 0]],
  ])("ord %d", (ord, expected) => {
    expectClose(rows(ord), expected);
  });
  test("counts NaN as not zero, and NaN spoils its own row only", () => {
    const data = [
      [nan, 0],
      [3, 4],
    ];
    expectClose(
      evaluate([data], (b, v) => norm(b, v, { ord: 0, axis: 1 })),
      [1, 2],
    );
    expectClose(
      evaluate([data], (b, v) => norm(b, v, { axis: 1 })),
      [nan, 5],
    );
  });
});

describe("weightNorm", () => {
  const v = [
    [3, 4],
    [0, 5],
    [8, 6],
  ];
  test("keeps the rows for dim 0 and the whole tensor for null and -1; -2 counts from the end", () => {
    const g = [[10], [2], [-1]];
    const rows = [6, 8, 0, 2, -0.8, -0.6];
    expectClose(
      evaluate([v, g], (b, a, c) => weightNorm(b, a, c)),
      rows,
    );
    expectClose(
      evaluate([v, g], (b, a, c) => weightNorm(b, a, c, { dim: -2 })),
      rows,
    );
    const whole = Math.sqrt(150);
    for (const dim of [null, -1])
      expectClose(
        evaluate([v, [2]], (b, a, c) => weightNorm(b, a, c, { dim })),
        v.flat().map((n) => (2 * n) / whole),
      );
    expectClose(
      evaluate([v, [[1, 1]]], (b, a, c) => weightNorm(b, a, c, { dim: 1 })),
      v.flatMap(([a = 0, c = 0]) => [a / Math.sqrt(73), c / Math.sqrt(77)]),
    );
  });
  test("a row of zeros is NaN, with eps it is zero", () => {
    const zeros = [[0, 0]];
    expectClose(
      evaluate([zeros, [[1]]], (b, a, c) => weightNorm(b, a, c)),
      [nan, nan],
    );
    expectClose(
      evaluate([zeros, [[1]]], (b, a, c) => weightNorm(b, a, c, { eps: 1e-7 })),
      [0, 0],
    );
  });
});

describe("softmax family", () => {
  test("does not overflow, and a single -inf is fine", () => {
    const data = [
      [1000, 1000, -inf],
      [-1000, -1000 + Math.log(3), -inf],
    ];
    expectClose(
      evaluate([data], (b, x) => softmax(b, x)),
      [0.5, 0.5, 0, 0.25, 0.75, 0],
      1e-4,
    );
    expectClose(
      evaluate([data], (b, x) => logSoftmax(b, x)),
      [-Math.LN2, -Math.LN2, -inf, Math.log(0.25), Math.log(0.75), -inf],
      1e-4,
    );
    expectClose(
      evaluate([data], (b, x) => logsumexp(b, x, { axis: 1 })),
      [1000 + Math.LN2, -1000 + Math.log(4)],
      1e-6,
    );
  });
  test("inf, NaN and rows of -inf follow PyTorch", () => {
    const data = [
      [inf, 0],
      [-inf, -inf],
      [nan, 0],
    ];
    expectClose(
      evaluate([data], (b, x) => softmax(b, x)),
      [nan, nan, nan, nan, nan, nan],
    );
    expectClose(
      evaluate([data], (b, x) => logsumexp(b, x, { axis: 1 })),
      [inf, -inf, nan],
    );
  });
  test("over nothing: softmax is empty, logsumexp is -inf", () => {
    const empty = (build: (b: GraphBuilder, x: Value) => Value): readonly number[] => {
      const builder = createGraphBuilder("empty");
      const x = builder.param("x", { dtype: "f32", shape: [2, 0] });
      const graph = builder.finish([{ name: "y", value: build(builder, x) }]);
      return [...(interpretGraph(graph, new Map([["x", []]])).get("y")?.values ?? [nan])];
    };
    expect(empty((b, x) => softmax(b, x))).toEqual([]);
    expect(empty((b, x) => logSoftmax(b, x))).toEqual([]);
    expect(empty((b, x) => logsumexp(b, x, { axis: 1 }))).toEqual([-inf, -inf]);
  });
});

test("var and std: correction, one value, far from zero", () => {
  const x = [1e6 + 1, 1e6 + 2, 1e6 + 3, 1e6 + 6];
  expectClose(
    evaluate([x], (b, v) => variance(b, v)),
    [14 / 3],
  );
  expectClose(
    evaluate([x], (b, v) => variance(b, v, { correction: 0 })),
    [3.5],
  );
  expectClose(
    evaluate([x], (b, v) => std(b, v, { correction: 2 })),
    [Math.sqrt(7)],
  );
  expectClose(
    evaluate([[5]], (b, v) => variance(b, v)),
    [nan],
  );
  expectClose(
    evaluate([[5]], (b, v) => variance(b, v, { correction: 0 })),
    [0],
  );
});

test("normalize and cosineSimilarity leave zero rows at zero", () => {
  const x = [
    [3, 4],
    [0, 0],
  ];
  expectClose(
    evaluate([x], (b, v) => normalize(b, v)),
    [0.6, 0.8, 0, 0],
  );
  expectClose(
    evaluate([x, [[4, -3]]], (b, v, w) => cosineSimilarity(b, v, w)),
    [0, 0],
  );
  expectClose(
    evaluate([x, [[6, 8]]], (b, v, w) => cosineSimilarity(b, v, w)),
    [1, 0],
  );
  // Broadcasting along the axis itself: [[1], [2]] counts as [1, 1] and [2, 2].
  expectClose(
    evaluate([x, [[1], [2]]], (b, v, w) => cosineSimilarity(b, v, w)),
    [7 / (5 * Math.SQRT2), 0],
  );
});

describe("layers", () => {
  const x = [
    [1, 2, 3, 4],
    [-2, 2, -2, 2],
  ];
  const row = [-1.5, -0.5, 0.5, 1.5].map((n) => n / Math.sqrt(1.25));
  test("layerNorm and rmsNorm", () => {
    expectClose(
      evaluate([x, [1, 1, 2, 2], [0, 1, 0, 1]], (b, v, weight, bias) =>
        layerNorm(b, v, { weight, bias, eps: 0 }),
      ),
      [row[0], (row[1] ?? nan) + 1, 2 * (row[2] ?? nan), 2 * (row[3] ?? nan) + 1, -1, 2, -2, 3].map(
        (n) => n ?? nan,
      ),
    );
    expectClose(evaluate([x], (b, v) => rmsNorm(b, v, { eps: 0 })).slice(4), [-1, 1, -1, 1]);
    expectClose(
      evaluate([x], (b, v) => layerNorm(b, v, { normalizedShape: [2, 4], eps: 0 })).slice(0, 1),
      // Over all eight: sum 10, sum of squares 46.
      [(1 - 1.25) / Math.sqrt(46 / 8 - 1.25 ** 2)],
    );
  });
  test("groupNorm, instanceNorm and batchNorm", () => {
    const weight = [1, 1, 1, 10];
    expectClose(
      evaluate([x, weight], (b, v, w) => groupNorm(b, v, { numGroups: 2, weight: w, eps: 0 })),
      [-1, 1, -1, 10, -1, 1, -1, 10],
    );
    expectClose(
      evaluate([x], (b, v) => instanceNorm(b, b.reshape(v, [1, 2, 4]), { eps: 0 })),
      [...row, -1, 1, -1, 1],
    );
    expectClose(
      evaluate([x, [1, 1, 1, 1], [4, 4, 4, 4]], (b, v, m, s) => batchNorm(b, v, m, s, { eps: 0 })),
      x.flat().map((n) => (n - 1) / 2),
    );
  });
});

test("activations at ordinary and extreme points", () => {
  const x = [-1000, -2, -0, 0.5, 1000, nan];
  const at = (fn: (n: number) => number): readonly number[] => x.map(fn);
  expectClose(
    evaluate([x], (b, v) => relu(b, v)),
    [0, 0, 0, 0.5, 1000, nan],
  );
  expectClose(
    evaluate([x], (b, v) => sigmoid(b, v)),
    at((n) => 1 / (1 + Math.exp(-n))),
  );
  expectClose(
    evaluate([x], (b, v) => silu(b, v)),
    at((n) => n / (1 + Math.exp(-n))),
  );
  expectClose(
    evaluate([x], (b, v) => softplus(b, v)),
    [0, Math.log1p(Math.exp(-2)), Math.LN2, Math.log1p(Math.exp(0.5)), 1000, nan],
  );
  expectClose(
    evaluate([x], (b, v) => softplus(b, v, { beta: 2 })),
    [0, Math.log1p(Math.exp(-4)) / 2, Math.LN2 / 2, Math.log1p(Math.E) / 2, 1000, nan],
  );
  expectClose(
    evaluate([x], (b, v) => gelu(b, v)),
    [0, -0.04550026389635842, 0, 0.34573123063700656, 1000, nan],
  );
  expectClose(
    evaluate([x], (b, v) => gelu(b, v, { approximate: "tanh" })),
    [0, -0.04540230591222494, 0, 0.3457140208796442, 1000, nan],
  );
  expectClose(
    evaluate([x], (b, v) => clip(b, v, { min: -1, max: 0.25 })),
    [-1, -1, 0, 0.25, 0.25, nan],
  );
});
