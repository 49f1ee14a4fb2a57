/**
 * Formulas over the states of monoids, as data: small trees over scalar ops that every reader of the table instantiates for
 * itself, as numbers (interpreters), as kernel expressions (lowering, code generation) or as index notation (passes).
 */
import type { DType } from "./dtype.ts";
import { evaluateScalar, type ScalarOp } from "./scalar-ops.ts";

export type StateExpr =
  /** Component `at` of state a or b, or operand `at` of the element x that is reduced. */
  | { readonly kind: "component"; readonly of: "a" | "b" | "x"; readonly at: number }
  /** An f32. */
  | { readonly kind: "constant"; readonly value: number }
  /** `name` is given where the value is used more than once, or is long: who can bind values binds it. */
  | {
      readonly kind: "op";
      readonly fn: ScalarOp;
      readonly args: readonly StateExpr[];
      readonly name?: string | undefined;
    };

export const a = (at: number): StateExpr => ({ kind: "component", of: "a", at });
export const b = (at: number): StateExpr => ({ kind: "component", of: "b", at });
export const x = (at: number): StateExpr => ({ kind: "component", of: "x", at });
export const f32 = (value: number): StateExpr => ({ kind: "constant", value });
export const apply = (fn: ScalarOp, ...args: readonly StateExpr[]): StateExpr => ({ kind: "op", fn, args });
/** The same value under a name. */
export const named = (name: string, expr: StateExpr): StateExpr =>
  expr.kind === "op" ? { ...expr, name } : expr;

/** The components that a formula may name. */
export interface StateScope<T> {
  readonly a?: readonly T[];
  readonly b?: readonly T[];
  readonly x?: readonly T[];
}

/** What formulas become. */
export interface StateAlgebra<T> {
  readonly constant: (value: number) => T;
  readonly apply: (fn: ScalarOp, args: readonly T[], name: string | undefined) => T;
}

/** The formulas as values of an algebra; what they share (the same object) is made once. */
export function instantiate<T>(
  exprs: readonly StateExpr[],
  scope: StateScope<T>,
  algebra: StateAlgebra<T>,
): readonly T[] {
  const made = new Map<StateExpr, T>();
  const make = (expr: StateExpr): T => {
    const known = made.get(expr);
    if (known !== undefined) return known;
    const value = makeOne(expr);
    made.set(expr, value);
    return value;
  };
  const makeOne = (expr: StateExpr): T => {
    switch (expr.kind) {
      case "component": {
        const component = scope[expr.of]?.[expr.at];
        if (component === undefined) throw new RangeError(`no component ${expr.of}.${String(expr.at)}`);
        return component;
      }
      case "constant":
        return algebra.constant(expr.value);
      case "op":
        return algebra.apply(expr.fn, expr.args.map(make), expr.name);
    }
  };
  return exprs.map(make);
}

/** Formulas in float64 over operands of `dtype`; integers wrap. */
export const numbersOf = (dtype: DType): StateAlgebra<number> => ({
  constant: (value) => value,
  apply: (fn, args) => evaluateScalar(fn, dtype, args),
});
