/**
 * Numbers as values of kernel types hold them. The interpreter and constant folding share this file, so that a folded
 * constant is what running would have given.
 *
 * Requires: an i32 or u32 value lies in its range, a bool is 0 or 1.
 * Ensures:  so do the results.
 */
import type { IndexOp, ScalarType } from "./kernel.ts";
import { evaluateScalar } from "./scalar-ops.ts";
import type { ScalarOp } from "./scalar-ops.ts";

/** u32 arithmetic of indices; division by zero is excluded by the verifier. */
export function evaluateIndex(fn: IndexOp, a: number, b: number): number {
  switch (fn) {
    case "add":
      return (a + b) >>> 0;
    case "sub":
      return (a - b) >>> 0;
    case "mul":
      return Math.imul(a, b) >>> 0;
    case "div":
      return Math.floor(a / b);
    case "mod":
      return a % b;
    case "min":
      return Math.min(a, b);
    default:
      return fn satisfies never;
  }
}

/** One element of an op; `operand` is the type of the last operand. Floats stay in float64. */
export const evaluateElement = (fn: ScalarOp, operand: ScalarType, args: readonly number[]): number =>
  evaluateScalar(fn, operand, args);
