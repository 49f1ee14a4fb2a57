/**
 * Rounding to the storage dtypes, to nearest with ties to even, and the bit patterns of the 16-bit ones.
 *
 * Ensures: float64 goes to the 16-bit types in one rounding (through f32 would be two); a nan becomes the quiet
 * canonical one (0x7e00, 0x7fc0); overflow gives infinity.
 */
import type { DType } from "./dtype.ts";
import { roundHalfEven } from "./float64-math.ts";

/** A binary format that keeps the hidden bit: `fractionBits` after it, exponents from `minExponent` to `maxExponent`. */
interface BinaryFormat {
  readonly fractionBits: number;
  readonly minExponent: number;
  readonly maxExponent: number;
}

const F16: BinaryFormat = { fractionBits: 10, minExponent: -14, maxExponent: 15 };
const BF16: BinaryFormat = { fractionBits: 7, minExponent: -126, maxExponent: 127 };
const SIGN_BIT = 0x8000;

/** floor(log2(x)) for finite x > 0. */
function exponentOf(x: number): number {
  const guess = Math.floor(Math.log2(x)); // may be off by one beside a power of two
  if (2 ** guess > x) return guess - 1;
  return 2 ** (guess + 1) <= x ? guess + 1 : guess;
}

/** Distance of neighbours of the format around |x|, `minExponent`'s for subnormals and zero. */
function spacing(x: number, format: BinaryFormat): number {
  const magnitude = Math.abs(x);
  const exponent =
    magnitude < 2 ** format.minExponent
      ? format.minExponent
      : Math.min(exponentOf(magnitude), format.maxExponent);
  return 2 ** (exponent - format.fractionBits);
}

function roundToFormat(x: number, format: BinaryFormat): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const step = spacing(x, format);
  const rounded = roundHalfEven(x / step) * step;
  return Math.abs(rounded) < 2 * 2 ** format.maxExponent ? rounded : Math.sign(x) * Number.POSITIVE_INFINITY;
}

function toBits(x: number, format: BinaryFormat): number {
  const infinity = (2 * format.maxExponent + 1) << format.fractionBits;
  if (Number.isNaN(x)) return infinity | (1 << (format.fractionBits - 1));
  const sign = x < 0 || Object.is(x, -0) ? SIGN_BIT : 0;
  const magnitude = Math.abs(roundToFormat(x, format));
  if (magnitude === Number.POSITIVE_INFINITY) return sign | infinity;
  const step = spacing(magnitude, format);
  const exponent = Math.log2(step) + format.fractionBits; // exact: the spacing is a power of two
  // The hidden bit of a normal number carries into the exponent field, which is why that counts from minExponent.
  return sign | (magnitude / step + ((exponent - format.minExponent) << format.fractionBits));
}

function fromBits(bits: number, format: BinaryFormat): number {
  const sign = (bits & SIGN_BIT) === 0 ? 1 : -1;
  const field = (bits & (SIGN_BIT - 1)) >> format.fractionBits;
  const fraction = bits & ((1 << format.fractionBits) - 1);
  if (field > 2 * format.maxExponent) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  const hidden = field === 0 ? 0 : 1 << format.fractionBits;
  const exponent = Math.max(field, 1) - 1 + format.minExponent - format.fractionBits;
  return sign * (hidden + fraction) * 2 ** exponent;
}

export const toF16Bits = (x: number): number => toBits(x, F16);
export const fromF16Bits = (bits: number): number => fromBits(bits, F16);
export const toBf16Bits = (x: number): number => toBits(x, BF16);
export const fromBf16Bits = (bits: number): number => fromBits(bits, BF16);

export const roundToF16 = (x: number): number => roundToFormat(x, F16);
export const roundToBf16 = (x: number): number => roundToFormat(x, BF16);

/** Distance between neighbouring values of a 16-bit dtype around x. */
export const spacingOf = (dtype: "f16" | "bf16", x: number): number =>
  spacing(x, dtype === "f16" ? F16 : BF16);

export const F16_MAX = 65504;
export const BF16_MAX = (2 - 2 ** -7) * 2 ** 127;

const saturate = (x: number, low: number, high: number): number =>
  // + 0 turns -0 into 0, which is all that an integer has.
  Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), low), high) + 0;

/** The meaning of `cast` from a float: rounds, or for integers truncates towards zero and saturates (nan gives 0). */
export function roundTo(dtype: DType, x: number): number {
  switch (dtype) {
    case "f32":
      return Math.fround(x);
    case "f16":
      return roundToF16(x);
    case "bf16":
      return roundToBf16(x);
    case "i32":
      return saturate(x, -(2 ** 31), 2 ** 31 - 1);
    case "u32":
      return saturate(x, 0, 2 ** 32 - 1);
    case "bool":
      return x !== 0 ? 1 : 0;
  }
}

/** The meaning of `cast` between any two dtypes: between integers the 32 bits stay, so the value wraps around. */
export function castValue(from: DType, to: DType, x: number): number {
  if (from === "u32" && to === "i32") return x | 0;
  if (from === "i32" && to === "u32") return x >>> 0;
  return roundTo(to, x);
}
