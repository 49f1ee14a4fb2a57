/**
 * Reads and writes safetensors files, without any file system: over bytes in memory or ranges that the caller fetches.
 *
 *     8 bytes        length n of the header, little-endian
 *     n bytes        the header (safetensors-header.ts), padded with spaces so that the data is aligned
 *     the rest       the tensors, one behind the other, row-major, little-endian
 *
 * Requires: nothing of the source.
 * Ensures:  a file that breaks the format is refused before any tensor is read (file-fault.ts has the codes); no read leaves
 *           the source's bounds; what `encodeSafetensors` writes, `openSafetensors` reads back. Only one tensor is in memory at
 *           a time.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import type { SafetensorsDType } from "./safetensors-dtype.ts";
import { refuse } from "./file-fault.ts";
import {
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors-header.ts";
import { encodeHeader, sortByWidth } from "./safetensors-layout.ts";

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

const OTHER_KIND = { help: "check that it is a safetensors file, downloaded whole" };

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
  if (bytes.byteLength !== length)
    refuse("truncated-file", file, "it became shorter while it was read", { at: offset + bytes.byteLength });
  return bytes;
}

/** Reads and checks the header. `file` is what messages call the file. */
export async function openSafetensors(source: RandomAccess, file: string): Promise<SafetensorsFile> {
  const { byteLength } = source;
  if (byteLength < LENGTH_BYTES)
    refuse("truncated-file", file, `it has ${byteLength} bytes, and a header alone takes more`, OTHER_KIND);
  const start = await readExactly(source, 0, LENGTH_BYTES, file);
  const view = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES);
  const headerBytes = view.getBigUint64(0, true);
  const claim = `its header claims ${headerBytes.toString()} bytes`;
  if (headerBytes > BigInt(MAX_HEADER_BYTES))
    refuse("header-too-long", file, `${claim}, and ${MAX_HEADER_BYTES} are allowed`, OTHER_KIND);
  const dataStart = LENGTH_BYTES + Number(headerBytes);
  if (dataStart > byteLength)
    refuse("truncated-file", file, `${claim}, but the file ends after ${byteLength}`, OTHER_KIND);
  const header = await readExactly(source, LENGTH_BYTES, Number(headerBytes), file);
  return { ...parseHeader(header, byteLength - dataStart, file), file, source, dataStart };
}

/** Reads one tensor; a name that the file lacks throws `missing-tensor`. */
export async function readTensor(opened: SafetensorsFile, name: string): Promise<SafetensorsTensor> {
  const { file, tensors } = opened;
  const entry = tensors.get(name);
  if (entry === undefined)
    return fail("missing-tensor", `${file} has no tensor ${name}`, {
      help: didYouMean(name, tensors.keys()) ?? "its header lists the names that it has",
    });
  const { dtype, shape, begin, end } = entry;
  return { dtype, shape, bytes: await readTensorBytes(opened, entry, 0, end - begin) };
}

/** Reads bytes `from` to `to` of a tensor of the file. */
export const readTensorBytes = (
  { file, source, dataStart }: SafetensorsFile,
  { begin }: TensorEntry,
  from: number,
  to: number,
): Promise<Uint8Array> => readExactly(source, dataStart + begin + from, to - from, file);

/** The parts of a file in order: length and header first, then the bytes of each tensor, wide elements first, then by name. */
export function layOutSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): readonly Uint8Array[] {
  const byName = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const placed = sortByWidth(
    byName.map(([name, tensor]) => ({ name, ...tensor, byteLength: tensor.bytes.byteLength })),
  );
  return [encodeHeader(placed, metadata), ...placed.map(({ bytes }) => bytes)];
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
