/** What ops cost on devices that run on the CPU, where instructions are what kernels pay for. */
import { visitScalar, type ScalarExpr } from "./index-notation.ts";
import type { ScalarOp } from "./scalar-ops.ts";

/**
 * Bytes of copy that one op on one element is worth. Measured on SwiftShader over 4 M elements, beside a copy of
 * 0.42 ns a byte: add 0.15 ns, div 0.27, sqrt 0.35, exp 1.1, log 1.2, tanh, erf and ndtr 1.8, pow 3.7.
 */
export const SIMPLE_OP = 0.4;
const ROOT_OP = 0.8;
const EXPONENTIAL_OP = 3;
const QUOTIENT_OP = 4.5;
const FORMULA_OP = 9;
const COSTLY: ReadonlyMap<ScalarOp, number> = new Map([
  ...(["div", "sqrt", "rsqrt"] as const).map((op) => [op, ROOT_OP] as const),
  ...(["exp", "exp2", "log", "log2", "sin", "cos"] as const).map((op) => [op, EXPONENTIAL_OP] as const),
  ...(
    [
      "expm1",
      "log1p",
      "tan",
      "asin",
      "acos",
      "atan",
      "atan2",
      "sinh",
      "cosh",
      "asinh",
      "acosh",
      "atanh",
    ] as const
  ).map((op) => [op, FORMULA_OP] as const),
  ...(["erf", "ndtr", "tanh"] as const).map((op) => [op, QUOTIENT_OP] as const),
  ["pow", FORMULA_OP],
]);

export const opCost = (op: ScalarOp): number => COSTLY.get(op) ?? SIMPLE_OP;

/** Ops that cost as much as an exponential, or more. */
export const isCostly = (op: ScalarOp): boolean => opCost(op) >= EXPONENTIAL_OP;

/** What an expression takes to compute; a load is an op, too, wherever the element lies. */
export function scalarCost(value: ScalarExpr): number {
  let cost = 0;
  visitScalar(value, (e) => {
    if (e.kind === "map") cost += opCost(e.fn);
    else if (e.kind === "cast" || e.kind === "tensor") cost += SIMPLE_OP;
  });
  return cost;
}
