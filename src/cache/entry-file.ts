/**
 * A file of the cache: a line with the length and the SHA-256 of what follows, then the text of an entry.
 *
 *     tensorweft-cache 1 5e88...42d8 18233
 *     {"key":"tensorweft 0.1.0 build ...","answers":[],"plan":{...}}
 *
 * Ensures: `readEntryFile` gives the text only of a whole, unchanged, regular file of bounded size, ours or root's, that is
 *          no symbolic link. It never waits (pipes) and throws nothing.
 */
import type { NodeModules } from "./node-modules.ts";
import { CACHE_FORMAT } from "./plan-key.ts";
import { MOST_ENTRY_BYTES } from "./stored-level.ts";

/** Longer first lines are none. */
const MOST_HEADER_BYTES = 128;

export type EntryFile =
  | { readonly kind: "missing" }
  /** What is there is no entry; the reason in words. */
  | { readonly kind: "broken"; readonly reason: string }
  | { readonly kind: "whole"; readonly text: string; readonly bytes: number; readonly usedMs: number };

const broken = (reason: string): EntryFile => ({ kind: "broken", reason });

export function printEntryFile({ crypto }: Pick<NodeModules, "crypto">, text: string): Buffer {
  const body = Buffer.from(text);
  const header = `tensorweft-cache ${CACHE_FORMAT} ${sumOf(crypto, body)} ${body.byteLength}\n`;
  return Buffer.concat([Buffer.from(header), body]);
}

export const sumOf = (crypto: NodeModules["crypto"], bytes: Uint8Array): string =>
  crypto.createHash("sha256").update(bytes).digest("hex");

export function readEntryFile(node: NodeModules, file: string): EntryFile {
  const { fs, crypto } = node;
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants; // the last two are missing, as 0, on Windows
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const { size, mtimeMs } = checkStat(node, fs.fstatSync(descriptor));
    const bytes = readWhole(fs, descriptor, size);
    return { kind: "whole", text: parseEntryFile(crypto, bytes), bytes: size, usedMs: mtimeMs };
  } catch (error) {
    if (error instanceof NoEntry) return broken(error.message);
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ELOOP" || code === "EMLINK") return broken("is a symbolic link");
    if (code === "ENXIO") return broken("is no file");
    return { kind: "missing" }; // whatever else keeps us from reading (permissions, too many open files) may pass
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

/** Why a file is no entry. */
class NoEntry extends Error {}

function checkStat<S extends { isFile(): boolean; readonly size: number; readonly uid: number }>(
  { process }: NodeModules,
  stat: S,
): S {
  if (!stat.isFile()) throw new NoEntry("is no file");
  if (stat.size > MOST_ENTRY_BYTES) throw new NoEntry(`has ${stat.size} bytes`);
  // Whoever can write here decides what our kernels compute: files of other users do not count.
  const self = process.getuid?.();
  if (self !== undefined && stat.uid !== self && stat.uid !== 0)
    throw new NoEntry(`belongs to the user ${stat.uid}`);
  return stat;
}

function readWhole(fs: NodeModules["fs"], descriptor: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const read = fs.readSync(descriptor, bytes, filled, size - filled, filled);
    if (read === 0) throw new NoEntry("is cut off");
    filled += read;
  }
  return bytes;
}

function parseEntryFile(crypto: NodeModules["crypto"], bytes: Buffer): string {
  const header = parseHeader(bytes);
  if (typeof header === "string") throw new NoEntry(header);
  const body = bytes.subarray(header.end);
  if (body.byteLength !== header.length)
    throw new NoEntry(`has ${body.byteLength} of ${header.length} bytes`);
  if (sumOf(crypto, body) !== header.sum) throw new NoEntry("has another checksum than it says");
  return body.toString("utf8");
}

export interface EntryHeader {
  /** SHA-256 of what follows, and its length. */
  readonly sum: string;
  readonly length: number;
  /** Where it begins. */
  readonly end: number;
}

/** The first line, or what is wrong with it. */
export function parseHeader(bytes: Buffer): EntryHeader | string {
  const end = bytes.subarray(0, MOST_HEADER_BYTES).indexOf("\n");
  const line = bytes.subarray(0, Math.max(0, end)).toString("latin1");
  const [, format = "", sum, length] = /^tensorweft-cache (\d+) ([0-9a-f]{64}) (\d+)$/.exec(line) ?? [];
  if (sum === undefined) return "has no header";
  if (Number(format) !== CACHE_FORMAT) return `has the format ${format}`;
  return { sum, length: Number(length), end: end + 1 };
}
