/**
 * Index notation (the term is TACO's): statements over scalars and named axes. A dimension that means the same thing in
 * several places is one axis; reshapes, transposes, broadcasts and kept dimensions are gone. Axes have size 2 or more:
 * a dimension of length 1 is no axis, once the first passes are done.
 *
 *     axes i=64 j=9
 *     n[i]   = sum(j) v[9*i + j] * v[9*i + j]
 *     w[i,j] = g[i] * v[9*i + j] / sqrt(n[i])
 *
 * A stored tensor is read at one linear index (its strides are coefficients), which serves strides, slices and reshapes
 * alike. A computed value is read at one index per axis of its statement.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { DType } from "./dtype.ts";
import type { FusionReason } from "./fusion-reason.ts";
import type { IndexExpr } from "./index-expr.ts";
import type { MonoidName } from "./monoids.ts";
import type { ScalarOp } from "./scalar-ops.ts";

export interface Axis {
  readonly name: string;
  readonly size: number;
}

/** A condition `low <= index < high`. */
export interface Bound {
  readonly index: IndexExpr;
  readonly low: number;
  readonly high: number;
}

export type ScalarExpr =
  | { readonly kind: "tensor"; readonly dtype: DType; readonly tensor: string; readonly index: IndexExpr }
  | {
      readonly kind: "value";
      readonly dtype: DType;
      readonly statement: string;
      readonly index: readonly IndexExpr[];
    }
  | { readonly kind: "scalar"; readonly dtype: DType; readonly name: string }
  | { readonly kind: "const"; readonly dtype: DType; readonly value: number }
  /** The number that the index expression has at this point (iota). */
  | { readonly kind: "index"; readonly dtype: DType; readonly index: IndexExpr }
  | {
      readonly kind: "map";
      readonly dtype: DType;
      readonly fn: ScalarOp;
      readonly args: readonly ScalarExpr[];
    }
  | { readonly kind: "cast"; readonly dtype: DType; readonly arg: ScalarExpr }
  /** The operands of a reduction that takes several; only there. The dtype is that of the last one. */
  | { readonly kind: "tuple"; readonly dtype: DType; readonly args: readonly ScalarExpr[] }
  /** `value` where all bounds hold, else `otherwise`. Reads on either side are in range only where that side is taken. */
  | {
      readonly kind: "guard";
      readonly dtype: DType;
      readonly bounds: readonly Bound[];
      readonly value: ScalarExpr;
      readonly otherwise: ScalarExpr;
    };

export interface StoredTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly role: "input" | "output" | "temporary";
}

/**
 * `name[axes] = value`, or `name[axes] = fn(reduce.axes) value`. A reduction to a position (argmax) takes the tuple of the
 * value and its position, so that passes may rename and cut axes as they do anywhere. A reduction of partial results takes
 * the tuple of their components.
 */
export interface Statement {
  readonly name: string;
  readonly dtype: DType;
  readonly axes: readonly string[];
  readonly reduce?: { readonly fn: MonoidName; readonly axes: readonly string[] } | undefined;
  readonly value: ScalarExpr;
  readonly span?: Span | undefined;
}

/**
 * Writes a statement's value, for all its axes, to a tensor; the index is one-to-one and covers the tensor, together with those of its
 * other stores. Points whose index is clamped lie past the end of an axis: they write nothing.
 */
export interface Store {
  readonly tensor: string;
  readonly statement: string;
  readonly index: IndexExpr;
}

export interface IndexScalar {
  readonly name: string;
  readonly dtype: "f32" | "i32" | "u32" | "bool";
  readonly default?: number | undefined;
}

export interface IndexProgram {
  readonly name: string;
  readonly axes: readonly Axis[];
  readonly scalars: readonly IndexScalar[];
  readonly tensors: readonly StoredTensor[];
  /** In an order in which values are defined before they are read. */
  readonly statements: readonly Statement[];
  readonly stores: readonly Store[];
}

/** Two reductions of which the second needs the first, and which one walk over the row can feed (`pairReductions`). */
export interface ReductionPair {
  /** What the second becomes in that walk: the sum of w exp(f - max f), of squares of f less its mean u, or of w (f - u). */
  readonly monoid: "exp_sum" | "moments" | "co_moment";
  /** The maximum, or the sum, of f. */
  readonly first: string;
  readonly second: string;
  /** Of exp_sum, what the second is where the maximum m is infinite: nan, as inf - inf is, or exp(m) where 0 is subtracted then. */
  readonly infinite?: "nan" | "exp" | undefined;
  /** Where there are weights (read-weights.ts): the values that these read. */
  readonly needs?: readonly string[] | undefined;
}

