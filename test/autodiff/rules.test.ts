/** One op at a time: each rule against central differences, and the conventions where there is no derivative. */
import { describe, expect, test } from "vitest";
import { pullBack } from "../../src/autodiff/pull-back.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { ReduceOp } from "../../src/ir/reduce-ops.ts";
import { SCALAR_OP_NAMES, SCALAR_OPS } from "../../src/ir/scalar-ops.ts";
import type { ScalarOp } from "../../src/ir/scalar-ops.ts";
import { checkDerivative, finishProgram, gradientOf, programOf } from "../support/differentiate.ts";
import { createRandom } from "../support/random-values.ts";

/** Points inside the domain of ops that are not defined everywhere. */
const DOMAINS: Partial<Record<ScalarOp, readonly number[]>> = {
  sqrt: [0.3, 1, 7.5],
  rsqrt: [0.3, 1, 7.5],
  log: [0.3, 1, 7.5],
  log2: [0.3, 1, 7.5],
  log1p: [-0.6, 0, 3],
  asin: [-0.8, 0.1, 0.7],
  acos: [-0.8, 0.1, 0.7],
  acosh: [1.2, 2, 9],
  atanh: [-0.8, 0.1, 0.7],
  pow: [0.4, 1.3, 2.6],
  tan: [-1, 0.4, 1.2],
};
const ANYWHERE = [-1.7, 0.4, 2.2];

const build = (make: (b: GraphBuilder) => Value): Graph => {
  const b = createGraphBuilder("op");
  return b.finish([{ name: "r", value: make(b) }]);
};
const vector = (b: GraphBuilder, name: string, length = 3): Value =>
  b.param(name, { dtype: "f32", shape: [length] });

/** First and second derivatives of a graph with params of these values agree with differences. */
function expectDerivatives(graph: Graph, inputs: ReadonlyMap<string, Float64Array>): void {
  const upstream = Float64Array.of(0.7, -1.3, 0.9, 0.2, 1.1).slice(0, resultSize(graph));
  const program = programOf(graph);
  const orders = [
    [program, inputs],
    [gradientOf(program), new Map([...inputs, ["up_r", upstream]])],
  ] as const;
  for (const [source, values] of orders) {
    const check = checkDerivative(source, values, createRandom(3));
    expect(check).toBeDefined();
    if (check === undefined) return;
    expect(Math.abs(check.transform - check.differences)).toBeLessThanOrEqual(check.tolerance);
    expect(check.tolerance).toBeLessThan(Math.max(1e-2 * check.scale, 1e-5));
  }
}

const resultSize = (graph: Graph): number =>
  graph.nodes[graph.results[0]?.node ?? 0]?.type.shape.reduce((n, m) => n * m, 1) ?? 1;

const differentiable = SCALAR_OP_NAMES.filter(
  (fn) => SCALAR_OPS[fn].result === "same" && fn !== "where" && fn !== "quotient",
);

describe("scalar ops agree with differences, to the second order", () => {
  test.each(differentiable)("%s", (fn) => {
    const points = Float64Array.from(DOMAINS[fn] ?? ANYWHERE, Math.fround);
    if (SCALAR_OPS[fn].arity === 1) {
      const graph = build((b) => b.map(fn, [vector(b, "x")]));
      if (isFlat(fn)) expect(slopes(graph, { x: points })).toEqual([0, 0, 0]);
      else expectDerivatives(graph, new Map([["x", points]]));
      return;
    }
    const graph = build((b) => b.map(fn, [vector(b, "x"), vector(b, "y")]));
    expectDerivatives(
      graph,
      new Map([
        ["x", points],
        ["y", Float64Array.of(1.5, -0.75, 0.5)],
      ]),
    );
  });
});

