import { describe, expect, test } from "vitest";
import type { Span } from "../../src/diagnostics/diagnostic.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Operand, Value } from "../../src/ir/graph-builder.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";

/** The body and result line of the graph that `build` makes, verified. */
function textOf(build: (b: GraphBuilder) => Operand): readonly string[] {
  const b = createGraphBuilder("f");
  const graph = b.finish([{ name: "y", value: build(b) }]);
  expect(verifyGraph(graph)).toEqual([]);
  const lines = printGraph(graph).trimEnd().split("\n");
  return lines.slice(1, -1).map((line) => line.trim());
}

const f32 = (b: GraphBuilder, name: string, ...shape: readonly number[]): Value =>
  b.param(name, { dtype: "f32", shape });
const ofType = (b: GraphBuilder, dtype: DType, name = "x"): Value => b.param(name, { dtype, shape: [4] });

/** The dtype that an op gives on operands; a dtype stands for a tensor of it. */
function dtypeOf(
  fn: Parameters<GraphBuilder["map"]>[0],
  ...args: readonly (DType | number | boolean)[]
): DType {
  const b = createGraphBuilder("f");
  const operands = args.map((arg, i) => (typeof arg === "string" ? ofType(b, arg, `x${String(i)}`) : arg));
  const value = b.map(fn, operands);
  expect(verifyGraph(b.finish([{ name: "y", value }]))).toEqual([]);
  return value.type.dtype;
}

describe("promotion", () => {
  test.each<readonly [DType, DType, DType]>([
    ["bool", "bool", "i32"],
    ["bool", "i32", "i32"],
    ["bool", "u32", "u32"],
    ["bool", "f16", "f16"],
    ["i32", "u32", "i32"],
    ["i32", "f16", "f16"],
    ["u32", "bf16", "bf16"],
    ["i32", "f32", "f32"],
    ["f16", "bf16", "f32"],
    ["f16", "f32", "f32"],
    ["bf16", "bf16", "bf16"],
  ])("%s + %s is %s, either way round", (a, b, sum) => {
    expect([dtypeOf("add", a, b), dtypeOf("add", b, a)]).toEqual([sum, sum]);
  });

  test.each<readonly [DType, number | boolean, DType]>([
    ["f16", 1.5, "f16"],
    ["f16", 2, "f16"],
    ["f16", true, "f16"],
    ["i32", 1.5, "f32"],
    ["i32", 2, "i32"],
    ["i32", 1e30, "f32"],
    ["i32", 3e9, "f32"],
    ["u32", 3e9, "u32"],
    ["u32", -0.5, "f32"],
    ["bool", 1, "i32"],
    ["bool", 0.5, "f32"],
    ["f32", Number.NaN, "f32"],
    ["i32", Number.POSITIVE_INFINITY, "f32"],
  ])("%s * literal %s is %s", (dtype, literal, product) => {
    expect([dtypeOf("mul", dtype, literal), dtypeOf("mul", literal, dtype)]).toEqual([product, product]);
  });

  test("ops keep, lift or answer by their class", () => {
    expect(dtypeOf("div", "i32", "i32")).toBe("f32");
    expect(dtypeOf("div", "f16", 3)).toBe("f16");
    expect(dtypeOf("sqrt", "u32")).toBe("f32");
    expect(dtypeOf("exp", "bf16")).toBe("bf16");
    expect(dtypeOf("neg", "bool")).toBe("i32");
    expect(dtypeOf("abs", "u32")).toBe("u32");
    expect(dtypeOf("lt", "i32", "f32")).toBe("bool");
    expect(dtypeOf("lt", "bool", "bool")).toBe("bool");
    expect(dtypeOf("xor", "f32", "i32")).toBe("bool");
    expect(dtypeOf("max", "bool", "bool")).toBe("i32");
    expect(dtypeOf("where", "f32", "f16", 0)).toBe("f16");
    expect(dtypeOf("where", "bool", "i32", 0.5)).toBe("f32");
    expect(dtypeOf("atan2", 1, "i32")).toBe("f32");
  });

  test("weak values stay weak among themselves and give way to tensors", () => {
    expect(
      textOf((b) => {
        const eps = b.scalar("eps");
        const twice = b.map("mul", [eps, 2]);
        expect([twice.weak, twice.type.dtype]).toEqual([true, "f32"]);
        return b.map("add", [b.param("h", { dtype: "f16", shape: [] }), twice]);
      }),
    ).toEqual([
      "%0 = const 2 : f32[]",
      "%1 = mul %eps, %0 : f32[]",
      "%2 = cast %1 : f16[]",
      "%3 = add %h, %2 : f16[]",
      "return %3",
    ]);
  });

  test("a cast makes a value strong, and a second one to its dtype is no node", () => {
    expect(
      textOf((b) => {
        const one = b.cast(b.cast(b.scalar("s"), "f32"), "f32");
        expect(one.weak).toBe(false);
        return b.map("add", [b.param("h", { dtype: "f16", shape: [] }), one]);
      }),
    ).toEqual(["%0 = cast %h : f32[]", "%1 = add %0, %s : f32[]", "return %1"]);
  });
});

