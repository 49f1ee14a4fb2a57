import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { IndexProgram, ScalarExpr } from "../../src/ir/index-notation.ts";
import { parseIndexProgram } from "../../src/ir/parse-index.ts";
import { printIndexProgram } from "../../src/ir/print-index.ts";
import { verifyIndexProgram } from "../../src/ir/verify-index.ts";
import { testGoldens } from "../support/golden.ts";

testGoldens("ir/parse-index-errors", ({ input }) => {
  try {
    return `accepted:\n${printIndexProgram(parseIndexProgram(input, "test.index"))}`;
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    expect(error.diagnostics.every(({ span }) => span !== undefined)).toBe(true);
    return error.message;
  }
});

testGoldens("ir/verify-index", ({ input }) => {
  const problems = verifyIndexProgram(parseIndexProgram(input));
  return problems.length === 0 ? "sound" : problems.join("\n");
});

const EVERYTHING = `index "a b" {
  axes i=4 j=3
  scalar eps: f32 = 1e-7
  scalar on: bool = 1
  scalar n: u32
  input "x y": f32[4,3]
  input sum: f32[4,3]
  output out0: f32[4,3]
  temporary tmp_t1: f32[4]
  t1[i]: f32 = sum(j) sum[3*i + j] * "x y"[3*i + j]
  t2[]: f32 = max() eps
  t3[]: f32 = max(eps, eps)
  t4[i]: f32 = max(j) max("x y"[3*i + j], eps)
  t5[i,j]: f32 = f32(i32:index(3*((3*i + j) / 2 mod 5) + 2*i + 1)) - (t1[i] / t3[])
  t7[i]: f32 = sum[2*min(3*i + 1, 5) + 1] * t1[min(i, 2)]
  t6[i,j]: f32 = guard([j in 1:3, i in 0:2], t5[((i + 1) mod 4), j + -1] else where(on, t4[i], f32:-inf))
  store t6 -> out0[3*i + j]
  store t1 -> tmp_t1[i]
}
`;

test("every construct prints as it was written, and parses to what it was", () => {
  const program = parseIndexProgram(EVERYTHING);
  expect(printIndexProgram(program)).toBe(EVERYTHING);
  expect(verifyIndexProgram(program)).toEqual([]);
});

/** `t1[i] = value` on its own. */
const programOf = (value: ScalarExpr): IndexProgram => ({
  name: "f",
  axes: [{ name: "i", size: 4 }],
  scalars: [],
  tensors: [{ name: "out0", dtype: "f32", shape: [4], role: "output" }],
  statements: [{ name: "t1", dtype: "f32", axes: ["i"], value }],
  stores: [{ tensor: "out0", statement: "t1", index: { offset: 0, terms: [{ coefficient: 1, axis: "i" }] } }],
});
const AT_I = { offset: 0, terms: [{ coefficient: 1, axis: "i" }] };

// What the parser refuses already, the verifier must still find in programs that passes have made.
test.each<readonly [string, ScalarExpr, string]>([
  [
    "tensor",
    { kind: "tensor", dtype: "f32", tensor: "x", index: AT_I },
    "statement t1 reads unknown tensor x",
  ],
  [
    "value",
    { kind: "value", dtype: "f32", statement: "t1", index: [AT_I] },
    "statement t1 reads t1 before it is defined",
  ],
  ["scalar", { kind: "scalar", dtype: "f32", name: "s" }, "statement t1 reads unknown scalar s"],
])("a %s that is not there", (_, value, problem) => {
  expect(verifyIndexProgram(programOf(value))).toEqual([problem]);
});
