import { describe, expect, test } from "vitest";
import {
  castValue,
  fromBf16Bits,
  fromF16Bits,
  roundTo,
  roundToBf16,
  roundToF16,
  toBf16Bits,
  toF16Bits,
} from "../../src/ir/round.ts";

const f16Bits = new Uint16Array(1);
const f16 = new Float16Array(f16Bits.buffer);
const f32Bits = new Uint32Array(1);
const f32 = new Float32Array(f32Bits.buffer);

/** Positions where the two disagree; comparing 65,536 values with `expect` one by one takes seconds. */
function disagreements(count: number, agrees: (bits: number) => boolean): number[] {
  return Array.from({ length: count }, (_, bits) => bits).filter((bits) => !agrees(bits));
}

describe("f16", () => {
  test("every bit pattern reads as Float16Array reads it", () => {
    const agrees = (bits: number): boolean => {
      f16Bits[0] = bits;
      return Object.is(fromF16Bits(bits), f16[0]);
    };
    expect(disagreements(65536, agrees)).toEqual([]);
  });

  test("every value writes its own bits, nan the canonical ones", () => {
    const agrees = (bits: number): boolean => {
      const value = fromF16Bits(bits);
      return toF16Bits(value) === (Number.isNaN(value) ? 0x7e00 : bits);
    };
    expect(disagreements(65536, agrees)).toEqual([]);
  });

  test("midpoints and their float64 neighbours round as Float16Array rounds them", () => {
    const agrees = (bits: number): boolean => {
      const middle = (fromF16Bits(bits) + fromF16Bits(bits + 1)) / 2;
      return [middle, middle * (1 + 2 ** -52), middle * (1 - 2 ** -53)].every((x) => {
        f16[0] = x;
        return Object.is(roundToF16(x), f16[0]) && toF16Bits(x) === f16Bits[0];
      });
    };
    expect(disagreements(0x7bff, agrees)).toEqual([]);
  });

  test("overflow starts half a step above the largest value", () => {
    expect(roundToF16(65519.999)).toBe(65504);
    expect(roundToF16(65520)).toBe(Infinity);
    expect(roundToF16(-1e30)).toBe(-Infinity);
  });
});

describe("bf16", () => {
  test("every bit pattern is the upper half of the f32 of its value", () => {
    const agrees = (bits: number): boolean => {
      f32Bits[0] = bits * 65536;
      return Object.is(fromBf16Bits(bits), f32[0]);
    };
    expect(disagreements(65536, agrees)).toEqual([]);
  });

  test("every value writes its own bits, nan the canonical ones", () => {
    const agrees = (bits: number): boolean => {
      const value = fromBf16Bits(bits);
      return toBf16Bits(value) === (Number.isNaN(value) ? 0x7fc0 : bits);
    };
    expect(disagreements(65536, agrees)).toEqual([]);
  });

  test("an f32 rounds as the usual integer formula does", () => {
    const agrees = (n: number): boolean => {
      const bits = Math.imul(n, 0x9e3779b1) >>> 0; // spread over all exponents
      f32Bits[0] = bits;
      const x = f32[0] ?? 0;
      if (Number.isNaN(x)) return Number.isNaN(roundToBf16(x));
      return toBf16Bits(x) === (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    };
    expect(disagreements(65536, agrees)).toEqual([]);
    expect(toBf16Bits(1 + 2 ** -8)).toBe(0x3f80); // a tie goes to the even neighbour
    expect(toBf16Bits(1 + 3 * 2 ** -8)).toBe(0x3f82);
  });
});

describe("casts", () => {
  test.each([
    ["i32", 2.9, 2],
    ["i32", -2.9, -2],
    ["i32", -0.5, 0],
    ["i32", NaN, 0],
    ["i32", Infinity, 2147483647],
    ["i32", -3e9, -2147483648],
    ["u32", -1, 0],
    ["u32", 5e9, 4294967295],
    ["bool", -0, 0],
    ["bool", NaN, 1],
    ["bool", 1e-40, 1],
    ["f32", 0.1, Math.fround(0.1)],
    ["f32", 1e39, Infinity],
  ] as const)("to %s: %d gives %d", (dtype, x, want) => {
    expect(roundTo(dtype, x)).toBe(want);
  });

  test("integers keep their bits", () => {
    expect(castValue("i32", "u32", -1)).toBe(4294967295);
    expect(castValue("u32", "i32", 4294967295)).toBe(-1);
    expect(castValue("i32", "f32", 16777217)).toBe(16777216);
  });
});
