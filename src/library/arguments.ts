/**
 * Arguments of library functions as data, for front ends that call them by name (the text language, a command line).
 *
 * Ensures: an argument of the wrong kind is refused with the name of function and parameter; absent stays absent, so that
 *          defaults live in one place, the function itself.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { Value } from "../ir/graph-builder.ts";

/** What a parameter takes. `operand` is a number or a value that broadcasts, such as a call-time scalar. */
export type LibraryParameterKind =
  "tensor" | "operand" | "number" | "axis" | "axes" | "kept-axis" | "shape" | "boolean" | "text";

export interface LibraryParameter {
  readonly name: string;
  readonly kind: LibraryParameterKind;
  readonly required: boolean;
}

export type LibraryArgument = Value | number | boolean | string | null | readonly number[];
export type LibraryArguments = ReadonlyMap<string, LibraryArgument>;

/** Reads arguments by name; every getter of an absent argument gives undefined, but `tensor`, which refuses. */
export interface ArgumentReader {
  readonly tensor: (name: string) => Value;
  readonly optionalTensor: (name: string) => Value | undefined;
  readonly operand: (name: string) => Value | number | undefined;
  readonly number: (name: string) => number | undefined;
  readonly axes: (name: string) => number | readonly number[] | undefined;
  readonly keptAxis: (name: string) => number | null | undefined;
  readonly boolean: (name: string) => boolean | undefined;
  readonly text: (name: string) => string | undefined;
}

const isNumbers = (argument: LibraryArgument): argument is readonly number[] => Array.isArray(argument);
const isValue = (argument: LibraryArgument): argument is Value =>
  typeof argument === "object" && argument !== null && !isNumbers(argument);
const isNumber = (argument: LibraryArgument): argument is number => typeof argument === "number";

const describe = (argument: LibraryArgument): string => {
  if (isValue(argument)) return "a tensor";
  if (isNumbers(argument)) return "a list of numbers";
  return argument === null ? "null" : `a ${typeof argument}`;
};

export function readArguments(fn: string, args: LibraryArguments, span: Span | undefined): ArgumentReader {
  function read<T extends LibraryArgument>(
    name: string,
    wanted: string,
    accepts: (argument: LibraryArgument) => argument is T,
  ): T | undefined {
    const argument = args.get(name);
    if (argument === undefined || accepts(argument)) return argument;
    return fail("wrong-argument", `${name} of ${fn} takes ${wanted}, not ${describe(argument)}`, {
      span,
      help: `write ${name} as ${wanted}`,
    });
  }
  const optionalTensor = (name: string): Value | undefined => read(name, "a tensor", isValue);
  return {
    tensor: (name) =>
      optionalTensor(name) ??
      fail("wrong-arity", `${fn} needs ${name}`, { span, help: `pass a tensor for ${name}` }),
    optionalTensor,
    operand: (name) =>
      read(name, "a number or a scalar", (a): a is Value | number => isValue(a) || isNumber(a)),
    number: (name) => read(name, "a number", isNumber),
    axes: (name) =>
      read(
        name,
        "a number or a list of numbers",
        (a): a is number | readonly number[] => isNumber(a) || isNumbers(a),
      ),
    keptAxis: (name) => read(name, "a number or null", (a): a is number | null => isNumber(a) || a === null),
    boolean: (name) => read(name, "true or false", (a): a is boolean => typeof a === "boolean"),
    text: (name) => read(name, "a word", (a): a is string => typeof a === "string"),
  };
}
