/**
 * Reads and writes safetensors files, without any file system: over bytes in memory or ranges that the caller fetches.
 *
 *     8 bytes        length n of the header, little-endian
 *     n bytes        the header (safetensors-header.ts), padded with spaces so that the data is aligned
 *     the rest       the tensors, one behind the other, row-major, little-endian
 *
 * Requires: nothing of the source.
 * Ensures:  a file that breaks the format throws `invalid-file` before any tensor is read; no read leaves the source's
 *           bounds; what `encodeSafetensors` writes, `openSafetensors` reads back. Only one tensor is in memory at a time.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import { byteLengthOf, SAFETENSORS_BITS, type SafetensorsDType } from "./safetensors-dtype.ts";
import {
  MAX_HEADER_BYTES,
  METADATA_KEY,
  parseHeader,
  refuse,
  type SafetensorsHeader,
} from "./safetensors-header.ts";

/** Bytes that can be read by range: a file, an array, a remote object. */
export interface RandomAccess {
  readonly byteLength: number;
  /** The bytes from `offset` on; never asked for any outside the source. */
  readonly read: (offset: number, length: number) => Promise<Uint8Array>;
}

export interface SafetensorsFile extends SafetensorsHeader {
  /** What messages call the file. */
  readonly file: string;
  readonly source: RandomAccess;
  /** Where the data begins in the source. */
  readonly dataStart: number;
}

export interface SafetensorsTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

const LENGTH_BYTES = 8;
const OTHER_KIND = "check that it is a safetensors file, downloaded whole";

/** Bytes in memory as a source. */
export const accessBytes = (bytes: Uint8Array): RandomAccess => ({
  byteLength: bytes.byteLength,
  read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
});

async function readExactly(
  source: RandomAccess,
  offset: number,
  length: number,
  file: string,
): Promise<Uint8Array> {
  const bytes = await source.read(offset, length);
  if (bytes.byteLength !== length) refuse(file, "it became shorter while it was read");
  return bytes;
}

/** Reads and checks the header. `file` is what messages call the file. */
export async function openSafetensors(source: RandomAccess, file: string): Promise<SafetensorsFile> {
  const { byteLength } = source;
  if (byteLength < LENGTH_BYTES)
    refuse(file, `it has ${byteLength} bytes, and a header alone takes more`, OTHER_KIND);
  const start = await readExactly(source, 0, LENGTH_BYTES, file);
  const view = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(MAX_HEADER_BYTES))
    refuse(
      file,
      `its header claims ${headerBytes.toString()} bytes, and ${MAX_HEADER_BYTES} are allowed`,
      OTHER_KIND,
    );
  const dataStart = LENGTH_BYTES + Number(headerBytes);
  if (dataStart > byteLength)
    refuse(
      file,
      `its header claims ${headerBytes.toString()} bytes, but the file ends after ${byteLength}`,
      OTHER_KIND,
    );
  const header = await readExactly(source, LENGTH_BYTES, Number(headerBytes), file);
  return { ...parseHeader(header, byteLength - dataStart, file), file, source, dataStart };
}

/** Reads one tensor; a name that the file lacks throws `missing-tensor`. */
export async function readTensor(opened: SafetensorsFile, name: string): Promise<SafetensorsTensor> {
  const { file, source, dataStart, tensors } = opened;
  const entry = tensors.get(name);
  if (entry === undefined)
    return fail("missing-tensor", `${file} has no tensor ${name}`, {
      help: didYouMean(name, tensors.keys()) ?? "its header lists the names that it has",
    });
  const { dtype, shape, begin, end } = entry;
  return { dtype, shape, bytes: await readExactly(source, dataStart + begin, end - begin, file) };
}

interface Placed extends SafetensorsTensor {
  readonly name: string;
}

/** Wide elements first, as the reference implementation orders them: each tensor is then aligned to its elements. */
const byAlignment = (a: Placed, b: Placed): number =>
  SAFETENSORS_BITS[b.dtype] - SAFETENSORS_BITS[a.dtype] || (a.name < b.name ? -1 : 1);

function checkTensor({ name, dtype, shape, bytes }: Placed): void {
  if (name === METADATA_KEY)
    fail("invalid-file", `no tensor can be named ${METADATA_KEY}`, { help: "give the tensor another name" });
  const expected = byteLengthOf(
    dtype,
    shape.reduce((count, length) => count * length, 1),
  );
  if (expected !== bytes.byteLength)
    fail("invalid-file", `tensor ${name} is ${dtype}[${shape.join(",")}] but has ${bytes.byteLength} bytes`, {
      help: `pass ${expected ?? "a whole number of"} bytes`,
    });
}

/** The parts of a file in order: length and header first, then the bytes of each tensor. */
export function layOutSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): readonly Uint8Array[] {
  const placed = [...tensors].map(([name, tensor]): Placed => ({ name, ...tensor })).sort(byAlignment);
  placed.forEach(checkTensor);
  let end = 0;
  const entries = placed.map(({ name, dtype, shape, bytes }): readonly [string, unknown] => {
    const begin = end;
    end += bytes.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const first = metadata.size === 0 ? [] : [[METADATA_KEY, Object.fromEntries(metadata)] as const];
  // fromEntries makes own properties, so that even a tensor named __proto__ is written.
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...first, ...entries])));
  const headerBytes = Math.ceil(json.byteLength / LENGTH_BYTES) * LENGTH_BYTES;
  if (headerBytes > MAX_HEADER_BYTES)
    fail("invalid-file", `a header of ${headerBytes} bytes is too long for a safetensors file`, {
      help: "write fewer tensors to one file",
    });
  const header = new Uint8Array(LENGTH_BYTES + headerBytes).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(json, LENGTH_BYTES);
  return [header, ...placed.map(({ bytes }) => bytes)];
}

/** A whole file in memory. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  const parts = layOutSafetensors(tensors, metadata);
  const file = new Uint8Array(parts.reduce((total, part) => total + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    file.set(part, offset);
    offset += part.byteLength;
  }
  return file;
}
