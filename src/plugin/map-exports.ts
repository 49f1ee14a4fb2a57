/**
 * A source map (version 3) of a generated module: each export to the kernel that it was made of, so that tools which show
 * where a function was written show the source. What lies between exports has no place of its own.
 */
import type { BuiltKernel } from "../build-module.ts";

export interface SourceMap {
  readonly version: number;
  readonly sources: string[];
  readonly sourcesContent: (string | null)[];
  readonly names: string[];
  readonly mappings: string;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 VLQ: five bits a digit, the lowest first; the sign is the lowest bit of all. */
function encode(value: number): string {
  let rest = value < 0 ? -value * 2 + 1 : value * 2;
  let text = "";
  do {
    const digit = rest % 32;
    rest = Math.floor(rest / 32);
    text += DIGITS.charAt(rest > 0 ? digit + 32 : digit);
  } while (rest > 0);
  return text;
}

const EXPORT = /^export const (\w+) /;

/** `texts`: of the sources, by the names that spans give them. */
export function mapExports(
  code: string,
  kernels: readonly BuiltKernel[],
  texts: ReadonlyMap<string, string>,
): SourceMap {
  const spans = new Map(kernels.map(({ name, span }) => [name, span]));
  const sources: string[] = [];
  // Every number of a segment is relative to the same one of the segment before.
  let before = { source: 0, line: 0, column: 0 };
  const mappings = code.split("\n").map((text) => {
    const span = spans.get(EXPORT.exec(text)?.[1] ?? "");
    if (span === undefined) return "";
    if (!sources.includes(span.file)) sources.push(span.file);
    const at = { source: sources.indexOf(span.file), line: span.line - 1, column: span.column - 1 };
    const numbers = [0, at.source - before.source, at.line - before.line, at.column - before.column];
    before = at;
    return numbers.map(encode).join("");
  });
  const sourcesContent = sources.map((file) => texts.get(file) ?? null);
  return { version: 3, sources, sourcesContent, names: [], mappings: mappings.join(";") };
}
