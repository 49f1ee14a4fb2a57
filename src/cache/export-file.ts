/**
 * Many entries in one file: their files, one behind the other. Each begins with its header, so no index is needed, and a
 * file that is cut off still gives the entries before.
 */
import { parseHeader, sumOf } from "./entry-file.ts";
import type { NodeModules } from "./node-modules.ts";
import { MOST_ENTRY_BYTES } from "./stored-level.ts";

const HEADER_BYTES = 128;

/** An entry's text, or why there is none at this byte. */
export type ExportPart =
  | { readonly kind: "entry"; readonly text: string }
  | { readonly kind: "broken"; readonly at: number; readonly problem: string };

/** The entries in a file, up to the first that is broken. */
export function* readExport({ fs, crypto }: NodeModules, file: string): Generator<ExportPart, void> {
  const descriptor = fs.openSync(file, "r");
  try {
    const { size } = fs.fstatSync(descriptor);
    let at = 0;
    while (at < size) {
      const part = readPart(fs, crypto, descriptor, at);
      yield part;
      if (part.kind === "broken") return;
      at = part.end;
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

function readPart(
  fs: NodeModules["fs"],
  crypto: NodeModules["crypto"],
  descriptor: number,
  at: number,
):
  | { readonly kind: "entry"; readonly text: string; readonly end: number }
  | Extract<ExportPart, { kind: "broken" }> {
  const broken = (problem: string) => ({ kind: "broken", at, problem }) as const;
  const header = parseHeader(readAt(fs, descriptor, at, HEADER_BYTES));
  if (typeof header === "string") return broken(header);
  if (header.length > MOST_ENTRY_BYTES) return broken(`has ${header.length} bytes`);
  const body = readAt(fs, descriptor, at + header.end, header.length);
  if (body.byteLength !== header.length) return broken("is cut off");
  if (sumOf(crypto, body) !== header.sum) return broken("has another checksum than it says");
  return { kind: "entry", text: body.toString("utf8"), end: at + header.end + header.length };
}

function readAt(fs: NodeModules["fs"], descriptor: number, at: number, most: number): Buffer {
  const bytes = Buffer.alloc(most);
  let filled = 0;
  while (filled < most) {
    const read = fs.readSync(descriptor, bytes, filled, most - filled, at + filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
