/** The monoids that the graph's `reduce` offers: rows of the table in monoids.ts. The others are made by passes. */
import type { DType } from "./dtype.ts";
import { MONOIDS } from "./monoids.ts";

const { sum, prod, max, min, any, all, argmax, argmin, argmax_last, argmin_last } = MONOIDS;
export const REDUCE_OPS = {
  sum,
  prod,
  max,
  min,
  any,
  all,
  argmax,
  argmin,
  argmax_last,
  argmin_last,
} as const;

export type ReduceOp = keyof typeof REDUCE_OPS;

export const isReduceOp = (text: string): text is ReduceOp => Object.hasOwn(REDUCE_OPS, text);

/** Whether `fn` reduces operands of this dtype. */
export const reduceAccepts = (fn: ReduceOp, dtype: DType): boolean =>
  REDUCE_OPS[fn].operand === "bool" ? dtype === "bool" : dtype !== "bool";

/** Whether `fn` gives the position of an element in its row, an i32, and not a value of the operand's dtype. */
export const givesPosition = (fn: ReduceOp): boolean => REDUCE_OPS[fn].components.length > 1;

/** The dtype of the result of reducing elements of `dtype`. */
export const reducedDType = (fn: ReduceOp, dtype: DType): DType => (givesPosition(fn) ? "i32" : dtype);