test("a quotient is flat, as steps are", () => {
  const graph = build((b) => b.map("quotient", [vector(b, "x"), vector(b, "y")]));
  const inputs = { x: [-1.7, 0.4, 2.2], y: [1.5, -0.75, 0.5] };
  expect(slopes(graph, inputs)).toEqual([0, 0, 0]);
  expect(slopes(graph, inputs, "y")).toEqual([0, 0, 0]);
});

const isFlat = (fn: ScalarOp): boolean => ["sign", "floor", "ceil", "round", "trunc"].includes(fn);

/** The gradient of sum(result) by the first input. */
function slopes(graph: Graph, inputs: Readonly<Record<string, ArrayLike<number>>>, name = "x"): number[] {
  const ones = new Float64Array(resultSize(graph)).fill(1);
  const results = interpretGraph(
    finishProgram(gradientOf(programOf(graph))),
    new Map([...Object.entries(inputs), ["up_r", ones]]),
  );
  return [...(results.get(`grad_${name}`)?.values ?? [])].map((x) => x + 0);
}

/** What PyTorch's autograd gives where there is no derivative: values of its formulas, see docs/gradients.md. */
describe("conventions", () => {
  const unary = (fn: ScalarOp, x: readonly number[]): number[] =>
    slopes(
      build((b) => b.map(fn, [vector(b, "x", x.length)])),
      { x },
    );
  const binary = (fn: ScalarOp, x: readonly number[], y: readonly number[], by: "x" | "y"): number[] =>
    slopes(
      build((b) => b.map(fn, [vector(b, "x", x.length), vector(b, "y", y.length)])),
      { x, y },
      by,
    );

  test("abs at 0, sqrt at 0", () => {
    expect(unary("abs", [-2, 0, 3])).toEqual([-1, 0, 1]);
    expect(unary("sqrt", [0, 4])).toEqual([Infinity, 0.25]);
    expect(unary("rsqrt", [0])).toEqual([-Infinity]);
    expect(unary("log", [0, -1])).toEqual([Infinity, -1]);
  });

  test("maximum and minimum share at ties; a nan goes to both sides", () => {
    expect(binary("max", [1, 2, 3], [2, 2, 2], "x")).toEqual([0, 0.5, 1]);
    expect(binary("max", [1, 2, 3], [2, 2, 2], "y")).toEqual([1, 0.5, 0]);
    expect(binary("min", [1, 2, 3], [2, 2, 2], "x")).toEqual([1, 0.5, 0]);
    expect(binary("max", [NaN, 1], [1, NaN], "x")).toEqual([1, 1]);
    expect(binary("max", [NaN, 1], [1, NaN], "y")).toEqual([1, 1]);
  });

  test("powers of 0, with exponents that are constants and that are not", () => {
    expect(binary("pow", [0, 0, 0], [0, 1, 2], "x")).toEqual([0, 1, 0]);
    expect(binary("pow", [0, 0, 2], [0, 2, 3], "y")).toEqual([0, 0, Math.fround(8 * Math.LN2)]);
    const byConstant = (x: number, exponent: number): number[] =>
      slopes(
        build((b) => b.map("pow", [vector(b, "x", 1), exponent])),
        { x: [x] },
      );
    expect([0, 1, 2, 0.5].map((exponent) => byConstant(0, exponent)[0])).toEqual([0, 1, 0, Infinity]);
    expect(byConstant(-2, 3)).toEqual([12]);
  });

  test("where: what is not taken does not spoil the gradient with a nan of the cotangent", () => {
    const graph = build((b) => {
      const x = vector(b, "x");
      return b.map("where", [b.map("gt", [x, 0]), b.map("log", [x]), b.map("neg", [x])]);
    });
    // As in PyTorch, the branch that is not taken has 0 for its cotangent, and 0 times an infinite slope is nan.
    expect(slopes(graph, { x: [2, -1, 0] })).toEqual([0.5, -1, NaN]);
  });

  test("ties of reduced maxima and minima share evenly; a row with a nan has nan", () => {
    const reduced = (fn: ReduceOp, x: readonly number[]): number[] =>
      slopes(
        build((b) => b.reduce(fn, vector(b, "x", x.length))),
        { x },
      );
    expect(reduced("max", [1, 3, 3])).toEqual([0, 0.5, 0.5]);
    expect(reduced("min", [1, 1, 1, 3])).toEqual([1 / 3, 1 / 3, 1 / 3, 0].map(Math.fround));
    expect(reduced("max", [1, NaN])).toEqual([NaN, NaN]);
  });
});

