/**
 * Numbers as every IR text spells them: `nan`, `inf`, `-inf`, `-0` kept, otherwise the fewest digits that read back as
 * the same value of the dtype (so a f32 prints as 0.1, not as 0.10000000149011612).
 *
 * Ensures: `representValue(parseNumber(printNumber(v, t)), t)` is v for every v that `isRepresentable` in t.
 */
import { isFloat } from "./dtype.ts";
import type { DType } from "./dtype.ts";

/** Digits that always tell two f32 apart. */
const F32_DIGITS = 9;

export function printNumber(value: number, dtype: DType): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0";
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 24) return String(value);
  if (!isFloat(dtype) || Math.fround(value) !== value) return String(value);
  for (let digits = 1; digits < F32_DIGITS; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(F32_DIGITS)));
}

/** Inverse of the spelling; `undefined` when the text is no number. */
export function parseNumber(text: string): number | undefined {
  switch (text) {
    case "nan":
      return Number.NaN;
    case "inf":
      return Number.POSITIVE_INFINITY;
    case "-inf":
      return Number.NEGATIVE_INFINITY;
    default:
      return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
  }
}

/**
 * Whether a constant of this dtype may hold the value. f16 and bf16 are storage types: a node of such a type computes in
 * f32, so its constant is any f32 and is rounded where it is stored (the 65,537 that a mean divides by is no f16).
 */
export function isRepresentable(value: number, dtype: DType): boolean {
  switch (dtype) {
    case "bool":
      return Object.is(value, 0) || value === 1;
    case "i32":
      return Object.is(value, value | 0);
    case "u32":
      return Object.is(value, value >>> 0);
    case "f32":
    case "f16":
    case "bf16":
      return Object.is(value, Math.fround(value));
  }
}

/** The value rounded to what a constant of this dtype holds; `undefined` where an integer dtype has no such value. */
export function representValue(value: number, dtype: DType): number | undefined {
  if (dtype === "bool") return value !== 0 ? 1 : 0;
  const rounded = isFloat(dtype) ? Math.fround(value) : value + 0; // + 0: integers have no -0
  return isRepresentable(rounded, dtype) ? rounded : undefined;
}
