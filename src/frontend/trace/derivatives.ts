/**
 * Derivatives of traced functions. Names and semantics are JAX's: `grad(f)` is a function of the arguments of `f`.
 *
 *     const loss = (v, g, target) => sum(weightNorm(v, g).sub(target).pow(2));
 *     const step = jit(grad(loss, { argnums: [0, 1] }));        // [gradient of v, gradient of g]
 *
 * Requires: calls inside a trace: inside `jit`, or as the function that is given to it.
 * Ensures:  derivatives nest, and are taken with respect to arguments only: what a function reads from around it counts as
 *           constant. Gradients have the dtype of what they belong to, and are computed in f32.
 */
import type { Seed } from "../../autodiff/pull-back.ts";
import { fail } from "../../diagnostics/diagnostic.ts";
import { printType } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph-builder.ts";
import {
  at,
  callWith,
  enterCall,
  gradientsInPlace,
  nameOf,
  replaceArguments,
  resolvePositions,
  seedOf,
  takeResult,
  valueOf,
} from "./derivative-call.ts";
import type { AnyFunction } from "./derivative-call.ts";
import type { TracedOutput } from "./outputs.ts";
import { nameParameters, parameterNamesOf } from "./parameter-names.ts";
import { mapTree, zipTrees } from "./tensor-tree.ts";
import type { TensorTree } from "./tensor-tree.ts";
import { locateCall } from "./trace-scope.ts";
import { TracedTensor, traceOp } from "./traced-tensor.ts";

/** Gradients with respect to one argument, or to several in a tuple. */
export type GradientsOf<P extends readonly unknown[], N> = N extends number
  ? TensorTree<P[N]>
  : N extends readonly number[]
    ? { readonly [I in keyof N]: N[I] extends number ? TensorTree<P[N[I]]> : never }
    : never;

export interface GradOptions<N extends number | readonly number[]> {
  /** Position of the argument to differentiate with respect to, or several. Default 0. */
  readonly argnums?: N | undefined;
}

/**
 * The gradient of a function with a scalar result: a function of the same arguments.
 *
 * @throws {TensorweftError} when called: `invalid-shape` for a result that is no scalar, `dtype-mismatch` for arguments or
 *   results that are no floats, `wrong-argument` for `argnums` that are no positions and outside a trace
 */
export function grad<P extends readonly TracedTensor[], const N extends number | readonly number[] = 0>(
  f: (...args: P) => TracedTensor,
  options?: GradOptions<N>,
): (...args: P) => GradientsOf<P, N>;
export function grad<P extends readonly unknown[], const N extends number | readonly number[] = 0>(
  f: (...args: P) => TracedTensor,
  options?: GradOptions<N>,
): (...args: P) => GradientsOf<P, N>;
export function grad(f: AnyFunction, options: GradOptions<number | readonly number[]> = {}): AnyFunction {
  const derive = differentiate("grad", f, options);
  return nameLike("grad", f, (...args: readonly unknown[]) => derive(args).gradients);
}

/** `[f(...args), gradient]`, for the price of one: as `grad`, with the result that it passes through. */
export function valueAndGrad<
  P extends readonly TracedTensor[],
  const N extends number | readonly number[] = 0,
>(
  f: (...args: P) => TracedTensor,
  options?: GradOptions<N>,
): (...args: P) => readonly [TracedTensor, GradientsOf<P, N>];
export function valueAndGrad<P extends readonly unknown[], const N extends number | readonly number[] = 0>(
  f: (...args: P) => TracedTensor,
  options?: GradOptions<N>,
): (...args: P) => readonly [TracedTensor, GradientsOf<P, N>];
export function valueAndGrad(
  f: AnyFunction,
  options: GradOptions<number | readonly number[]> = {},
): AnyFunction {
  const derive = differentiate("valueAndGrad", f, options);
  return nameLike("value_and_grad", f, (...args: readonly unknown[]) => {
    const { result, gradients } = derive(args);
    return [result, gradients];
  });
}

