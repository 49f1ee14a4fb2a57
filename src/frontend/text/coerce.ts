/** Turns evaluated arguments into what the parameters of a built-in function take. */
import { errorAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import type { GraphBuilder, Operand } from "../../ir/graph-builder.ts";
import type { BuiltinParameter, ParameterKind, ParameterValues } from "./builtins.ts";
import { describeValue, toOperand, type Static } from "./values.ts";

type ArgumentValue = ParameterValues[ParameterKind];

const WANTED: Readonly<Record<ParameterKind, string>> = {
  operand: "a tensor or a number",
  operands: "a list of tensors",
  number: "a number known at compile time",
  integer: "a whole number known at compile time",
  integers: "a list of whole numbers",
  axis: "a whole number, a list of them, or none",
  boolean: "true or false",
};

const EXAMPLE: Readonly<Record<ParameterKind, string>> = {
  operand: "write its items out",
  operands: "write a list in square brackets: [a, b]",
  number: "write a number, or arithmetic of numbers and dimensions",
  integer: "write a whole number; a negative axis counts from the end",
  integers: "write a list of whole numbers in square brackets: [0, 1]",
  axis: "write one axis or a list of axes; negative ones count from the end",
  boolean: "write true or false",
};

const wholeNumber = (value: Static): number | undefined =>
  value.kind === "number" && Number.isSafeInteger(value.value) ? value.value : undefined;

/** All items converted, or undefined when one cannot be. */
function convertAll<T>(
  items: readonly Static[],
  convert: (item: Static) => T | undefined,
): readonly T[] | undefined {
  const converted = items.map(convert);
  const whole = converted.filter((item) => item !== undefined);
  return whole.length === items.length ? whole : undefined;
}

function convert(
  value: Static,
  kind: ParameterKind,
  builder: GraphBuilder,
  span: Span,
): ArgumentValue | undefined {
  const items = value.kind === "list" ? value.items : undefined;
  switch (kind) {
    case "operand":
      return toOperand(value, builder, span);
    case "operands":
      return items === undefined
        ? undefined
        : convertAll<Operand>(items, (item) => toOperand(item, builder, span));
    case "number":
      return value.kind === "number" ? value.value : undefined;
    case "integer":
      return wholeNumber(value);
    case "integers":
      return items === undefined ? undefined : convertAll(items, wholeNumber);
    case "axis":
      if (value.kind === "none") return null;
      return items === undefined ? wholeNumber(value) : convertAll(items, wholeNumber);
    case "boolean":
      return value.kind === "boolean" ? value.value : undefined;
  }
}

const ELEMENTWISE: ReadonlyMap<string, string> = new Map([
  ["max", "the larger of two tensors is maximum(a, b)"],
  ["min", "the smaller of two tensors is minimum(a, b)"],
]);

/** The value for one parameter of the built-in `name`; undefined, after a report, when it does not fit. */
export function coerceArgument(
  name: string,
  param: BuiltinParameter,
  value: Static,
  builder: GraphBuilder,
  span: Span,
  report: (diagnostic: Diagnostic) => void,
): ArgumentValue | undefined {
  const converted = convert(value, param.kind, builder, span);
  if (converted !== undefined) return converted;
  const elementwise = param.kind === "axis" && value.kind === "tensor" ? ELEMENTWISE.get(name) : undefined;
  const tuple = value.kind === "tuple" ? "take a tuple apart with let (a, b) = ..." : undefined;
  const known =
    value.kind === "tensor" && param.kind !== "operand" && param.kind !== "operands"
      ? "values of tensors are not known when a kernel is compiled"
      : undefined;
  report(
    errorAt(
      "wrong-argument",
      `${param.name} of ${name} must be ${WANTED[param.kind]}, not ${describeValue(value)}`,
      {
        span,
        help: elementwise ?? tuple ?? known ?? EXAMPLE[param.kind],
      },
    ),
  );
  return undefined;
}
