import { describe, expect, expectTypeOf, test } from "vitest";
import { customVjp, grad, stopGradient, valueAndGrad, vjp } from "tensorweft";
import { scalar } from "../../../src/frontend/trace/arguments.ts";
import { sum } from "../../../src/frontend/trace/functions.ts";
import { softmax, weightNorm } from "../../../src/frontend/trace/library-functions.ts";
import { f16, f32, i32, trace } from "../../../src/frontend/trace/trace.ts";
import type { TraceResult } from "../../../src/frontend/trace/trace.ts";
import type { TracedTensor } from "../../../src/frontend/trace/traced-tensor.ts";
import { interpretGraph } from "../../../src/ir/interpret-graph.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";
import { captureError } from "./capture-error.ts";

type T = TracedTensor;

/** Results in order. */
function run({ graph }: TraceResult, ...inputs: readonly (readonly number[])[]): number[][] {
  const params = graph.nodes.filter((node) => node.op === "param" || node.op === "scalar");
  const values = new Map(params.map((node, i) => [node.name, inputs[i] ?? []]));
  return [...interpretGraph(graph, values).values()].map(({ values: result }) =>
    [...result].map((x) => x + 0),
  );
}

describe("grad", () => {
  test("gives the gradient of the first argument, or of those that are asked for", () => {
    const loss = (v: T, g: T): T => sum(v.mul(v).mul(g));
    expect(run(trace(grad(loss), [f32(2), f32(2)]), [1, 2], [3, 4])).toEqual([[6, 16]]);
    expect(run(trace(grad(loss, { argnums: 1 }), [f32(2), f32(2)]), [1, 2], [3, 4])).toEqual([[1, 4]]);
    const both = grad(loss, { argnums: [1, 0] });
    expectTypeOf(both).returns.toEqualTypeOf<readonly [T, T]>();
    expect(run(trace(both, [f32(2), f32(2)]), [1, 2], [3, 4])).toEqual([
      [1, 4],
      [6, 16],
    ]);
    expect(run(trace(grad(loss, { argnums: -1 }), [f32(2), f32(2)]), [1, 2], [3, 4])).toEqual([[1, 4]]);
  });

  test("keeps the structure of an argument, and leaves static arguments alone", () => {
    const loss = ({ layers, gain }: { layers: readonly T[]; gain: T }, axis: number): T =>
      layers.reduce((total, w) => total.add(sum(w.mul(w), { axis })), gain.mul(0)).mul(gain);
    const derived = grad(loss);
    expectTypeOf(derived).returns.toEqualTypeOf<{ readonly layers: readonly T[]; readonly gain: T }>();
    const traced = trace(derived, [{ layers: [f32(2), f32(1)], gain: f32() }, 0]);
    expect(traced.graph.results.map(({ name }) => name)).toEqual(["layers.0", "layers.1", "gain"]);
    expect(run(traced, [1, 2], [3], [10])).toEqual([[20, 40], [60], [14]]);
  });

  test("nests: the derivative of a derivative", () => {
    const cube = (x: T): T => x.mul(x).mul(x);
    const types = [f32()] as const;
    expect(run(trace(grad(cube), types), [2])).toEqual([[12]]);
    expect(run(trace(grad(grad(cube)), types), [2])).toEqual([[12]]);
    expect(run(trace(grad(grad(grad(cube))), types), [2])).toEqual([[6]]);
    expect(run(trace(grad(grad(grad(grad(cube)))), types), [2])).toEqual([[0]]);
  });

  test("does not confuse an inner variable with an outer one", () => {
    // d/dx (x * d/dy (x + y)) = 1, and not 2
    const outer = grad((x: T) => x.mul(grad((y: T) => x.add(y))(x)));
    expect(run(trace(outer, [f32()]), [5])).toEqual([[1]]);
    // The inner derivative counts x as constant, the outer one does not: d/dx (d/dy (x^2 y))(x) = 2 x
    const mixed = grad((x: T) => grad((y: T) => x.mul(x).mul(y))(x));
    expect(run(trace(mixed, [f32()]), [5])).toEqual([[10]]);
  });

  test("is named after its function, and its inputs after the parameters", () => {
    const loss = (weight: T, target: T): T => sum(weight.sub(target).pow(2));
    expect(printGraph(trace(grad(loss), [f32(2), f32(2)]).graph).split("\n")[0]).toBe(
      "func @grad_loss(%weight: f32[2], %target: f32[2]) -> (result: f32[2]) {",
    );
  });

  test("16-bit floats have gradients of their dtype, computed in f32 and rounded once", () => {
    const traced = trace(
      grad((x: T, s: T) => sum(x.mul(x)).cast("f32").mul(s), { argnums: [0, 1] }),
      [f16(3), scalar(2)],
    );
    const [dx, ds] = traced.graph.results.map(({ node }) => traced.graph.nodes[node]?.type.dtype);
    expect([dx, ds]).toEqual(["f16", "f32"]);
    expect(traced.graph.nodes.filter((node) => node.op === "cast" && node.type.dtype === "f16")).toHaveLength(
      1,
    );
  });

  test("what does not depend on the argument has the gradient 0", () => {
    expect(
      run(
        trace(
          grad((x: T, y: T) => sum(y.add(x.floor()))),
          [f32(2), f32(2)],
        ),
        [1, 2],
        [3, 4],
      ),
    ).toEqual([[0, 0]]);
  });
});

