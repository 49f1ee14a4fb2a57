import { describe, expect, test } from "vitest";
import { boundOfBinary, boundOfUnary, settleBound } from "../../src/ir/error-bounds.ts";
import { evaluateScalar, isScalarOp, SCALAR_OP_NAMES, SCALAR_OPS } from "../../src/ir/scalar-ops.ts";
import type { ScalarOp, ScalarOpInfo } from "../../src/ir/scalar-ops.ts";
import { createRandom } from "../support/random-values.ts";

const inf = Infinity;
const nan = NaN;

/**
 * Points of every op: operands, then the value. Decimal digits come from mathematical tables; specials are IEEE 754's, or
 * PyTorch's where that leaves a choice.
 */
const POINTS: Readonly<Record<ScalarOp, readonly (readonly number[])[]>> = {
  neg: [[2, -2], [0, -0], [nan, nan]],
  abs: [[-3, 3], [-0, 0], [-inf, inf]],
  sign: [[-7, -1], [0, 0], [nan, nan], [inf, 1]],
  floor: [[-1.5, -2], [2.9, 2], [-inf, -inf]],
  ceil: [[-1.5, -1], [2.1, 3], [nan, nan]],
  round: [[0.5, 0], [1.5, 2], [2.5, 2], [-0.5, -0], [-1.5, -2], [2.51, 3]],
  trunc: [[-1.9, -1], [1.9, 1]],
  sqrt: [[2, 1.4142135623730951], [0, 0], [-1, nan], [inf, inf]],
  rsqrt: [[4, 0.5], [0, inf], [inf, 0], [-1, nan]],
  exp: [[1, 2.718281828459045], [-inf, 0], [0, 1], [nan, nan]],
  exp2: [[10, 1024], [-1, 0.5], [-inf, 0]],
  expm1: [[1e-10, 1.00000000005e-10], [-inf, -1], [1, 1.718281828459045]],
  log: [[10, 2.302585092994046], [0, -inf], [-1, nan], [inf, inf]],
  log2: [[8, 3], [0, -inf], [-1, nan]],
  log1p: [[1e-10, 9.9999999995e-11], [-1, -inf], [-2, nan]],
  sin: [[1, 0.8414709848078965], [inf, nan]],
  cos: [[1, 0.5403023058681398], [-inf, nan]],
  tan: [[1, 1.5574077246549023], [nan, nan]],
  asin: [[1, 1.5707963267948966], [2, nan]],
  acos: [[-1, 3.141592653589793], [1, 0], [-2, nan]],
  atan: [[1, 0.7853981633974483], [inf, 1.5707963267948966]],
  sinh: [[1, 1.1752011936438014], [-inf, -inf]],
  cosh: [[1, 1.5430806348152437], [-inf, inf]],
  tanh: [[1, 0.7615941559557649], [inf, 1], [nan, nan]],
  asinh: [[1, 0.881373587019543], [-inf, -inf]],
  acosh: [[2, 1.3169578969248166], [1, 0], [0, nan]],
  atanh: [[0.5, 0.5493061443340548], [1, inf], [2, nan]],
  erf: [[0.5, 0.5204998778130465], [1, 0.8427007929497149], [2, 0.9953222650189527], [3, 0.9999779095030014], [-inf, -1], [nan, nan]],
  isnan: [[nan, 1], [inf, 0], [0, 0]],
  isinf: [[-inf, 1], [nan, 0], [3e38, 0]],
  isfinite: [[nan, 0], [inf, 0], [1, 1]],
  not: [[0, 1], [1, 0]],
  add: [[1, 2, 3], [inf, -inf, nan], [inf, 1, inf]],
  sub: [[1, 2, -1], [inf, inf, nan]],
  mul: [[3, -2, -6], [0, inf, nan], [-inf, 2, -inf]],
  div: [[1, 4, 0.25], [1, 0, inf], [-1, 0, -inf], [0, 0, nan], [1, inf, 0], [inf, inf, nan]],
  pow: [[2, 0.5, 1.4142135623730951], [-2, 3, -8], [-8, 1 / 3, nan], [nan, 0, 1], [1, nan, 1], [1, inf, 1], [-1, inf, 1], [0, -1, inf], [0, 2, 0]],
  max: [[1, 2, 2], [nan, 1, nan], [1, nan, nan], [-inf, inf, inf]],
  min: [[1, 2, 1], [nan, 1, nan], [-inf, inf, -inf]],
  atan2: [[1, -1, 2.356194490192345], [0, 1, 0], [nan, 1, nan]],
  eq: [[1, 1, 1], [nan, nan, 0], [0, -0, 1]],
  ne: [[1, 1, 0], [nan, nan, 1]],
  lt: [[1, 2, 1], [2, 2, 0], [nan, 1, 0]],
  le: [[2, 2, 1], [nan, 1, 0]],
  gt: [[2, 1, 1], [1, nan, 0]],
  ge: [[2, 2, 1], [1, nan, 0]],
  and: [[1, 1, 1], [1, 0, 0]],
  or: [[0, 1, 1], [0, 0, 0]],
  xor: [[1, 1, 0], [1, 0, 1]],
  where: [[1, 5, nan, 5], [0, 5, nan, nan]],
}; // prettier-ignore

