/**
 * How often one function was compiled, and because of what: where it is compiled for more sets of arguments than programs
 * mean to have, one warning says which dimension or plain value kept changing.
 *
 * Ensures: one warning per function; nothing is kept of its arguments after that.
 */
import { isScalarArgument, isTensorLike } from "./frontend/trace/arguments.ts";

/** Compilations of one function that pass in silence: more than layers of a model have shapes. */
export const MOST_SPECIALISATIONS = 32;

/** Shown of the values that a dimension or an argument had. */
const SHOWN_VALUES = 3;

const HELP = {
  axis: "declare an outermost dimension dynamic (docs/shapes.md), or pad it to a few sizes",
  value: "pass it as scalar(...), which is bound at the call",
  other: "call it with fewer kinds of arguments, or make a function for each",
} as const;

/** One thing that a compilation depends on: `axis 0 of x`, its value, and what to do where it varies. */
interface Fact {
  readonly name: string;
  readonly value: string;
  readonly kind: keyof typeof HELP;
}

export class Specialisations {
  readonly #name: string;
  readonly #warn: ((message: string) => void) | undefined;
  readonly #values = new Map<string, { readonly kind: Fact["kind"]; readonly values: Set<string> }>();
  #keys: Set<string> | null = new Set();

  constructor(name: string, warn?: (message: string) => void) {
    this.#name = name;
    this.#warn = warn;
  }

  /** The function was compiled for the key, which stands for these arguments. */
  note(key: string, args: readonly unknown[], names: readonly string[]): void {
    if (this.#keys === null || this.#keys.has(key)) return;
    this.#keys.add(key);
    for (const [position, arg] of args.entries())
      for (const { name, value, kind } of listFacts(arg, names[position] ?? `arg${String(position)}`)) {
        const known = this.#values.get(name) ?? { kind, values: new Set() };
        this.#values.set(name, known);
        known.values.add(value);
      }
    if (this.#keys.size <= MOST_SPECIALISATIONS) return;
    const message = this.#describe(this.#keys.size);
    this.#keys = null;
    this.#values.clear();
    (this.#warn ?? console.warn)(message);
  }

  #describe(count: number): string {
    const varied = [...this.#values].filter(([, { values }]) => values.size > 1);
    varied.sort(([, a], [, b]) => b.values.size - a.values.size);
    const parts = varied.slice(0, 2).map(([name, { values }]) => {
      const rest = values.size > SHOWN_VALUES ? ", ..." : "";
      return `${name} varied: ${[...values].slice(0, SHOWN_VALUES).join(", ")}${rest}`;
    });
    const help = HELP[varied[0]?.[1].kind ?? "other"];
    return `tensorweft: ${this.#name} was compiled for ${String(count)} sets of arguments; ${[...parts, help].join("; ")}`;
  }
}

function listFacts(arg: unknown, path: string): readonly Fact[] {
  if (typeof arg !== "object" || arg === null)
    return [{ name: path, value: String(arg), kind: typeof arg === "number" ? "value" : "other" }];
  if (isScalarArgument(arg)) return [{ name: `the dtype of ${path}`, value: arg.dtype, kind: "other" }];
  if (isTensorLike(arg))
    return [
      { name: `the dtype of ${path}`, value: arg.dtype, kind: "other" },
      { name: `the rank of ${path}`, value: String(arg.shape.length), kind: "other" },
      ...arg.shape.map((size, axis): Fact => {
        const name = `axis ${String(axis)} of ${path}`;
        return { name, value: String(size), kind: "axis" };
      }),
    ];
  return Object.entries(arg).flatMap(([key, item]) => listFacts(item, `${path}.${key}`));
}
