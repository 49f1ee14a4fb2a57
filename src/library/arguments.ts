/**
 * Arguments of library functions as data, for front ends that call them by name (the text language, a command line).
 *
 * Ensures: an argument of the wrong kind is refused with the names of function and parameter; absent stays absent, so
 *          that defaults live in one place, the function itself.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Operand, Value } from "../ir/graph-builder.ts";

/**
 * What a parameter takes. `operand` is a value, or a number where the formula allows one. `axis` is one axis, several,
 * or null (`none`).
 */
export type LibraryParameterKind = "operand" | "number" | "integer" | "integers" | "axis" | "boolean";

export interface LibraryParameter {
  readonly name: string;
  readonly kind: LibraryParameterKind;
  readonly required: boolean;
}

export type LibraryArgument = Operand | readonly Operand[] | null;
export type LibraryArguments = Readonly<Record<string, LibraryArgument | undefined>>;

/** One row of the registry: parameters in the order in which they may be given without a name; several values are a tuple. */
export interface LibraryFunction {
  readonly params: readonly LibraryParameter[];
  readonly build: (builder: GraphBuilder, args: LibraryArguments, span?: Span) => Value | readonly Value[];
}

/** Reads arguments by name; what is absent is undefined, but `tensor` refuses to miss one. */
export interface ArgumentReader {
  readonly tensor: (name: string) => Value;
  readonly optionalTensor: (name: string) => Value | undefined;
  readonly operand: (name: string) => Value | number | undefined;
  readonly number: (name: string) => number | undefined;
  readonly numbers: (name: string) => number | readonly number[] | undefined;
  readonly keptAxis: (name: string) => number | null | undefined;
  readonly boolean: (name: string) => boolean | undefined;
}

const isNumber = (argument: LibraryArgument): argument is number => typeof argument === "number";
const isBoolean = (argument: LibraryArgument): argument is boolean => typeof argument === "boolean";
const isList = (argument: LibraryArgument): argument is readonly Operand[] => Array.isArray(argument);
const isValue = (argument: LibraryArgument): argument is Value =>
  typeof argument === "object" && argument !== null && !isList(argument);
const isNumberOrValue = (argument: LibraryArgument): argument is Value | number =>
  isNumber(argument) || isValue(argument);
const isNumberOrNull = (argument: LibraryArgument): argument is number | null =>
  isNumber(argument) || argument === null;
const isNumbers = (argument: LibraryArgument): argument is number | readonly number[] =>
  isNumber(argument) || (isList(argument) && argument.every(isNumber));

const describe = (argument: LibraryArgument): string => {
  if (isValue(argument)) return "a tensor";
  if (isList(argument)) return "a list";
  return argument === null ? "none" : String(argument);
};

export function readArguments(fn: string, args: LibraryArguments, span: Span | undefined): ArgumentReader {
  function read<T extends LibraryArgument>(
    name: string,
    wanted: string,
    accepts: (argument: LibraryArgument) => argument is T,
  ): T | undefined {
    const argument = args[name];
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
    operand: (name) => read(name, "a number or a tensor", isNumberOrValue),
    number: (name) => read(name, "a number", isNumber),
    numbers: (name) => read(name, "a number or a list of numbers", isNumbers),
    keptAxis: (name) => read(name, "a number or none", isNumberOrNull),
    boolean: (name) => read(name, "true or false", isBoolean),
  };
}
