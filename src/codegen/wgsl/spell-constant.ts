/**
 * Constants as WGSL literals that every compiler accepts.
 *
 * Ensures: an f32 is exactly the value. Nan, infinities and -0 have no literal that works everywhere: they are spelled as
 *          a bitcast of a variable that `CONSTANT_BITS` names. The bitcast of a literal is a constant expression, and one
 *          that gives nan or infinity is an error (https://www.w3.org/TR/WGSL/#floating-point-evaluation).
 */
import type { ScalarType } from "../../ir/kernel.ts";
import { printNumber } from "../../ir/number-text.ts";

export type BitsName = "tw_nan_bits" | "tw_inf_bits" | "tw_neg_inf_bits" | "tw_neg_zero_bits";

/** Function-scope variables that hold the bits, in the order in which they are declared. */
export const CONSTANT_BITS: Readonly<Record<BitsName, string>> = {
  tw_nan_bits: "0x7fc00000u",
  tw_inf_bits: "0x7f800000u",
  tw_neg_inf_bits: "0xff800000u",
  tw_neg_zero_bits: "0x80000000u",
};

/** Decimal digits round up past the largest f32 only up here; beyond, the hexadecimal form is exact. */
const DECIMAL_LIMIT = 3.4e38;

/** The literal, and the variable that has to be declared for it, if any. */
export function spellConstant(
  scalar: ScalarType,
  value: number,
): { readonly text: string; readonly needs: BitsName | undefined } {
  switch (scalar) {
    case "bool":
      return { text: value !== 0 ? "true" : "false", needs: undefined };
    case "u32":
      return { text: `${String(value)}u`, needs: undefined };
    case "i32":
      // 2147483648i would be out of range before the minus is read.
      return { text: value === -(2 ** 31) ? "i32(-2147483648)" : `${String(value)}i`, needs: undefined };
    case "f32": {
      const needs = bitsName(value);
      return {
        text: needs === undefined ? spellFinite(Math.fround(value)) : `bitcast<f32>(${needs})`,
        needs,
      };
    }
    default:
      return scalar satisfies never;
  }
}

/** A float literal with suffix for a finite value that is an f32. */
export function spellFinite(value: number): string {
  if (Math.abs(value) > DECIMAL_LIMIT) return spellHex(value);
  const text = printNumber(value, "f32");
  return /^-?\d+$/.test(text) ? `${text}.0f` : `${text}f`;
}

/** Beyond DECIMAL_LIMIT every exponent is 127. */
function spellHex(value: number): string {
  const fraction = (Math.abs(value) / 2 ** 127 - 1) * 2 ** 24; // 23 bits, shifted to whole hexadecimal digits
  return `${value < 0 ? "-" : ""}0x1.${fraction.toString(16).padStart(6, "0")}p+127f`;
}

function bitsName(value: number): BitsName | undefined {
  if (Number.isNaN(value)) return "tw_nan_bits";
  if (Object.is(value, -0)) return "tw_neg_zero_bits"; // Dawn turns the constant -0.0 into +0
  const rounded = Math.fround(value);
  if (Number.isFinite(rounded)) return undefined;
  return rounded > 0 ? "tw_inf_bits" : "tw_neg_inf_bits";
}
