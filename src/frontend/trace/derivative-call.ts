/**
 * What the derivatives of traced functions share: variables in the places of arguments, results that can be
 * differentiated, cotangents that fit, gradients in the structure of the arguments.
 */
import { pullBack } from "../../autodiff/pull-back.ts";
import type { Seed } from "../../autodiff/pull-back.ts";
import { captureCallSite } from "../../diagnostics/call-site.ts";
import { fail } from "../../diagnostics/diagnostic.ts";
import type { DiagnosticCode, Span } from "../../diagnostics/diagnostic.ts";
import { isFloat, printType, sameShape } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph-builder.ts";
import { parameterNamesOf } from "./parameter-names.ts";
import { describeLeaf, listTensors, mapTree, requireTensor } from "./tensor-tree.ts";
import { checkOpen, checkSameScope, locateCall } from "./trace-scope.ts";
import type { TraceScope } from "./trace-scope.ts";
import { TracedTensor } from "./traced-tensor.ts";

export type AnyFunction = (...args: never) => unknown;

/** One call of a derivative: the trace it happens in, and where. */
export interface DerivativeCall {
  readonly op: string;
  readonly scope: TraceScope;
  readonly span: Span | undefined;
}

export const at = (path: string): string => (path === "" ? "" : ` at ${path}`);
export const nameOf = (f: AnyFunction): string => (f.name === "" ? "the function" : f.name);

/** The arguments of `f` with traced tensors in the places of traced tensors are arguments of `f`. */
export const callWith = (f: AnyFunction, args: readonly unknown[]): unknown =>
  (f as (...args: readonly unknown[]) => unknown)(...args);

/** The trace of the arguments, which have to be of one that is going on. */
export function enterCall(op: string, args: readonly unknown[]): DerivativeCall {
  const [first, ...others] = listTensors(args);
  if (first === undefined)
    return fail("wrong-argument", `${op} is called without a traced tensor`, {
      span: captureCallSite(op.length),
      help: `inside jit all tensors are traced; outside, compile the derivative: jit(${op === "vjp" ? "(x) => vjp(f, x)..." : `${op}(f)`})(x)`,
    });
  const { scope } = TracedTensor.stateOf(first);
  const span = locateCall(scope, op);
  checkOpen(scope, op, span);
  for (const other of others) checkSameScope(scope, TracedTensor.stateOf(other).scope, op, span);
  return { op, scope, span };
}

export function resolvePositions(
  { op, span }: DerivativeCall,
  f: AnyFunction,
  argnums: readonly number[],
  count: number,
): readonly number[] {
  const resolved = argnums.map((n) => (n < 0 ? n + count : n));
  const wrong = resolved.findIndex(
    (n, i) => !Number.isInteger(n) || n < 0 || n >= count || resolved.indexOf(n) !== i,
  );
  if (wrong >= 0 || resolved.length === 0) {
    const what = resolved.length === 0 ? "no argument" : `argument ${String(argnums[wrong])}`;
    fail(
      "wrong-argument",
      `${op} is to differentiate ${nameOf(f)} by ${what}, but it is called with ${String(count)}`,
      {
        span,
        help: "argnums lists positions of arguments, each once; the first is 0, negative ones count from the end",
      },
    );
  }
  return resolved;
}

/**
 * The arguments, with variables of their own for the tensors at `positions`; these are added to `variables`, in the order of
 * `positions`.
 */
export function replaceArguments(
  call: DerivativeCall,
  f: AnyFunction,
  args: readonly unknown[],
  positions: readonly number[],
  variables: Value[],
): readonly unknown[] {
  const names = parameterNamesOf(f);
  const { scope, span } = call;
  const replaced = [...args];
  for (const position of positions)
    replaced[position] = mapTree(args[position], names[position] ?? String(position), (leaf, path) => {
      const variable = scope.builder.variable(takeArgument(call, leaf, path), span);
      variables.push(variable);
      return new TracedTensor(scope, variable);
    });
  return replaced;
}