describe("elementwise ops", () => {
  test("literals are constants of the dtype and shape at hand", () => {
    expect(textOf((b) => b.map("mul", [f32(b, "x", 2, 3), 2]))).toEqual([
      "%0 = const 2 : f32[2,3]",
      "%1 = mul %x, %0 : f32[2,3]",
      "return %1",
    ]);
  });

  test("constants keep their own dtype when it was asked for", () => {
    expect(textOf((b) => b.map("add", [ofType(b, "f16"), b.constant(2, "f32")]))).toEqual([
      "%0 = cast %x : f32[4]",
      "%1 = const 2 : f32[4]",
      "%2 = add %0, %1 : f32[4]",
      "return %2",
    ]);
    expect(textOf((b) => b.map("add", [ofType(b, "f16"), b.constant(2)]))).toEqual([
      "%0 = const 2 : f16[4]",
      "%1 = add %x, %0 : f16[4]",
      "return %1",
    ]);
  });

  test("broadcasting casts first, then adds dimensions, then repeats", () => {
    expect(
      textOf((b) => b.map("add", [f32(b, "x", 2, 3), b.param("n", { dtype: "i32", shape: [3] })])),
    ).toEqual([
      "%0 = cast %n : f32[3]",
      "%1 = reshape %0 : f32[1,3]",
      "%2 = broadcast %1 : f32[2,3]",
      "%3 = add %x, %2 : f32[2,3]",
      "return %3",
    ]);
  });

  test("both operands and empty dimensions broadcast", () => {
    const b = createGraphBuilder("f");
    expect(b.map("add", [f32(b, "p", 4, 1), f32(b, "q", 3)]).type.shape).toEqual([4, 3]);
    expect(b.map("add", [f32(b, "r", 0, 3), f32(b, "s", 1, 1)]).type.shape).toEqual([0, 3]);
    expect(b.map("where", [true, f32(b, "t", 2, 1), f32(b, "u", 1, 5)]).type.shape).toEqual([2, 5]);
  });

  test.each(["floor", "ceil", "round", "trunc"] as const)("%s of integers is no node", (fn) => {
    expect(textOf((b) => b.map(fn, [ofType(b, "i32")]))).toEqual(["return %x"]);
    expect(textOf((b) => b.map(fn, [ofType(b, "bool")]))).toEqual(["%0 = cast %x : i32[4]", "return %0"]);
    expect(textOf((b) => b.map(fn, [ofType(b, "f32")]))).toEqual([`%0 = ${fn} %x : f32[4]`, "return %0"]);
  });

  test("integers are finite", () => {
    expect(textOf((b) => b.map("isnan", [ofType(b, "i32")]))).toEqual([
      "%0 = const 0 : bool[4]",
      "return %0",
    ]);
    expect(textOf((b) => b.map("isinf", [ofType(b, "u32")]))).toEqual([
      "%0 = const 0 : bool[4]",
      "return %0",
    ]);
    expect(textOf((b) => b.map("isfinite", [ofType(b, "bool")]))).toEqual([
      "%0 = const 1 : bool[4]",
      "return %0",
    ]);
  });

  test("integer powers with a constant exponent are products", () => {
    expect(textOf((b) => b.map("pow", [ofType(b, "i32"), 5]))).toEqual([
      "%0 = mul %x, %x : i32[4]",
      "%1 = mul %0, %0 : i32[4]",
      "%2 = mul %x, %1 : i32[4]",
      "return %2",
    ]);
    expect(textOf((b) => b.map("pow", [ofType(b, "i32"), 1]))).toEqual(["return %x"]);
    expect(textOf((b) => b.map("pow", [ofType(b, "u32"), 0]))).toEqual([
      "%0 = const 1 : u32[4]",
      "return %0",
    ]);
    expect(dtypeOf("pow", "i32", -1)).toBe("f32");
    expect(dtypeOf("pow", "i32", "i32")).toBe("f32");
    expect(dtypeOf("pow", "f16", 2)).toBe("f16");
  });
});

