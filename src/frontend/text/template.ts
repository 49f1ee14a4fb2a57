/**
 * The language inside TypeScript:
 *
 *     const rms = weft`(x, w) => x * rsqrt(mean(x * x, axis=-1, keepdims=true) + 1e-6) * w`;
 *     const block = weft`(x, w) => ${rms}(x, w) * ${0.5}`;
 *
 * Numbers become literals and other templates become functions to call; anything else is refused.
 *
 * Ensures: a template that came out has no mistakes that can be found without shapes; they are thrown together.
 */
import { fail, TensorweftError } from "../../diagnostics/diagnostic.ts";
import type { TensorType } from "../../ir/dtype.ts";
import type { Builtins } from "./builtins.ts";
import { checkDeclaration } from "./check.ts";
import type { Environment, UserFunction } from "./environment.ts";
import { lowerUserFunction, type LoweredKernel, type LowerOptions } from "./lower-kernel.ts";
import { parseFunction } from "./parse.ts";

/** A function written in the language. Plain data; `source` is what its spans point into. */
export interface TextFunction {
  readonly kind: "text-function";
  /** The file name in spans. */
  readonly file: string;
  readonly source: string;
  readonly fn: UserFunction;
}

export type Interpolation = number | TextFunction;
export type WeftTag = (strings: TemplateStringsArray, ...values: readonly Interpolation[]) => TextFunction;

export interface TemplateOptions {
  /** Functions that templates may call beside the built-in ones. */
  readonly builtins?: Builtins | undefined;
  /** The name of the functions and of their graphs. Default "weft". */
  readonly name?: string | undefined;
}

const isTextFunction = (value: unknown): value is TextFunction =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "text-function";

function parseTemplate(
  parts: readonly string[],
  values: readonly Interpolation[],
  options: TemplateOptions,
): TextFunction {
  const name = options.name ?? "weft";
  const file = `<${name}>`;
  const functions = new Map<string, UserFunction>();
  const constants = new Map<string, number>();
  const environment: Environment = {
    functions,
    kernels: new Map(),
    constants,
    builtins: options.builtins ?? new Map(),
  };
  for (const [k, value] of values.entries()) {
    const hole = `\${${String(k)}}`;
    if (typeof value === "number") constants.set(hole, value);
    else if (isTextFunction(value)) functions.set(hole, value.fn);
    else fail("wrong-argument", `${hole} of a weft template is neither a number nor a weft template`);
  }
  const source = parts.reduce((text, part, k) => `${text}\${${String(k - 1)}}${part}`);
  const { fn: declaration, diagnostics } = parseFunction(source, file, name);
  const found = [...diagnostics];
  if (declaration !== undefined) found.push(...checkDeclaration(declaration, environment).diagnostics);
  const errors = found.filter(({ severity }) => severity === "error");
  if (declaration === undefined || errors.length > 0) throw new TensorweftError(errors);
  return { kind: "text-function", file, source, fn: { declaration, environment } };
}

/** Makes a template tag, for instance one that knows the functions of the library. */
export const createTemplateTag =
  (options: TemplateOptions = {}): WeftTag =>
  (strings, ...values) =>
    parseTemplate(strings, values, options);

/** The tag with the built-in functions only. */
export const weft: WeftTag = createTemplateTag();

/** A function from a string, where a template will not do: the text may come from a file or an input field. */
export const parseTextFunction = (source: string, options: TemplateOptions = {}): TextFunction =>
  parseTemplate([source], [], options);

/** Instantiates a function at the types of its parameters, given in order or by name. */
export function lowerFunction(
  fn: TextFunction,
  types: readonly TensorType[] | Readonly<Record<string, TensorType>>,
  options: Pick<LowerOptions, "dtype"> = {},
): LoweredKernel {
  const { params, name } = fn.fn.declaration;
  if (!isList(types)) return lowerUserFunction(fn.fn, types, options);
  if (types.length > params.length) {
    fail(
      "wrong-arity",
      `${name.text} takes ${String(params.length)} tensor${params.length === 1 ? "" : "s"} but ${String(types.length)} are given`,
      {
        span: name.span,
        help: "pass one type for each parameter",
      },
    );
  }
  const byName = types.map((type, k) => [params[k]?.name.text ?? "", type] as const);
  return lowerUserFunction(fn.fn, Object.fromEntries(byName), options);
}

const isList = (
  types: readonly TensorType[] | Readonly<Record<string, TensorType>>,
): types is readonly TensorType[] => Array.isArray(types);
