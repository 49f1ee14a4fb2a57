/** The monoids that the graph's `reduce` offers: rows of the table in monoids.ts. */
import type { DType } from "./dtype.ts";
import { MONOIDS, monoidOf } from "./monoids.ts";

export const REDUCE_OPS = MONOIDS;

export type ReduceOp = keyof typeof REDUCE_OPS;

export const isReduceOp = (text: string): text is ReduceOp => Object.hasOwn(REDUCE_OPS, text);

/** Whether `fn` reduces operands of this dtype. */
export const reduceAccepts = (fn: ReduceOp, dtype: DType): boolean =>
  REDUCE_OPS[fn].operand === "bool" ? dtype === "bool" : dtype !== "bool";

/** Whether `fn` gives the position of an element in its row, an i32, and not a value of the operand's dtype. */
export const givesPosition = (fn: ReduceOp): boolean => monoidOf(fn).components.length > 1;

/** The dtype of the result of reducing elements of `dtype`. */
export const reducedDType = (fn: ReduceOp, dtype: DType): DType => (givesPosition(fn) ? "i32" : dtype);
