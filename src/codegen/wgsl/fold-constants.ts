/**
 * Evaluates ops whose operands are all constants.
 *
 * WGSL makes it an error of the shader when a constant expression overflows or gives nan or infinity (`exp(100.0)`,
 * `log(vec4(0.0))`), while the kernel means infinity. Evaluated here, such a value is spelled by its bits.
 *
 * Requires: a verified kernel.
 * Ensures:  no `op`, `cast` or `component` has only constants as operands; vectors of one constant are constants.
 */
import { evaluateElement } from "../../ir/kernel-values.ts";
import { castValue, roundTo } from "../../ir/round.ts";
import { typeOf } from "../../ir/kernel.ts";
import type { Expr, Kernel, ScalarType, ValueType } from "../../ir/kernel.ts";
import { makeIndex, rewriteExpr, rewriteExprsOf, rewriteStmts } from "../../ir/walk-kernel.ts";

export function foldConstants(kernel: Kernel): Kernel {
  const body = rewriteStmts(kernel.body, (stmt) => [rewriteExprsOf(stmt, (expr) => rewriteExpr(expr, fold))]);
  return body === kernel.body ? kernel : { ...kernel, body };
}

function fold(expr: Expr): Expr {
  switch (expr.kind) {
    case "index": {
      const made = makeIndex(expr.fn, expr.args[0], expr.args[1]);
      return made.kind === "index" ? expr : made;
    }
    case "op": {
      const args = expr.args.map(elementsOf);
      if (!args.every((arg) => arg !== undefined)) return expr;
      const last = expr.args.at(-1);
      const operand = last === undefined ? expr.type.scalar : typeOf(last).scalar;
      const element = (i: number): number =>
        evaluateElement(
          expr.fn,
          operand,
          args.map((arg) => arg[i] ?? 0),
        );
      return makeConstant(
        expr.type,
        Array.from({ length: expr.type.width }, (_, i) => element(i)),
      );
    }
    case "cast": {
      const from: ScalarType = typeOf(expr.arg).scalar;
      const elements = elementsOf(expr.arg);
      if (elements === undefined) return expr;
      return makeConstant(
        expr.type,
        elements.map((value) => {
          const cast = castValue(from, expr.type.scalar, value);
          return expr.round === undefined ? cast : roundTo(expr.round, cast);
        }),
      );
    }
    case "splat":
      return expr.arg.kind === "const" ? { ...expr.arg, type: expr.type } : expr;
    case "vector": {
      const elements = elementsOf(expr);
      return elements === undefined || !isUniform(elements) ? expr : makeConstant(expr.type, elements);
    }
    case "component": {
      const value = elementsOf(expr.arg)?.[expr.component];
      return value === undefined ? expr : { kind: "const", type: expr.type, value };
    }
    default:
      return expr;
  }
}

/** The elements of a constant scalar or vector. */
function elementsOf(expr: Expr): readonly number[] | undefined {
  if (expr.kind === "const") return new Array<number>(expr.type.width).fill(expr.value);
  if (expr.kind !== "vector") return undefined;
  const parts = expr.parts.map((part) => (part.kind === "const" ? part.value : undefined));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

const isUniform = (elements: readonly number[]): boolean => elements.every((x) => Object.is(x, elements[0]));

function makeConstant(type: ValueType, elements: readonly number[]): Expr {
  const rounded = elements.map((x) => (type.scalar === "f32" ? Math.fround(x) : x));
  if (isUniform(rounded)) return { kind: "const", type, value: rounded[0] ?? 0 };
  const part: ValueType = { scalar: type.scalar, width: 1 };
  return { kind: "vector", type, parts: rounded.map((value) => ({ kind: "const", type: part, value })) };
}
