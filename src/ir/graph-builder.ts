/**
 * Builds graphs: the one place where NumPy broadcasting, PyTorch dtype promotion and shape rules are applied, so that
 * every front end agrees on them. Mistakes throw `TensorweftError` with the span that the caller passes.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { DType, TensorType } from "./dtype.ts";
import type { Graph, NodeId } from "./graph.ts";
import type { ReduceOp } from "./reduce-ops.ts";
import type { ScalarOp } from "./scalar-ops.ts";

/** A value under construction. `weak` marks a literal, whose dtype gives way to that of a tensor it meets. */
export interface Value {
  readonly id: NodeId;
  readonly type: TensorType;
  readonly weak: boolean;
}

/** A literal stands for a weak rank-0 constant: true and false are bool, whole numbers i32, other numbers f32. */
export type Operand = Value | number | boolean;

export interface ReduceOptions {
  /** One axis, several, or all when absent. Negative axes count from the end. */
  readonly axis?: number | readonly number[] | undefined;
  /** Keep reduced axes with length 1. Default false. */
  readonly keepdims?: boolean | undefined;
}

/** `start:stop:step` of one dimension, as in Python: negative bounds count from the end and are clamped. */
export interface SliceRange {
  readonly start?: number | undefined;
  readonly stop?: number | undefined;
  readonly step?: number | undefined;
}

export interface GraphBuilder {
  param: (name: string, type: TensorType, span?: Span) => Value;
  /** A rank-0 f32 (default), i32, u32 or bool bound at call time. Behaves as weak in promotion, as a Python number does. */
  scalar: (name: string, options?: { dtype?: DType; default?: number }, span?: Span) => Value;
  constant: (value: number | boolean, dtype?: DType, shape?: readonly number[], span?: Span) => Value;
  iota: (shape: readonly number[], axis: number, dtype?: DType, span?: Span) => Value;
  /** Elementwise op of the table; promotes dtypes and broadcasts shapes. */
  map: (fn: ScalarOp, args: readonly Operand[], span?: Span) => Value;
  cast: (x: Operand, dtype: DType, span?: Span) => Value;
  /** `sum` and `prod` of bool give i32; any and all take any dtype (as `!= 0`) and give bool. */
  reduce: (fn: ReduceOp, x: Operand, options?: ReduceOptions, span?: Span) => Value;
  /** sum / count, in floating point; integers and bools go to f32 first. */
  mean: (x: Operand, options?: ReduceOptions, span?: Span) => Value;
  /** One length may be -1. */
  reshape: (x: Operand, shape: readonly number[], span?: Span) => Value;
  /** `perm` absent: dimensions reversed. Negative entries count from the end. */
  transpose: (x: Operand, perm?: readonly number[], span?: Span) => Value;
  /** NumPy's broadcast_to: adds leading dimensions, repeats dimensions of length 1. */
  broadcastTo: (x: Operand, shape: readonly number[], span?: Span) => Value;
  /** A number picks one position and drops the dimension; missing trailing ranges take all. */
  slice: (x: Operand, ranges: readonly (SliceRange | number)[], span?: Span) => Value;
  pad: (x: Operand, low: readonly number[], high: readonly number[], value?: number, span?: Span) => Value;
  concat: (xs: readonly Operand[], axis: number, span?: Span) => Value;
  /** The finished graph. Results may be any values of this builder; weak results get their default dtype. */
  finish: (results: readonly { readonly name: string; readonly value: Operand }[]) => Graph;
}
