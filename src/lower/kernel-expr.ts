/** Constructors of kernel expressions that fold what is constant, so that lowering can write formulas plainly. */
import type { DType } from "../ir/dtype.ts";
import type { Expr, IndexOp, ScalarType, ValueType, Width } from "../ir/kernel.ts";
import { BOOL, typeOf, U32 } from "../ir/kernel.ts";
import type { ScalarOp } from "../ir/scalar-ops.ts";

/** 16-bit floats are storage only: values in a kernel are f32. */
export const computeType = (dtype: DType): ScalarType =>
  dtype === "f16" || dtype === "bf16" ? "f32" : dtype;

export const u32 = (value: number): Expr => ({ kind: "const", type: U32, value });
export const nameOf = (name: string, type: ValueType = U32): Expr => ({ kind: "name", type, name });
export const constant = (scalar: ScalarType, value: number, width: Width = 1): Expr => ({
  kind: "const",
  type: { scalar, width },
  value,
});

const constantOf = (e: Expr): number | undefined => (e.kind === "const" ? e.value : undefined);

const FOLD: Readonly<Record<IndexOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => Math.imul(a, b),
  div: (a, b) => Math.floor(a / b),
  mod: (a, b) => a % b,
  min: Math.min,
};

/** u32 arithmetic; wraps like the device. */
export function index(fn: IndexOp, a: Expr, b: Expr): Expr {
  const [x, y] = [constantOf(a), constantOf(b)];
  if (x !== undefined && y !== undefined) return u32(FOLD[fn](x, y) >>> 0);
  if ((fn === "add" || fn === "sub") && y === 0) return a;
  if (fn === "add" && x === 0) return b;
  if (fn === "mul" && (x === 0 || y === 0)) return u32(0);
  if ((fn === "mul" || fn === "div") && y === 1) return a;
  if (fn === "mul" && x === 1) return b;
  if (fn === "mod" && y === 1) return u32(0);
  return { kind: "index", fn, args: [a, b] };
}

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
