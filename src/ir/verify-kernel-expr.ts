/**
 * The verifier's rules for expressions. What is checked: see verify-kernel.ts.
 */
import type { Expr, Kernel, ValueType } from "./kernel.ts";
import { typeOf } from "./kernel.ts";
import { SCALAR_OPS, isScalarOp } from "./scalar-ops.ts";
import type { ScalarOpInfo } from "./scalar-ops.ts";
import { MAX_NESTING, operandsOf } from "./walk-kernel.ts";

export interface ValueName {
  readonly type: ValueType;
  readonly kind: "let" | "var" | "counter" | "unrolled";
  /** The same in all invocations of a workgroup. */
  readonly uniform: boolean;
}

export interface ArrayName {
  readonly type: ValueType;
  readonly length: number;
  readonly kind: "register" | "shared";
}

/** What the verifier knows at one point; it walks the kernel once, so the scope is updated in place. */
export interface KernelScope {
  readonly kernel: Kernel;
  readonly values: Map<string, ValueName>;
  readonly arrays: Map<string, ArrayName>;
  readonly declared: Set<string>;
  readonly problems: string[];
  uniform: boolean;
  depth: number;
}

export const sameType = (a: ValueType, b: ValueType): boolean => a.scalar === b.scalar && a.width === b.width;
export const printValueType = ({ scalar, width }: ValueType): string =>
  width === 1 ? scalar : `${scalar}x${String(width)}`;

export function checkExpr(expr: Expr, scope: KernelScope, depth = 0): void {
  if (depth > MAX_NESTING) {
    scope.problems.push(`an expression nests deeper than ${String(MAX_NESTING)}`);
    return;
  }
  for (const operand of operandsOf(expr)) checkExpr(operand, scope, depth + 1);
  const problem = findProblem(expr, scope);
  if (problem !== undefined) scope.problems.push(problem);
}

const isIndexType = (expr: Expr): boolean => sameType(typeOf(expr), { scalar: "u32", width: 1 });

/** What is wrong with an expression whose operands are checked already. */
function findProblem(expr: Expr, scope: KernelScope): string | undefined {
  switch (expr.kind) {
    case "const":
      return isOfType(expr.value, expr.type) ? undefined : `${String(expr.value)} is no ${expr.type.scalar}`;
    case "name": {
      const found = scope.values.get(expr.name);
      if (found === undefined) return `${expr.name} is not declared here`;
      return sameType(found.type, expr.type)
        ? undefined
        : `${expr.name} is ${printValueType(found.type)}, not ${printValueType(expr.type)}`;
    }
    case "uniform": {
      const found = scope.kernel.scalars.find(({ name }) => name === expr.name);
      if (found === undefined) return `no scalar ${expr.name}`;
      return sameType({ scalar: found.dtype, width: 1 }, expr.type)
        ? undefined
        : `scalar ${expr.name} is ${found.dtype}`;
    }
    case "register": {
      const array = scope.arrays.get(expr.array);
      if (array?.kind !== "register") return `no register array ${expr.array}`;
      checkIndex(expr.index, "register", array, scope);
      return sameType(array.type, expr.type) ? undefined : `registers ${expr.array} have another type`;
    }
    case "workgroup":
    case "lane":
    case "subgroup":
      return undefined;
    case "index": {
      const [, divisor] = expr.args;
      if (!expr.args.every(isIndexType)) return `index ${expr.fn} of operands that are not u32`;
      const divides = expr.fn === "div" || expr.fn === "mod";
      return divides && divisor.kind === "const" && divisor.value === 0 ? "division by zero" : undefined;
    }
    case "op":
      return findOpProblem(expr);
    case "cast":
      if (expr.round !== undefined && expr.type.scalar !== "f32") return "only an f32 is rounded to 16 bits";
      return typeOf(expr.arg).width === expr.type.width ? undefined : "a cast cannot change the width";
    case "splat": {
      const from = typeOf(expr.arg);
      return from.width === 1 && from.scalar === expr.type.scalar ? undefined : "splat of another type";
    }
    case "vector":
      return expr.parts.length === expr.type.width &&
        expr.type.width > 1 &&
        expr.parts.every((part) => sameType(typeOf(part), { scalar: expr.type.scalar, width: 1 }))
        ? undefined
        : "the parts do not make up the vector";
    case "component": {
      const { scalar, width } = typeOf(expr.arg);
      const isInside = Number.isInteger(expr.component) && expr.component >= 0 && expr.component < width;
      return isInside && sameType(expr.type, { scalar, width: 1 }) ? undefined : "no such component";
    }
    default:
      return expr satisfies never;
  }
}