test("valueAndGrad gives the value, too", () => {
  const derived = valueAndGrad((x: T) => sum(x.mul(x)));
  expectTypeOf(derived).returns.toEqualTypeOf<readonly [T, T]>();
  expect(run(trace(derived, [f32(2)]), [3, 4])).toEqual([[25], [6, 8]]);
});

describe("vjp", () => {
  test("pulls cotangents of a structure back to all arguments", () => {
    const traced = trace(
      (v: T, g: T, c: T) => {
        const [y, pullback] = vjp((a: T, b: T) => ({ product: a.mul(b), total: a.sum() }), v, g);
        expectTypeOf(y).toEqualTypeOf<{ product: T; total: TracedTensor<readonly []> }>();
        const gradients = pullback({ product: c, total: 10 });
        expectTypeOf(gradients).toEqualTypeOf<readonly [T, T]>();
        return [y.total, ...gradients];
      },
      [f32(2), f32(2), f32(2)],
    );
    expect(run(traced, [1, 2], [3, 4], [5, 6])).toEqual([[3], [25, 34], [5, 12]]);
  });

  test("of a vjp: the second derivative of weight norm is symmetric", () => {
    const gradient = (v: T, g: T, c: T): T => {
      const [, pullback] = vjp(weightNorm, v, g);
      return pullback(c)[0];
    };
    const traced = trace(
      (v: T, g: T, c: T, a: T, b: T) => {
        const along = (t: T): T => vjp((x: T) => gradient(x, g, c), v)[1](t)[0];
        return [sum(along(a).mul(b)), sum(along(b).mul(a))];
      },
      [f32(2, 3), f32(2, 1), f32(2, 3), f32(2, 3), f32(2, 3)],
    );
    const [left = [], right = []] = run(
      traced,
      [1, 2, -1, 0.5, 3, 1],
      [2, -1],
      [1, -1, 2, 0.25, 1, -2],
      [1, 0, 2, -1, 1, 0],
      [0.5, 1, -1, 2, 1, 1],
    );
    expect(left[0]).toBeCloseTo(right[0] ?? NaN, 6);
    expect(Math.abs(left[0] ?? 0)).toBeGreaterThan(0.1);
  });
});

describe("stopGradient and customVjp", () => {
  test("no derivative passes stopGradient, which is no node", () => {
    const f = (x: T): T => sum(stopGradient(x).mul(x));
    expect(run(trace(grad(f), [f32(2)]), [3, 4])).toEqual([[3, 4]]);
    expect(trace(f, [f32(2)]).graph.nodes.map(({ op }) => op)).toEqual(["param", "map", "reduce", "reshape"]);
  });

  test("a function has the derivative that it is given, and that one is differentiated in turn", () => {
    const rounded = customVjp(
      (x: T) => x.round(),
      (dy) => [dy],
    );
    expect(
      run(
        trace(
          grad((x: T) => sum(rounded(x).mul(x))),
          [f32(2)],
        ),
        [1.2, 2.7],
      ),
    ).toEqual([[2.2, 5.7].map(Math.fround)]);
    // A square whose derivative is said to be x^3: the second derivative is then 3 x^2.
    const odd = customVjp(
      (x: T, scale: number) => x.mul(x).mul(scale),
      (dy, _y, x) => [dy.mul(x).mul(x).mul(x), null],
    );
    const f = (x: T): T => odd(x, 1);
    expect(run(trace(f, [f32()]), [3])).toEqual([[9]]);
    expect(run(trace(grad(f), [f32()]), [3])).toEqual([[27]]);
    expect(run(trace(grad(grad(f)), [f32()]), [3])).toEqual([[27]]);
  });

  test("several results and arguments: unused results have a cotangent of 0", () => {
    const both = customVjp(
      (a: T, b: T) => ({ sum: a.add(b), product: a.mul(b) }),
      (c, _result, a, b) => [c.sum.mul(100).add(c.product.mul(b)), c.sum.mul(a)],
    );
    const f = (a: T, b: T): T => both(a, b).product;
    expect(run(trace(grad(f, { argnums: [0, 1] }), [f32(), f32()]), [3], [4])).toEqual([[4], [0]]);
    const g = (a: T, b: T): T => both(a, b).sum;
    expect(run(trace(grad(g, { argnums: [0, 1] }), [f32(), f32()]), [3], [4])).toEqual([[100], [3]]);
  });
});

