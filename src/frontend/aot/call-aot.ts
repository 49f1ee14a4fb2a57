/** Calls: functions of the library add nodes, functions of the source are inlined in a scope of their own. */
import { Node, type CallExpression, type Expression } from "ts-morph";
import { didYouMean } from "../../diagnostics/suggest.ts";
import type { BuiltinArguments, BuiltinFunction, BuiltinParameter } from "../text/builtins.ts";
import { coerceArgument } from "../text/coerce.ts";
import { foldFunction } from "../text/values.ts";
import { readElement } from "./access.ts";
import { AOT_FUNCTIONS } from "./aot-library.ts";
import {
  type AotFunction,
  type AotValue,
  baseOf,
  describeAot,
  integer,
  isFunction,
  tensor,
  toStatic,
} from "./aot-values.ts";
import { callClosure } from "./body.ts";
import { callDerivative, callPullback } from "./call-derivative-aot.ts";
import { callSpecial } from "./call-special.ts";
import type { Building, Evaluator, Given } from "./building.ts";
import { spanOf } from "./places.ts";
import { showText } from "./literals.ts";
import { callTransform } from "./transforms-aot.ts";
import type { LocalScope } from "./aot-values.ts";

const VARIADIC: ReadonlySet<string> = new Set(["maximum", "minimum"]);

export function evaluateCall(
  node: CallExpression,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const callee = node.getExpression();
  const given = evaluateArguments(node, scope, building, evaluator);
  if (Node.isPropertyAccessExpression(callee) && ARRAY_METHODS.has(callee.getName())) {
    const base = evaluator.evaluate(callee.getExpression(), scope, building);
    if (base === undefined || given === undefined) return undefined;
    if (base.kind === "array")
      return callArrayMethod(callee.getName(), base.items, given, node, building, evaluator);
  }
  const fn = evaluator.evaluate(callee, scope, building);
  if (fn === undefined || given === undefined) return undefined;
  if (isFunction(fn)) return callFunction(fn, given, node, building, evaluator);
  const help = "call a function of this file, of tensorweft/aot or of Math";
  return building.reports.error("wrong-argument", `${describeAot(fn)} is no function`, callee, help);
}

/** `node` is the call. */
export function callFunction(
  fn: AotFunction,
  given: readonly Given[],
  node: Expression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  switch (fn.kind) {
    case "closure":
      return callClosure(fn, given, node, building, evaluator);
    case "library":
      return callLibrary(fn.name, given, node, building, evaluator);
    case "derivative":
      return callDerivative(fn, given, node, building, evaluator);
    case "pullback":
      return callPullback(fn, given, node, building);
  }
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
    if (!Node.isExpression(argument)) {
      building.refuse(argument);
      isPoisoned = true;
      continue;
    }
    const isSpread = Node.isSpreadElement(argument);
    const value = evaluate(isSpread ? argument.getExpression() : argument, scope, building);
    if (value === undefined) isPoisoned = true;
    else if (!isSpread) given.push({ node: argument, value });
    else if (value.kind === "array")
      given.push(...value.items.map((item) => ({ node: argument, value: item })));
    else {
      const message = `${describeAot(value)} cannot be spread into arguments`;
      building.reports.error("wrong-argument", message, argument, "spread an array, such as x.shape");
      isPoisoned = true;
    }
  }
  return isPoisoned ? undefined : given;
}

/** The methods that arrays have at build time. */
const ARRAY_METHODS: ReadonlySet<string> = new Set(["at", "map", "reduce", "includes"]);

function callArrayMethod(
  name: string,
  items: readonly AotValue[],
  given: readonly Given[],
  node: Expression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const [first, second] = given;
  if (first === undefined)
    return building.reports.error(
      "wrong-arity",
      `${name} needs an argument`,
      node,
      "see what arrays do in JavaScript",
    );
  if (name === "at")
    return readElement({ kind: "array", items }, first.value, first.node, building, { fromEnd: true });
  if (name === "includes") {
    const wanted = showText(first.value);
    const isThere = items.some((item) => item.kind === first.value.kind && showText(item) === wanted);
    return { kind: "boolean", value: wanted !== undefined && isThere };
  }
  const fn = first.value;
  if (!isFunction(fn))
    return building.reports.error(
      "wrong-argument",
      `${name} takes a function, not ${describeAot(fn)}`,
      first.node,
      `write ${name}((item) => ...)`,
    );
  const call = (values: readonly AotValue[]): AotValue | undefined => {
    // As in JavaScript, a function may take fewer arguments than it is given.
    const base = baseOf(fn);
    const count = base.kind === "closure" ? base.node.getParameters().length : values.length - 1;
    const passed = values.slice(0, count).map((value) => ({ node: first.node, value }));
    return callFunction(fn, passed, node, building, evaluator);
  };
  if (name === "map") {
    const mapped = items.map((item, i) => call([item, integer(i)]));
    const known = mapped.filter((item) => item !== undefined);
    return known.length === mapped.length ? { kind: "array", items: known } : undefined;
  }
  const [start, ...rest] = second === undefined ? items : [second.value, ...items];
  if (start === undefined)
    return building.reports.error(
      "wrong-argument",
      "reduce of an empty array needs a first value",
      node,
      "pass one",
    );
  return rest.reduce<AotValue | undefined>(
    (result, item, i) => (result === undefined ? undefined : call([result, item, integer(i)])),
    start,
  );
}

function callLibrary(
  name: string,
  given: readonly Given[],
  node: Expression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const [first, second, ...rest] = given;
  // Math.max and Math.min take any number.
  if (first !== undefined && second !== undefined && rest.length > 0 && VARIADIC.has(name)) {
    const value = callLibrary(name, [first, second], node, building, evaluator);
    return value && callLibrary(name, [{ node: first.node, value }, ...rest], node, building, evaluator);
  }
  const derived = callTransform(name, given, node, building, evaluator);
  if (derived !== null) return derived;
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
  node: Expression,
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
