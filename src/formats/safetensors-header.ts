/**
 * The header of a safetensors file: JSON that names each tensor's dtype, shape and place in the data behind it.
 * Format: https://github.com/huggingface/safetensors#format
 *
 * Requires: nothing of the bytes.
 * Ensures:  each tensor's bytes lie inside the data, overlap no other's and leave no hole (the reference implementation
 *           refuses holes too: they could smuggle other content); dtype, shape and length agree. Anything else throws with
 *           the reason, the tensor's name and the byte of the file where it stands.
 */
import { didYouMean } from "../diagnostics/suggest.ts";
import { type FaultDetails, type FileFault, refuse } from "./file-fault.ts";
import { findKey, findRepeatedKey } from "./json-keys.ts";
import {
  byteLengthOf,
  isSafetensorsDType,
  SAFETENSORS_BITS,
  type SafetensorsDType,
} from "./safetensors-dtype.ts";

export interface TensorEntry {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** First byte and the one after the last, counted from the start of the data. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** `__metadata__`, as it stands in the file. */
  readonly metadata: ReadonlyMap<string, string>;
}

export const METADATA_KEY = "__metadata__";
/** The reference implementation reads no longer header. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The header begins behind its length. */
export const LENGTH_BYTES = 8;

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isWhole = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0;
const isCount = (value: unknown): value is number => isWhole(value) && Number.isSafeInteger(value);
// Names come from the file: quoted, they cannot pass for words of the message.
const quote = (text: string): string => JSON.stringify(text);
const countBytes = (text: string): number => new TextEncoder().encode(text).byteLength;

/** The header under way, for messages that say where. */
interface HeaderText {
  readonly file: string;
  readonly text: string;
  readonly dataStart: number;
  readonly dataBytes: number;
}

/** The byte of the file at a place in the header's text. */
const byteAt = ({ text }: HeaderText, index: number): number =>
  LENGTH_BYTES + countBytes(text.slice(0, index));

/** Refuses what stands at a key; the place is looked for only now. */
function refuseKey(
  header: HeaderText,
  fault: FileFault,
  path: readonly string[],
  reason: string,
  help?: string,
): never {
  const index = findKey(header.text, ...path) ?? findKey(header.text, ...path.slice(0, 1));
  const details: FaultDetails = { at: index === undefined ? undefined : byteAt(header, index), help };
  return refuse(fault, header.file, reason, details);
}

/** The first byte that is no UTF-8, counted from the start of the bytes. */
function findInvalidByte(bytes: Uint8Array): number {
  // A prefix that ends inside a character is valid as a stream: the longest valid one ends before the culprit.
  const isValid = (length: number): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let valid = 0;
  let invalid = bytes.byteLength + 1;
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (isValid(middle)) valid = middle;
    else invalid = middle;
  }
  return Math.min(valid, bytes.byteLength - 1);
}

function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("invalid-header", file, "its header is not UTF-8", {
      at: LENGTH_BYTES + findInvalidByte(bytes),
    });
  }
}

function parseJson(header: HeaderText): Json {
  const { file, text } = header;
  if (!text.startsWith("{"))
    refuse("invalid-header", file, 'its header does not start with "{"', { at: LENGTH_BYTES });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // V8 says where; other engines may not.
    const position = /position (\d+)/.exec(String(error))?.[1];
    return refuse("invalid-header", file, "its header is not JSON", {
      at: position === undefined ? undefined : byteAt(header, Number(position)),
    });
  }
  const repeated = findRepeatedKey(text);
  if (repeated !== undefined) {
    const [tensor = "", field] = repeated.path;
    const what =
      field === undefined
        ? `${quote(tensor)} is there twice`
        : `${quote(tensor)} gives ${quote(field)} twice`;
    refuse("duplicate-tensor", file, what, { at: byteAt(header, repeated.index) });
  }
  return isObject(value) ? value : refuse("invalid-header", file, "its header is not a JSON object");
}

function parseMetadata(value: unknown, header: HeaderText): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (!isObject(value))
    return refuseKey(header, "invalid-header", [METADATA_KEY], `${METADATA_KEY} is not an object`);
  return new Map(
    Object.entries(value).map(([key, text]) =>
      typeof text === "string"
        ? [key, text]
        : refuseKey(
            header,
            "invalid-header",
            [METADATA_KEY, key],
            `${METADATA_KEY} gives ${quote(key)} no string`,
          ),
    ),
  );
}