describe("reductions", () => {
  test("axes count from the end, are sorted, and go unless they are kept", () => {
    expect(textOf((b) => b.reduce("sum", f32(b, "x", 2, 3, 4), { axis: [-1, 0] }))).toEqual([
      "%0 = reduce.sum %x axes=[0,2] : f32[1,3,1]",
      "%1 = reshape %0 : f32[3]",
      "return %1",
    ]);
    expect(textOf((b) => b.reduce("max", f32(b, "x", 2, 3), { keepdims: true }))).toEqual([
      "%0 = reduce.max %x axes=[0,1] : f32[1,1]",
      "return %0",
    ]);
  });

  test("no axis is no reduction", () => {
    expect(textOf((b) => b.reduce("sum", f32(b, "x", 2), { axis: [] }))).toEqual(["return %x"]);
    expect(textOf((b) => b.reduce("max", f32(b, "x")))).toEqual(["return %x"]);
    expect(textOf((b) => b.mean(f32(b, "x")))).toEqual(["return %x"]);
  });

  test("dtypes: sums of bool count, any and all take anything, means are floats", () => {
    const b = createGraphBuilder("f");
    const dtypes = (["bool", "i32", "u32", "f16", "f32"] as const).map((dtype) => {
      const x = ofType(b, dtype, dtype);
      return [b.reduce("sum", x), b.reduce("max", x), b.reduce("any", x), b.mean(x)].map((v) => v.type.dtype);
    });
    expect(dtypes).toEqual([
      ["i32", "i32", "bool", "f32"],
      ["i32", "i32", "bool", "f32"],
      ["u32", "u32", "bool", "f32"],
      ["f16", "f16", "bool", "f16"],
      ["f32", "f32", "bool", "f32"],
    ]);
  });

  test("mean divides by a count that f16 could not hold", () => {
    expect(
      textOf((b) => b.mean(b.param("x", { dtype: "f16", shape: [100003] }), { keepdims: true })),
    ).toEqual([
      "%0 = reduce.sum %x axes=[0] : f16[1]",
      "%1 = const 100003 : f16[1]",
      "%2 = div %0, %1 : f16[1]",
      "return %2",
    ]);
  });

  test("zero elements: sums are 0, means are nan", () => {
    expect(textOf((b) => b.mean(f32(b, "x", 0, 3), { axis: 0 }))).toEqual([
      "%0 = const nan : f32[3]",
      "return %0",
    ]);
    expect(textOf((b) => b.reduce("sum", f32(b, "x", 0, 3), { axis: 0, keepdims: true }))).toEqual([
      "%0 = reduce.sum %x axes=[0] : f32[1,3]",
      "return %0",
    ]);
    expect(textOf((b) => b.reduce("max", f32(b, "x", 0, 3), { axis: 1, keepdims: true }))).toEqual([
      "%0 = reduce.max %x axes=[1] : f32[0,1]",
      "return %0",
    ]);
  });
});

