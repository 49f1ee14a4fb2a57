/**
 * Values of an ONNX graph under construction: tensors of our graph, and what is known when it is built (shapes, axes,
 * constants), which is computed on the host, so that only arithmetic on data becomes nodes.
 */
import { elementCount } from "../../src/ir/dtype.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import type { OnnxAttribute, OnnxAttributes } from "./onnx-data.ts";

export interface HostValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export type OnnxValue =
  { readonly kind: "tensor"; readonly value: Value } | ({ readonly kind: "host" } & HostValue);

export const tensor = (value: Value): OnnxValue => ({ kind: "tensor", value });
export const host = (dtype: DType, shape: readonly number[], values: readonly number[]): OnnxValue => ({
  kind: "host",
  dtype,
  shape,
  values,
});
/** A list of whole numbers, as shapes and axes are. */
export const list = (values: readonly number[]): OnnxValue => host("i32", [values.length], values);

export const shapeOf = (value: OnnxValue): readonly number[] =>
  value.kind === "tensor" ? value.value.type.shape : value.shape;
export const dtypeOf = (value: OnnxValue): DType =>
  value.kind === "tensor" ? value.value.type.dtype : value.dtype;

/** The value as a tensor of the graph. What is known is a constant; lists of different numbers do not come up as data. */
export function toTensor(b: GraphBuilder, value: OnnxValue): Value {
  if (value.kind === "tensor") return value.value;
  const [first = 0, ...others] = value.values;
  if (elementCount(value.shape) === 0 || others.some((other) => other !== first))
    throw new Error(`a constant of shape [${value.shape.join(",")}] stands where a tensor is needed`);
  return b.constant(first, value.dtype, value.shape);
}

/** One call of an operator. */
export interface OnnxCall {
  readonly b: GraphBuilder;
  readonly op: string;
  readonly inputs: readonly (OnnxValue | null)[];
  readonly attributes: OnnxAttributes;
  /** The input as a tensor. */
  readonly tensor: (position: number) => Value;
  readonly optional: (position: number) => Value | undefined;
  /** A list that is known when the graph is built; undefined where the input is absent. */
  readonly list: (position: number) => readonly number[] | undefined;
  readonly number: (name: string, otherwise: number) => number;
  readonly flag: (name: string, otherwise: boolean) => boolean;
  readonly numbers: (name: string) => readonly number[] | undefined;
}

export type OnnxBuild = (call: OnnxCall) => Value | readonly Value[] | OnnxValue;
export type OnnxTable = Readonly<Record<string, OnnxBuild>>;

const isList = (value: OnnxAttribute | undefined): value is readonly number[] => Array.isArray(value);

/** Reads the inputs and attributes of a call; one of another kind throws with the operator's name. */
export function createCall(
  b: GraphBuilder,
  op: string,
  inputs: readonly (OnnxValue | null)[],
  attributes: OnnxAttributes,
): OnnxCall {
  const at = (position: number): OnnxValue | undefined => inputs[position] ?? undefined;
  const optional = (position: number): Value | undefined => {
    const value = at(position);
    return value === undefined ? undefined : toTensor(b, value);
  };
  const number = (name: string, otherwise: number): number => {
    const value = attributes.get(name) ?? otherwise;
    if (typeof value !== "number") throw new TypeError(`${name} of ${op} is no number`);
    return value;
  };
  return {
    b,
    op,
    inputs,
    attributes,
    optional,
    tensor: (position) => {
      const value = optional(position);
      if (value === undefined) throw new TypeError(`${op} lacks input ${position}`);
      return value;
    },
    list: (position) => {
      const value = at(position);
      if (value === undefined) return undefined;
      if (value.kind === "tensor") throw new TypeError(`input ${position} of ${op} is not known yet`);
      return value.values;
    },
    number,
    flag: (name, otherwise) => number(name, otherwise ? 1 : 0) !== 0,
    numbers: (name) => {
      const value = attributes.get(name);
      if (value !== undefined && !isList(value)) throw new TypeError(`${name} of ${op} is no list`);
      return value;
    },
  };
}
