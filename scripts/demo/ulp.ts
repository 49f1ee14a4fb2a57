/** Distances in places of a dtype: how many values of it lie between two of its values. */
import { encodeFloats } from "../../src/fold-kernels.ts";

export type FloatDType = "f32" | "f16" | "bf16";

/** A number for each value, in their order, so that neighbours differ by 1; both zeros are 0. */
function ordinals(dtype: FloatDType, bytes: Uint8Array): Int32Array {
  const { buffer } = Uint8Array.from(bytes);
  const words = dtype === "f32" ? new Int32Array(buffer) : new Int16Array(buffer);
  const magnitude = dtype === "f32" ? 0x7fffffff : 0x7fff;
  return Int32Array.from(words, (word) => (word < 0 ? -(word & magnitude) : word));
}

/** The largest distance between elements and exact values rounded to the dtype; infinite where their numbers differ. */
export function largestUlp(dtype: FloatDType, bytes: Uint8Array, exact: Float64Array): number {
  const wanted = ordinals(dtype, encodeFloats(dtype, exact));
  const got = ordinals(dtype, bytes);
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  return got.reduce((worst, place, i) => Math.max(worst, Math.abs(place - (wanted[i] ?? Number.NaN))), 0);
}