/** A fusion group: statements that run as one kernel, independent at each point of its grid axes. */
export interface FusionGroup {
  readonly name: string;
  readonly statements: readonly string[];
  readonly gridAxes: readonly string[];
  /** Axes that a workgroup walks row by row, carrying sums over them along; empty for most groups. */
  readonly walkAxes: readonly string[];
  /** Reductions that every workgroup computes for itself before the rest, in order (stage-view.ts). */
  readonly stages: readonly string[];
  /** Grid axes along which a workgroup has one coordinate: stages compute what they compute for that one. */
  readonly pinnedAxes: readonly string[];
  readonly pairs: readonly ReductionPair[];
  /** Why neighbours did not join, and what was gained where they did: for `explain`, nothing else hangs on it. */
  readonly reasons: readonly FusionReason[];
}

/** A program whose values cross groups only through temporary tensors, and its groups in a valid order. */
export interface GroupedProgram {
  readonly program: IndexProgram;
  readonly groups: readonly FusionGroup[];
}

/** Direct operands of an expression. */
export function operandsOfScalar(expr: ScalarExpr): readonly ScalarExpr[] {
  switch (expr.kind) {
    case "map":
    case "tuple":
      return expr.args;
    case "cast":
      return [expr.arg];
    case "guard":
      return [expr.value, expr.otherwise];
    default:
      return [];
  }
}

/** Calls `visit` on the expression and all its operands, outside in. The depth is bounded by how statements are built. */
export function visitScalar(expr: ScalarExpr, visit: (e: ScalarExpr) => void): void {
  visit(expr);
  for (const operand of operandsOfScalar(expr)) visitScalar(operand, visit);
}

/** An element of a tensor that an expression reads, and whether a bound guards it. */
export interface TensorRead {
  readonly read: ScalarExpr & { readonly kind: "tensor" };
  readonly isGuarded: boolean;
}

/** What an expression reads of tensors, outside in. */
export function readsIn(expr: ScalarExpr, isGuarded = false, into: TensorRead[] = []): readonly TensorRead[] {
  if (expr.kind === "tensor") into.push({ read: expr, isGuarded });
  for (const operand of operandsOfScalar(expr)) readsIn(operand, isGuarded || expr.kind === "guard", into);
  return into;
}

/** Rebuilds an expression with every operand replaced; where none changes it stays the same object. */
export function mapOperands(expr: ScalarExpr, edit: (e: ScalarExpr) => ScalarExpr): ScalarExpr {
  switch (expr.kind) {
    case "map":
    case "tuple": {
      const args = expr.args.map(edit);
      return args.every((a, i) => a === expr.args[i]) ? expr : { ...expr, args };
    }
    case "cast": {
      const arg = edit(expr.arg);
      return arg === expr.arg ? expr : { ...expr, arg };
    }
    case "guard": {
      const value = edit(expr.value);
      const otherwise = edit(expr.otherwise);
      return value === expr.value && otherwise === expr.otherwise ? expr : { ...expr, value, otherwise };
    }
    default:
      return expr;
  }
}

/** Rebuilds an expression with every node replaced by `edit` after its operands were; unchanged nodes stay the same object. */
export const mapScalar = (expr: ScalarExpr, edit: (e: ScalarExpr) => ScalarExpr): ScalarExpr =>
  edit(mapOperands(expr, (operand) => mapScalar(operand, edit)));

/** Applies `edit` to every index expression of a scalar expression. */
export function mapIndices(expr: ScalarExpr, edit: (index: IndexExpr) => IndexExpr): ScalarExpr {
  return mapScalar(expr, (e) => {
    switch (e.kind) {
      case "tensor":
      case "index":
        return { ...e, index: edit(e.index) };
      case "value":
        return { ...e, index: e.index.map(edit) };
      case "guard":
        return { ...e, bounds: e.bounds.map((b) => ({ ...b, index: edit(b.index) })) };
      default:
        return e;
    }
  });
}

/** Computed values that an expression reads. */
export const valuesIn = (expr: ScalarExpr): string[] => {
  const names: string[] = [];
  visitScalar(expr, (e) => {
    if (e.kind === "value") names.push(e.statement);
  });
  return names;
};

/** Computed values that a statement reads. */
export const valuesRead = (statement: Statement): string[] => valuesIn(statement.value);

export const axisSizes = (program: IndexProgram): ReadonlyMap<string, number> =>
  new Map(program.axes.map((a) => [a.name, a.size]));
