/** The least traffic of a program: what its outputs depend on, counted once. */
import { expect, test } from "vitest";
import { countFloor } from "../../src/ir/count-floor.ts";
import { evaluateIndex, type IndexExpr } from "../../src/ir/index-expr.ts";
import { parseIndexProgram } from "../../src/ir/parse-index.ts";

const floorOf = (axes: string, output: string, body: string): number =>
  countFloor(
    parseIndexProgram(`index p {
  axes ${axes}
  input x: f32[6,10]
  output a: ${output}
  ${body}
}
`),
  );

test.each<readonly [string, number, string, string, string]>([
  ["a whole tensor", 240 + 24, "i=6 j=10", "f32[6]", "n[i]: f32 = sum(j) x[10*i + j]\n  store n -> a[i]"],
  ["a part of it", 120 + 24, "i=6 j=5", "f32[6]", "n[i]: f32 = sum(j) x[10*i + j]\n  store n -> a[i]"],
  [
    "operands of a reduction that takes several",
    240 + 24,
    "i=6 j=10",
    "i32[6]",
    "n[i]: i32 = argmax(j) tuple(x[10*i + j], i32:index(j))\n  store n -> a[i]",
  ],
  [
    "pieces of which the last is shorter",
    240 + 24,
    "i=6 ja=3 jb=4",
    "f32[6]",
    "p[ja,i]: f32 = sum(jb) guard([4*ja + jb in 0:10], x[10*i + 4*ja + jb] else f32:0)\n  n[i]: f32 = sum(ja) p[ja, i]\n  store n -> a[i]",
  ],
  [
    "a bound that leaves some out",
    6 * 7 * 4 + 24,
    "i=6 ja=3 jb=4",
    "f32[6]",
    "p[ja,i]: f32 = sum(jb) guard([4*ja + jb in 0:7], x[10*i + 4*ja + jb] else f32:0)\n  n[i]: f32 = sum(ja) p[ja, i]\n  store n -> a[i]",
  ],
  [
    "rows that are clamped",
    240 + 24,
    "ia=2 ib=4 j=10",
    "f32[6]",
    "n[ia,ib]: f32 = sum(j) x[10*min(4*ia + ib, 5) + j]\n  store n -> a[min(4*ia + ib, 5)]",
  ],
])("%s", (_, bytes, axes, output, body) => {
  expect(floorOf(axes, output, body)).toBe(bytes);
});

/** Elements of x that a guarded read reaches, point by point. */
function countByPoints(index: IndexExpr, bound: { index: IndexExpr; low: number; high: number }): number {
  const seen = new Set<number>();
  for (let i = 0; i < 4; i++)
    for (let j = 0; j < 9; j++)
      for (let k = 0; k < 3; k++) {
        const at = new Map(Object.entries({ i, j, k }));
        const value = evaluateIndex(bound.index, at);
        const position = evaluateIndex(index, at);
        if (value >= bound.low && value < bound.high && position >= 0 && position < 60) seen.add(position);
      }
  return seen.size;
}

test("counting along lines agrees with counting point by point", () => {
  const indices = [
    "2*j + 20*k",
    "7*i + 5*j",
    "7*i + -3*j + 24",
    "3*((5*i + j) / 4 mod 6) + k",
    "9*min(3*i + k, 5) + j",
    "11*i",
  ];
  const conditions = [
    "j",
    "i",
    "2*j + -3",
    "-2*j + 8",
    "-3*j + 2*k + 20",
    "i + j + k",
    "((3*j + k) mod 4)",
    "min(j + i, 6)",
  ];
  for (const index of indices)
    for (const condition of conditions)
      for (const [low, high] of [
        [0, 5],
        [3, 7],
        [-2, 2],
        [4, 4],
      ] as const) {
        const text = `x[${index}] where ${condition} in ${String(low)}:${String(high)}`;
        const program = parseIndexProgram(`index p {
  axes i=4 j=9 k=3
  input x: f32[6,10]
  output a: f32[4]
  n[i]: f32 = sum(j, k) guard([${condition} in ${String(low)}:${String(high)}], x[${index}] else f32:0)
  store n -> a[i]
}
`);
        const value = program.statements[0]?.value;
        if (value?.kind !== "guard" || value.value.kind !== "tensor") throw new Error(text);
        const [bound] = value.bounds;
        if (bound === undefined) throw new Error(text);
        expect(countFloor(program) - 16, text).toBe(4 * countByPoints(value.value.index, bound));
      }
});
