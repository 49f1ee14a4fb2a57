/**
 * Bounds of single ops: they hold for every evaluation that the op table allows, they are finite where something can be
 * said, and they are not where nothing can.
 */
import { describe, expect, test } from "vitest";
import {
  boundOfBinary,
  boundOfCast,
  boundOfUnary,
  settleBound,
  sumDepth,
} from "../../src/ir/error-bounds.ts";
import { roundTo } from "../../src/ir/round.ts";
import { evaluateScalar, SCALAR_OP_NAMES, SCALAR_OPS } from "../../src/ir/scalar-ops.ts";
import type { ScalarOp, ScalarOpInfo } from "../../src/ir/scalar-ops.ts";
import { createRandom } from "../support/random-values.ts";

const inf = Infinity;
const nan = NaN;

/** Operands inside an op's domain, some of them near the places where it is hard. */
function drawOperand(fn: ScalarOp, random: () => number): number {
  const spread = 2 ** Math.floor(random() * 12 - 8);
  const x = Math.fround((2 * random() - 1) * spread);
  switch (fn) {
    case "sqrt":
    case "rsqrt":
    case "log":
    case "log2":
    case "pow":
      return Math.fround(Math.abs(x) + 1e-3);
    case "acosh":
      return Math.fround(1 + Math.abs(x));
    case "asin":
    case "acos":
    case "atanh":
    case "log1p":
      return Math.fround(Math.max(-0.999, Math.min(0.999, x)));
    case "sin":
    case "cos":
    case "tan":
      return Math.fround(x % 1.5);
    default:
      return x;
  }
}

const FLOAT_OPS = SCALAR_OP_NAMES.filter((fn) => {
  const { operands, arity } = SCALAR_OPS[fn];
  return operands !== "bool" && arity !== 3;
});