describe("views", () => {
  test("views that change nothing are no nodes", () => {
    const unchanged: readonly ((b: GraphBuilder, x: Value) => Value)[] = [
      (b, x) => b.reshape(x, [2, -1]),
      (b, x) => b.transpose(x, [0, -1]),
      (b, x) => b.broadcastTo(x, [2, 3]),
      (b, x) => b.slice(x, [{}, { start: -9, stop: 9 }]),
      (b, x) => b.pad(x, [0, 0], [0, 0]),
      (b, x) => b.concat([x], 0),
      (b, x) => b.cast(x, "f32"),
    ];
    for (const view of unchanged) expect(textOf((b) => view(b, f32(b, "x", 2, 3)))).toEqual(["return %x"]);
  });

  test("each view in its node", () => {
    expect(textOf((b) => b.transpose(b.reshape(f32(b, "x", 2, 6), [3, -1, 2])))).toEqual([
      "%0 = reshape %x : f32[3,2,2]",
      "%1 = transpose %0 perm=[2,1,0] : f32[2,2,3]",
      "return %1",
    ]);
    expect(textOf((b) => b.pad(f32(b, "x", 2, 3), [0, 1], [2, 0], Number.NEGATIVE_INFINITY))).toEqual([
      "%0 = pad %x low=[0,1] high=[2,0] value=-inf : f32[4,4]",
      "return %0",
    ]);
    expect(
      textOf((b) => b.concat([f32(b, "x", 2, 3), b.param("n", { dtype: "i32", shape: [2, 1] })], -1)),
    ).toEqual(["%0 = cast %n : f32[2,1]", "%1 = concat %x, %0 axis=1 : f32[2,4]", "return %1"]);
    expect(textOf((b) => b.broadcastTo(2, [2, 3]))).toEqual(["%0 = const 2 : i32[2,3]", "return %0"]);
    expect(textOf((b) => b.iota([2, 3], -1, "f32"))).toEqual(["%0 = iota axis=1 : f32[2,3]", "return %0"]);
  });

  // What Python gives for list(range(10))[start:stop:step].
  test.each([
    [{}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [{ start: 2, stop: -2 }, [2, 3, 4, 5, 6, 7]],
    [{ start: -3 }, [7, 8, 9]],
    [{ stop: -20 }, []],
    [{ start: 8, stop: 2 }, []],
    [{ start: 1, step: 4 }, [1, 5, 9]],
    [{ start: 1, stop: 9, step: 4 }, [1, 5]],
    [{ start: -100, stop: 100, step: 100 }, [0]],
    [{ start: 10 }, []],
  ])("slice %o of ten picks %j", (range, picked) => {
    const b = createGraphBuilder("f");
    const y = b.slice(f32(b, "x", 10), [range]);
    const graph = b.finish([{ name: "y", value: y }]);
    expect(verifyGraph(graph)).toEqual([]);
    const node = graph.nodes[y.id];
    const [start, step] = node?.op === "slice" ? [node.start[0] ?? -1, node.step[0] ?? -1] : [0, 1];
    expect(Array.from({ length: y.type.shape[0] ?? -1 }, (_, i) => start + i * step)).toEqual(picked);
  });

  test("a number picks one position and drops its dimension", () => {
    expect(textOf((b) => b.slice(f32(b, "x", 4, 5, 6), [-1, { start: 1, step: 2 }]))).toEqual([
      "%0 = slice %x start=[3,1,0] step=[1,2,1] : f32[1,2,6]",
      "%1 = reshape %0 : f32[2,6]",
      "return %1",
    ]);
  });
});

describe("finish", () => {
  test("inputs come first in the order of their declaration, used or not; orphans go", () => {
    const b = createGraphBuilder("f");
    const x = f32(b, "x", 4);
    const y = b.map("neg", [x]);
    b.map("exp", [x]);
    f32(b, "unused", 1);
    const s = b.scalar("s", { dtype: "i32", default: 3 });
    const graph = b.finish([
      { name: "y", value: b.map("mul", [y, s]) },
      { name: "two", value: 2 },
    ]);
    expect(verifyGraph(graph)).toEqual([]);
    expect(printGraph(graph)).toBe(
      [
        "func @f(%x: f32[4], %unused: f32[1], scalar %s: i32 = 3) -> (y: f32[4], two: i32[]) {",
        "  %0 = neg %x : f32[4]",
        "  %1 = cast %s : f32[]",
        "  %2 = reshape %1 : f32[1]",
        "  %3 = broadcast %2 : f32[4]",
        "  %4 = mul %0, %3 : f32[4]",
        "  %5 = const 2 : i32[]",
        "  return %4, %5",
        "}",
        "",
      ].join("\n"),
    );
  });

  test("every node made by a call carries its span", () => {
    const span: Span = { file: "norms.t", line: 3, column: 10, length: 5 };
    const b = createGraphBuilder("f");
    const x = b.param("x", { dtype: "f16", shape: [2, 3] }, span);
    const n = b.param("n", { dtype: "i32", shape: [3] }, span);
    const s = b.scalar("s", {}, span);
    const parts = [
      b.map("add", [b.map("mul", [x, n], span), s], span),
      b.map("pow", [n, 5], span),
      b.mean(n, {}, span),
      b.reduce("any", x, { axis: 0 }, span),
      b.reshape(b.slice(x, [0, { start: 1 }], span), [1, 2], span),
      b.pad(b.transpose(x, undefined, span), [1, 1], [0, 0], 0, span),
      b.concat([x, b.broadcastTo(1.5, [1, 3], span)], 0, span),
      b.cast(b.iota([2], 0, "i32", span), "bool", span),
      b.constant(1, "f32", [2], span),
    ];
    const graph = b.finish(parts.map((value, i) => ({ name: `y${String(i)}`, value })));
    expect(verifyGraph(graph)).toEqual([]);
    expect(graph.nodes.length).toBeGreaterThan(30);
    expect(graph.nodes.filter((node) => node.span !== span)).toEqual([]);
  });

  test("a chain of 20,000 ops grows by two nodes an op", () => {
    const b = createGraphBuilder("chain");
    let x = f32(b, "x", 4);
    for (let i = 0; i < 20_000; i++) x = b.map("add", [x, 1]);
    const graph = b.finish([{ name: "y", value: x }]);
    expect(graph.nodes.length).toBe(40_001);
    expect(verifyGraph(graph)).toEqual([]);
  });
});
