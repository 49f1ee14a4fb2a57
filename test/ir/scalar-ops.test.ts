import { describe, expect, test } from "vitest";
import { evaluateScalar, isScalarOp, SCALAR_OP_NAMES, SCALAR_OPS } from "../../src/ir/scalar-ops.ts";
import type { ScalarOp, ScalarOpInfo } from "../../src/ir/scalar-ops.ts";

const inf = Infinity;
const nan = NaN;

/**
 * Points of every op: operands, then the value. Decimal digits come from mathematical tables; specials are IEEE 754's, or
 * PyTorch's where that leaves a choice.
 */
// prettier-ignore
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
  ndtr: [[0, 0.5], [1, 0.841344746068543], [-1, 0.15865525393145705], [-2, 0.0227501319481792], [-5, 2.866515718791939e-7], [-12.9, 2.250485893415063e-38], [-37, 5.725571222524577e-300], [-inf, 0], [inf, 1], [nan, nan]],
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
  quotient: [[7, 2, 3], [-7, 2, -3], [7, -2, -3], [1, 0, inf], [0, 0, nan]],
  fmod: [[-7, 3, -1], [7, -3, 1], [7, 7, 0], [5, inf, 5], [inf, 2, nan], [1, 0, nan]],
  remainder: [[-7, 3, 2], [7, -3, -2], [7, 7, 0], [-1, inf, inf], [1, 0, nan]],
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
};

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

  test("so does ndtr, and it grows from one to the other", () => {
    const border = -Math.SQRT2;
    const below = evaluateScalar("ndtr", "f32", [border - 1e-12]);
    const above = evaluateScalar("ndtr", "f32", [border + 1e-12]);
    expect(above - below).toBeGreaterThan(0);
    expect(above - below).toBeLessThan(1e-12);
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
    expect(SCALAR_OP_NAMES.length).toBe(54);
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
