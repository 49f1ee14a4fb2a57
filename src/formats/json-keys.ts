/**
 * Keys that a JSON object gives twice. `JSON.parse` keeps the last of them in silence, which would let one tensor of a
 * file hide another.
 *
 * Requires: text that `JSON.parse` accepts. Ensures: linear time; looks at the two outer levels, as deep as objects go in
 * a safetensors header.
 */

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

/** The first repeated key with the names of the objects around it, outermost first; undefined when there is none. */
export function findRepeatedKey(json: string): readonly string[] | undefined {
  const seen: Set<string>[] = [];
  const path: string[] = [];
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === "{" || char === "[") {
      depth += 1;
      if (depth <= DEEPEST) seen[depth] = new Set();
    } else if (char === "}" || char === "]") {
      depth -= 1;
    } else if (char === '"') {
      const end = skipString(json, i);
      // In valid JSON a string is a key exactly when a colon follows.
      if (depth <= DEEPEST && json[skipWhitespace(json, end)] === ":") {
        // Two spellings of one key ("a" and "\u0061") are the same key.
        const key = JSON.parse(json.slice(i, end)) as string;
        if (seen[depth]?.has(key) === true) return [...path.slice(0, depth - 1), key];
        seen[depth]?.add(key);
        path[depth - 1] = key;
      }
      i = end - 1;
    }
  }
  return undefined;
}
