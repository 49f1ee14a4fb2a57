import { expect, test } from "vitest";
import { TensorweftError } from "../../../src/diagnostics/diagnostic.ts";
import { defineBuiltin } from "../../../src/frontend/text/builtins.ts";
import {
  createTemplateTag,
  lowerFunction,
  parseTextFunction,
  weft,
  type TextFunction,
} from "../../../src/frontend/text/template.ts";
import { type TensorType } from "../../../src/ir/dtype.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";

const f32 = (...shape: number[]): TensorType => ({ dtype: "f32", shape });
function print(
  fn: TextFunction,
  types: readonly TensorType[] | Readonly<Record<string, TensorType>>,
): string {
  const { graph, diagnostics } = lowerFunction(fn, types);
  expect(diagnostics).toEqual([]);
  return graph === undefined ? "" : printGraph(graph).trimEnd();
}

test("a template is a function of untyped parameters", () => {
  const scale = weft`(x, w) => x * w`;
  expect(print(scale, [f32(2, 3), f32(1, 3)])).toBe(
    `func @weft(%x: f32[2,3], %w: f32[1,3]) -> (out: f32[2,3]) {
  %0 = broadcast %w : f32[2,3]
  %1 = mul %x, %0 : f32[2,3]
  return %1
}`,
  );
  expect(print(scale, { w: f32(2), x: f32(2) })).toContain("(%x: f32[2], %w: f32[2])");
});

test("a block body, defaults and several results", () => {
  const fn = weft`(x, eps=0.5) => {
    let y = x + eps
    (y, x)
  }`;
  expect(print(fn, [f32(2)])).toContain("-> (out0: f32[2], out1: f32[2])");
  expect(print(fn, [f32(2)])).toContain("const 0.5");
});

test("numbers are literals, whatever their value", () => {
  const text = print(weft`(x) => (x + ${-1.5}, x + ${Infinity}, x + ${NaN}, sum(x, axis=${-1}))`, [
    f32(2, 3),
  ]);
  expect(text.match(/const \S+/g)).toEqual(["const -1.5", "const inf", "const nan"]);
  expect(text).toContain("axes=[1]");
});

test("templates nest, each with its own interpolations", () => {
  const inner = weft`(x) => x * ${2.5}`;
  const outer = weft`(x) => ${inner}(x) + ${inner}(${0.25} * x)`;
  expect(print(outer, [f32(2)]).match(/const \S+/g)).toEqual(["const 2.5", "const 0.25", "const 2.5"]);
});

test("mistakes are thrown together when the template is written", () => {
  const write = (): TextFunction => weft`(x) => x + yy + sqr(x)`;
  expect(write).toThrow(TensorweftError);
  expect(write).toThrow(/<weft>:1:12: error\[unknown-name\]: unknown name yy\n(.|\n)*unknown function sqr/);
  expect(() => weft`(x => x`).toThrow(/expected "\)" but found "=>"/);
  expect(() => weft`(x) => x x`).toThrow(/expected the end but found "x"/);
  expect(() => weft``).toThrow(/but the input ends/);
});

test("what is neither a number nor a template is refused", () => {
  const text: unknown = "x; drop";
  expect(() => weft`(x) => x + ${text as number}`).toThrow(/neither a number nor a weft template/);
});

test("mistakes of types come with the instantiation", () => {
  const { graph, diagnostics } = lowerFunction(weft`(x, w) => x * w`, [f32(2), f32(3)]);
  expect(graph).toBeUndefined();
  expect(diagnostics.map(({ code }) => code)).toEqual(["shape-mismatch"]);
  expect(() => lowerFunction(weft`(x) => x`, [f32(2), f32(3)])).toThrow(/takes 1 tensor but 2 are given/);
});

test("a tag knows the functions that it was made with; text from elsewhere parses as well", () => {
  const builtins = new Map([
    ["twice", defineBuiltin({ x: "operand" }, (b, { x }, span) => b.map("add", [x, x], span))],
  ]);
  const tag = createTemplateTag({ builtins, name: "norms" });
  expect(print(tag`(x) => twice(x)`, [f32(2)])).toContain("func @norms(");
  expect(print(parseTextFunction("(x) => twice(x)", { builtins }), [f32(2)])).toContain("add %x, %x");
});