/** The diagnostic of what tracing throws; its place is in this file. */
function refusal(act: () => unknown): { code: string; message: string; help: string | undefined } {
  const [diagnostic] = captureError(act).diagnostics;
  expect(diagnostic?.span?.file).toMatch(/derivatives\.test\.ts$/);
  const { code = "", message = "", help } = diagnostic ?? {};
  return { code, message, help };
}

describe("mistakes are located and say how to mend", () => {
  const square = function square(x: T): T {
    return x.mul(x);
  };

  test("a result that is no scalar, no float, no tensor", () => {
    expect(refusal(() => trace((x: T) => grad(square)(x), [f32(3)]))).toEqual({
      code: "invalid-shape",
      message: "grad needs a scalar, and square gives f32[3]",
      help: "reduce it, for example with sum or mean; for a tensor use vjp, which takes a cotangent",
    });
    expect(refusal(() => trace((x: T) => grad((y: T) => sum(y.cast("i32")))(x), [f32(3)]))).toMatchObject({
      code: "dtype-mismatch",
      message: "grad cannot differentiate the function, which gives i32[]",
    });
    const pair = ((x: T) => [x, x]) as unknown as (x: T) => T;
    expect(refusal(() => trace((x: T) => grad(pair)(x), [f32(3)]))).toMatchObject({
      message: "grad needs a tensor from pair, which gives an array",
    });
  });

  test("arguments that have no gradient", () => {
    expect(
      refusal(() => trace((n: T, x: T) => grad((i: T, y: T) => sum(i.mul(y)))(n, x), [i32(3), f32(3)])),
    ).toEqual({
      code: "dtype-mismatch",
      message: "grad cannot differentiate by argument i, which is i32[3]",
      help: "only floats have gradients: cast it to f32, or leave it out of argnums",
    });
    const withAxis = (x: T, options: { axis: number }): T => sum(x, options);
    expect(
      refusal(() => trace((x: T) => grad(withAxis, { argnums: [0, 1] })(x, { axis: 0 })[0], [f32(3)])),
    ).toMatchObject({
      message: "grad cannot differentiate by argument options.axis, which is the plain value 0",
    });
  });

  test("argnums that are no positions", () => {
    const positions = (argnums: number | readonly number[]): string =>
      refusal(() =>
        trace((x: T) => (grad as (f: unknown, o: unknown) => (x: T) => T)(square, { argnums })(x), [f32()]),
      ).message;
    expect(positions(1)).toBe("grad is to differentiate square by argument 1, but it is called with 1");
    expect(positions(-2)).toBe("grad is to differentiate square by argument -2, but it is called with 1");
    expect(positions([0, 0])).toBe("grad is to differentiate square by argument 0, but it is called with 1");
    expect(positions(0.5)).toBe("grad is to differentiate square by argument 0.5, but it is called with 1");
    expect(positions([])).toBe("grad is to differentiate square by no argument, but it is called with 1");
  });

  test("a call outside a trace", () => {
    expect(refusal(() => grad(square)(1 as unknown as T))).toEqual({
      code: "wrong-argument",
      message: "grad is called without a traced tensor",
      help: "inside jit all tensors are traced; outside, compile the derivative: jit(grad(f))(x)",
    });
  });

  test("cotangents of another shape or structure", () => {
    expect(refusal(() => trace((x: T, c: T) => vjp(softmax, x)[1](c)[0], [f32(2, 3), f32(3)]))).toEqual({
      code: "shape-mismatch",
      message: "the cotangent of vjp is f32[3], and what it belongs to is f32[2,3]",
      help: "a cotangent is a float tensor of exactly that shape",
    });
    expect(
      refusal(() =>
        trace((x: T) => vjp((y: T) => ({ a: y }), x)[1]({ b: x } as unknown as { a: T })[0], [f32(2)]),
      ),
    ).toMatchObject({ message: "the cotangent of the function has another structure than its result" });
  });

  test("a custom derivative that does not fit", () => {
    const custom = (backward: (c: T, y: T, x: T) => unknown): string =>
      refusal(() =>
        trace((x: T) => grad((y: T) => sum(customVjp(square, backward as (c: T) => [T])(y)))(x), [f32(3)]),
      ).message;
    expect(custom(() => [])).toBe("the backward function of square gives 0 gradients for 1 arguments");
    expect(custom((c) => c)).toBe("the backward function of square gives an instance of TracedTensor");
    expect(custom(() => [2])).toBe("the backward function of square gives the plain value 2 for argument 0");
    expect(custom((c) => [c.sum()])).toBe(
      "the gradient of argument 0 of square is f32[], and what it belongs to is f32[3]",
    );
  });

  test("a custom function that reads a differentiated value from around it", () => {
    const f = (x: T): T =>
      sum(
        customVjp(
          (y: T) => y.mul(x),
          (c) => [c],
        )(x),
      );
    expect(refusal(() => trace((x: T) => grad(f)(x), [f32(3)]))).toMatchObject({
      message: "a function with a derivative of its own reads a value that is differentiated",
    });
  });
});
