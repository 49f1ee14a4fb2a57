/**
 * What calls of the graph builder take and give. A file of its own, since the builder's parts (build-*.ts) need it as
 * well; everybody else imports it from graph-builder.ts.
 */
import type { TensorType } from "./dtype.ts";
import type { NodeId } from "./graph.ts";

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

/** Of argmax and argmin, whose result is the position in row-major order among the reduced dimensions. */
export interface PositionOptions extends ReduceOptions {
  /** Of equal elements, the last one counts. Default false: the first. */
  readonly selectLast?: boolean | undefined;
}

/** `start:stop:step` of one dimension, as in Python: negative bounds count from the end and are clamped. */
export interface SliceRange {
  readonly start?: number | undefined;
  readonly stop?: number | undefined;
  readonly step?: number | undefined;
}

/**
 * Cotangents of the inputs of a `customVjp`, from those of its outputs (undefined: that output is not used). An input that
 * has no gradient gets undefined.
 */
export type CustomBackward = (
  cotangents: readonly (Value | undefined)[],
  outputs: readonly Value[],
) => readonly (Value | undefined)[];

/** Outputs whose derivative is not that of the nodes that compute them. */
export interface CustomRegion {
  readonly inputs: readonly NodeId[];
  /** Marked nodes, one after the other. */
  readonly outputs: readonly NodeId[];
  readonly backward: CustomBackward;
}

/**
 * What differentiation has to know of a node beyond what it computes. Only graphs under construction have marks: a marked
 * node equals its operand, and `finish` puts the operand in its place.
 */
export type DerivativeMark =
  /** What a derivative is taken with respect to: the value at this place only, not wherever else it is used. */
  | { readonly kind: "variable" }
  /** No derivative passes. */
  | { readonly kind: "stop" }
  | { readonly kind: "custom"; readonly region: CustomRegion };