function isOfType(value: number, { scalar }: ValueType): boolean {
  if (scalar === "bool") return value === 0 || value === 1;
  if (scalar === "i32") return Object.is(value, value | 0);
  return scalar === "f32" || Object.is(value, value >>> 0);
}

function findOpProblem(expr: Expr & { kind: "op" }): string | undefined {
  if (!isScalarOp(expr.fn)) return `no scalar op ${String(expr.fn)}`;
  const info: ScalarOpInfo = SCALAR_OPS[expr.fn];
  if (expr.args.length !== info.arity) return `${expr.fn} takes ${String(info.arity)} operands`;
  const types = expr.args.map(typeOf);
  const values = expr.fn === "where" ? types.slice(1) : types;
  const [first] = values;
  if (first === undefined || !values.every((type) => sameType(type, first)))
    return `${expr.fn} of operands of different types: ${types.map(printValueType).join(", ")}`;
  if (expr.fn === "where" && !sameType(types[0] ?? first, { scalar: "bool", width: first.width }))
    return "the condition of where is no bool of the same width";
  const { scalar, width } = first;
  const accepted =
    info.operands === "any" ||
    (info.operands === "bool"
      ? scalar === "bool"
      : scalar === "f32" || (info.operands === "numeric" && scalar !== "bool"));
  // Rounding does nothing to integers and is spelled so.
  if (!accepted) return `${expr.fn} does not take ${scalar}`;
  const result: ValueType = { scalar: info.result === "bool" ? "bool" : scalar, width };
  return sameType(expr.type, result) ? undefined : `${expr.fn} gives ${printValueType(result)}`;
}

/** An index into something of that length; constants must lie inside and be multiples of `step`. */
export function checkIndex(
  index: Expr,
  kind: "register" | "shared" | "binding",
  target: { readonly length: number; readonly step?: number } | undefined,
  scope: KernelScope,
): void {
  checkExpr(index, scope);
  if (!isIndexType(index)) scope.problems.push(`an index is ${printValueType(typeOf(index))}, not u32`);
  if (kind === "register" && !becomesConstant(index, scope))
    scope.problems.push("a register index is not constant after unrolling");
  if (target === undefined || index.kind !== "const") return;
  const step = target.step ?? 1;
  if (index.value + step > target.length || index.value % step !== 0)
    scope.problems.push(`index ${String(index.value)} is out of range or not a multiple of ${String(step)}`);
}

/** Lets are taken on trust: the unroller substitutes those that turn out constant, and says so where one does not. */
function becomesConstant(index: Expr, scope: KernelScope): boolean {
  if (index.kind === "const") return true;
  if (index.kind === "name") {
    const kind = scope.values.get(index.name)?.kind;
    return kind === undefined || kind === "unrolled" || kind === "let";
  }
  return index.kind === "index" && index.args.every((arg) => becomesConstant(arg, scope));
}

/** Whether all invocations of a workgroup see the same value. Loads are not: WGSL counts them as not uniform. */
export function isUniform(expr: Expr, scope: KernelScope): boolean {
  if (expr.kind === "lane" || expr.kind === "register") return false;
  if (expr.kind === "subgroup") return expr.part === "size";
  if (expr.kind === "name") return scope.values.get(expr.name)?.uniform ?? false;
  return operandsOf(expr).every((operand) => isUniform(operand, scope));
}
