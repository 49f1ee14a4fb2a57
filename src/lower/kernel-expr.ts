/** Constructors of kernel expressions that fold what is constant, so that lowering can write formulas plainly. */
import type { Expr, ScalarType, ValueType, Width } from "../ir/kernel.ts";
import { BOOL, typeOf, U32 } from "../ir/kernel.ts";
import type { ScalarOp } from "../ir/scalar-ops.ts";

export const nameOf = (name: string, type: ValueType = U32): Expr => ({ kind: "name", type, name });
export const constant = (scalar: ScalarType, value: number, width: Width = 1): Expr => ({
  kind: "const",
  type: { scalar, width },
  value,
});

export const op = (fn: ScalarOp, type: ValueType, ...args: readonly Expr[]): Expr => ({
  kind: "op",
  fn,
  type,
  args,
});
export const less = (a: Expr, b: Expr): Expr => op("lt", BOOL, a, b);

/** The expression with `width` elements: scalars are repeated, vectors must have the width already. */
export function widen(e: Expr, width: Width): Expr {
  const type = typeOf(e);
  if (type.width === width) return e;
  const wide: ValueType = { scalar: type.scalar, width };
  return e.kind === "const" ? { ...e, type: wide } : { kind: "splat", type: wide, arg: e };
}

export const component = (e: Expr, at: number): Expr => ({
  kind: "component",
  type: { scalar: typeOf(e).scalar, width: 1 },
  arg: e,
  component: at,
});
