/**
 * Expressions as WGSL text.
 *
 * Requires: a legalised kernel (no `register`).
 * Ensures:  the text is an atom or stands in parentheses, so that it may stand anywhere. Names are prefixed by what they
 *           name (v_ value, b_ binding, w_ workgroup memory, s_ scalar), so that no user's name meets a word of WGSL.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { typeOf } from "../../ir/kernel.ts";
import type { Expr, IndexOp } from "../../ir/kernel.ts";
import { spellConstant } from "./spell-constant.ts";
import type { BitsName } from "./spell-constant.ts";
import { spellCast, spellOp, typeName } from "./spell-ops.ts";
import { callHelper, type HelperUses } from "./helpers.ts";

/** What a text needs around it; filled while it is printed. */
export interface TextNeeds {
  readonly helpers: HelperUses;
  readonly bits: Set<BitsName>;
}

type OpExpr = Extract<Expr, { readonly kind: "op" }>;

const OPERATORS: Record<Exclude<IndexOp, "min">, string> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  mod: "%",
};
const COMPONENTS = ["x", "y", "z", "w"] as const;

export function printExpr(expr: Expr, needs: TextNeeds): string {
  const print = (operand: Expr): string => printExpr(operand, needs);
  switch (expr.kind) {
    case "const": {
      const { text, needs: bits } = spellConstant(expr.type.scalar, expr.value);
      if (bits !== undefined) needs.bits.add(bits);
      return expr.type.width === 1 && !text.startsWith("-") ? text : `${typeName(expr.type)}(${text})`;
    }
    case "name":
      return `v_${expr.name}`;
    case "uniform":
      return expr.type.scalar === "bool" ? `(scalars.s_${expr.name} != 0u)` : `scalars.s_${expr.name}`;
    case "workgroup":
      return "wg";
    case "lane":
      return "lane";
    case "subgroup":
      return `subgroup_${expr.part}`;
    case "index":
      return printIndex(expr.fn, expr.args, print);
    case "op":
      if (isDividedByZero(expr)) return printOverZero(expr, needs);
      return spellOp(expr.fn, typeOf(expr.args.at(-1) ?? expr), expr.args.map(print), needs.helpers);
    case "cast":
      return expr.round === undefined
        ? spellCast(typeOf(expr.arg), expr.type.scalar, print(expr.arg), needs.helpers)
        : `${callHelper(needs.helpers, expr.round === "f16" ? "round_f16" : "round_bf16", expr.type.width)}(${stripParentheses(print(expr.arg))})`;
    case "splat":
      return expr.type.width === 1 ? print(expr.arg) : `${typeName(expr.type)}(${print(expr.arg)})`;
    case "vector":
      return `${typeName(expr.type)}(${expr.parts.map(print).join(", ")})`;
    case "component":
      return typeOf(expr.arg).width === 1
        ? print(expr.arg)
        : `${print(expr.arg)}.${COMPONENTS[expr.component] ?? "x"}`;
    case "register":
      throw new CompilerBug("a register reached the WGSL printer", [`${expr.array} was not expanded`]);
    default:
      return expr satisfies never;
  }
}

/** A division by the constant 0 or -0, which drivers fold to what it is not. */
const isDividedByZero = ({ fn, type, args: [, divisor] }: OpExpr): boolean =>
  (fn === "div" || fn === "quotient") &&
  type.scalar === "f32" &&
  divisor?.kind === "const" &&
  divisor.value === 0;

function printOverZero({ type, args: [dividend, divisor] }: OpExpr, needs: TextNeeds): string {
  if (dividend === undefined || divisor?.kind !== "const")
    throw new CompilerBug("a division without its operands reached the WGSL printer", []);
  const text = stripParentheses(printExpr(dividend, needs));
  const signed = Object.is(divisor.value, -0) ? `-(${text})` : text;
  return `${callHelper(needs.helpers, "over_zero", type.width)}(${signed})`;
}

function printIndex(fn: IndexOp, args: readonly [Expr, Expr], print: (expr: Expr) => string): string {
  const [a, b] = [print(args[0]), print(args[1])];
  if (fn === "min") return `min(${a}, ${b})`;
  // Tint's range analysis, which saves bounds checks, follows >> and %, but not &; and / becomes a guarded call.
  const divisor = fn === "div" && args[1].kind === "const" ? args[1].value : 0;
  const isPowerOfTwo = divisor > 0 && Number.isInteger(Math.log2(divisor));
  if (isPowerOfTwo) return `(${a} >> ${String(Math.log2(divisor))}u)`;
  return `(${a} ${OPERATORS[fn]} ${b})`;
}

/** Without the parentheses around the whole, where the text stands alone. */
export function stripParentheses(text: string): string {
  if (!text.startsWith("(")) return text;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "(") depth++;
    else if (text[i] === ")") depth--;
    if (depth === 0) return i === text.length - 1 ? text.slice(1, -1) : text;
  }
  return text;
}