describe("meaning", () => {
  for (const fn of SCALAR_OP_NAMES)
    test(`${fn} at its reference points`, () => {
      expect(POINTS[fn].length).toBeGreaterThan(1);
      for (const point of POINTS[fn]) {
        const args = point.slice(0, -1);
        const want = point.at(-1) ?? 0;
        const got = evaluateScalar(fn, "f32", args);
        expect(args.length).toBe(SCALAR_OPS[fn].arity);
        if (Number.isFinite(want) && want !== 0)
          expect(Math.abs(got / want - 1), `${fn}(${args.join(", ")}) = ${String(got)}`).toBeLessThan(4e-15);
        else expect(got, `${fn}(${args.join(", ")})`).toBe(want);
      }
    });

  test("erf meets itself where its two formulas take over from each other", () => {
    const below = evaluateScalar("erf", "f32", [2.5]);
    const above = evaluateScalar("erf", "f32", [2.5 + 1e-12]);
    expect(above - below).toBeGreaterThan(0);
    expect(above - below).toBeLessThan(1e-14);
  });

  test.each([
    ["add", "i32", [2147483647, 1], -2147483648],
    ["add", "u32", [4294967295, 2], 1],
    ["sub", "u32", [0, 1], 4294967295],
    ["mul", "i32", [123456789, 987654321], -67153019],
    ["mul", "u32", [65537, 65537], 131073],
    ["neg", "i32", [-2147483648], -2147483648],
    ["neg", "u32", [1], 4294967295],
    ["abs", "i32", [-2147483648], -2147483648],
    ["sign", "i32", [-9], -1],
    ["pow", "i32", [3, 21], 1870418611],
    ["pow", "i32", [-2, 3], -8],
    ["pow", "i32", [5, -1], 0],
    ["pow", "i32", [-1, -3], -1],
    ["lt", "u32", [4294967295, 1], 0],
    ["max", "u32", [4294967295, 1], 4294967295],
  ] as const)("%s of %s %j", (fn, dtype, args, want) => {
    expect(evaluateScalar(fn, dtype, args)).toBe(want);
  });

  test("names", () => {
    expect(SCALAR_OP_NAMES.length).toBe(50);
    expect(isScalarOp("rsqrt")).toBe(true);
    expect(isScalarOp("toString")).toBe(false);
    expect(isScalarOp("Add")).toBe(false);
  });
});

describe("traits hold", () => {
  const values = [-2.5, -1, -0.5, 0, 0.5, 1, 3];
  const truths = [0, 1];
  for (const fn of SCALAR_OP_NAMES) {
    const info: ScalarOpInfo = SCALAR_OPS[fn];
    const points = info.operands === "bool" ? truths : values;
    if (info.traits.includes("commutative"))
      test(`${fn} is commutative`, () => {
        for (const x of points)
          for (const y of points)
            expect(evaluateScalar(fn, "f32", [x, y])).toBe(evaluateScalar(fn, "f32", [y, x]));
      });
    if (info.traits.includes("associative"))
      test(`${fn} is associative`, () => {
        const at = (x: number, y: number): number => evaluateScalar(fn, "f32", [x, y]);
        for (const x of points)
          for (const y of points) for (const z of points) expect(at(at(x, y), z)).toBe(at(x, at(y, z)));
      });
    if (info.traits.includes("idempotent"))
      test(`${fn} is idempotent`, () => {
        const at = (x: number): number => evaluateScalar(fn, "f32", info.arity === 1 ? [x] : [x, x]);
        for (const x of points)
          expect(info.arity === 1 ? at(at(x)) : at(x)).toBe(info.arity === 1 ? at(x) : x);
      });
  }
});

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
    ["sin", 4, 0],
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
});
