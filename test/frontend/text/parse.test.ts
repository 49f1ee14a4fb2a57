import { describe, expect, test } from "vitest";
import { type Declaration, type Expr } from "../../../src/frontend/text/ast.ts";
import { checkModule } from "../../../src/frontend/text/check.ts";
import { listKernels } from "../../../src/frontend/text/list-kernels.ts";
import { lowerKernel } from "../../../src/frontend/text/lower-kernel.ts";
import { parseModule } from "../../../src/frontend/text/parse.ts";

function parseAll(source: string): readonly Declaration[] {
  const { module, diagnostics } = parseModule(source, "a.weft");
  expect(diagnostics).toEqual([]);
  return module?.declarations ?? [];
}

/** An expression with all its brackets. */
function show(expr: Expr | undefined): string {
  switch (expr?.kind) {
    case "number":
    case "boolean":
      return String(expr.value);
    case "name":
      return expr.text;
    case "unary":
      return `(${expr.op} ${show(expr.operand)})`;
    case "power":
      return `(${show(expr.base)} ** ${show(expr.exponent)})`;
    case "chain":
      return `(${show(expr.first)}${expr.rest.map(({ op, operand }) => ` ${op} ${show(operand)}`).join("")})`;
    case "call":
      return `${expr.callee.text}(${expr.args.map((a) => (a.name === undefined ? "" : `${a.name.text}=`) + show(a.value)).join(", ")})`;
    case "tuple":
      return `<${expr.items.map(show).join(", ")}>`;
    case "list":
      return `[${expr.items.map(show).join(", ")}]`;
    default:
      return expr?.kind ?? "nothing";
  }
}
const showBody = (text: string): string => show(parseAll(`fn f(a, b, c) = ${text}`)[0]?.body.result);

describe("precedence is Python's", () => {
  test.each([
    ["a + b * c", "(a add (b mul c))"],
    ["a - b + c", "(a sub b add c)"],
    ["(a - b) + c", "((a sub b) add c)"],
    ["a - (b + c)", "(a sub (b add c))"],
    ["-a ** 2", "(neg (a ** 2))"],
    ["a ** -b", "(a ** (neg b))"],
    ["a ** b ** c", "(a ** (b ** c))"],
    ["a ** -b ** c * 2", "((a ** (neg (b ** c))) mul 2)"],
    ["-a * b", "((neg a) mul b)"],
    ["not a == b", "(not (a eq b))"],
    ["not a and b or c", "(((not a) and b) or c)"],
    ["a < b and b < c", "((a lt b) and (b lt c))"],
    ["a + 1 <= b * 2", "((a add 1) le (b mul 2))"],
    ["- - a", "(neg (neg a))"],
    ["f(a, axis=-1)[0] ** 2", "(index ** 2)"],
  ])("%s", (source, expected) => {
    expect(showBody(source)).toBe(expected);
  });
});

describe("line breaks", () => {
  test("a tuple on a new line is no call of what stands above", () => {
    const [fn] = parseAll("fn f(a, b) {\n  let c = a\n  (b, c)\n}");
    expect(show(fn?.body.lets[0]?.value)).toBe("a");
    expect(show(fn?.body.result)).toBe("<b, c>");
  });
  test("a list on a new line is no index", () => {
    const [fn] = parseAll("fn f(a) {\n  let c = a[0]\n  [c]\n}");
    expect(show(fn?.body.result)).toBe("[c]");
  });
  test("an operator at the start of a line goes on", () => {
    const [fn] = parseAll("fn f(a, b) {\n  let c = a\n    - b\n  c\n}");
    expect(show(fn?.body.lets[0]?.value)).toBe("(a sub b)");
  });
  test("trailing commas and semicolons are welcome", () => {
    const [fn] = parseAll("fn f(\n  a,\n  b,\n) {\n  let c = g(a, b,);\n  (c, a,)\n}");
    expect(show(fn?.body.result)).toBe("<c, a>");
  });
});

test("keywords are whole words", () => {
  expect(showBody("notx + order + android + lets + truth + fnord")).toBe(
    "(notx add order add android add lets add truth add fnord)",
  );
});

test("spans count lines and columns from 1, tabs and carriage returns included", () => {
  const { module } = parseModule("fn f(a) =\r\n\ta + a\rfn g(b) = b", "a.weft");
  expect(module?.declarations[0]?.body.result.span).toEqual({
    file: "a.weft",
    line: 2,
    column: 2,
    length: 5,
  });
  expect(module?.declarations[1]?.name.span).toEqual({ file: "a.weft", line: 3, column: 4, length: 1 });
});

test("the tree is plain data", () => {
  const { module } = parseModule(
    "kernel k(x: f32[..., D], e: f32 = -1) -> f32[..., 1] = sum(x[:, 1:-1], axis=[0]) ** 2",
    "a",
  );
  expect(structuredClone(module)).toEqual(module);
});

