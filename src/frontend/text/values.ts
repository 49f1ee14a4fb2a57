/**
 * What an expression is worth while a kernel is instantiated: a tensor of the graph, or something known at compile time
 * (a number, a list of axes). A poisoned value is `undefined`: its mistake is reported, and whatever uses it stays silent.
 */
import type { Span } from "../../diagnostics/diagnostic.ts";
import { printType } from "../../ir/dtype.ts";
import type { GraphBuilder, Operand, Value } from "../../ir/graph-builder.ts";
import { SCALAR_OPS } from "../../ir/scalar-ops.ts";
import type { BinaryOp } from "./ast.ts";
import type { Derivative } from "./environment.ts";

export type Static =
  | { readonly kind: "tensor"; readonly value: Value }
  /** `isInteger` tells 2 from 2.0, which JavaScript cannot. */
  | { readonly kind: "number"; readonly value: number; readonly isInteger: boolean }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "none" }
  | { readonly kind: "list"; readonly items: readonly Static[] }
  | { readonly kind: "tuple"; readonly items: readonly (Static | undefined)[] }
  /** `grad(f, wrt=x)`, not called yet. */
  | { readonly kind: "function"; readonly derivative: Derivative };

/** Names that stand for numbers unless a parameter, dimension or let takes them. */
export const CONSTANTS: ReadonlyMap<string, Static> = new Map<string, Static>([
  ["inf", { kind: "number", value: Number.POSITIVE_INFINITY, isInteger: false }],
  ["nan", { kind: "number", value: Number.NaN, isInteger: false }],
  ["pi", { kind: "number", value: Math.PI, isInteger: false }],
  ["none", { kind: "none" }],
]);

export const integer = (value: number): Static => ({ kind: "number", value, isInteger: true });
export const float = (value: number): Static => ({ kind: "number", value, isInteger: false });
export const tensor = (value: Value): Static => ({ kind: "tensor", value });

const inInt32 = (value: number): boolean => value >= -(2 ** 31) && value < 2 ** 31;

/** The operand that a value is, or undefined for what no op takes (a list, a tuple, none). */
export function toOperand(value: Static, builder: GraphBuilder, span: Span): Operand | undefined {
  switch (value.kind) {
    case "tensor":
    case "boolean":
      return value.value;
    case "number":
      // The builder takes whole numbers for i32; a float such as 2.0 has to say that it is one, and stays weak.
      if (value.isInteger ? inInt32(value.value) : !Number.isInteger(value.value)) return value.value;
      return { ...builder.constant(value.value, "f32", [], span), weak: true };
    case "none":
    case "list":
    case "tuple":
    case "function":
      return undefined;
  }
}

/** A value in the words of a diagnostic. */
export function describeValue(value: Static): string {
  switch (value.kind) {
    case "tensor":
      return printType(value.value.type);
    case "number":
    case "boolean":
      return String(value.value);
    case "none":
      return "none";
    case "list":
      return "a list";
    case "tuple":
      return "a tuple";
    case "function":
      return "a function";
  }
}

const COMPARE: ReadonlyMap<BinaryOp, (a: number, b: number) => boolean> = new Map([
  ["eq", (a: number, b: number) => a === b],
  ["ne", (a: number, b: number) => a !== b],
  ["lt", (a: number, b: number) => a < b],
  ["le", (a: number, b: number) => a <= b],
  ["gt", (a: number, b: number) => a > b],
  ["ge", (a: number, b: number) => a >= b],
]);
const ARITHMETIC: ReadonlyMap<BinaryOp, (a: number, b: number) => number> = new Map([
  ["add", (a: number, b: number) => a + b],
  ["sub", (a: number, b: number) => a - b],
  ["mul", (a: number, b: number) => a * b],
]);

/** `a op b` where both are known at compile time; undefined: leave it to the graph. As in Python, `/` gives a float. */
export function foldBinary(op: BinaryOp, a: Static, b: Static): Static | undefined {
  if (a.kind === "boolean" && b.kind === "boolean") {
    if (op === "and") return { kind: "boolean", value: a.value && b.value };
    if (op === "or") return { kind: "boolean", value: a.value || b.value };
    return undefined;
  }
  if (a.kind !== "number" || b.kind !== "number") return undefined;
  if (op === "div") return float(a.value / b.value);
  const arithmetic = ARITHMETIC.get(op);
  if (arithmetic !== undefined) {
    const value = arithmetic(a.value, b.value);
    return { kind: "number", value, isInteger: a.isInteger && b.isInteger && Number.isSafeInteger(value) };
  }
  const compare = COMPARE.get(op);
  return compare === undefined ? undefined : { kind: "boolean", value: compare(a.value, b.value) };
}

/** `a ** b` of two numbers: an integer where both are and the exponent is not negative. */
export function foldPower(a: Static, b: Static): Static | undefined {
  if (a.kind !== "number" || b.kind !== "number") return undefined;
  const value = SCALAR_OPS.pow.evaluate(a.value, b.value);
  const isInteger = a.isInteger && b.isInteger && b.value >= 0 && Number.isSafeInteger(value);
  return { kind: "number", value, isInteger };
}

export function foldUnary(op: "neg" | "not", a: Static): Static | undefined {
  if (op === "not") return a.kind === "boolean" ? { kind: "boolean", value: !a.value } : undefined;
  if (a.kind !== "number") return undefined;
  return { ...a, value: a.isInteger ? 0 - a.value : -a.value };
}

/** Functions of numbers that are worked out at once, so that `floor(K / 2)` can be a length or an index. */
export function foldFunction(name: string, args: readonly Static[]): Static | undefined {
  const [a, b] = args.map((arg) => (arg.kind === "number" ? arg : undefined));
  if (a === undefined) return undefined;
  switch (name) {
    case "floor":
    case "ceil":
    case "round":
    case "trunc": {
      const value = SCALAR_OPS[name].evaluate(a.value);
      return { kind: "number", value, isInteger: Number.isSafeInteger(value) };
    }
    case "abs":
      return { ...a, value: Math.abs(a.value) };
    case "maximum":
    case "minimum":
      if (b === undefined) return undefined;
      return {
        kind: "number",
        value: name === "maximum" ? Math.max(a.value, b.value) : Math.min(a.value, b.value),
        isInteger: a.isInteger && b.isInteger,
      };
    default:
      return undefined;
  }
}
