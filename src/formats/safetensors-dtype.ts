/** The element types of safetensors files: all that the format defines, and those among them that tensorweft computes with. */

/** Bits of one element, by the name in the file. */
export const SAFETENSORS_BITS = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  I16: 16,
  U16: 16,
  I32: 32,
  U32: 32,
  I64: 64,
  U64: 64,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F16: 16,
  BF16: 16,
  F32: 32,
  F64: 64,
  C64: 64,
} as const;

export type SafetensorsDType = keyof typeof SAFETENSORS_BITS;

export const isSafetensorsDType = (text: string): text is SafetensorsDType =>
  Object.hasOwn(SAFETENSORS_BITS, text);

/** The compiler's dtypes as the format spells them. `formats` knows no IR, so the names are literals here. */
const FILE_DTYPE = { f32: "F32", f16: "F16", bf16: "BF16", i32: "I32", u32: "U32", bool: "BOOL" } as const;

export type ComputeDType = keyof typeof FILE_DTYPE;

const COMPUTE_DTYPES = Object.keys(FILE_DTYPE) as readonly ComputeDType[];

/** How a file spells a dtype of the compiler. */
export const fileDType = (dtype: ComputeDType): SafetensorsDType => FILE_DTYPE[dtype];

/** The dtype that elements of a file compute as, or undefined where WebGPU has none (F64, I64, 8-bit types, ...). */
export const computeDType = (dtype: SafetensorsDType): ComputeDType | undefined =>
  COMPUTE_DTYPES.find((candidate) => FILE_DTYPE[candidate] === dtype);

/** Bytes of `count` elements, or undefined where they end inside a byte or cannot be counted exactly. */
export function byteLengthOf(dtype: SafetensorsDType, count: number): number | undefined {
  const bits = count * SAFETENSORS_BITS[dtype];
  return Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : undefined;
}
