import { describe, expect, test } from "vitest";
import { CompilerBug } from "../../src/diagnostics/diagnostic.ts";
import { interpretKernel } from "../../src/ir/interpret-kernel.ts";
import { parseKernel } from "../../src/ir/parse-kernel.ts";

const BINDINGS = `binding %x: f32[8] width=1 read
  binding %y: f32[8] width=1 read_write
  binding %n: i32[8] width=1 read_write
  binding %h: f16[8] width=4 read_write
  shared %tile: f32[8]`;

function run(body: string, grid = "size=4 count=2 grid=[2,1,1]"): ReadonlyMap<string, Float64Array> {
  const buffers = new Map([["x", Float64Array.from({ length: 8 }, (_, i) => i + 1)]]);
  interpretKernel(parseKernel(`kernel @k ${grid} { ${BINDINGS}\n${body} }`), buffers);
  return buffers;
}
const valuesOf = (body: string, name = "y"): readonly number[] => [...(run(body).get(name) ?? [])];

describe("statements", () => {
  const at = "((workgroup * 4) + lane)";

  test("load, op, store", () => {
    expect(valuesOf(`load %v: f32 = %x[${at}] store %y[${at}] = mul(%v, %v)`)).toEqual([
      1, 4, 9, 16, 25, 36, 49, 64,
    ]);
  });

  test("loops, vars and masks", () => {
    const body = `var %sum = f32(0)
      for %k in 3 { if lt((%k + lane), 3) { %sum = add(%sum, cast.f32((%k + 1))) } }
      store %y[${at}] = %sum`;
    expect(valuesOf(body)).toEqual([6, 3, 1, 0, 6, 3, 1, 0]);
  });

  test("registers", () => {
    const body = `registers %r: f32[2]
      for %k in 2 unroll { %r[%k] = cast.f32((lane + %k)) }
      store %y[${at}] = sub(%r[1], %r[0])`;
    expect(valuesOf(body)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  });

  test("delinearize", () => {
    const body = `delinearize %a=2, %b=2 from lane store %y[${at}] = cast.f32(((%a * 10) + %b))`;
    expect(valuesOf(body)).toEqual([0, 1, 10, 11, 0, 1, 10, 11]);
  });

  test("workgroup memory", () => {
    const body = `load %v: f32 = %x[${at}] shared.store %tile[lane] = %v barrier
      shared.load %w = %tile[(3 - lane)] store %y[${at}] = %w`;
    expect(valuesOf(body)).toEqual([4, 3, 2, 1, 8, 7, 6, 5]);
  });

  test.each([
    ["inner", [3, 3, 7, 7, 11, 11, 15, 15]],
    ["outer", [4, 6, 4, 6, 12, 14, 12, 14]],
  ])("group reduction, %s", (order, expected) => {
    const body = `load %v: f32 = %x[${at}] group.reduce lanes=2 ${order} tree (%s = sum %v) store %y[${at}] = %s`;
    expect(valuesOf(body)).toEqual(expected);
  });

  test("integers wrap, results round to the dtype of their binding", () => {
    expect(valuesOf(`store %n[${at}] = add(i32(2147483647), i32(1))`, "n")[0]).toBe(-2147483648);
    expect(valuesOf(`store %y[${at}] = f32(0.1)`)[0]).toBe(Math.fround(0.1));
    const vector = "vector.f32x4(f32(0.1), f32(65520), f32(1), cast.f32((0 - 1)))";
    expect(valuesOf(`store %h[(workgroup * 4)] = ${vector}`, "h").slice(0, 4)).toEqual([
      0.0999755859375,
      Infinity,
      1,
      Infinity,
    ]);
  });
});

describe("what a GPU leaves undefined is a bug", () => {
  test.each([
    ["load %v: f32 = %x[(workgroup + 7)]", "x[8] is past its 8 elements (workgroup 1, lane 0)"],
    ["store %h[lane] = f32x4(0)", "h[1] is not aligned to width 4"],
    ["store %y[0] = cast.f32(lane)", "y[0] = 1, and invocation 0 stored 0"],
    [
      "store %y[lane] = cast.f32(lane) load %v: f32 = %y[(lane / 2)]",
      "y[0] is read and was written by invocation 0 (workgroup 0, lane 1)",
    ],
    [
      "shared.store %tile[lane] = f32(1) shared.load %v = %tile[0]",
      "race: tile[0] is read without a barrier after lane 0 wrote it",
    ],
    [
      "shared.load %v = %tile[0] shared.store %tile[lane] = f32(1)",
      "race: tile[0] is written without a barrier after it was read",
    ],
    [
      "shared.store %tile[(lane / 2)] = f32(1)",
      "race: tile[0] is written without a barrier after it was written",
    ],
    ["if lt(lane, 2) { barrier }", "some lanes miss a barrier"],
    [
      "if lt(lane, 2) { group.reduce lanes=2 inner tree (%s = sum f32(1)) }",
      "some lanes miss a group reduction",
    ],
    ["registers %r: f32[2] store %y[lane] = %r[1]", "register r[1] is read before it is set"],
    ["registers %r: f32[2] %r[lane] = f32(1) %r[(lane + 2)] = f32(1)", "register 2 does not exist"],
    ["delinearize %a=2, %b=1 from lane", "2 is split into a, b of 2 x 1"],
  ])("%s", (body, message) => {
    expect(() => run(body)).toThrow(CompilerBug);
    expect(() => run(body)).toThrow(message);
  });

  test("a buffer of the wrong length", () => {
    const kernel = parseKernel(`kernel @k size=1 count=1 grid=[1,1,1] { ${BINDINGS} }`);
    expect(() => {
      interpretKernel(kernel, new Map([["x", new Float64Array(7)]]));
    }).toThrow("x: 7 values, 8 elements");
  });
});
