/** Calls: functions of the library add nodes, functions of the source are inlined in a scope of their own. */
import { Node, type CallExpression } from "ts-morph";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { isDType } from "../../ir/dtype.ts";
import type { SliceRange } from "../../ir/graph-builder.ts";
import type { BuiltinArguments, BuiltinFunction, BuiltinParameter } from "../text/builtins.ts";
import { coerceArgument } from "../text/coerce.ts";
import { foldFunction } from "../text/values.ts";
import { readElement } from "./access.ts";
import { AOT_FUNCTIONS } from "./aot-library.ts";
import { type AotValue, describeAot, integer, tensor, text, toStatic } from "./aot-values.ts";
import { callClosure } from "./body.ts";
import type { Building, Evaluator, Given } from "./building.ts";
import { spanOf } from "./places.ts";
import type { LocalScope } from "./aot-values.ts";

export function evaluateCall(
  node: CallExpression,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const callee = node.getExpression();
  const given = evaluateArguments(node, scope, building, evaluator);
  // The one method that values of a kernel have: x.shape.at(-1).
  if (Node.isPropertyAccessExpression(callee) && callee.getName() === "at") {
    const base = evaluator.evaluate(callee.getExpression(), scope, building);
    const [index] = given ?? [];
    if (base === undefined || index === undefined) return undefined;
    return readElement(base, index.value, index.node, building, { fromEnd: true });
  }
  const fn = evaluator.evaluate(callee, scope, building);
  if (fn === undefined || given === undefined) return undefined;
  if (fn.kind === "closure") return callClosure(fn, given, node, building, evaluator);
  if (fn.kind === "library") return callLibrary(fn.name, given, node, building, evaluator);
  const help = "call a function of this file, of tensorweft/aot or of Math";
  return building.reports.error("wrong-argument", `${describeAot(fn)} is no function`, callee, help);
}

function evaluateArguments(
  node: CallExpression,
  scope: LocalScope,
  building: Building,
  { evaluate }: Evaluator,
): readonly Given[] | undefined {
  const given: Given[] = [];
  let isPoisoned = false;
  for (const argument of node.getArguments()) {
    if (!Node.isExpression(argument) || Node.isSpreadElement(argument)) {
      building.refuse(argument);
      isPoisoned = true;
      continue;
    }
    const value = evaluate(argument, scope, building);
    if (value === undefined) isPoisoned = true;
    else given.push({ node: argument, value });
  }
  return isPoisoned ? undefined : given;
}

function callLibrary(
  name: string,
  given: readonly Given[],
  node: CallExpression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const special = callSpecial(name, given, node, building, evaluator);
  if (special !== null) return special;
  const fn = AOT_FUNCTIONS.get(name);
  if (fn === undefined) {
    const help = "call it from the program that runs the kernels";
    return building.reports.error("wrong-argument", `${name} has no meaning in a kernel`, node, help);
  }
  const bound = bindArguments(name, fn, given, node, building);
  if (bound === undefined) return undefined;
  const statics = fn.params.flatMap((param) => {
    const argument = bound.get(param.name);
    return argument === undefined ? [] : (toStatic(argument.value) ?? []);
  });
  const folded = statics.length === bound.size ? foldFunction(name, statics) : undefined;
  if (folded?.kind === "number") return folded;
  const args = coerceAll(name, fn, bound, building);
  if (args === undefined) return undefined;
  const made = building.reports.attempt(node, () => fn.build(building.builder, args, spanOf(node)));
  if (made === undefined) return undefined;
  return "id" in made ? tensor(made) : { kind: "array", items: made.map(tensor) };
}

/** Arguments by the names of parameters: positional ones in their order, then those of an object at the end. */
function bindArguments(
  name: string,
  { params }: BuiltinFunction,
  given: readonly Given[],
  node: CallExpression,
  building: Building,
): ReadonlyMap<string, Given> | undefined {
  const { reports } = building;
  const names = params.map((param) => param.name);
  const usage = `call it as ${name}(${params
    .filter((p) => p.required)
    .map((p) => p.name)
    .join(", ")}${
    params.some((p) => !p.required)
      ? `, { ${params
          .filter((p) => !p.required)
          .map((p) => p.name)
          .join(", ")} }`
      : ""
  })`;
  const bound = new Map<string, Given>();
  const last = given.at(-1);
  const options = last?.value.kind === "object" ? last.value.entries : undefined;
  const positional = options === undefined ? given : given.slice(0, -1);
  const extra = positional[params.length];
  if (extra !== undefined)
    return reports.error(
      "wrong-arity",
      `${name} takes at most ${params.length} arguments`,
      extra.node,
      usage,
    );
  for (const [i, argument] of positional.entries()) bound.set(names[i] ?? "", argument);
  for (const [key, value] of options ?? []) {
    const at = last?.node ?? node;
    if (!names.includes(key))
      return reports.error(
        "unknown-argument",
        `${name} has no option ${key}`,
        at,
        didYouMean(key, names) ?? usage,
      );
    bound.set(key, { node: at, value });
  }
  const missing = params.find((param) => param.required && !bound.has(param.name));
  if (missing !== undefined)
    return reports.error("wrong-arity", `${name} needs ${missing.name}`, node, usage);
  return bound;
}

