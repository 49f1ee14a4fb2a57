/**
 * Where in user code an op, or a function of the runtime, was called: the first frame of the stack outside this package.
 *
 * Ensures: never throws; an engine whose stacks are not understood gives no span, and all else works without one.
 *          Reads V8 (Node, Chrome), SpiderMonkey (Firefox) and JavaScriptCore (Safari) stacks.
 */
import type { Span } from "./diagnostic.ts";

export interface StackFrame {
  /** A path where the frame is in a file of this machine, else a URL. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `at name (place)`; a place may hold spaces and brackets, a name holds no opening one. */
const V8_NAMED_FRAME = /^\s*at [^(]* \((.+):(\d+):(\d+)\)$/;
/** `at place`, outside functions. */
const V8_BARE_FRAME = /^\s*at (?:async )?(.+):(\d+):(\d+)$/;
/** `name@place`; the name may be empty, and it holds no `@` (a place may: scoped packages). */
const GECKO_FRAME = /^[^@]*@(.+):(\d+):(\d+)$/;

/** Code made by eval and Function, and the engine's own. */
const NOT_A_FILE = /^<|^eval at|^node:| > (?:eval|Function)/;

/** Frames of a stack text, innermost first. Lines that name no place in a file are left out. */
export function parseStack(stack: string): readonly StackFrame[] {
  const frames: StackFrame[] = [];
  for (const line of stack.split("\n")) {
    const frame = parseFrame(line);
    if (frame !== undefined) frames.push(frame);
  }
  return frames;
}

function parseFrame(text: string): StackFrame | undefined {
  const match = V8_NAMED_FRAME.exec(text) ?? V8_BARE_FRAME.exec(text) ?? GECKO_FRAME.exec(text);
  const [, place = "", line = "", column = ""] = match ?? [];
  if (place === "" || NOT_A_FILE.test(place)) return undefined;
  return { file: toPath(place), line: Number(line), column: Number(column) };
}

/** `file:` URLs as paths, other places as they are; bundler marks such as `?v=1` are cut off. */
export function toPath(place: string): string {
  const bare = place.replace(/[?#].*$/, "");
  if (!bare.startsWith("file://")) return bare;
  const path = bare.slice("file://".length).replace(/^\/(?=[A-Za-z]:\/)/, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a stray % is part of the name
  }
}

/**
 * What every place inside this package starts with. Unbuilt and built, this file is `diagnostics/call-site`; inside a
 * bundle it is wherever the bundler put it, and then only the bundle itself is skipped.
 */
const OWN_PLACE = toPath(import.meta.url);
const PACKAGE_PREFIX = OWN_PLACE.replace(/diagnostics\/call-site\.[cm]?[jt]s$/, "");

/**
 * The place in user code that called, or undefined. `length` is that of the op's name, where the call has one: engines
 * point at the name. One stack is taken per op; it is the most expensive part of tracing one, a few microseconds.
 */
export function captureCallSite(length = 1): Span | undefined {
  const { stack } = new Error();
  const frame = parseStack(stack ?? "").find(({ file }) => !file.startsWith(PACKAGE_PREFIX));
  return frame === undefined ? undefined : { ...frame, length };
}
