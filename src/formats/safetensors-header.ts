/**
 * The header of a safetensors file: JSON that names each tensor's dtype, shape and place in the data behind it.
 * Format: https://github.com/huggingface/safetensors#format
 *
 * Requires: nothing of the bytes.
 * Ensures:  each tensor's bytes lie inside the data, overlap no other's and leave no hole (the reference implementation
 *           refuses holes too: they could smuggle other content); dtype, shape and length agree. Anything else throws
 *           `invalid-file` with the reason.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import { findRepeatedKey } from "./json-keys.ts";
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

/** Throws: the file breaks the format. */
export function refuse(file: string, reason: string, help = "download it again, or write it again"): never {
  fail("invalid-file", `${file} is not a valid safetensors file: ${reason}`, { help });
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
// Names come from the file: quoted, they cannot pass for words of the message.
const quote = (text: string): string => JSON.stringify(text);

function parseJson(bytes: Uint8Array, file: string): Json {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse(file, "its header is not UTF-8");
  }
  if (!text.startsWith("{")) refuse(file, 'its header does not start with "{"');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse(file, "its header is not JSON");
  }
  const repeated = findRepeatedKey(text);
  if (repeated !== undefined) {
    const [tensor = "", field] = repeated;
    refuse(
      file,
      field === undefined
        ? `${quote(tensor)} is there twice`
        : `${quote(tensor)} gives ${quote(field)} twice`,
    );
  }
  return isObject(value) ? value : refuse(file, "its header is not a JSON object");
}

function parseMetadata(value: unknown, file: string): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (!isObject(value)) return refuse(file, `${METADATA_KEY} is not an object`);
  return new Map(
    Object.entries(value).map(([key, text]) =>
      typeof text === "string" ? [key, text] : refuse(file, `${METADATA_KEY} gives ${quote(key)} no string`),
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

function parseDType(name: string, dtype: unknown, file: string): SafetensorsDType {
  if (typeof dtype !== "string") return refuse(file, `tensor ${quote(name)} has no dtype`);
  if (isSafetensorsDType(dtype)) return dtype;
  const known = Object.keys(SAFETENSORS_BITS);
  const help = didYouMean(dtype, known) ?? `known dtypes are ${known.join(", ")}`;
  return refuse(file, `tensor ${quote(name)} has the unknown dtype ${quote(dtype)}`, help);
}

function parseEntry(name: string, value: unknown, dataBytes: number, file: string): TensorEntry {
  if (!isObject(value)) return refuse(file, `tensor ${quote(name)} is not described by an object`);
  const dtype = parseDType(name, value["dtype"], file);
  const shape: unknown = value["shape"];
  if (!Array.isArray(shape) || !shape.every(isCount))
    return refuse(file, `tensor ${quote(name)} has no shape of whole lengths`);
  const offsets: unknown = value["data_offsets"];
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return refuse(file, `tensor ${quote(name)} has no data_offsets of two whole numbers`);
  const [begin = 0, end = 0] = offsets;
  if (begin > end) refuse(file, `tensor ${quote(name)} ends (${end}) before it begins (${begin})`);
  if (end > dataBytes)
    refuse(file, `tensor ${quote(name)} ends at byte ${end}, but there are only ${dataBytes} bytes of data`);
  const count = countElements(shape);
  const bytes = count === undefined ? undefined : byteLengthOf(dtype, count);
  const type = `${dtype}[${shape.join(",")}]`;
  if (bytes === undefined)
    return refuse(
      file,
      `tensor ${quote(name)} is ${type}, which is no whole number of bytes that can be counted`,
    );
  if (bytes !== end - begin)
    refuse(file, `tensor ${quote(name)} is ${type}, ${bytes} bytes, but has a place of ${end - begin} bytes`);
  return { name, dtype, shape, begin, end };
}

/** Each tensor begins where the one before it ends, the first at 0, and the last ends with the data. */
function checkCoverage(entries: readonly TensorEntry[], dataBytes: number, file: string): void {
  let at = 0;
  let before = "";
  for (const { name, begin, end } of entries) {
    if (begin < at) refuse(file, `tensor ${quote(name)} overlaps ${quote(before)}`);
    if (begin > at) refuse(file, `no tensor owns bytes ${at} to ${begin} of the data, before ${quote(name)}`);
    at = end;
    before = name;
  }
  if (at !== dataBytes) refuse(file, `no tensor owns the last ${dataBytes - at} bytes of the data`);
}

/** Reads a header. `dataBytes` is the number of bytes behind it, `file` what messages call the file. */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const json = parseJson(bytes, file);
  const entries = Object.entries(json)
    .filter(([name]) => name !== METADATA_KEY)
    .map(([name, value]) => parseEntry(name, value, dataBytes, file))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(entries, dataBytes, file);
  const metadata = Object.hasOwn(json, METADATA_KEY) ? json[METADATA_KEY] : undefined;
  return {
    tensors: new Map(entries.map((entry) => [entry.name, entry])),
    metadata: parseMetadata(metadata, file),
  };
}