function coerceAll(
  name: string,
  { params }: BuiltinFunction,
  bound: ReadonlyMap<string, Given>,
  building: Building,
): BuiltinArguments | undefined {
  const args: Record<string, BuiltinArguments[string]> = {};
  for (const param of params) {
    const argument = bound.get(param.name);
    // undefined leaves an argument out; null does too, but for an axis, where it means all of them.
    if (argument === undefined || isLeftOut(argument.value, param)) continue;
    const value = toStatic(argument.value);
    if (value === undefined) {
      const message = `${param.name} of ${name} cannot be ${describeAot(argument.value)}`;
      const help = "pass tensors, numbers, booleans or arrays of them";
      return building.reports.error("wrong-argument", message, argument.node, help);
    }
    const coerced = coerceArgument(name, param, value, building.builder, spanOf(argument.node), (d) => {
      building.reports.add(d);
    });
    if (coerced === undefined) return undefined;
    args[param.name] = coerced;
  }
  return args;
}

const isLeftOut = ({ kind }: AotValue, param: BuiltinParameter): boolean =>
  !param.required && (kind === "undefined" || (kind === "none" && param.kind !== "axis"));

/** Functions that are no function of operands alone; null for others. */
function callSpecial(
  name: string,
  given: readonly Given[],
  node: CallExpression,
  building: Building,
  { operandOf }: Evaluator,
): AotValue | undefined | null {
  if (!["shapeOf", "rankOf", "dtypeOf", "slice", "cast"].includes(name)) return null;
  const [first, second] = given;
  const count = name === "slice" || name === "cast" ? 2 : 1;
  if (first === undefined || given.length !== count) {
    const help =
      count === 1 ? `call it as ${name}(x)` : `call it as ${name}(x, ${name === "cast" ? '"f32"' : "[...]"})`;
    return building.reports.error(
      "wrong-arity",
      `${name} takes ${count === 1 ? "a tensor" : "a tensor and one more argument"}`,
      node,
      help,
    );
  }
  const operand = operandOf(first.value, first.node, building);
  if (operand === undefined) return undefined;
  const { builder, reports } = building;
  const value = typeof operand === "object" ? operand : builder.constant(operand);
  const { shape, dtype } = value.type;
  if (name === "shapeOf") return { kind: "array", items: shape.map(integer) };
  if (name === "rankOf") return integer(shape.length);
  if (name === "dtypeOf") return text(dtype);
  if (second === undefined) return undefined;
  if (name === "cast") {
    const wanted = second.value.kind === "string" ? second.value.value : "";
    if (!isDType(wanted))
      return reports.error(
        "unsupported-dtype",
        `cast was given ${describeAot(second.value)} for a dtype`,
        second.node,
        'write "f32", "f16", "bf16", "i32", "u32" or "bool"',
      );
    const cast = reports.attempt(node, () => builder.cast(value, wanted, spanOf(node)));
    return cast === undefined ? undefined : tensor(cast);
  }
  const ranges = readRanges(second, building);
  const sliced = ranges && reports.attempt(node, () => builder.slice(value, ranges, spanOf(node)));
  return sliced === undefined ? undefined : tensor(sliced);
}

/** One entry per dimension: a position, `[start, stop, step]`, or null for all of it. */
function readRanges(
  { value, node }: Given,
  building: Building,
): readonly (number | SliceRange)[] | undefined {
  const items = value.kind === "array" ? value.items : undefined;
  const ranges = items?.map((item): number | SliceRange | undefined => {
    if (item.kind === "number" && Number.isSafeInteger(item.value)) return item.value;
    if (item.kind === "none") return {};
    if (item.kind !== "array" || item.items.length > 3) return undefined;
    const bounds = item.items.map((bound) =>
      bound.kind === "number" && Number.isSafeInteger(bound.value)
        ? bound.value
        : bound.kind === "none"
          ? undefined
          : null,
    );
    if (bounds.includes(null)) return undefined;
    const [start, stop, step] = bounds;
    return { start: start ?? undefined, stop: stop ?? undefined, step: step ?? undefined };
  });
  const known = ranges?.filter((range) => range !== undefined);
  if (known !== undefined && known.length === ranges?.length) return known;
  const help =
    "write one entry per dimension: a position, [start, stop] or [start, stop, step], or null for all";
  return building.reports.error(
    "wrong-argument",
    "the ranges of slice are not known at build time",
    node,
    help,
  );
}