/** Product of the lengths, or undefined beyond exact integers. A zero does not excuse an overflow before it. */
function countElements(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const length of shape) {
    count *= length;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

function parseDType(name: string, dtype: unknown, header: HeaderText): SafetensorsDType {
  const path = [name, "dtype"];
  if (typeof dtype !== "string")
    return refuseKey(header, "invalid-header", path, `tensor ${quote(name)} has no dtype`);
  if (isSafetensorsDType(dtype)) return dtype;
  const known = Object.keys(SAFETENSORS_BITS);
  const help = didYouMean(dtype, known) ?? `known dtypes are ${known.join(", ")}`;
  const reason = `tensor ${quote(name)} has the unknown dtype ${quote(dtype)}`;
  return refuseKey(header, "unknown-dtype", path, reason, help);
}

function parseOffsets(name: string, offsets: unknown, header: HeaderText): readonly [number, number] {
  const path = [name, "data_offsets"];
  const who = `tensor ${quote(name)}`;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isWhole))
    return refuseKey(header, "invalid-header", path, `${who} has no data_offsets of two whole numbers`);
  const [begin = 0, end = 0] = offsets;
  if (!isCount(begin) || !isCount(end))
    return refuseKey(
      header,
      "invalid-offsets",
      path,
      `${who} has data_offsets beyond 2^53, which no file reaches`,
    );
  if (begin > end)
    return refuseKey(header, "invalid-offsets", path, `${who} ends (${end}) before it begins (${begin})`);
  if (end > header.dataBytes)
    return refuseKey(
      header,
      "truncated-file",
      path,
      `${who} ends at byte ${end} of the data, but there are only ${header.dataBytes}`,
    );
  return [begin, end];
}

function parseEntry(name: string, value: unknown, header: HeaderText): TensorEntry {
  const who = `tensor ${quote(name)}`;
  if (!isObject(value))
    return refuseKey(header, "invalid-header", [name], `${who} is not described by an object`);
  const dtype = parseDType(name, value["dtype"], header);
  const shape: unknown = value["shape"];
  if (!Array.isArray(shape) || !shape.every(isCount))
    return refuseKey(header, "invalid-header", [name, "shape"], `${who} has no shape of whole lengths`);
  const [begin, end] = parseOffsets(name, value["data_offsets"], header);
  const count = countElements(shape);
  const bytes = count === undefined ? undefined : byteLengthOf(dtype, count);
  const typed = `${who} is ${dtype}[${shape.join(",")}]`;
  if (bytes === undefined) {
    const reason = `${typed}, which is no whole number of bytes that can be counted`;
    return refuseKey(header, "invalid-offsets", [name, "shape"], reason);
  }
  if (bytes !== end - begin) {
    const reason = `${typed}, ${bytes} bytes, but has a place of ${end - begin} bytes`;
    return refuseKey(header, "invalid-offsets", [name, "data_offsets"], reason);
  }
  return { name, dtype, shape, begin, end };
}

/** Each tensor begins where the one before it ends, the first at 0, and the last ends with the data. */
function checkCoverage(entries: readonly TensorEntry[], { file, dataStart, dataBytes }: HeaderText): void {
  let at = 0;
  let before = "";
  const refuseData = (fault: FileFault, reason: string, byte: number): never =>
    refuse(fault, file, reason, { at: dataStart + byte });
  for (const { name, begin, end } of entries) {
    if (begin < at)
      refuseData("overlapping-tensors", `tensor ${quote(name)} overlaps ${quote(before)}`, begin);
    if (begin > at) {
      const reason = `no tensor owns bytes ${at} to ${begin} of the data, before ${quote(name)}`;
      refuseData("invalid-offsets", reason, at);
    }
    at = end;
    before = name;
  }
  if (at !== dataBytes)
    refuseData("invalid-offsets", `no tensor owns the last ${dataBytes - at} bytes of the data`, at);
}

/** Reads a header. `dataBytes` is the number of bytes behind it, `file` what messages call the file. */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const text = decodeText(bytes, file);
  const header: HeaderText = { file, text, dataStart: LENGTH_BYTES + bytes.byteLength, dataBytes };
  const json = parseJson(header);
  const entries = Object.entries(json)
    .filter(([name]) => name !== METADATA_KEY)
    .map(([name, value]) => parseEntry(name, value, header))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, header);
  const metadata = Object.hasOwn(json, METADATA_KEY) ? json[METADATA_KEY] : undefined;
  return {
    tensors: new Map(entries.map((entry) => [entry.name, entry])),
    metadata: parseMetadata(metadata, header),
  };
}
