/**
 * How elements of each dtype lie in a storage buffer, and how they are read and written: one table.
 *
 *     f32, i32, u32   as they are, vectors of the binding's width
 *     bool            one u32 word, 0 or 1 (any other word reads as true)
 *     f16, bf16       two elements in a u32 word, the first in the low half; f32 everywhere else
 *
 * A binding of 16-bit elements that is written one by one shares words between invocations: its words are atomic, and
 * each store replaces its own half. The halves are disjoint, so the result does not depend on the order.
 *
 * Requires: an index that is a multiple of the binding's width.
 */
import type { DType } from "../../ir/dtype.ts";
import type { Binding, Expr } from "../../ir/kernel.ts";
import { divideExactly, makeIndex, u32 } from "../../ir/walk-kernel.ts";
import { callHelper } from "./helpers.ts";
import { printExpr, stripParentheses } from "./print-expr.ts";
import type { TextNeeds } from "./print-expr.ts";
import { typeName } from "./spell-ops.ts";

type PackedDType = "f16" | "bf16";
const isPacked = (dtype: DType): dtype is PackedDType => dtype === "f16" || dtype === "bf16";
const isShared = (binding: Binding): boolean => binding.width === 1 && binding.access === "read_write";

/**
 * The type of a binding: a fixed-size array, whose bounds the compiler can prove instead of asking at run time, unless one
 * kernel serves buffers of different sizes.
 */
export function spellBindingType(binding: Binding): string {
  const { dtype, width, elements, isOpen } = binding;
  const array = (element: string, length: number): string =>
    isOpen === true ? `array<${element}>` : `array<${element}, ${String(length)}>`;
  if (!isPacked(dtype)) {
    const scalar = dtype === "bool" ? "u32" : dtype;
    return array(typeName({ scalar, width }), elements / width);
  }
  if (width === 1) return array(isShared(binding) ? "atomic<u32>" : "u32", Math.ceil(elements / 2));
  return array(width === 4 ? "vec2<u32>" : "u32", elements / width);
}

/** What a binding is called in the text. */
export const spellBinding = (name: string): string => `b_${name}`;

const elementAt = (binding: Binding, index: Expr, by: number, needs: TextNeeds): string => {
  const divided = divideExactly(index, by) ?? makeIndex("div", index, u32(by));
  return `${spellBinding(binding.name)}[${stripParentheses(printExpr(divided, needs))}]`;
};

const shiftOf = (index: Expr, needs: TextNeeds): string =>
  stripParentheses(printExpr(makeIndex("mul", makeIndex("mod", index, u32(2)), u32(16)), needs));

/** Statements that declare `v_<name>` as the element or elements at `index`. */
export function printLoad(binding: Binding, name: string, index: Expr, needs: TextNeeds): readonly string[] {
  const { dtype, width } = binding;
  if (!isPacked(dtype)) {
    const element = elementAt(binding, index, width, needs);
    if (dtype !== "bool") return [`let v_${name} = ${element};`];
    return [`let v_${name} = ${element} != ${typeName({ scalar: "u32", width })}(0u);`];
  }
  const word = elementAt(binding, index, width === 1 ? 2 : width, needs);
  const lines = [`let p_${name} = ${isShared(binding) ? `atomicLoad(&${word})` : word};`];
  const unpack = dtype === "f16" ? unpackF16 : unpackBf16;
  if (width === 1) lines.push(`let v_${name} = ${unpack(`(p_${name} >> (${shiftOf(index, needs)}))`)}.x;`);
  else if (width === 2) lines.push(`let v_${name} = ${unpack(`p_${name}`)};`);
  else lines.push(`let v_${name} = vec4<f32>(${unpack(`p_${name}.x`)}, ${unpack(`p_${name}.y`)});`);
  return lines;
}

const unpackF16 = (word: string): string => `unpack2x16float(${word})`;
const unpackBf16 = (word: string): string =>
  `bitcast<vec2<f32>>(vec2<u32>(${word} << 16u, ${word} & 0xffff0000u))`;

/** Statements that write `value` at `index`. */
export function printStore(binding: Binding, index: Expr, value: Expr, needs: TextNeeds): readonly string[] {
  const { dtype, width } = binding;
  const text = printExpr(value, needs);
  if (!isPacked(dtype)) {
    const element = elementAt(binding, index, width, needs);
    if (dtype !== "bool") return [`${element} = ${stripParentheses(text)};`];
    return [`${element} = ${typeName({ scalar: "u32", width })}(${stripParentheses(text)});`];
  }
  const narrow = callHelper(needs.helpers, dtype === "f16" ? "f16_bits" : "bf16_bits", 1);
  const word = elementAt(binding, index, width === 1 ? 2 : width, needs);
  if (width === 1) {
    const shift = shiftOf(index, needs);
    return [
      `atomicAnd(&${word}, ~(0xffffu << (${shift})));`,
      `atomicOr(&${word}, ${narrow}(${stripParentheses(text)}) << (${shift}));`,
    ];
  }
  const pair = (low: string, high: string): string =>
    `${narrow}(stored.${low}) | (${narrow}(stored.${high}) << 16u)`;
  const packed = width === 2 ? pair("x", "y") : `vec2<u32>(${pair("x", "y")}, ${pair("z", "w")})`;
  return ["{", `  let stored = ${stripParentheses(text)};`, `  ${word} = ${packed};`, "}"];
}
