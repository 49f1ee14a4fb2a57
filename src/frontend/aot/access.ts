/** `x.shape`, `options.eps`, `x.shape[0]`: what is known of a value at build time. */
import type { ElementAccessExpression, Expression, Node, PropertyAccessExpression } from "ts-morph";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { AOT_FUNCTIONS, MATH, MATH_CONSTANTS, SPECIAL_FUNCTIONS } from "./aot-library.ts";
import { type AotValue, describeAot, text, UNDEFINED, float, integer } from "./aot-values.ts";
import type { Building, Evaluator } from "./building.ts";
import type { LocalScope } from "./aot-values.ts";

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ["POSITIVE_INFINITY", Number.POSITIVE_INFINITY],
  ["NEGATIVE_INFINITY", Number.NEGATIVE_INFINITY],
  ["NaN", Number.NaN],
  ["EPSILON", Number.EPSILON],
]);

export function evaluateAccess(
  node: PropertyAccessExpression,
  scope: LocalScope,
  building: Building,
  { evaluate }: Evaluator,
): AotValue | undefined {
  const base = evaluate(node.getExpression(), scope, building);
  if (base === undefined) return undefined;
  return readProperty(base, node.getName(), node, building);
}

/** A property of a value, or undefined after a report. */
export function readProperty(
  base: AotValue,
  name: string,
  node: Node,
  building: Building,
): AotValue | undefined {
  if (base.kind === "module") {
    const exported = building.findDeclared(name, base.file, node);
    if (exported !== null) return exported;
    const help = didYouMean(name, base.file.names.keys()) ?? "export it there";
    return building.reports.error("unknown-name", `${base.name} has no ${name}`, node, help);
  }
  const properties = propertiesOf(base, building);
  const found = properties.get(name);
  if (found !== undefined) return found;
  if (base.kind === "object") return UNDEFINED;
  const help =
    base.kind === "namespace" && base.name === "Math" && name === "round"
      ? "Math.round takes .5 up and GPUs take it to even: use round of tensorweft/aot, or floor(x + 0.5)"
      : (didYouMean(name, properties.keys()) ??
        (base.kind === "array"
          ? "arrays have length, at, map, reduce and includes"
          : properties.size === 0
            ? "it has no properties"
            : `it has ${[...properties.keys()].join(", ")}`));
  return building.reports.error(
    "unknown-name",
    `${describeAot(base)} has no ${name} at build time`,
    node,
    help,
  );
}

function propertiesOf(base: AotValue, building: Building): ReadonlyMap<string, AotValue> {
  switch (base.kind) {
    case "tensor": {
      const { shape, dtype } = base.value.type;
      return new Map<string, AotValue>([
        ["shape", building.shapeOf(shape)],
        ["rank", integer(shape.length)],
        ["dtype", text(dtype)],
      ]);
    }
    case "array":
      return new Map([["length", integer(base.items.length)]]);
    case "object":
      return base.entries;
    case "namespace":
      if (base.name === "Number") return mapValues(NUMBERS, (value) => float(value));
      if (base.name === "aot")
        return new Map(
          [...AOT_FUNCTIONS.keys(), ...SPECIAL_FUNCTIONS].map((name) => [name, { kind: "library", name }]),
        );
      return new Map<string, AotValue>([
        ...mapValues(MATH_CONSTANTS, (value) => float(value)),
        ...mapValues(MATH, (name): AotValue => ({ kind: "library", name })),
      ]);
    default:
      return new Map();
  }
}

const mapValues = <A>(
  map: ReadonlyMap<string, A>,
  change: (value: A) => AotValue,
): ReadonlyMap<string, AotValue> => new Map([...map].map(([key, value]) => [key, change(value)]));

export function evaluateElement(
  node: ElementAccessExpression,
  scope: LocalScope,
  building: Building,
  { evaluate }: Evaluator,
): AotValue | undefined {
  const argument = node.getArgumentExpression();
  if (argument === undefined) return building.refuse(node);
  const base = evaluate(node.getExpression(), scope, building);
  const index = evaluate(argument, scope, building);
  if (base === undefined || index === undefined) return undefined;
  return readElement(base, index, argument, building);
}

/** An element of an array that is known at build time. */
export function readElement(
  base: AotValue,
  index: AotValue,
  node: Expression,
  building: Building,
  { fromEnd = false }: { readonly fromEnd?: boolean } = {},
): AotValue | undefined {
  if (base.kind === "object" && index.kind === "string") return base.entries.get(index.value) ?? UNDEFINED;
  if (base.kind === "array" && index.kind === "number")
    return (fromEnd ? base.items.at(index.value) : base.items[index.value]) ?? UNDEFINED;
  const help =
    base.kind === "tensor"
      ? "take a part of a tensor with slice(x, [position, ...])"
      : "arrays have positions that are known at build time";
  return building.reports.error(
    "wrong-argument",
    `${describeAot(base)} has no element ${describeAot(index)}`,
    node,
    help,
  );
}
