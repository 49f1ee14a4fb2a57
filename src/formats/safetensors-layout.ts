/**
 * Where tensors come to lie in a safetensors file, and the header that says so.
 *
 * Ensures: a header as the reference implementation pads it, so that the data begins at a multiple of 8; tensors one behind
 *          the other in the order given.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { byteLengthOf, SAFETENSORS_BITS, type SafetensorsDType } from "./safetensors-dtype.ts";
import { LENGTH_BYTES, MAX_HEADER_BYTES, METADATA_KEY } from "./safetensors-header.ts";

/** A tensor of a file to be written. */
export interface TensorLayout {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** Whether every tensor, laid out in this order, begins at a multiple of its element size. */
export function isAligned(tensors: readonly Pick<TensorLayout, "dtype" | "byteLength">[]): boolean {
  let at = 0;
  return tensors.every(({ dtype, byteLength }) => {
    const aligned = (at * 8) % SAFETENSORS_BITS[dtype] === 0;
    at += byteLength;
    return aligned;
  });
}

/** Wide elements first, else in the order given: each tensor is then aligned to its elements. */
export const sortByWidth = <T extends { readonly dtype: SafetensorsDType }>(
  tensors: readonly T[],
): readonly T[] => tensors.toSorted((a, b) => SAFETENSORS_BITS[b.dtype] - SAFETENSORS_BITS[a.dtype]);

function checkTensor({ name, dtype, shape, byteLength }: TensorLayout): void {
  if (name === METADATA_KEY)
    fail("invalid-file", `no tensor can be named ${METADATA_KEY}`, { help: "give the tensor another name" });
  const expected = byteLengthOf(
    dtype,
    shape.reduce((count, length) => count * length, 1),
  );
  if (expected !== byteLength)
    fail("invalid-file", `tensor ${name} is ${dtype}[${shape.join(",")}] but has ${byteLength} bytes`, {
      help: `pass ${expected ?? "a whole number of"} bytes`,
    });
}

/** The first bytes of a file: length of the header, and the header. */
export function encodeHeader(
  tensors: readonly TensorLayout[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  tensors.forEach(checkTensor);
  let end = 0;
  const entries = tensors.map(({ name, dtype, shape, byteLength }): readonly [string, unknown] => {
    const begin = end;
    end += byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const first = metadata.size === 0 ? [] : [[METADATA_KEY, Object.fromEntries(metadata)] as const];
  // fromEntries makes own properties, so that even a tensor named __proto__ is written.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...first, ...entries])));
  const headerBytes = Math.ceil(json.byteLength / LENGTH_BYTES) * LENGTH_BYTES;
  if (headerBytes > MAX_HEADER_BYTES)
    fail("header-too-long", `a header of ${headerBytes} bytes is too long for a safetensors file`, {
      help: "write fewer tensors to one file",
    });
  const header = new Uint8Array(LENGTH_BYTES + headerBytes).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, LENGTH_BYTES);
  return header;
}
