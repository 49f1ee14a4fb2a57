/**
 * Types of source for ahead-of-time compilation. JavaScript has no overloading, so a tensor is a number to the type checker:
 * `g * v / norm(v)` is then correct TypeScript as it stands. The build reads the source; nothing of it ever runs.
 */
import type { DType } from "../ir/dtype.ts";

/** Lengths and names of dimensions: `["N", 3]`. */
export type Dims = readonly (string | number)[];

declare const TYPE: unique symbol;

interface TensorInfo {
  /** Known at build time, as are the other two: `if (x.rank === 3)` chooses a branch of the source. */
  readonly shape: readonly number[];
  readonly rank: number;
  readonly dtype: DType;
}

/** A tensor parameter. Names of dimensions get their lengths from `shapes`; `"f32"` stands for the dtype given there. */
export type Tensor<S extends Dims = Dims, D extends DType = "f32"> = (D extends "bool" ? boolean : number) &
  TensorInfo & { readonly [TYPE]?: readonly [S, D] };

/** What operators give: a number to the type checker. `shapeOf`, `rankOf` and `dtypeOf` ask about it. */
export type Operand = number | boolean;

/** What functions give. */
export type Result = number & TensorInfo;

/** What comparisons and tests give. */
export type Mask = boolean & TensorInfo;

export type Axis = number | readonly number[] | null;

export interface ReduceOptions {
  /** One axis, several, or all when absent. Negative axes count from the end. */
  readonly axis?: Axis | undefined;
  readonly keepdims?: boolean | undefined;
}

/** What a kernel may return. */
export type KernelResult = Operand | readonly Operand[] | Readonly<Record<string, Operand>>;
export type KernelFunction = (...args: never[]) => KernelResult;
