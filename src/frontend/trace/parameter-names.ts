/**
 * The names of a function's parameters, read from its source. Names only label the inputs of a graph: where the source is
 * anything but a plain list of names, the reader gives up and inputs are called `arg0`, `arg1`, ...
 */

/** Where functions that were made from others keep the names of their parameters. */
const NAMES = Symbol("tensorweft.parameterNames");

type AnyFunction = (...args: never) => unknown;

/** Gives `derived`, whose source says nothing of its parameters, the names of another function's. */
export const nameParameters = (derived: AnyFunction, names: readonly (string | undefined)[]): AnyFunction =>
  Object.defineProperty(derived, NAMES, { value: names });

/** The names of a function's parameters, as far as they can be told. */
export function parameterNamesOf(fn: AnyFunction): readonly (string | undefined)[] {
  const given: unknown = Reflect.get(fn, NAMES);
  // Only `nameParameters` knows the symbol.
  if (Array.isArray(given)) return given as readonly (string | undefined)[];
  return readParameterNames(Function.prototype.toString.call(fn));
}

/** One entry per parameter whose name can be told; undefined for those that are destructured or the like. */
export function readParameterNames(source: string): readonly (string | undefined)[] {
  const list = readParameterList(source);
  if (list === undefined) return [];
  const names = splitList(list).map((text) => /^\s*([A-Za-z_$][\w$]*)\s*(?:=(?!>)[^]*)?$/.exec(text)?.[1]);
  // A name given twice (sloppy functions) would make two inputs of one name.
  return names.map((name, i) => (names.indexOf(name) === i ? name : undefined));
}

/** The text between the brackets of the parameter list. Strings, templates, regexes, comments: too much to read here. */
function readParameterList(source: string): string | undefined {
  const arrow = /^(?:async\s+)?([A-Za-z_$][\w$]*)\s*=>/.exec(source);
  if (arrow !== null) return arrow[1];
  const start = source.indexOf("(");
  if (start < 0) return undefined;
  let depth = 0;
  for (let at = start; at < source.length; at++) {
    const character = source.charAt(at);
    if ("\"'`/".includes(character)) return undefined;
    if ("([{".includes(character)) depth++;
    if (")]}".includes(character)) depth--;
    if (depth === 0) return source.slice(start + 1, at);
  }
  return undefined;
}

/** Pieces between the commas that no bracket encloses. */
function splitList(list: string): readonly string[] {
  const pieces: string[] = [];
  let depth = 0;
  let piece = "";
  for (const character of list) {
    if ("([{".includes(character)) depth++;
    if (")]}".includes(character)) depth--;
    if (character === "," && depth === 0) {
      pieces.push(piece);
      piece = "";
    } else piece += character;
  }
  return [...pieces, piece];
}
