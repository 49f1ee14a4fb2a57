/**
 * Values of options that are lists of `name=value`. A malformed one is a usage error, which commander reports together
 * with the option it came from.
 */
import { InvalidArgumentError } from "commander";

export type Pairs = ReadonlyMap<string, string>;

function addPair(pairs: Map<string, string>, item: string, example: string): void {
  const at = item.indexOf("=");
  const name = item.slice(0, Math.max(0, at)).trim();
  if (name === "") throw new InvalidArgumentError(`Write ${example}.`);
  if (pairs.has(name)) throw new InvalidArgumentError(`${name} is given twice.`);
  pairs.set(name, item.slice(at + 1).trim());
}

/** `a=x,b=y`; the option may be repeated. */
const collectPairs =
  (example: string) =>
  (text: string, previous: Pairs = new Map()): Pairs => {
    const pairs = new Map(previous);
    for (const item of text.split(",")) addPair(pairs, item, example);
    return pairs;
  };

/** An option that may be repeated and keeps every value. */
export const collectFiles = (file: string, previous: readonly string[] = []): readonly string[] => [
  ...previous,
  file,
];

function parseLength(text: string, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError(`"${text}" is no length ${what}: write a whole number, 0 or more.`);
  return value;
}

/** `--bind v=encoder.weight_v,g=encoder.weight_g` */
export const collectBindings = collectPairs("--bind PARAMETER=TENSOR");

/** `--set eps=1e-5`; true and false count as 1 and 0. */
export function collectScalars(
  text: string,
  previous: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, number> {
  const scalars = new Map(previous);
  for (const [name, value] of collectPairs("--set NAME=NUMBER")(text)) {
    if (scalars.has(name)) throw new InvalidArgumentError(`${name} is given twice.`);
    scalars.set(name, parseScalar(name, value));
  }
  return scalars;
}

const WORDS: ReadonlyMap<string, number> = new Map([
  ["true", 1],
  ["false", 0],
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
  ["nan", Number.NaN],
]);

function parseScalar(name: string, text: string): number {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  const value = Number(text);
  // Number("") is 0 and Number("0x10") is 16: neither is what somebody meant.
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
    throw new InvalidArgumentError(`"${text}" is no number for ${name}: write one such as 1e-5.`);
  return value;
}

/** `--dim O=512,I=80` */
export function collectDims(
  text: string,
  previous: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, number> {
  const dims = new Map(previous);
  for (const [name, value] of collectPairs("--dim NAME=LENGTH")(text)) {
    if (dims.has(name)) throw new InvalidArgumentError(`${name} is given twice.`);
    dims.set(name, parseLength(value, `of ${name}`));
  }
  return dims;
}

export type Shapes = ReadonlyMap<string, readonly number[]>;

/** `--shape v=512,512,3`, one tensor per option; `--shape s=` is a scalar's shape, []. */
export function collectShapes(text: string, previous: Shapes = new Map()): Shapes {
  const pair = new Map<string, string>();
  addPair(pair, text, "--shape PARAMETER=LENGTH,LENGTH,...");
  const shapes = new Map(previous);
  for (const [name, lengths] of pair) {
    if (shapes.has(name)) throw new InvalidArgumentError(`${name} is given twice.`);
    const items = lengths === "" ? [] : lengths.split(",");
    shapes.set(
      name,
      items.map((item) => parseLength(item.trim(), `in the shape of ${name}`)),
    );
  }
  return shapes;
}

/** How often, or how many. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError("Write a whole number, 1 or more.");
  return count;
}