describe("products", () => {
  const product = build((b) => b.reduce("prod", vector(b, "x", 5)));
  const padded = (x: readonly number[]): Float64Array => Float64Array.from(x);

  test.each([
    ["no zero", [1.5, -2, 0.5, 3, 1.25]],
    ["a zero", [1.5, 0, 0.5, 3, 1.25]],
    ["two zeros", [1.5, 0, 0.5, 0, 1.25]],
    ["three zeros", [0, 0, 0.5, 0, 1.25]],
  ])("%s: right to the second order", (_, x) => {
    const others = x.map((_, i) => x.reduce((p, y, j) => (i === j ? p : p * y), 1));
    expect(slopes(product, { x })).toEqual(others.map((y) => Math.fround(y) + 0));
    // The second derivative by x_i and x_j is the product of the others.
    const second = finishProgram(gradientOf(gradientOf(programOf(product))));
    const direction = [1, 2, 4, 8, 16];
    const inputs = new Map([
      ["x", padded(x)],
      ["up_r", padded([1])],
      ["up_grad_x", padded(direction)],
    ]);
    const got = interpretGraph(second, new Map([...inputs, ["up_grad_up_r", padded([0])]])).get("grad_x");
    const want = x.map((_, i) =>
      direction.reduce((sum, d, j) => {
        if (i === j) return sum;
        return sum + d * x.reduce((p, y, k) => (k === i || k === j ? p : p * y), 1);
      }, 0),
    );
    got?.values.forEach((value, i) => {
      expect(value).toBeCloseTo(want[i] ?? NaN, 4);
    });
  });
});

describe("long chains are differentiated without recursion, in linear time and nodes", () => {
  /** Nodes of a chain's derivative of that order. */
  const chain = (length: number, order: number): number => {
    const b = createGraphBuilder("chain");
    const x = b.variable(b.param("x", { dtype: "f32", shape: [2] }));
    const seed = b.constant(1, "f32", [2]);
    let value: Value | undefined = x;
    for (let i = 0; i < length; i++) value = b.map(i % 2 === 0 ? "sin" : "exp", [value]);
    for (let i = 0; i < order && value !== undefined; i++)
      [value] = pullBack(b, [{ value, cotangent: seed }], [x]);
    expect(value).toBeDefined();
    return b.nodes.length;
  };
  test.each([
    [20_000, 1],
    [4000, 2],
  ])("%i ops, order %i", (length, order) => {
    const growth = chain(length, order) / chain(200, order) / (length / 200);
    expect(growth).toBeGreaterThan(0.9);
    expect(growth).toBeLessThanOrEqual(1);
  });
});

test("nothing is built that no variable needs, and contributions add up in one order", () => {
  const b = createGraphBuilder("parts");
  const p = b.param("p", { dtype: "f32", shape: [2] });
  const q = b.param("q", { dtype: "f32", shape: [2] });
  const x = b.variable(p);
  const unrelated = b.map("exp", [b.map("sin", [q])]);
  const value = b.map("add", [b.map("mul", [x, unrelated]), b.map("mul", [q, q])]);
  const before = b.nodes.length;
  const [gradient, none] = pullBack(b, [{ value, cotangent: b.constant(1, "f32", [2]) }], [x, b.variable(q)]);
  expect(none).toBeUndefined();
  expect(gradient).toBeDefined();
  expect(b.nodes.length - before).toBe(3); // the seed, the unused variable, one product
});
