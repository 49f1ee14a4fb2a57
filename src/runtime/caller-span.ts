/**
 * Where the caller of tensorweft stands, from the stack, so that mistakes in calls are located as mistakes in program
 * texts are. Only computed when an error is made. Undefined where the engine gives no usable stack.
 */
import type { Span } from "../diagnostics/diagnostic.ts";

const PACKAGE = new URL("../", import.meta.url).href;
/** `at f (file:1:2)`, `at file:1:2` (V8) and `f@file:1:2` (SpiderMonkey, JavaScriptCore). */
const FRAME = /(?:\(|@|at (?:async )?)([^()@\s][^()]*?):(\d+):(\d+)\)?$/;

export function callerSpan(): Span | undefined {
  for (const frame of (new Error().stack ?? "").split("\n").slice(1)) {
    const [, file, line, column] = FRAME.exec(frame.trim()) ?? [];
    if (file === undefined || isOurs(file)) continue;
    return { file: withoutScheme(file), line: Number(line), column: Number(column), length: 1 };
  }
  return undefined;
}

const withoutScheme = (file: string): string => file.replace(/^file:\/\//, "");

const isOurs = (file: string): boolean =>
  file.startsWith(PACKAGE) || file.startsWith(withoutScheme(PACKAGE)) || file.startsWith("node:");
