/** What the kernels of a module take and give, without instantiating them. */
import type { DType } from "../../ir/dtype.ts";
import type { Expr, Module, ParamDecl, TypeExpr } from "./ast.ts";
import { printDim } from "./print-type.ts";
import { CONSTANTS, foldUnary, type Static } from "./values.ts";

export interface KernelParam {
  readonly name: string;
  /** A scalar is bound at call time and has no shape of its own. */
  readonly kind: "tensor" | "scalar";
  /** Undefined: any. */
  readonly dtype: DType | undefined;
  /** Lengths as written (`"N"`, `"2 * N"`, `"..."`), numbers where they are literal; undefined: any shape. */
  readonly dims: readonly (number | string)[] | undefined;
  /** The default of a scalar where it is a literal; undefined also for one that depends on dimensions. */
  readonly default: number | boolean | undefined;
  readonly hasDefault: boolean;
}

export interface KernelResult {
  readonly name: string | undefined;
  readonly dtype: DType | undefined;
  readonly dims: readonly (number | string)[] | undefined;
}

export interface KernelInfo {
  readonly name: string;
  readonly params: readonly KernelParam[];
  /** Undefined: not declared. */
  readonly results: readonly KernelResult[] | undefined;
}

const listDims = (type: TypeExpr | undefined): readonly (number | string)[] | undefined =>
  type?.dims?.map((dim) => (dim.kind === "number" ? dim.value : printDim(dim)));

/** The value of a literal, a signed one included. */
function readLiteral(expr: Expr | undefined): Static | undefined {
  if (expr === undefined) return undefined;
  if (expr.kind === "number") return { kind: "number", value: expr.value, isInteger: expr.isInteger };
  if (expr.kind === "boolean") return { kind: "boolean", value: expr.value };
  if (expr.kind === "name") return CONSTANTS.get(expr.text);
  if (expr.kind !== "unary") return undefined;
  const operand = readLiteral(expr.operand);
  return operand === undefined ? undefined : foldUnary(expr.op, operand);
}

function listParam({ name, type, default: expr }: ParamDecl): KernelParam {
  const literal = readLiteral(expr);
  return {
    name: name.text,
    kind: type !== undefined && type.dims === undefined ? "scalar" : "tensor",
    dtype: type?.dtype,
    dims: listDims(type),
    default: literal?.kind === "number" || literal?.kind === "boolean" ? literal.value : undefined,
    hasDefault: expr !== undefined,
  };
}

/** The kernels of a module in order of declaration. */
export function listKernels(module: Module): readonly KernelInfo[] {
  return module.declarations
    .filter(({ kind }) => kind === "kernel")
    .map(({ name, params, results }) => ({
      name: name.text,
      params: params.map(listParam),
      results: results?.map((result) => ({
        name: result.name?.text,
        dtype: result.type?.dtype,
        dims: result.type?.dims === undefined && result.type !== undefined ? [] : listDims(result.type),
      })),
    }));
}
