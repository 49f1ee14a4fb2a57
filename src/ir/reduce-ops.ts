/**
 * The table of monoids that `reduce` knows. `identity` is what a reduction over zero elements gives (null: such a
 * reduction is refused, as PyTorch refuses it). `evaluate` is the meaning.
 */
import type { DType } from "./dtype.ts";

export interface ReduceOpInfo {
  readonly operand: "numeric" | "bool";
  readonly identity: number | null;
  readonly evaluate: (a: number, b: number) => number;
  /** True when the result is one of the operands, whatever the order: no rounding error is added. */
  readonly exact: boolean;
}

const propagateNan = (pick: (a: number, b: number) => number) => (a: number, b: number) =>
  Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : pick(a, b);

export const REDUCE_OPS = {
  sum: { operand: "numeric", identity: 0, evaluate: (a: number, b: number) => a + b, exact: false },
  prod: { operand: "numeric", identity: 1, evaluate: (a: number, b: number) => a * b, exact: false },
  max: { operand: "numeric", identity: null, evaluate: propagateNan(Math.max), exact: true },
  min: { operand: "numeric", identity: null, evaluate: propagateNan(Math.min), exact: true },
  any: {
    operand: "bool",
    identity: 0,
    evaluate: (a: number, b: number) => (a !== 0 || b !== 0 ? 1 : 0),
    exact: true,
  },
  all: {
    operand: "bool",
    identity: 1,
    evaluate: (a: number, b: number) => (a !== 0 && b !== 0 ? 1 : 0),
    exact: true,
  },
} as const satisfies Record<string, ReduceOpInfo>;

export type ReduceOp = keyof typeof REDUCE_OPS;

export const isReduceOp = (text: string): text is ReduceOp => Object.hasOwn(REDUCE_OPS, text);

/** Whether `fn` reduces operands of this dtype. */
export const reduceAccepts = (fn: ReduceOp, dtype: DType): boolean =>
  REDUCE_OPS[fn].operand === "bool" ? dtype === "bool" : dtype !== "bool";
