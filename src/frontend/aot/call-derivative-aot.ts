/**
 * Calls of `grad(f)`, `valueAndGrad(f)`, `vjp(f, ...)` and its pullback: calls `f` on variables, and pulls cotangents back to
 * them.
 *
 * Ensures: the nodes of the tracing API (src/frontend/trace/derivatives.ts), in its order: one program gives one kernel, in
 *          whichever of the two it is written.
 */
import type { Expression } from "ts-morph";
import { pullBack, type Seed } from "../../autodiff/pull-back.ts";
import { isFloat, printType, sameShape } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph-builder.ts";
import { AOT_FUNCTIONS } from "./aot-library.ts";
import { type AotFunction, type AotValue, baseOf, describeAot, nameOf, tensor } from "./aot-values.ts";
import type { Building, Evaluator, Given } from "./building.ts";
import { spanOf } from "./places.ts";
import { findEntry } from "./read-shapes.ts";
import { mapTree, type Path, zipTrees } from "./value-trees.ts";

type Derivative = AotValue & { readonly kind: "derivative" };
type Pullback = AotValue & { readonly kind: "pullback" };

/** `grad(f)(...given)`. */
export function callDerivative(
  fn: Derivative,
  given: readonly Given[],
  node: Expression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const { transform, of, isOne } = fn;
  const positions = resolvePositions(fn, given.length, building);
  const variables: Value[] = [];
  const replaced =
    positions && replaceArguments({ op: transform, of, building }, given, positions, variables);
  const result = replaced && evaluator.call(of, replaced, node, building);
  if (positions === undefined || result === undefined) return undefined;
  const value = takeScalar(transform, of, result, node, building);
  if (value === undefined) return undefined;
  const span = spanOf(node);
  const seed = { value, cotangent: building.builder.constant(1, "f32", [], span) };
  const chosen = positions.flatMap((position) => given[position]?.value ?? []);
  const gradients = gradientsInPlace([seed], variables, chosen, node, building);
  if (gradients === undefined) return undefined;
  const [first] = gradients;
  const all: AotValue | undefined = isOne ? first : { kind: "array", items: gradients };
  if (all === undefined || transform === "grad") return all;
  return { kind: "array", items: [result, all] };
}

/** `[f(...given), pullback]`. */
export function callVjp(
  of: AotFunction,
  given: readonly Given[],
  node: Expression,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  if (given.length === 0) {
    const message = `vjp differentiates ${nameOf(of)} by its arguments, and none is given`;
    const help = "the arguments stand behind the function: vjp(f, x, y)";
    return building.reports.error("wrong-arity", message, node, help);
  }
  const variables: Value[] = [];
  const positions = [...given.keys()];
  const replaced = replaceArguments({ op: "vjp", of, building }, given, positions, variables);
  const result = replaced && evaluator.call(of, replaced, node, building);
  if (result === undefined) return undefined;
  const fit = mapTree(result, [], (leaf, path) => takeResult("vjp", of, leaf, path, node, building));
  if (fit === undefined) return undefined;
  const args = given.map(({ value }) => value);
  const name = `the pullback of ${nameOf(of)}`;
  return { kind: "array", items: [result, { kind: "pullback", name, result, args, variables }] };
}

/** `pullback(...given)`: a gradient for each argument of the function. */
export function callPullback(
  { name, result, args, variables }: Pullback,
  given: readonly Given[],
  node: Expression,
  building: Building,
): AotValue | undefined {
  const { reports } = building;
  const [first, extra] = given;
  if (first === undefined || extra !== undefined) {
    const help =
      "give a cotangent: pullback(dy); where the function gives several tensors, as many in its structure";
    return reports.error("wrong-arity", `${name} takes one argument`, extra?.node ?? node, help);
  }
  const seeds: (Seed | undefined)[] = [];
  const wrong = zipTrees(result, first.value, [], (leaf, cotangent, path) => {
    if (leaf.kind === "tensor") seeds.push(seedOf(name, leaf.value, cotangent, path, first.node, building));
  });
  if (wrong !== undefined) {
    const message = `the cotangent${at(wrong)} of ${name} has another structure than the result`;
    const help = "give a tensor of the same shape, or a number, in the place of each tensor of the result";
    return reports.error("wrong-argument", message, findEntry(first.node, ...wrong), help);
  }
  const known = seeds.filter((seed) => seed !== undefined);
  const gradients =
    known.length === seeds.length ? gradientsInPlace(known, variables, args, node, building) : undefined;
  return gradients && { kind: "array", items: gradients };
}

const at = (path: Path): string => (path.length === 0 ? "" : ` at ${path.join(".")}`);

/** Positions of arguments, none of them negative; undefined after a report. */
function resolvePositions(
  { transform, of, argnums, at: place }: Derivative,
  count: number,
  { reports }: Building,
): readonly number[] | undefined {
  const resolved = argnums.map((n) => (n < 0 ? n + count : n));
  for (const [i, n] of resolved.entries()) {
    const isTwice = resolved.indexOf(n) < i;
    if (n >= 0 && n < count && !isTwice) continue;
    const what = `${transform} is to differentiate ${nameOf(of)} by argument ${argnums[i] ?? n}`;
    const message = isTwice
      ? `${what} twice`
      : `${what}, but it is called with ${count === 1 ? "1 argument" : `${count} arguments`}`;
    const help =
      "argnums has positions of arguments, each once; the first is 0, negative ones count from the end";
    return reports.error("wrong-argument", message, findEntry(place, i), help);
  }
  return resolved;
}

interface Differentiated {
  readonly op: string;
  readonly of: AotFunction;
  readonly building: Building;
}

