import { expect, expectTypeOf, test } from "vitest";
import { flattenArguments, scalar } from "../../../src/frontend/trace/arguments.ts";
import * as functions from "../../../src/frontend/trace/functions.ts";
import { buildOutput } from "../../../src/frontend/trace/outputs.ts";
import { readParameterNames } from "../../../src/frontend/trace/parameter-names.ts";
import { bool, f16, f32, i32, trace } from "../../../src/frontend/trace/trace.ts";
import type { TracedTensor } from "../../../src/frontend/trace/traced-tensor.ts";
import { interpretGraph } from "../../../src/ir/interpret-graph.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";
import { verifyGraph } from "../../../src/ir/verify-graph.ts";
import { captureError } from "./capture-error.ts";

const inputLine = (text: string): string => text.split("\n")[0] ?? "";

test("parameters, nested arguments, scalars and results are named after the source", () => {
  const { graph, inputs, outputTree } = trace(
    (x, layer, eps, axis) => {
      expectTypeOf(x).toEqualTypeOf<TracedTensor<readonly [2, 4]>>();
      expectTypeOf(layer.weights).toEqualTypeOf<
        readonly [TracedTensor<readonly [4]>, TracedTensor<readonly [4]>]
      >();
      expectTypeOf(axis).toEqualTypeOf<number>();
      const mu = x.mean({ axis, keepdims: true });
      const y = x.sub(mu).mul(layer.weights[0]).add(layer.weights[1]).add(eps);
      return { mu, parts: [y, y.neg()] };
    },
    [f32(2, 4), { weights: [f32(4), f16(4)] }, scalar(1e-5), -1],
    { name: "shift" },
  );
  expect(inputLine(printGraph(graph))).toBe(
    'func @shift(%x: f32[2,4], %"layer.weights.0": f32[4], %"layer.weights.1": f16[4], scalar %eps: f32)' +
      ' -> (mu: f32[2,1], "parts.0": f32[2,4], "parts.1": f32[2,4]) {',
  );
  expect(inputs.map(({ path }) => path)).toEqual(["x", "layer.weights.0", "layer.weights.1", "eps"]);
  expect(buildOutput(outputTree, ["a", "b", "c"])).toEqual({ mu: "a", parts: ["b", "c"] });
  expect(verifyGraph(graph)).toEqual([]);
});

test("a lone tensor is one result", () => {
  const { graph, outputTree } = trace((x) => x, [i32(3)]);
  expect(graph.results.map(({ name }) => name)).toEqual(["result"]);
  expect(buildOutput(outputTree, [7])).toBe(7);
});

test("a scalar's value is not in the graph, a static number is", () => {
  const build = (eps: number, axis: number): string =>
    printGraph(trace((x, e, a) => x.add(e).sum({ axis: a }), [f32(2, 3), scalar(eps), axis]).graph);
  expect(build(1, 0)).toBe(build(2, 0));
  expect(build(1, 0)).not.toBe(build(1, 1));
});

test("equal keys mean equal graphs", () => {
  const key = (...args: readonly unknown[]): string => flattenArguments(args).key;
  expect(key(f32(2), scalar(1), 3)).toBe(key(f32(2), scalar(2), 3));
  const different = [
    [f32(2), 3],
    [f32(2), 4],
    [f16(2), 3],
    [f32(1, 2), 3],
    [f32(2), "3"],
    [f32(2), [3]],
    [f32(2), { a: 3 }],
    [f32(2), { b: 3 }],
    [f32(2), null],
    [f32(2), undefined],
    [f32(2), -0],
    [f32(2), 0],
    [f32(2), scalar(3)],
    [f32(2), scalar(3, { dtype: "i32" })],
    [[f32(2), 3]],
  ].map((args) => key(...args));
  expect(new Set(different).size).toBe(different.length);
});

test("arguments and results that cannot be traced are refused", () => {
  const codes = (run: () => unknown): readonly string[] =>
    captureError(run).diagnostics.map((d) => d.message);
  expect(codes(() => trace((x) => x.neg(), [new Map()] as unknown as [ReturnType<typeof f32>]))).toEqual([
    "argument x is an instance of Map",
  ]);
  const returns = (value: unknown): readonly string[] =>
    codes(() => trace(() => value as TracedTensor, [f32(1)], { name: "f" }));
  expect(returns(3)).toEqual(["f returns number"]);
  expect(returns(undefined)).toEqual(["f returns undefined"]);
  expect(returns({ a: [null] })).toEqual(["f returns null at a.0"]);
  expect(returns(Promise.resolve(1))).toEqual(["f returns a promise"]);
  expect(returns([])).toEqual(["f returns no tensor"]);
});

const ASKS_FOR_VALUE: Readonly<Record<string, (x: TracedTensor) => unknown>> = {
  comparison: (x) => (x as unknown as number) > 1,
  arithmetic: (x) => (x as unknown as number) * 2,
  template: (x) => `x is ${x as unknown as string}`,
  String: (x) => String(x),
  "the method valueOf": (x) => x.valueOf(),
  "the method toString": (x) => x.toString(),
  JSON: (x) => JSON.stringify({ x }),
  spread: (x) => [...(x as unknown as Iterable<number>)],
  Number: (x) => Number(x),
};

for (const [name, ask] of Object.entries(ASKS_FOR_VALUE))
  test(`asking for a value by ${name} is refused and offers where`, () => {
    const error = captureError(() =>
      trace(
        (x) => {
          ask(x);
          return x;
        },
        [f32(3)],
      ),
    );
    expect(error.diagnostics).toMatchObject([{ code: "value-dependent" }]);
    expect(error.diagnostics[0]?.span?.file).toMatch(/trace\.test\.ts$/);
    expect(error.diagnostics[0]?.help).toContain("where(condition, x, y)");
  });

