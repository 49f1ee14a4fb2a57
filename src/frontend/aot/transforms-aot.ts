/**
 * `grad(f, { argnums })`, `valueAndGrad(f, { argnums })` and `vjp(f, ...args)`, as the tracing API has them. The first two stand
 * for functions: they are called at once, named with const, or differentiated again.
 */
import type { Expression } from "ts-morph";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { type AotFunction, type AotValue, describeAot, isFunction, nameOf } from "./aot-values.ts";
import type { Building, Evaluator, Given } from "./building.ts";
import { callVjp } from "./call-derivative-aot.ts";
import { findEntry } from "./read-shapes.ts";

type Derivative = AotValue & { readonly kind: "derivative" };

/** The value of the call; undefined after a report, null for other functions. */
export function callTransform(
  name: string,
  given: readonly Given[],
  node: Expression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined | null {
  if (name !== "grad" && name !== "valueAndGrad" && name !== "vjp") return null;
  const [first, ...others] = given;
  const fn = takeFunction(name, first, node, building);
  if (fn === undefined) return undefined;
  if (name === "vjp") return callVjp(fn, others, node, building, evaluator);
  return makeDerivative(name, fn, others, node, building);
}

const USAGE = {
  grad: "write grad(loss)(x), or grad(loss, { argnums: [0, 1] })(x, y)",
  valueAndGrad: "write const [value, dx] = valueAndGrad(loss)(x)",
  vjp: "write const [y, pullback] = vjp(f, x), then const [dx] = pullback(dy)",
} as const;

function takeFunction(
  name: keyof typeof USAGE,
  first: Given | undefined,
  node: Expression,
  { reports }: Building,
): AotFunction | undefined {
  if (first === undefined) return reports.error("wrong-arity", `${name} needs a function`, node, USAGE[name]);
  if (isFunction(first.value)) return first.value;
  const message = `${name} takes a function, not ${describeAot(first.value)}`;
  return reports.error("wrong-argument", message, first.node, USAGE[name]);
}

function makeDerivative(
  transform: Derivative["transform"],
  of: AotFunction,
  [options, extra]: readonly Given[],
  node: Expression,
  { reports }: Building,
): AotValue | undefined {
  const name = `${transform}(${nameOf(of)})`;
  const made = { kind: "derivative", transform, name, of } as const;
  if (options === undefined || options.value.kind === "undefined")
    return { ...made, argnums: [0], isOne: true, at: node };
  // What is meant for the function is often written too early.
  if (options.value.kind !== "object" || extra !== undefined) {
    const found = extra === undefined ? `, not ${describeAot(options.value)}` : "";
    const message = `${transform} takes a function and an object with argnums${found}`;
    const help = `the arguments of the function stand in parentheses of their own: ${name}(...)`;
    return reports.error("wrong-argument", message, (extra ?? options).node, help);
  }
  const { entries } = options.value;
  const unknown = [...entries.keys()].find((key) => key !== "argnums");
  if (unknown !== undefined) {
    const help = didYouMean(unknown, ["argnums"]) ?? "it has { argnums: 0 }, or { argnums: [0, 1] }";
    const message = `${transform} has no option ${unknown}`;
    return reports.error("unknown-argument", message, findEntry(options.node, unknown), help);
  }
  const given = entries.get("argnums");
  const at = findEntry(options.node, "argnums");
  if (given === undefined || given.kind === "undefined") return { ...made, argnums: [0], isOne: true, at };
  const items = given.kind === "array" ? given.items : [given];
  const argnums = items.flatMap((item) =>
    item.kind === "number" && Number.isSafeInteger(item.value) ? [item.value] : [],
  );
  if (argnums.length === items.length && argnums.length > 0)
    return { ...made, argnums, isOne: given.kind !== "array", at };
  const wrong = items.findIndex((item) => item.kind !== "number" || !Number.isSafeInteger(item.value));
  const bad = items[wrong];
  return reports.error(
    "wrong-argument",
    bad === undefined
      ? `argnums of ${transform} names no argument`
      : `argnums of ${transform} is ${describeAot(bad)}, which is no position known at build time`,
    given.kind === "array" && bad !== undefined ? findEntry(at, wrong) : at,
    "write argnums: 0, or argnums: [0, 1]; negative ones count from the end",
  );
}