/** The arguments, with variables of their own, which are added to `variables`, for the tensors at `positions`. */
function replaceArguments(
  { op, of, building }: Differentiated,
  given: readonly Given[],
  positions: readonly number[],
  variables: Value[],
): readonly Given[] | undefined {
  const { builder, reports } = building;
  const replaced = [...given];
  for (const position of positions) {
    const argument = given[position];
    if (argument === undefined) return undefined;
    const { node } = argument;
    const name = parameterName(of, position);
    const value = mapTree(argument.value, [], (leaf, path) => {
      const refuse = (code: "wrong-argument" | "dtype-mismatch", what: string, help: string): undefined =>
        reports.error(
          code,
          `${op} cannot differentiate by argument ${[name, ...path].join(".")}, which is ${what}`,
          findEntry(node, ...path),
          help,
        );
      if (leaf.kind !== "tensor") {
        const help =
          "differentiate by tensors; pass anything else as an argument of its own, or read it from around the function";
        return refuse("wrong-argument", describeAot(leaf), help);
      }
      const { type } = leaf.value;
      if (!isFloat(type.dtype)) {
        const help = `only floats have gradients: cast it to f32${op === "vjp" ? "" : ", or leave it out of argnums"}`;
        return refuse("dtype-mismatch", printType(type), help);
      }
      const variable = builder.variable(leaf.value, spanOf(node));
      variables.push(variable);
      return tensor(variable);
    });
    if (value === undefined) return undefined;
    replaced[position] = { node, value };
  }
  return replaced;
}

/** The name of a parameter, or its position. */
function parameterName(fn: AotFunction, position: number): string {
  const base = baseOf(fn);
  const name =
    base.kind === "closure"
      ? base.node.getParameters()[position]?.getName()
      : base.kind === "library"
        ? AOT_FUNCTIONS.get(base.name)?.params[position]?.name
        : undefined;
  return name !== undefined && /^[\w$]+$/.test(name) ? name : String(position);
}

/** A part of a result that can be differentiated, or undefined after a report. */
function takeResult(
  op: string,
  of: AotFunction,
  leaf: AotValue,
  path: Path,
  node: Expression,
  { reports }: Building,
): (AotValue & { readonly kind: "tensor" }) | undefined {
  if (leaf.kind !== "tensor") {
    const message = `${op} needs a tensor from ${nameOf(of)}, which gives ${describeAot(leaf)}${at(path)}`;
    const help =
      op === "vjp"
        ? "return tensors, or arrays and objects of them"
        : "return the one tensor to differentiate; vjp takes several";
    return reports.error("wrong-argument", message, node, help);
  }
  if (isFloat(leaf.value.type.dtype)) return leaf;
  const found = `${printType(leaf.value.type)}${at(path)}`;
  const message = `${op} cannot differentiate ${nameOf(of)}, which gives ${found}`;
  return reports.error(
    "dtype-mismatch",
    message,
    node,
    "only floats have derivatives: cast the result to f32",
  );
}

function takeScalar(
  op: string,
  of: AotFunction,
  result: AotValue,
  node: Expression,
  building: Building,
): Value | undefined {
  const value = takeResult(op, of, result, [], node, building)?.value;
  if (value === undefined || value.type.shape.length === 0) return value;
  return building.reports.error(
    "invalid-shape",
    `${op} needs a scalar, and ${nameOf(of)} gives ${printType(value.type)}`,
    node,
    "reduce it, for example with sum or mean; for a tensor use vjp, which takes a cotangent",
  );
}

/** A result with its cotangent, in f32; undefined after a report. */
function seedOf(
  name: string,
  value: Value,
  cotangent: AotValue,
  path: Path,
  node: Expression,
  { builder, reports }: Building,
): Seed | undefined {
  const span = spanOf(node);
  const { shape } = value.type;
  if (cotangent.kind === "number")
    return { value, cotangent: builder.constant(cotangent.value, "f32", shape, span) };
  if (cotangent.kind === "tensor") {
    const { type, weak } = cotangent.value;
    // A number of the call stands for a constant cotangent, as one that is known does.
    if (weak && isFloat(type.dtype))
      return {
        value,
        cotangent: builder.broadcastTo(builder.cast(cotangent.value, "f32", span), shape, span),
      };
    if (isFloat(type.dtype) && sameShape(type.shape, shape))
      return { value, cotangent: builder.cast(cotangent.value, "f32", span) };
  }
  const found = `${describeAot(cotangent)}, and what it belongs to is ${printType(value.type)}`;
  return reports.error(
    cotangent.kind === "tensor" ? "shape-mismatch" : "wrong-argument",
    `the cotangent${at(path)} of ${name} is ${found}`,
    findEntry(node, ...path),
    "a cotangent is a float tensor of exactly that shape, or a number",
  );
}

/** Gradients in the structure of the arguments whose tensors the variables stand for. */
function gradientsInPlace(
  seeds: readonly Seed[],
  variables: readonly Value[],
  args: readonly AotValue[],
  node: Expression,
  { builder, reports }: Building,
): readonly AotValue[] | undefined {
  const span = spanOf(node);
  const pulled = reports.attempt(node, () => pullBack(builder, seeds, variables, span));
  if (pulled === undefined) return undefined;
  const cotangents = pulled.values();
  const types = variables.values();
  const gradients = args.map((arg) =>
    mapTree(arg, [], (): AotValue | undefined => {
      const type = types.next().value?.type;
      if (type === undefined) return undefined;
      const cotangent = cotangents.next().value ?? builder.constant(0, type.dtype, type.shape, span);
      return tensor(builder.cast(cotangent, type.dtype, span));
    }),
  );
  const known = gradients.filter((gradient) => gradient !== undefined);
  return known.length === gradients.length ? known : undefined;
}
