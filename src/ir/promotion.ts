/**
 * Dtype promotion: PyTorch's, restricted to our dtypes. docs/ir.md has the table; the differences are:
 *  - arithmetic, max and min of two bools give i32 (PyTorch stays bool where it can, and refuses `-`);
 *  - i32 with u32 gives i32 (PyTorch's i64 does not exist on the device);
 *  - a tensor of rank 0 counts as much as any other tensor; only literals and scalars are weak.
 *
 * Categories go bool < integer < float. Within the highest one, f16 with bf16 gives f32, and anything with f32 is f32.
 * A weak operand only lifts the category: f16 * 1.5 is f16, i32 * 1.5 is f32, i32 * 2 is i32, bool + 1 is i32.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { isFloat, isInteger } from "./dtype.ts";
import type { DType } from "./dtype.ts";
import { representValue } from "./number-text.ts";
import type { OperandClass, ScalarOp } from "./scalar-ops.ts";

/** An operand as promotion sees it; a literal is its value, since whether 3000000000 is an integer depends on the others. */
export type Promotable = { readonly dtype: DType; readonly weak: boolean } | number | boolean;

const categoryOf = (dtype: DType): number => (isFloat(dtype) ? 2 : isInteger(dtype) ? 1 : 0);

/** The dtype that both convert to. */
export function joinDTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  if (categoryOf(a) !== categoryOf(b)) return categoryOf(a) > categoryOf(b) ? a : b;
  return isFloat(a) ? "f32" : "i32";
}

/** Whole numbers are integers while they fit; beyond that they are floats, as 1e30 is one. */
export function literalDType(value: number | boolean, base?: DType): DType {
  if (typeof value === "boolean") return "bool";
  const integer: DType = base === "u32" && value > 0 ? "u32" : "i32";
  return Number.isInteger(value) && representValue(value, integer) !== undefined ? integer : "f32";
}

/** The dtype in which operands meet. */
export function promoteDTypes(operands: readonly Promotable[]): DType {
  let strong: DType | undefined;
  for (const operand of operands)
    if (typeof operand === "object" && !operand.weak)
      strong = strong === undefined ? operand.dtype : joinDTypes(strong, operand.dtype);
  let weak: DType | undefined;
  for (const operand of operands) {
    if (typeof operand === "object" && !operand.weak) continue;
    const dtype = typeof operand === "object" ? operand.dtype : literalDType(operand, strong);
    weak = weak === undefined ? dtype : joinDTypes(weak, dtype);
  }
  if (strong === undefined) return weak ?? "f32";
  return weak !== undefined && categoryOf(weak) > categoryOf(strong) ? weak : strong;
}

/** Whether an op of this class takes operands of this dtype as they are. */
export function acceptsDType(operands: OperandClass, dtype: DType): boolean {
  switch (operands) {
    case "float":
      return isFloat(dtype);
    case "numeric":
      return dtype !== "bool";
    case "bool":
      return dtype === "bool";
    case "any":
      return true;
  }
}

/** The dtype that operands which met in `dtype` are converted to for an op of this class. */
export function convertFor(operands: OperandClass, dtype: DType): DType {
  if (acceptsDType(operands, dtype)) return dtype;
  if (operands === "float") return "f32";
  return operands === "bool" ? "bool" : "i32";
}

/** Ops that change no integer, so that they make no node for one. The table gives them as floating-point ops. */
export const isIdentityOnIntegers = (fn: ScalarOp): boolean =>
  fn === "floor" || fn === "ceil" || fn === "round" || fn === "trunc";

/** Ops that ask for the class of a number, with the answer that every integer gives. */
export function answerOnIntegers(fn: ScalarOp): 0 | 1 | undefined {
  if (fn === "isfinite") return 1;
  return fn === "isnan" || fn === "isinf" ? 0 : undefined;
}

/** The value as a constant of this dtype; refused where the dtype has no such value. */
export function convertLiteral(value: number | boolean, dtype: DType, span: Span | undefined): number {
  const represented = representValue(Number(value), dtype);
  if (represented !== undefined) return represented;
  const [low, high] = dtype === "u32" ? ["0", "4294967295"] : ["-2147483648", "2147483647"];
  return fail("invalid-value", `${String(value)} is not a value of ${dtype}`, {
    span,
    help: `${dtype} holds whole numbers from ${low} to ${high}; cast to ${dtype === "u32" ? "i32 or f32" : "f32"} for others`,
  });
}
