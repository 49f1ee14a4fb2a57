/** Element types. Nothing is wider than 32 bits: WebGPU has no 64-bit storage arithmetic. */
export const DTYPES = ["f32", "f16", "bf16", "i32", "u32", "bool"] as const;
export type DType = (typeof DTYPES)[number];

/** Type and static shape (row-major) of a tensor. A shape `[]` is a scalar with one element; a 0 makes it empty. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Highest rank that the compiler accepts. */
export const MAX_RANK = 8;

export const isDType = (text: string): text is DType => (DTYPES as readonly string[]).includes(text);
export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f16" || dtype === "bf16";
/** Floats that are stored in 16 bits and computed with in f32: storing a value rounds it. */
export const isNarrowFloat = (dtype: DType): boolean => dtype === "f16" || dtype === "bf16";
export const isInteger = (dtype: DType): boolean => dtype === "i32" || dtype === "u32";

/** Bytes of one element as it lies in a GPU buffer; bool takes a whole word there (one u32, 0 or 1). */
export const storageBytes = (dtype: DType): 2 | 4 => (dtype === "f16" || dtype === "bf16" ? 2 : 4);

export const elementCount = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** Row-major strides in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = (strides[d + 1] ?? 1) * (shape[d + 1] ?? 1);
  return strides;
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, d) => n === b[d]);

export const printType = (type: TensorType): string => `${type.dtype}[${type.shape.join(",")}]`;
