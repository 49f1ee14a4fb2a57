/** What statements are called where users read of them. */
import { expect, test } from "vitest";
import type { Span } from "../../src/diagnostics/diagnostic.ts";
import { isRefusal, printReason, refusal, refusalOf } from "../../src/ir/fusion-reason.ts";
import type { Statement } from "../../src/ir/index-notation.ts";
import { describeStatement, nameStatements, printPlace } from "../../src/ir/name-statements.ts";
import { parseIndexProgram } from "../../src/ir/parse-index.ts";

const { statements } = parseIndexProgram(`index program {
  axes i=8 j=4
  scalar p: f32
  input x: f32[8,4]
  output out0: f32[8,4]
  t0[i]: f32 = sum(j) x[4*i + j] * x[4*i + j]
  t1[]: f32 = max(i,j) x[4*i + j]
  t2[i]: i32 = argmax_last(j) tuple(x[4*i + j], i32:index(j))
  t3[i,j]: f32 = exp((x[4*i + j] - t1[]))
  t4[i,j]: f32 = exp((x[4*i + j] / t0[i]))
  t5[i]: i32 = i32(t0[i])
  t6[i]: f32 = guard([i in 2:6], x[4*i] else f32:0)
  t7[i]: f32 = guard([i in 2:6], x[4*i] else t0[i])
  t8[i]: i32 = i32:index(i)
  t9[i]: f32 = p
  t10[i,j]: f32 = x[i + 8*j]
  store t4 -> out0[4*i + j]
}
`);

const at = (line: number, file = "lib/norms.ts"): Span => ({ file, line, column: 3, length: 4 });
const statement = (name: string, span?: Span): Statement => {
  const found = statements.find((s) => s.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return { ...found, span };
};

test("reductions go by kind and axes, the rest by the outermost op", () => {
  expect(statements.map(describeStatement)).toEqual([
    "sum over j",
    "max over i,j",
    "argmax over j",
    "exp",
    "exp",
    "cast to i32",
    "pad",
    "concat",
    "iota",
    "constant",
    "copy",
  ]);
});

test("files go without folders and without what bundlers append", () => {
  expect(printPlace(at(7, "norms.weft"))).toBe("norms.weft:7");
  expect(printPlace(at(7, "/home/a/lib/norms.ts"))).toBe("norms.ts:7");
  expect(printPlace(at(7, "C:\\lib\\norms.ts"))).toBe("norms.ts:7");
  expect(printPlace(at(7, "https://localhost:8080/lib/norms.js?v=1"))).toBe("norms.js:7");
});

const labels = (...given: Parameters<typeof nameStatements>): readonly string[] =>
  [...nameStatements(...given).values()].map(({ label }) => label);

test("a line is enough while it does a thing once; then the name tells them apart", () => {
  expect(labels([statement("t0", at(2)), statement("t3", at(2)), statement("t4", at(3))])).toEqual([
    "sum over j (norms.ts:2)",
    "exp (norms.ts:2)",
    "exp (norms.ts:3)",
  ]);
  expect(labels([statement("t0", at(2)), statement("t3", at(2)), statement("t4", at(2))])).toEqual([
    "sum over j (norms.ts:2)",
    "exp t3 (norms.ts:2)",
    "exp t4 (norms.ts:2)",
  ]);
});

test("what has no place has its name", () => {
  expect(labels([statement("t0"), statement("t3", at(2))])).toEqual(["sum over j t0", "exp (norms.ts:2)"]);
});

test("what several kernels make is called as the value that it stands for", () => {
  const made = [statement("t0", at(1)), statement("t3", at(2))];
  const again = { ...statement("t3", at(2)), name: "t3_again" };
  expect(labels(made, [statement("t0", at(1)), again])).toEqual([
    "sum over j (norms.ts:1)",
    "exp (norms.ts:2)",
    "exp again (norms.ts:2)",
  ]);
  const twice = [...made, statement("t4", at(2))];
  expect(labels(twice, [again]).at(-1)).toBe("exp t3_again (norms.ts:2)");
});

test("reasons call statements as they are told to, within refusals, too", () => {
  const nameOf = (name: string): string => `<${name}>`;
  const fused = { kind: "fused", statement: "a", with: "b" } as const;
  expect(printReason({ ...fused, savedBytes: 20_000 })).toBe("fused: a with b, saves 19.5 KiB");
  expect(printReason({ ...fused, savedBytes: 0 }, nameOf)).toBe("fused: <a> with <b>");
  const refused = { kind: "not-fused", statement: "a", with: "b" } as const;
  expect(printReason({ ...refused, why: refusal`${"c"} reads ${"d"} elsewhere` }, nameOf)).toBe(
    "not fused: <a> with <b>: <c> reads <d> elsewhere",
  );
  expect(printReason({ ...refused, why: refusalOf("too slow") }, nameOf)).toBe(
    "not fused: <a> with <b>: too slow",
  );
  expect(
    printReason({ kind: "computed-again", statements: ["a", "b"], savedBytes: 12_000_000 }, nameOf),
  ).toBe("computed again: <a>, <b>, rather than stored by another kernel, saves 11.4 MiB");
  expect([isRefusal(refusalOf("too slow")), isRefusal({ statements: [] })]).toEqual([true, false]);
});
