/**
 * Where keys stand in the text of a JSON object, and which it gives twice. `JSON.parse` keeps the last of two in silence,
 * which would let one tensor of a file hide another, and says of none where it was.
 *
 * Requires: text that `JSON.parse` accepts. Ensures: linear time; looks at the two outer levels, as deep as objects go in
 * a safetensors header.
 */

/** A key, with those of the objects around it, outermost first, and the place of its opening quote. */
export interface JsonKey {
  readonly path: readonly string[];
  readonly index: number;
}

const DEEPEST = 2;
const BACKSLASH = "\\";

/** Position behind the string literal that opens at `start`. */
function skipString(json: string, start: number): number {
  for (let i = start + 1; i < json.length; i++) {
    if (json[i] === BACKSLASH) i += 1;
    else if (json[i] === '"') return i + 1;
  }
  return json.length;
}

const WHITESPACE = new Set([" ", "\t", "\n", "\r"]);

function skipWhitespace(json: string, start: number): number {
  let i = start;
  while (WHITESPACE.has(json[i] ?? "")) i += 1;
  return i;
}

/** The keys of both levels, in order; `isNewObject` where the key is the first of its object. */
function* walkKeys(json: string): Generator<JsonKey & { readonly isNewObject: boolean }> {
  const path: string[] = [];
  let depth = 0;
  let isNewObject = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === "{" || char === "[") {
      depth += 1;
      isNewObject = true;
    } else if (char === "}" || char === "]") {
      depth -= 1;
      isNewObject = false;
    } else if (char === '"') {
      const end = skipString(json, i);
      // In valid JSON a string is a key exactly when a colon follows.
      if (depth <= DEEPEST && json[skipWhitespace(json, end)] === ":") {
        // Two spellings of one key ("a" and "\u0061") are the same key.
        path.length = depth - 1;
        path.push(JSON.parse(json.slice(i, end)) as string);
        yield { path: [...path], index: i, isNewObject };
        isNewObject = false;
      }
      i = end - 1;
    }
  }
}

/** The first key that stands in its object for the second time; undefined when there is none. */
export function findRepeatedKey(json: string): JsonKey | undefined {
  const outer = new Set<string>();
  let inner = new Set<string>();
  for (const { path, index, isNewObject } of walkKeys(json)) {
    if (path.length === DEEPEST && isNewObject) inner = new Set();
    const seen = path.length === DEEPEST ? inner : outer;
    const key = path[path.length - 1] ?? "";
    if (seen.has(key)) return { path, index };
    seen.add(key);
  }
  return undefined;
}

/** Where a key of the outer object stands, or one of an object in it. */
export function findKey(json: string, ...path: readonly string[]): number | undefined {
  for (const found of walkKeys(json))
    if (found.path.length === path.length && found.path.every((key, i) => key === path[i]))
      return found.index;
  return undefined;
}
