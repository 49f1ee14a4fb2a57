/**
 * How each scalar op reads in WGSL: one table, so that an op without a row does not compile. The same spelling serves
 * scalars and vectors.
 *
 * Requires: operands are printed atoms or parenthesised, of equal width; types are those that `SCALAR_OPS` accepts.
 * Ensures:  the meaning and the error of `SCALAR_OPS`, for f32, i32, u32 and bool operands alike.
 */
import type { ScalarType, ValueType, Width } from "../../ir/kernel.ts";
import type { ScalarOp } from "../../ir/scalar-ops.ts";
import { callHelper } from "./helpers.ts";
import type { HelperName, HelperUses } from "./helpers.ts";

export interface OpContext {
  /** Type of the last operand (of `where`: of the choices). */
  readonly operand: ValueType;
  /** Calls one of our helper functions at the operand's width. */
  readonly call: (helper: HelperName, ...args: readonly string[]) => string;
}

type Spelling = (context: OpContext, a: string, b: string, c: string) => string;

export const typeName = ({ scalar, width }: ValueType): string =>
  width === 1 ? scalar : `vec${String(width)}<${scalar}>`;

const builtin =
  (name: string): Spelling =>
  (_, a) =>
    `${name}(${a})`;
const infix =
  (operator: string): Spelling =>
  (_, a, b) =>
    `(${a} ${operator} ${b})`;
const helper =
  (name: HelperName): Spelling =>
  ({ call }, a, b) =>
    b === "" ? call(name, a) : call(name, a, b);
/** Integers have no fraction. */
const rounding =
  (name: string): Spelling =>
  ({ operand }, a) =>
    operand.scalar === "f32" ? `${name}(${a})` : a;
/** Integers have no nan. */
const extreme =
  (name: "max" | "min"): Spelling =>
  ({ operand, call }, a, b) =>
    operand.scalar === "f32" ? call(name, a, b) : `${name}(${a}, ${b})`;
/** WGSL does not order booleans. */
const comparison =
  (operator: string, ofBools: (a: string, b: string) => string): Spelling =>
  ({ operand }, a, b) =>
    operand.scalar === "bool" ? ofBools(a, b) : `(${a} ${operator} ${b})`;

const SPELLINGS: Record<ScalarOp, Spelling> = {
  neg: ({ operand }, a) => (operand.scalar === "u32" ? `(${typeName(operand)}(0u) - ${a})` : `(-(${a}))`),
  abs: builtin("abs"),
  sign: ({ operand, call }, a) =>
    operand.scalar === "f32"
      ? call("sign", a)
      : operand.scalar === "u32"
        ? `min(${a}, ${typeName(operand)}(1u))`
        : `sign(${a})`,
  floor: rounding("floor"),
  ceil: rounding("ceil"),
  round: rounding("round"), // WGSL rounds halves to even, as PyTorch does
  trunc: rounding("trunc"),
  sqrt: builtin("sqrt"),
  rsqrt: builtin("inverseSqrt"),
  exp: helper("exp"),
  exp2: helper("exp2"),
  expm1: helper("expm1"),
  log: helper("log"),
  log2: helper("log2"),
  log1p: helper("log1p"),
  sin: helper("sin"),
  cos: helper("cos"),
  tan: helper("tan"),
  asin: helper("asin"),
  acos: helper("acos"),
  atan: helper("atan"),
  sinh: helper("sinh"),
  cosh: helper("cosh"),
  tanh: helper("tanh"),
  asinh: helper("asinh"),
  acosh: helper("acosh"),
  atanh: helper("atanh"),
  erf: helper("erf"),
  ndtr: helper("ndtr"),
  isnan: helper("is_nan"),
  isinf: helper("is_inf"),
  isfinite: helper("is_finite"),
  not: (_, a) => `(!${a})`,
  add: infix("+"),
  sub: infix("-"),
  mul: infix("*"),
  div: infix("/"),
  pow: ({ operand, call }, a, b) =>
    call(operand.scalar === "u32" ? "pow_u32" : operand.scalar === "i32" ? "pow_i32" : "pow", a, b),
  quotient: ({ operand, call }, a, b) =>
    operand.scalar === "f32"
      ? `trunc(${a} / ${b})`
      : call(operand.scalar === "u32" ? "quotient_u32" : "quotient_i32", a, b),
  fmod: ({ operand, call }, a, b) =>
    call(operand.scalar === "u32" ? "fmod_u32" : operand.scalar === "i32" ? "fmod_i32" : "fmod", a, b),
  remainder: ({ operand, call }, a, b) =>
    call(
      operand.scalar === "u32" ? "fmod_u32" : operand.scalar === "i32" ? "remainder_i32" : "remainder",
      a,
      b,
    ),
  max: extreme("max"),
  min: extreme("min"),
  atan2: helper("atan2"),
  eq: infix("=="),
  // SwiftShader's != is false where an operand is nan, like all its comparisons.
  ne: ({ operand }, a, b) => (operand.scalar === "f32" ? `(!(${a} == ${b}))` : `(${a} != ${b})`),
  lt: comparison("<", (a, b) => `((!${a}) & ${b})`),
  le: comparison("<=", (a, b) => `((!${a}) | ${b})`),
  gt: comparison(">", (a, b) => `(${a} & (!${b}))`),
  ge: comparison(">=", (a, b) => `(${a} | (!${b}))`),
  and: infix("&"), // && knows no vectors
  or: infix("|"),
  xor: infix("!="),
  where: (_, a, b, c) => `select(${c}, ${b}, ${a})`,
};

const contextOf = (operand: ValueType, uses: HelperUses): OpContext => ({
  operand,
  call: (name, ...args) => `${callHelper(uses, name, operand.width)}(${args.join(", ")})`,
});

export function spellOp(fn: ScalarOp, operand: ValueType, args: readonly string[], uses: HelperUses): string {
  const [a = "", b = "", c = ""] = args;
  return SPELLINGS[fn](contextOf(operand, uses), a, b, c);
}

/** The conversion of `cast` (its meaning: `convertScalar`). */
export function spellCast(from: ValueType, to: ScalarType, arg: string, uses: HelperUses): string {
  const { call } = contextOf(from, uses);
  const width: Width = from.width;
  if (from.scalar === to) return arg;
  if (to === "bool")
    return from.scalar === "f32" ? call("is_nonzero", arg) : `(${arg} != ${typeName(from)}(0))`;
  if (from.scalar === "f32") return call(to === "i32" ? "to_i32" : "to_u32", arg);
  return `${typeName({ scalar: to, width })}(${arg})`; // bool gives 0 or 1, integers wrap
}
