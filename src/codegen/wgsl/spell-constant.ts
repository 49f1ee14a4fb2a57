/**
 * Constants as WGSL literals that every compiler accepts.
 *
 * Ensures: a finite f32 reads back as the same value, -0 included. Nan and infinities have no literal: they are spelled
 *          as a bitcast of a variable that `NONFINITE_BITS` names, because a bitcast of a literal is a constant expression,
 *          and one that gives nan or infinity is an error (https://www.w3.org/TR/WGSL/#floating-point-evaluation).
 */
import type { ScalarType } from "../../ir/kernel.ts";
import { printNumber } from "../../ir/number-text.ts";

export type NonfiniteName = "tw_nan_bits" | "tw_inf_bits" | "tw_neg_inf_bits";

/** Function-scope variables that hold the bits, in the order in which they are declared. */
export const NONFINITE_BITS: Readonly<Record<NonfiniteName, string>> = {
  tw_nan_bits: "0x7fc00000u",
  tw_inf_bits: "0x7f800000u",
  tw_neg_inf_bits: "0xff800000u",
};

/** Decimal digits round up past the largest f32 only up here; beyond, the hexadecimal form is exact. */
const DECIMAL_LIMIT = 3.4e38;

/** The literal, and the variable that has to be declared for it, if any. */
export function spellConstant(
  scalar: ScalarType,
  value: number,
): { readonly text: string; readonly needs: NonfiniteName | undefined } {
  switch (scalar) {
    case "bool":
      return { text: value !== 0 ? "true" : "false", needs: undefined };
    case "u32":
      return { text: `${String(value)}u`, needs: undefined };
    case "i32":
      // 2147483648i would be out of range before the minus is read.
      return { text: value === -(2 ** 31) ? "i32(-2147483648)" : `${String(value)}i`, needs: undefined };
    case "f32": {
      const needs = nonfiniteName(value);
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

function nonfiniteName(value: number): NonfiniteName | undefined {
  if (Number.isNaN(value)) return "tw_nan_bits";
  const rounded = Math.fround(value);
  if (Number.isFinite(rounded)) return undefined;
  return rounded > 0 ? "tw_inf_bits" : "tw_neg_inf_bits";
}
