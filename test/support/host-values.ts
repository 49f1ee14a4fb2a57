/** Numbers to what `device.tensor` takes, and what `read` gives to numbers. */
import type { DType } from "../../src/ir/dtype.ts";
import { fromBf16Bits, fromF16Bits } from "../../src/ir/round.ts";
import type { TensorData, TypedArray } from "../../src/runtime/device.ts";

/** Values of `dtype` as data for a tensor of that dtype. */
export function toTensorData(dtype: DType, values: ArrayLike<number>): TensorData {
  switch (dtype) {
    case "i32":
      return Int32Array.from(values);
    case "u32":
      return Uint32Array.from(values);
    case "bool":
      return Uint8Array.from(values);
    default:
      return Float32Array.from(values);
  }
}

/** The elements that a read gave, as numbers; words of 16 bits are decoded. */
export function toNumbers(dtype: DType, data: TypedArray): Float64Array {
  if (data instanceof Uint16Array)
    return Float64Array.from(data, dtype === "bf16" ? fromBf16Bits : fromF16Bits);
  return Float64Array.from(data, Number);
}