/**
 * The result of `f` and its pullback: a function from a cotangent for each tensor of the result (numbers stand for constant
 * ones) to one for each argument. All arguments are traced tensors, or arrays and plain objects of them.
 *
 *     const [y, pullback] = vjp(softmax, x);
 *     const [dx] = pullback(dy);
 *
 * @throws {TensorweftError} `dtype-mismatch`, `shape-mismatch`, `wrong-argument`, as `grad`
 */
export function vjp<P extends readonly unknown[], R extends TracedOutput>(
  f: (...args: P) => R,
  ...args: P
): readonly [result: R, pullback: (cotangent: Cotangents<R>) => TensorTrees<P>];
export function vjp(f: AnyFunction, ...args: readonly unknown[]): readonly [unknown, AnyFunction] {
  const call = enterCall("vjp", args);
  const variables: Value[] = [];
  const positions = args.map((_, i) => i);
  const result = callWith(f, replaceArguments(call, f, args, positions, variables));
  mapTree(result, "", (leaf, path) => takeResult(call, f, leaf, path));
  const pullback = (cotangent: unknown): readonly unknown[] => {
    const again = { ...call, span: locateCall(call.scope, "pullback") };
    const seeds: Seed[] = [];
    const add = (leaf: unknown, given: unknown, path: string): void => {
      if (leaf instanceof TracedTensor) seeds.push(seedOf(again, leaf, given, path));
    };
    zipTrees(result, cotangent, "", add, (path) =>
      fail(
        "wrong-argument",
        `the cotangent of ${nameOf(f)}${at(path)} has another structure than its result`,
        {
          span: again.span,
          help: "give a tensor of the same shape, or a number, in the place of each tensor of the result",
        },
      ),
    );
    return gradientsInPlace(again, seeds, variables, args);
  };
  return [result, pullback];
}

/** One gradient for each argument, in its structure. */
type TensorTrees<P extends readonly unknown[]> = { readonly [I in keyof P]: TensorTree<P[I]> };

/** The structure of a result with a cotangent for each tensor. */
export type Cotangents<R> = R extends TracedTensor
  ? TracedTensor | number
  : { readonly [K in keyof R]: Cotangents<R[K]> };

/** `x`, through which no derivative passes. `detach` in PyTorch, `lax.stop_gradient` in JAX. */
export const stopGradient = (x: TracedTensor): TracedTensor =>
  traceOp("stopGradient", [x], ({ builder, value, span }) => builder.stopGradient(value(x), span));

/** A derived function keeps the names of the parameters, and says in its own what it is: programs are named after it. */
function nameLike(prefix: string, f: AnyFunction, derived: AnyFunction): AnyFunction {
  Object.defineProperty(derived, "name", { value: f.name === "" ? prefix : `${prefix}_${f.name}` });
  return nameParameters(derived, parameterNamesOf(f));
}

/** `f` as a function from its arguments to its result and its gradients. */
function differentiate(
  op: string,
  f: AnyFunction,
  { argnums = 0 }: GradOptions<number | readonly number[]>,
): (args: readonly unknown[]) => { readonly result: TracedTensor; readonly gradients: unknown } {
  const isOne = typeof argnums === "number";
  return (args) => {
    const call = enterCall(op, args);
    const positions = resolvePositions(call, f, isOne ? [argnums] : argnums, args.length);
    const variables: Value[] = [];
    const given = replaceArguments(call, f, args, positions, variables);
    const result = takeResult(call, f, callWith(f, given), "");
    if (result.ndim !== 0)
      fail(
        "invalid-shape",
        `${op} needs a scalar, and ${nameOf(f)} gives ${printType(valueOf(result).type)}`,
        {
          span: call.span,
          help: "reduce it, for example with sum or mean; for a tensor use vjp, which takes a cotangent",
        },
      );
    const chosen = positions.map((position) => args[position]);
    const gradients = gradientsInPlace(call, [seedOf(call, result, 1, "")], variables, chosen);
    return { result, gradients: isOne ? gradients[0] : gradients };
  };
}