test("a tensor is dead once its trace has ended, also when the function threw", () => {
  const kept: TracedTensor[] = [];
  trace((x) => x.exp(), [f32(3)]);
  trace(
    (x) => {
      kept.push(x);
      return x.exp();
    },
    [f32(3)],
    { name: "first" },
  );
  expect(() =>
    trace(
      (x) => {
        kept.push(x);
        throw new Error("user");
      },
      [f32(3)],
    ),
  ).toThrow("user");
  expect(kept).toHaveLength(2);
  for (const x of kept)
    expect(captureError(() => x.neg()).diagnostics).toMatchObject([
      { code: "wrong-argument", span: { length: "neg".length } },
    ]);
  expect(kept[0]?.shape).toEqual([3]);
});

test("tensors of two traces do not mix", () => {
  const error = captureError(() =>
    trace((x) => (trace((y) => x.add(y), [f32(3)], { name: "inner" }), x), [f32(3)], { name: "outer" }),
  );
  expect(error.diagnostics).toMatchObject([
    { code: "wrong-argument", message: "add mixes tensors of two traces, outer and inner" },
  ]);
  const leaked = captureError(() => trace((x) => (trace(() => x, [f32(3)], { name: "inner" }), x), [f32(3)]));
  expect(leaked.diagnostics[0]?.message).toBe("result result of inner belongs to another trace");
});

test("ops refuse what is no operand and need one tensor", () => {
  const message = (run: (x: TracedTensor) => TracedTensor): string =>
    captureError(() => trace(run, [f32(3)])).diagnostics[0]?.message ?? "";
  expect(message((x) => x.add(undefined as unknown as number))).toBe(
    "add is given a value of type undefined",
  );
  expect(message((x) => x.add([1] as unknown as number))).toBe("add is given an array");
  expect(message(() => functions.exp(1))).toBe("exp is called without a traced tensor");
  expect(message((x) => x.squeeze(0))).toBe("axis 0 of f32[3] has not length 1");
});

test("methods and functions of one name build the same graph", () => {
  // Another operand order; no method.
  const skipped = new Set(["where", "concat", "quotient", "fmod", "remainder"]);
  const binary = /^(add|sub|mul|div|pow|maximum|minimum|atan2|eq|ne|lt|le|gt|ge|and|or|xor)$/;
  const extra: Readonly<Record<string, readonly unknown[]>> = {
    cast: ["f32"],
    astype: ["i32"],
    reshape: [[6]],
    broadcastTo: [[4, 2, 3]],
    slice: [[1, { start: 1 }]],
    pad: [
      [0, 1],
      [1, 0],
    ],
    expandDims: [1],
    squeeze: [[]],
    iotaLike: [1],
  };
  const text = (run: (x: TracedTensor) => unknown): string =>
    printGraph(trace((x) => run(x) as TracedTensor, [f32(2, 3)], { name: "f" }).graph);
  let compared = 0;
  for (const [name, fn] of Object.entries(functions)) {
    if (skipped.has(name)) continue;
    const rest = extra[name] ?? (binary.test(name) ? [2] : []);
    const method = text((x) =>
      (Reflect.get(x, name) as (...args: readonly unknown[]) => unknown).apply(x, [...rest]),
    );
    const call = text((x) => (fn as (...args: readonly unknown[]) => unknown)(x, ...rest));
    expect(call, name).toBe(method);
    compared++;
  }
  expect(compared).toBeGreaterThan(60);
});

test("functions take numbers first, and where, concat and views mean what they say", () => {
  const { graph } = trace(
    (x, c) => ({
      rest: functions.sub(1, x),
      chosen: functions.where(c, x, 0),
      method: x.where(c, -1),
      joined: functions.concat([x, x.neg()], { axis: 0 }),
      column: x.expandDims(-1).squeeze(1),
      index: x.iotaLike(0, "f32"),
      tail: x.slice([{ start: -1 }]),
    }),
    [f32(2), bool(2)],
  );
  const results = interpretGraph(
    graph,
    new Map([
      ["x", [3, 5]],
      ["c", [1, 0]],
    ]),
  );
  const values = Object.fromEntries([...results].map(([name, { values: v }]) => [name, [...v]]));
  expect(values).toEqual({
    rest: [-2, -4],
    chosen: [3, 0],
    method: [3, -1],
    joined: [3, 5, -3, -5],
    column: [3, 5],
    index: [0, 1],
    tail: [5],
  });
});

test("a chain of 20,000 ops is traced without recursion", () => {
  const { graph } = trace(
    (x) => {
      let y = x;
      for (let i = 0; i < 20_000; i++) y = y.add(x);
      return y;
    },
    [f32(1)],
    { locate: false },
  );
  expect(graph.nodes).toHaveLength(20_001);
});

test("parameter names are read where the source is plain", () => {
  expect(readParameterNames("(x, w) => x")).toEqual(["x", "w"]);
  expect(readParameterNames("x => x")).toEqual(["x"]);
  expect(readParameterNames("function f(x, axis = g(1, 2), { a, b }, ...rest) {}")).toEqual([
    "x",
    "axis",
    undefined,
    undefined,
  ]);
  expect(readParameterNames("(x, s = 'a)') => x")).toEqual([]);
  expect(readParameterNames("function () { [native code] }")).toEqual([undefined]);
});
