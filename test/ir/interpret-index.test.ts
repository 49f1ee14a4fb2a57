import { expect, test } from "vitest";
import { CompilerBug } from "../../src/diagnostics/diagnostic.ts";
import { interpretIndexProgram } from "../../src/ir/interpret-index.ts";
import { parseIndexProgram } from "../../src/ir/parse-index.ts";

/** Runs statements over x = [[1,2,3],[4,5,6]] and y = [10,20]; gives what is stored to out0. */
function run(
  shape: string,
  lines: readonly string[],
  inputs: Readonly<Record<string, readonly number[] | number>> = {},
): number[] {
  const text = `index f {
    axes i=2 j=3 k=4
    scalar s: f32 = 0.5
    input x: f32[2,3]
    input y: f32[2]
    input n: i32[2]
    output out0: ${shape}
    ${lines.join("\n")}
  }`;
  const all = { x: [1, 2, 3, 4, 5, 6], y: [10, 20], n: [2147483647, -7], ...inputs };
  return [
    ...(interpretIndexProgram(parseIndexProgram(text), new Map(Object.entries(all))).get("out0") ?? []),
  ];
}

test("a store writes through its index", () => {
  expect(run("f32[3,2]", ["t1[i,j]: f32 = x[3*i + j] * y[i]", "store t1 -> out0[2*j + i]"])).toEqual([
    10, 80, 20, 100, 30, 120,
  ]);
});

test("reductions run over all points of their axes", () => {
  const reduced = (fn: string): number[] =>
    run("f32[2]", [`t1[i]: f32 = ${fn}(j) x[3*i + j]`, "store t1 -> out0[i]"]);
  expect(reduced("sum")).toEqual([6, 15]);
  expect(reduced("prod")).toEqual([6, 120]);
  expect(reduced("max")).toEqual([3, 6]);
  expect(reduced("min")).toEqual([1, 4]);
  expect(run("f32[1]", ["t1[]: f32 = sum(i,j) x[3*i + j]", "store t1 -> out0[0]"])).toEqual([21]);
  expect(run("f32[1]", ["t1[]: f32 = sum() x[4]", "store t1 -> out0[0]"])).toEqual([5]);
});

test("sums do not lose what is small", () => {
  const x = [1e16, 1, -1e16, 1, 1, 1];
  expect(run("f32[2]", ["t1[i]: f32 = sum(j) x[3*i + j]", "store t1 -> out0[i]"], { x })).toEqual([1, 3]);
});

test("an infinite sum stays infinite, one with nan is nan", () => {
  const x = [Infinity, 1, 2, Infinity, NaN, 1];
  expect(run("f32[2]", ["t1[i]: f32 = sum(j) x[3*i + j]", "store t1 -> out0[i]"], { x })).toEqual([
    Infinity,
    NaN,
  ]);
});

test("values are read at one index per axis", () => {
  expect(
    run("f32[2,3]", [
      "t1[j,i]: f32 = x[3*i + j]",
      "t2[i,j]: f32 = t1[((j + 1) mod 3), i]",
      "store t2 -> out0[3*i + j]",
    ]),
  ).toEqual([2, 3, 1, 5, 6, 4]);
});

test("quotients round down, remainders are those of the index", () => {
  expect(
    run("f32[4]", ["t1[k]: f32 = f32:index(10*((2*k + 1) / 3) + ((2*k + 1) mod 3))", "store t1 -> out0[k]"]),
  ).toEqual([1, 10, 12, 21]);
});

test("a guard reads only the side that it takes", () => {
  expect(
    run("f32[4]", ["t1[k]: f32 = guard([k in 1:3], x[3*k + -3] else f32:-1)", "store t1 -> out0[k]"]),
  ).toEqual([-1, 1, 4, -1]);
});

test("integers wrap, scalars have defaults, results are rounded", () => {
  expect(run("i32[2]", ["t1[i]: i32 = n[i] + i32:1", "store t1 -> out0[i]"])).toEqual([-2147483648, -6]);
  expect(run("f32[2]", ["t1[i]: f32 = y[i] * s", "store t1 -> out0[i]"])).toEqual([5, 10]);
  expect(run("f32[2]", ["t1[i]: f32 = y[i] * s", "store t1 -> out0[i]"], { s: 2 })).toEqual([20, 40]);
  expect(run("f16[2]", ["t1[i]: f32 = y[i] / f32:3", "store t1 -> out0[i]"])).toEqual([
    3.333984375, 6.66796875,
  ]);
  expect(run("f32[2]", ["t1[i]: f32 = f32(i32((y[i] / f32:3)))", "store t1 -> out0[i]"])).toEqual([3, 6]);
});

test("a read outside its tensor is a bug of the compiler", () => {
  expect(() => run("f32[2]", ["t1[i]: f32 = x[4*i + 3]", "store t1 -> out0[i]"])).toThrow(CompilerBug);
});

test("a scalar without a value is one, too", () => {
  const program = parseIndexProgram(
    "index f { axes scalar s: f32 output out0: f32[1] t1[]: f32 = neg(s) store t1 -> out0[0] }",
  );
  expect(() => interpretIndexProgram(program, new Map())).toThrow("scalar s has no value");
  expect([...(interpretIndexProgram(program, new Map([["s", 3]])).get("out0") ?? [])]).toEqual([-3]);
});
