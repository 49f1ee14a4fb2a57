/**
 * Elements on the host: from what users pass to storage arrays, from there to the bytes of a GPU buffer, and back.
 *
 * Ensures: `encodeData` copies, so later changes of the caller's array do not show; each mistake in data, shape or
 * dtype is a located error that says how to mend it.
 */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { type DType, elementCount, isDType, MAX_RANK, storageBytes } from "../ir/dtype.ts";
import { fromBf16Bits, fromF16Bits, roundTo, toBf16Bits, toF16Bits } from "../ir/round.ts";
import type { TensorOptions, TypedArray } from "./device.ts";

/** One element per entry; 16-bit floats as words, bool as 0 and 1. */
export type StorageArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: StorageArray;
}

type NumberArray = ArrayLike<number>;

/** Constructors by name, because Float16Array may not exist and arrays may come from another realm. */
const DTYPE_OF_ARRAY: Readonly<Record<string, DType | undefined>> = {
  Float32Array: "f32",
  Int32Array: "i32",
  Uint32Array: "u32",
  Float16Array: "f16",
};

const mistake = (
  code: "wrong-argument" | "dtype-mismatch" | "shape-mismatch" | "unsupported-dtype" | "invalid-value",
  message: string,
  help: string,
): never => fail(code, message, { span: captureCallSite(), help });

/**
 * Checks and copies what the user passed. `data` is unknown: callers in JavaScript pass anything. With `borrow`, arrays that
 * lie as they should are not copied: the result is to be used up before the caller can change them.
 */
export function encodeData(
  data: unknown,
  shape: readonly number[] | undefined,
  options: TensorOptions = {},
  { borrow = false }: { readonly borrow?: boolean } = {},
): HostTensor {
  const wanted = options.dtype;
  if (wanted !== undefined) checkDType(wanted);
  const array = ArrayBuffer.isView(data) ? encodeView(data, wanted, borrow) : encodePlain(data, wanted);
  const isScalar = typeof data === "number" || typeof data === "boolean";
  const resolved = shape ?? (isScalar ? [] : [array.data.length]);
  checkShape(resolved);
  const count = elementCount(resolved);
  if (count !== array.data.length)
    mistake(
      "shape-mismatch",
      `data has ${countOf(array.data.length)} but shape [${resolved.join(",")}] needs ${count}`,
      `pass ${countOf(count)}, or a shape whose lengths multiply to ${array.data.length}`,
    );
  return { dtype: array.dtype, shape: [...resolved], data: array.data };
}

/** Whole lengths, none negative, not too many: throws otherwise. */
export function checkShape(shape: readonly number[]): void {
  if (!Array.isArray(shape))
    mistake("wrong-argument", `the shape is ${describe(shape)}`, "pass an array of lengths, such as [2, 3]");
  if (shape.length > MAX_RANK)
    fail("rank-too-high", `shape [${shape.join(",")}] has ${shape.length} dimensions`, {
      span: captureCallSite(),
      help: `tensors have at most ${MAX_RANK} dimensions: merge neighbouring ones`,
    });
  for (const length of shape)
    if (!Number.isSafeInteger(length) || length < 0)
      fail("invalid-shape", `shape [${shape.join(",")}] has the length ${String(length)}`, {
        span: captureCallSite(),
        help: "lengths are whole numbers, 0 or more",
      });
}

export function checkDType(dtype: string): void {
  if (!isDType(dtype))
    fail("unsupported-dtype", `there is no dtype "${dtype}"`, {
      span: captureCallSite(),
      help: 'use "f32", "f16", "bf16", "i32", "u32" or "bool"',
    });
}

const countOf = (count: number): string => (count === 1 ? "1 element" : `${count} elements`);

const describe = (value: unknown): string =>
  value === null
    ? "null"
    : typeof value === "object"
      ? `an object (${value.constructor.name})`
      : `a ${typeof value}`;

interface Encoded {
  readonly dtype: DType;
  readonly data: StorageArray;
}

function encodeView(view: ArrayBufferView, wanted: DType | undefined, borrow: boolean): Encoded {
  const name = view.constructor.name;
  const values = view as unknown as NumberArray;
  const own = DTYPE_OF_ARRAY[name];
  if (own !== undefined) {
    const dtype = wanted ?? own;
    const mayRound = own === "f32" && (dtype === "f16" || dtype === "bf16");
    if (dtype !== own && !mayRound)
      mistake(
        "dtype-mismatch",
        `a ${name} holds ${own}, but the dtype asked for is ${dtype}`,
        "convert the data first, or leave the dtype out and cast in the program",
      );
    const isStored = borrow && dtype === own && dtype !== "f16"; // f16 is stored as words
    return { dtype, data: isStored ? borrowView(view) : encodeNumbers(values, dtype) };
  }
  if (name === "Uint16Array") {
    if (wanted !== "f16" && wanted !== "bf16")
      mistake(
        "dtype-mismatch",
        "a Uint16Array may hold f16 or bf16 words",
        'say which: { dtype: "f16" } or { dtype: "bf16" }',
      );
    return { dtype: wanted ?? "f16", data: borrow ? borrowView(view) : new Uint16Array(values) };
  }
  if (name === "Uint8Array") {
    if (wanted !== "bool")
      mistake(
        "dtype-mismatch",
        "a Uint8Array holds bools here",
        'pass { dtype: "bool" }, or convert it to Uint32Array',
      );
    return { dtype: "bool", data: Uint8Array.from(values, (value) => (value === 0 ? 0 : 1)) };
  }
  return mistake(
    "unsupported-dtype",
    `a ${name} has no dtype on the GPU`,
    name === "Float64Array"
      ? "WebGPU has no 64-bit floats: convert with Float32Array.from(data)"
      : "convert it to Float32Array, Int32Array or Uint32Array",
  );
}

