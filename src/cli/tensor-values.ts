/** Elements between the bytes of a safetensors file and the arrays of the runtime. Both are little-endian. */
import type { TypedArray } from "../index.ts";
import type { DType } from "../ir/dtype.ts";
import { fromBf16Bits, fromF16Bits } from "../ir/round.ts";

/** The array that a device makes a tensor from. Copies, because file bytes need not be aligned. */
export function decodeElements(
  dtype: DType,
  bytes: Uint8Array,
): Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array {
  const { buffer } = Uint8Array.from(bytes);
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer);
    case "i32":
      return new Int32Array(buffer);
    case "u32":
      return new Uint32Array(buffer);
    case "f16":
    case "bf16":
      return new Uint16Array(buffer);
    case "bool":
      return new Uint8Array(buffer);
  }
}

/** The bytes of what a tensor's `read()` gave. */
export const encodeElements = (data: TypedArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Elements as numbers. 16-bit floats may come as words: bf16 always, f16 where the language has no Float16Array. */
export function toNumbers(dtype: DType, data: ArrayLike<number>): Float64Array {
  if (dtype === "bf16") return Float64Array.from(data, fromBf16Bits);
  if (dtype === "f16" && data instanceof Uint16Array) return Float64Array.from(data, fromF16Bits);
  return Float64Array.from(data);
}

/** Euclidean norm over all elements, scaled so that squares neither overflow nor vanish. */
export function normOf(values: Float64Array): number {
  let largest = 0;
  for (const value of values) {
    if (Number.isNaN(value)) return Number.NaN;
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest === 0 || largest === Number.POSITIVE_INFINITY) return largest;
  let sum = 0;
  for (const value of values) sum += (value / largest) ** 2;
  return largest * Math.sqrt(sum);
}