describe("bounds", () => {
  test.each(FLOAT_OPS)("%s: operands off by up to ex, ey stay within, and the bound is no giveaway", (fn) => {
    const info: ScalarOpInfo = SCALAR_OPS[fn];
    const random = createRandom(fn.length * 1000 + SCALAR_OP_NAMES.indexOf(fn));
    let excluded = 0;
    let widest = 0;
    const violations: string[] = [];
    for (let round = 0; round < 2000; round++) {
      const [x, y] = [drawOperand(fn, random), drawOperand(fn, random)];
      const ex = round % 3 === 0 ? 0 : Math.abs(x) * 1e-6;
      const ey = round % 2 === 0 ? 0 : Math.abs(y) * 1e-6;
      const value = evaluateScalar(fn, "f32", [x, y]);
      const bound =
        info.arity === 2
          ? boundOfBinary(info, value, x, ex, y, ey)
          : info.arity === 1
            ? boundOfUnary(info, value, x, ex, false)
            : Infinity;
      if (bound === Infinity) {
        excluded++;
        continue;
      }
      widest = Math.max(widest, bound / (Math.abs(value) + Math.abs(x) + Math.abs(y) + 1));
      for (const [dx, dy] of [
        [1, 1],
        [1, -1],
        [-1, 1],
        [-1, -1],
        [2 * random() - 1, 2 * random() - 1],
      ] as const) {
        // prettier-ignore
        const moved = evaluateScalar(fn, "f32", [x + dx * ex, y + dy * ey]);
        const exact = info.error.exact !== "never";
        const rounding = exact
          ? Math.abs(Math.fround(moved) - moved)
          : info.error.largest(moved, x + dx * ex, y + dy * ey);
        const off = Math.abs(moved - value) + (ex + ey === 0 || info.error.exact !== "always" ? rounding : 0);
        if (!(off <= bound * (1 + 1e-9)))
          violations.push(`${fn}(${String(x)}, ${String(y)}): ${String(off)}`);
      }
    }
    expect(violations).toEqual([]);
    expect(excluded / 2000).toBeLessThan(0.12);
    expect(widest).toBeLessThan(0.02);
  });

  test.each([
    ["floor", 2, 1e-7],
    ["sign", 0, 1e-30],
    ["round", 0.5, 1e-9],
    ["sqrt", 1e-9, 1e-8],
    ["log", 1e-9, 1e-8],
    ["rsqrt", 1e-9, 1e-8],
    ["tan", Math.PI / 2, 1e-6],
    ["acosh", 1, 1e-7],
    ["exp", 88.7, 0.1],
    ["exp", 1000, 0],
    ["sin", 9000, 0],
  ] as const)("%s of %d +- %d is excluded", (fn, x, ex) => {
    expect(boundOfUnary(SCALAR_OPS[fn], evaluateScalar(fn, "f32", [x]), x, ex, false)).toBe(Infinity);
  });

  test.each([
    ["log", 0],
    ["sqrt", -1],
    ["rsqrt", 0],
    ["exp", -inf],
    ["isnan", nan],
    ["neg", 7],
    ["floor", 2],
    ["sin", inf],
    ["sqrt", inf],
  ] as const)("%s of exactly %d is certain", (fn, x) => {
    expect(boundOfUnary(SCALAR_OPS[fn], evaluateScalar(fn, "f32", [x]), x, 0, false)).toBe(0);
  });

  test("a root of what cannot be negative has a bound down to zero", () => {
    expect(boundOfUnary(SCALAR_OPS.sqrt, 0, 0, 1e-8, true)).toBeCloseTo(1e-4, 6);
  });

  test.each([
    ["lt", 1, 1e-7, 1, 0, inf],
    ["lt", 1, 1e-7, 2, 0, 0],
    ["eq", 1, 0, 1, 0, 0],
    ["lt", nan, 0, 1, 5, 0],
    ["div", 1, 0, 1e-9, 1e-8, inf],
    ["div", 1, 0, 0, 0, 0],
    ["div", 1, 0, -0, 0, inf],
    ["mul", inf, 0, 3, 1, 0],
    ["mul", inf, 0, 0.5, 1, inf],
    ["add", 1, 0, 2, 0, 0],
    ["add", 3e38, 0, 3e38, 0, inf],
    ["add", inf, 0, 1, 0.5, 0],
    ["pow", -2, 0, 2, 0.1, inf],
    ["pow", 0.1, 0.2, 2, 0, inf],
    ["pow", 1, 0.1, nan, 0, inf],
    ["atan2", 0, 0, -1, 0, inf],
    ["max", nan, 0, 1, 1, 0],
    ["max", 5, 0, 1, 1, 0],
  ] as const)("bound of %s(%d +- %d, %d +- %d) is %d", (fn, x, ex, y, ey, want) => {
    expect(boundOfBinary(SCALAR_OPS[fn], evaluateScalar(fn, "f32", [x, y]), x, ex, y, ey)).toBe(want);
  });

  test("subnormals may be flushed, overflow is excluded, an exact zero stays exact", () => {
    expect(settleBound(1e-40, 0)).toBe(2 ** -126);
    expect(settleBound(0, 0)).toBe(0);
    expect(settleBound(3.4e38, 1e36)).toBe(Infinity);
    expect(settleBound(1, nan)).toBe(Infinity);
  });

  test.each([
    ["f32", "i32", 2.5, 0.1, 0],
    ["f32", "i32", 2.95, 0.1, inf],
    ["f32", "i32", nan, 0, 0],
    ["f32", "bool", 1e-9, 1e-8, inf],
    ["f32", "f32", 1, 0, 0],
    ["i32", "f32", 16777216, 0, 0],
    ["f32", "f16", 65504, 0, 0],
    ["f32", "f16", 65505, 0, inf],
    ["f32", "f16", inf, 0, 0],
    ["f32", "bf16", 1 + 2 ** -9, 0, 0],
    ["f32", "f16", 1 + 2 ** -12, 0, 2 ** -12 + 2 ** -10],
  ] as const)("cast from %s to %s of %d +- %d: %d", (from, to, x, ex, want) => {
    expect(boundOfCast(from, to, roundTo(to, x), x, ex)).toBe(want);
  });

  test("the depth of sums grows with the logarithm of their length", () => {
    expect([0, 1, 2, 128, 129, 16384, 16385, 2 ** 28].map(sumDepth)).toEqual([
      0, 0, 8, 168, 168, 200, 200, 280,
    ]);
  });
});