test("what parses is kept when something else does not", () => {
  const { module, diagnostics } = parseModule(
    "fn a(x) = )\nfn b(x) = x * 2\nkernel c(x: f32[4] = \nkernel d(x: f32[4]) = b(x)",
    "a",
  );
  expect(diagnostics.map(({ span }) => span?.line)).toEqual([1, 4]);
  expect(module?.declarations.map(({ name }) => name.text)).toContain("b");
  expect(
    module === undefined ? [] : checkModule(module).filter(({ code }) => code === "unknown-name"),
  ).toEqual([]);
});

test("kernels are listed without shapes", () => {
  const { module } = parseModule(
    "fn f(x) = x\nkernel k(x: f32[..., D], w: [2 * D, 3], y, eps: f32 = -1e-7, b: bool = true, n: i32 = 2 * 3) -> (mu: f32[..., 1], r, f32) = x",
    "a",
  );
  const tensor = { kind: "tensor", default: undefined, hasDefault: false } as const;
  const scalar = { kind: "scalar", dims: undefined, hasDefault: true } as const;
  expect(module === undefined ? [] : listKernels(module)).toEqual([
    {
      name: "k",
      params: [
        { ...tensor, name: "x", dtype: "f32", dims: ["...", "D"] },
        { ...tensor, name: "w", dtype: undefined, dims: ["2 * D", 3] },
        { ...tensor, name: "y", dtype: undefined, dims: undefined },
        { ...scalar, name: "eps", dtype: "f32", default: -1e-7 },
        { ...scalar, name: "b", dtype: "bool", default: true },
        { ...scalar, name: "n", dtype: "i32", default: undefined },
      ],
      results: [
        { name: "mu", dtype: "f32", dims: ["...", 1] },
        { name: "r", dtype: undefined, dims: undefined },
        { name: undefined, dtype: "f32", dims: [] },
      ],
    },
  ]);
});

describe("size", () => {
  test("a sum of 100,000 terms becomes 100,000 nodes", () => {
    const { module, diagnostics } = parseModule(`kernel k(x: f32[4]) = x${"+x".repeat(99_999)}`, "a");
    expect(diagnostics).toEqual([]);
    const lowered = module && lowerKernel(module, "k", {});
    expect(lowered?.diagnostics).toEqual([]);
    expect(lowered?.graph?.nodes.length).toBe(100_000);
  });
  test("20,000 lets, one after the other", () => {
    const lets = Array.from(
      { length: 20_000 },
      (_, i) => `let y${String(i)} = ${i === 0 ? "x" : `y${String(i - 1)}`} * 2`,
    );
    const { module } = parseModule(`kernel k(x: f32[4]) {\n${lets.join("\n")}\ny19999\n}`, "a");
    const lowered = module && lowerKernel(module, "k", {});
    expect(lowered?.diagnostics).toEqual([]);
    expect(lowered?.graph?.nodes.length).toBeGreaterThan(20_000);
  });
  test("a chain of 20,000 functions is checked without running out of stack", () => {
    const functions = Array.from(
      { length: 20_000 },
      (_, i) => `fn g${String(i)}(x) = g${String((i + 1) % 20_000)}(x)`,
    );
    const { module } = parseModule(functions.join("\n"), "a");
    expect((module === undefined ? [] : checkModule(module)).map(({ code }) => code)).toEqual(["recursion"]);
  });
  test.each([
    ["brackets", `${"(".repeat(100_000)}x${")".repeat(100_000)}`],
    ["open brackets", "[".repeat(100_000)],
    ["mixed brackets", "f([(".repeat(10_000)],
    ["signs", `${"-".repeat(20_000)}x`],
    ["negations", `${"not ".repeat(20_000)}x`],
    ["powers", `x${"**x".repeat(20_000)}`],
    ["indices", `x${"[0]".repeat(20_000)}`],
    ["signs in brackets", `${`${"-".repeat(200)}(`.repeat(120)}x${")".repeat(120)}`],
  ])("%s that nest too deeply are refused, once", (_, text) => {
    const { diagnostics } = parseModule(`fn f(x) = ${text}`, "a");
    expect(diagnostics.filter(({ code }) => code === "nesting-too-deep").length).toBe(1);
  });
  test("what nests as deeply as allowed is checked and instantiated", () => {
    const { module, diagnostics } = parseModule(
      `kernel k(x: f32[4]) = ${"-(".repeat(127)}x${")".repeat(127)}`,
      "a",
    );
    expect(diagnostics).toEqual([]);
    expect((module && lowerKernel(module, "k", {}))?.graph?.nodes.length).toBe(128);
  });
});
