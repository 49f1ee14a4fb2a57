/**
 * A source map (version 3) of a generated module: each export to the kernel that it was made of, so that tools which show
 * where a function was written show the source. What lies between exports has no place of its own.
 */
import { addMapping, type EncodedSourceMap, GenMapping, toEncodedMap } from "@jridgewell/gen-mapping";
import type { BuiltKernel } from "../build-module.ts";

const EXPORT = /^export const (\w+) /;

/** `texts`: of the sources, by the names that spans give them. */
export function mapExports(
  code: string,
  kernels: readonly BuiltKernel[],
  texts: ReadonlyMap<string, string>,
): EncodedSourceMap {
  const spans = new Map(kernels.map(({ name, span }) => [name, span]));
  const map = new GenMapping();
  for (const [index, text] of code.split("\n").entries()) {
    const span = spans.get(EXPORT.exec(text)?.[1] ?? "");
    if (span === undefined) continue;
    const { file: source, line, column } = span;
    const content = texts.get(source) ?? null;
    // Lines count from 1 there, columns from 0.
    const generated = { line: index + 1, column: 0 };
    addMapping(map, { generated, source, original: { line, column: column - 1 }, content });
  }
  return toEncodedMap(map);
}
