/** Activation functions against their formulas, written plainly, at ordinary and at extreme points. */
import { describe, expect, test } from "vitest";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import {
  celu,
  elu,
  glu,
  logSigmoid,
  mish,
  selu,
  softsign,
  swiglu,
  swish,
  tanhshrink,
} from "../../src/library/activations.ts";
import { dynamicTanh } from "../../src/library/dynamic-tanh.ts";
import {
  hardSigmoid,
  hardSwish,
  leakyRelu,
  prelu,
  relu6,
  shrink,
  threshold,
} from "../../src/library/piecewise-activations.ts";
import { hardmax, softmin } from "../../src/library/softmax.ts";
import { evaluate, expectClose } from "./evaluate.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const ORDINARY = [-7, -2.5, -1, -0.3, -0, 0.2, 0.5, 1, 3, 7];
const EXTREME = [-1000, 1000, 1e38, -1e38, 1e-30, nan];

type Build = (b: GraphBuilder, x: Value) => Value;
type Formula = (x: number) => number;

const logistic: Formula = (x) => 1 / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const softplus: Formula = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Formulas that hold at all sample points as they stand; no function of them may give NaN where x is a number. */
const CASES: readonly (readonly [name: string, build: Build, formula: Formula])[] = [
  ["logSigmoid", (b, x) => logSigmoid(b, x), (x) => -softplus(-x)],
  ["swish", (b, x) => swish(b, x, { beta: 1.5 }), (x) => x * logistic(1.5 * x)],
  ["swish of silu", (b, x) => swish(b, x), (x) => x * logistic(x)],
  ["mish", (b, x) => mish(b, x), (x) => x * Math.tanh(softplus(x))],
  ["softsign", (b, x) => softsign(b, x), (x) => x / (1 + Math.abs(x))],
  ["tanhshrink", (b, x) => tanhshrink(b, x), (x) => x - Math.tanh(x)],
  ["elu", (b, x) => elu(b, x), (x) => (x > 0 ? x : Math.expm1(x))],
  ["elu, alpha", (b, x) => elu(b, x, { alpha: 2 }), (x) => (x > 0 ? x : 2 * Math.expm1(x))],
  [
    "selu",
    (b, x) => selu(b, x),
    (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  ],
  [
    "selu, constants",
    (b, x) => selu(b, x, { alpha: 2, scale: 3 }),
    (x) => 3 * (x > 0 ? x : 2 * Math.expm1(x)),
  ],
  ["celu", (b, x) => celu(b, x, { alpha: 2 }), (x) => Math.max(x, 0) + Math.min(0, 2 * Math.expm1(x / 2))],
  ["celu of alpha 1", (b, x) => celu(b, x), (x) => (x > 0 ? x : Math.expm1(x))],
  ["relu6", (b, x) => relu6(b, x), (x) => clamp(x, 0, 6)],
  ["leakyRelu", (b, x) => leakyRelu(b, x), (x) => (x > 0 ? x : 0.01 * x)],
  ["hardSigmoid", (b, x) => hardSigmoid(b, x), (x) => clamp(x / 6 + 0.5, 0, 1)],
  [
    "hardSigmoid, constants",
    (b, x) => hardSigmoid(b, x, { alpha: 0.2, beta: 0.6 }),
    (x) => clamp(0.2 * x + 0.6, 0, 1),
  ],
  ["hardSwish", (b, x) => hardSwish(b, x), (x) => x * clamp(x / 6 + 0.5, 0, 1)],
  ["threshold", (b, x) => threshold(b, x, { threshold: 0.5, value: -9 }), (x) => (x <= 0.5 ? -9 : x)],
  ["hardshrink", (b, x) => shrink(b, x), (x) => (Math.abs(x) <= 0.5 ? 0 : x)],
  [
    "softshrink",
    (b, x) => shrink(b, x, { lambd: 0.3, bias: 0.3 }),
    (x) => (Math.abs(x) <= Math.fround(0.3) ? 0 : x - 0.3 * Math.sign(x)),
  ],
  ["dynamicTanh", (b, x) => dynamicTanh(b, x), (x) => Math.tanh(0.5 * x)],
];

describe("formulas", () => {
  const x = [...ORDINARY, ...EXTREME].map(Math.fround);
  test.each(CASES)("%s", (_, build, formula) => {
    expectClose(evaluate([x], build), x.map(formula));
  });
});

test("prelu has one slope, or one per channel of axis 1", () => {
  const x = [
    [-1, 2, -3],
    [-4, -5, 6],
  ];
  expectClose(
    evaluate([x, [0.5]], (b, v, w) => prelu(b, v, w)),
    [-0.5, 2, -1.5, -2, -2.5, 6],
  );
  expectClose(
    evaluate([x, [0.5, 2, 10]], (b, v, w) => prelu(b, v, w)),
    [-0.5, 2, -30, -2, -10, 6],
  );
});

test("glu halves an axis, swiglu takes two tensors, softmin is the softmax of -x", () => {
  const x = [
    [1, 2, 3, -4],
    [5, 6, -7, 8],
  ];
  const gated = [logistic(3), 2 * logistic(-4), 5 * logistic(-7), 6 * logistic(8)];
  expectClose(
    evaluate([x], (b, v) => glu(b, v)),
    gated,
  );
  expectClose(
    evaluate([x], (b, v) => glu(b, v, { axis: 0 })),
    [logistic(5), 2 * logistic(6), 3 * logistic(-7), -4 * logistic(8)],
  );
  expectClose(
    evaluate(
      [
        [1, 2],
        [3, -4],
      ],
      (b, v, gate) => swiglu(b, v, gate, { beta: 0.5 }),
    ),
    [3 * logistic(0.5), -8 * logistic(1)],
  );
  expectClose(
    evaluate([[0, Math.log(3)]], (b, v) => softmin(b, v)),
    [0.75, 0.25],
  );
});

test("hardmax marks the first greatest element", () => {
  const rows = [
    [1, 3, 3],
    [-1, -2, -inf],
    [0, nan, 5],
  ];
  expectClose(
    evaluate([rows], (b, x) => hardmax(b, x)),
    [0, 1, 0, 1, 0, 0, 0, 1, 0],
  );
});

test("weights of dynamicTanh", () => {
  const [y] = evaluate([[[1, 2]], [3, 4], [5, 6]], (b, v, weight, bias) =>
    dynamicTanh(b, v, { alpha: 2, weight, bias }),
  );
  expect(y).toBeCloseTo(3 * Math.tanh(2) + 5, 5);
});

test("infinities keep their sign where the formula has one", () => {
  const ends = (build: Build): readonly number[] => evaluate([[-inf, inf]], build);
  expect(ends((b, x) => elu(b, x))).toEqual([-1, inf]);
  expect(ends((b, x) => logSigmoid(b, x))).toEqual([-inf, 0]);
  expect(ends((b, x) => hardSigmoid(b, x))).toEqual([0, 1]);
  expect(ends((b, x) => shrink(b, x))).toEqual([-inf, inf]);
  expect(ends((b, x) => leakyRelu(b, x))).toEqual([-inf, inf]);
});
