/** The least traffic of a program: what its outputs depend on, counted once. */
import { expect, test } from "vitest";
import { countFloor } from "../../src/ir/count-floor.ts";
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