/** A storage array by its name; over shared memory too, which uploads read as they read any other. */
const borrowView = (view: ArrayBufferView): StorageArray => view as StorageArray;

function encodePlain(data: unknown, wanted: DType | undefined): Encoded {
  const list: readonly unknown[] = Array.isArray(data) ? data : [data];
  const dtype = wanted ?? (list.length > 0 && typeof list[0] === "boolean" ? "bool" : "f32");
  const numbers: number[] = [];
  for (const [index, value] of list.entries()) {
    if (typeof value === "number" || typeof value === "boolean") numbers.push(Number(value));
    else
      mistake(
        "wrong-argument",
        Array.isArray(data)
          ? `element ${index} of the data is ${describe(value)}`
          : `the data is ${describe(value)}`,
        "pass a typed array, or a flat array of numbers together with a shape",
      );
  }
  if (dtype === "i32" || dtype === "u32")
    for (const [index, value] of numbers.entries())
      if (roundTo(dtype, value) !== value)
        mistake(
          "invalid-value",
          `element ${index} is ${value}, which is no ${dtype}`,
          `round the data, or use "f32"`,
        );
  return { dtype, data: encodeNumbers(numbers, dtype) };
}

/** Rounds numbers to the dtype and stores them. */
export function encodeNumbers(values: NumberArray, dtype: DType): StorageArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(values); // between typed arrays the constructor copies bytes, `from` element by element
    case "f16":
      return Uint16Array.from(values, toF16Bits);
    case "bf16":
      return Uint16Array.from(values, toBf16Bits);
    case "i32":
      return new Int32Array(values);
    case "u32":
      return new Uint32Array(values);
    case "bool":
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
  }
}

/** The elements as numbers, bool as 0 and 1. */
export function decodeNumbers({ dtype, data }: HostTensor): Float64Array<ArrayBuffer> {
  if (dtype === "f16") return Float64Array.from(data, fromF16Bits);
  if (dtype === "bf16") return Float64Array.from(data, fromBf16Bits);
  return Float64Array.from(data);
}

/** One element as a number: for tensors too large to decode whole. */
export function readElement({ dtype, data }: Pick<HostTensor, "dtype" | "data">, position: number): number {
  const stored = data[position] ?? Number.NaN;
  return dtype === "f16" ? fromF16Bits(stored) : dtype === "bf16" ? fromBf16Bits(stored) : stored;
}

/** The bytes as they lie in a GPU buffer, a multiple of 4: bool as words, an odd number of 16-bit words padded. */
export function toGpuBytes({ dtype, data }: HostTensor): Uint8Array<ArrayBuffer> {
  const wide = dtype === "bool" ? Uint32Array.from(data) : data;
  const bytes = new Uint8Array(wide.buffer, wide.byteOffset, wide.byteLength);
  if (bytes.length % 4 === 0) return bytes;
  const padded = new Uint8Array(bytes.length + 2);
  padded.set(bytes);
  return padded;
}

/** Bytes to copy back for `count` elements: a multiple of 4, as buffer copies demand. */
export const gpuByteLength = (dtype: DType, count: number): number =>
  Math.ceil((count * storageBytes(dtype)) / 4) * 4;

/** Inverse of `toGpuBytes`. Takes the buffer over: the result may be a view of it. */
export function fromGpuBytes(dtype: DType, count: number, bytes: ArrayBuffer): StorageArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(bytes, 0, count);
    case "f16":
    case "bf16":
      // Without the padding, which users would see through `.buffer`.
      return new Uint16Array(count % 2 === 0 ? bytes : bytes.slice(0, count * 2));
    case "i32":
      return new Int32Array(bytes, 0, count);
    case "u32":
      return new Uint32Array(bytes, 0, count);
    case "bool":
      return Uint8Array.from(new Uint32Array(bytes, 0, count), (word) => (word === 0 ? 0 : 1));
  }
}

/** What `read()` gives for a storage array that nobody else holds. */
export function presentData(dtype: DType, data: StorageArray): TypedArray {
  if (dtype !== "f16") return data;
  // Not in Node 22, nor in browsers before 2025: these get the words.
  const Float16 = (globalThis as { readonly Float16Array?: Float16ArrayConstructor }).Float16Array;
  return Float16 === undefined ? data : new Float16(data.buffer, data.byteOffset, data.length);
}