/** The value of an argument that can be differentiated by. */
function takeArgument({ op, span }: DerivativeCall, leaf: unknown, path: string): Value {
  const refuse = (code: DiagnosticCode, what: string, help: string): never =>
    fail(code, `${op} cannot differentiate by argument ${path}, which is ${what}`, { span, help });
  if (!(leaf instanceof TracedTensor))
    return refuse(
      "wrong-argument",
      describeLeaf(leaf),
      "differentiate by traced tensors; pass anything else as an argument of its own, or from around the function",
    );
  const value = valueOf(leaf);
  const { type } = value;
  if (isFloat(type.dtype)) return value;
  const help = "only floats have gradients: cast it to f32, or leave it out of argnums";
  return refuse("dtype-mismatch", printType(type), help);
}

export const valueOf = (tensor: TracedTensor): Value => TracedTensor.stateOf(tensor).value;

/** A result that can be differentiated. */
export function takeResult(
  { op, scope, span }: DerivativeCall,
  f: AnyFunction,
  leaf: unknown,
  path: string,
): TracedTensor {
  if (!(leaf instanceof TracedTensor))
    return fail(
      "wrong-argument",
      `${op} needs a tensor from ${nameOf(f)}, which gives ${describeResult(leaf)}${at(path)}`,
      {
        span,
        help:
          op === "vjp"
            ? "return tensors, or arrays and objects of them"
            : "return the one tensor to differentiate; vjp takes several",
      },
    );
  const state = TracedTensor.stateOf(leaf);
  checkSameScope(scope, state.scope, op, span);
  if (!isFloat(state.value.type.dtype))
    fail(
      "dtype-mismatch",
      `${op} cannot differentiate ${nameOf(f)}, which gives ${printType(state.value.type)}${at(path)}`,
      {
        span,
        help: "only floats have derivatives: cast the result to f32",
      },
    );
  return leaf;
}

const describeResult = (leaf: unknown): string =>
  Array.isArray(leaf) ? "an array" : leaf instanceof Promise ? "a promise" : describeLeaf(leaf);

/** The result with its cotangent, in f32. */
export function seedOf(
  { op, scope, span }: DerivativeCall,
  result: TracedTensor,
  given: unknown,
  path: string,
): Seed {
  const value = valueOf(result);
  const { builder } = scope;
  if (typeof given === "number")
    return { value, cotangent: builder.constant(given, "f32", value.type.shape, span) };
  if (!(given instanceof TracedTensor))
    return fail("wrong-argument", `the cotangent${at(path)} of ${op} is ${describeLeaf(given)}`, {
      span,
      help: `give a tensor like the result, ${printType(value.type)}, or a number`,
    });
  const state = TracedTensor.stateOf(given);
  checkSameScope(scope, state.scope, op, span);
  return {
    value,
    cotangent: fitCotangent(scope, state.value, value, `the cotangent${at(path)} of ${op}`, span),
  };
}

/** `given` in f32, refused where it has not the shape of `value`. */
export function fitCotangent(
  { builder }: TraceScope,
  given: Value,
  { type }: Value,
  what: string,
  span: Span | undefined,
): Value {
  if (!isFloat(given.type.dtype) || !sameShape(given.type.shape, type.shape))
    fail(
      "shape-mismatch",
      `${what} is ${printType(given.type)}, and what it belongs to is ${printType(type)}`,
      {
        span,
        help: "a cotangent is a float tensor of exactly that shape",
      },
    );
  return builder.cast(given, "f32", span);
}

/** Gradients in the structure of the arguments that `replaceArguments` made the variables of. */
export function gradientsInPlace(
  { scope, span }: DerivativeCall,
  seeds: readonly Seed[],
  variables: readonly Value[],
  args: readonly unknown[],
): readonly unknown[] {
  const { builder } = scope;
  const cotangents = pullBack(builder, seeds, variables, span).values();
  return args.map((arg) =>
    mapTree(arg, "", (leaf, path) => {
      const { type } = valueOf(requireTensor(leaf, path));
      const cotangent = cotangents.next().value ?? builder.constant(0, type.dtype, type.shape, span);
      return new TracedTensor(scope, builder.cast(cotangent, type.dtype, span));
    }),
  );
}
