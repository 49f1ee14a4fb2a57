/**
 * Functions with a derivative of their own: for formulas whose derivative is known better than calculus on the formula
 * gives it (a root at 0, a rounding that is to count as the identity).
 */
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../diagnostics/diagnostic.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph-builder.ts";
import { callWith, enterCall, fitCotangent, nameOf, valueOf } from "./derivative-call.ts";
import type { AnyFunction, DerivativeCall } from "./derivative-call.ts";
import { nameParameters, parameterNamesOf } from "./parameter-names.ts";
import type { TracedOutput } from "./outputs.ts";
import { describeLeaf, listTensors, mapTree, zipTrees } from "./tensor-tree.ts";
import type { TensorTree } from "./tensor-tree.ts";
import { TracedTensor } from "./traced-tensor.ts";

/** What the backward function returns: one entry for each argument, `null` for those that get no gradient. */
export type CustomGradients<P extends readonly unknown[]> = {
  readonly [I in keyof P]: TensorTree<P[I]> | null;
};

/**
 * `f` with `backward` for its derivative. `backward` gets the cotangent of the result (in its structure, f32), the result,
 * and the arguments; what it computes is differentiated in turn where a second derivative is asked for. Arguments may be
 * static values, which get `null`. What `f` reads from around it must not depend on anything that is differentiated.
 *
 *     const roundThrough = customVjp((x) => x.round(), (dy) => [dy]);
 *
 * @throws {TensorweftError} when differentiated: `wrong-argument` and `shape-mismatch` for gradients that do not fit the
 *   arguments, `wrong-argument` for a function that reads a differentiated value from around it
 */
export function customVjp<P extends readonly TracedTensor[], R extends TracedOutput>(
  f: (...args: P) => R,
  backward: (cotangent: TensorTree<R>, result: R, ...args: P) => CustomGradients<P>,
): (...args: P) => R;
export function customVjp<P extends readonly unknown[], R extends TracedOutput>(
  f: (...args: P) => R,
  backward: (cotangent: TensorTree<R>, result: R, ...args: P) => CustomGradients<P>,
): (...args: P) => R;
export function customVjp(f: AnyFunction, backward: AnyFunction): AnyFunction {
  const custom = (...args: readonly unknown[]): unknown => {
    const call = enterCall("customVjp", args);
    const { scope, span } = call;
    const inputs = listTensors(args).filter((tensor) => isFloat(tensor.dtype));
    let result: unknown;
    const forward = (stopped: readonly Value[]): readonly Value[] => {
      const values = stopped.values();
      const replaced = args.map((arg) =>
        mapTree(arg, "", (leaf) => {
          const value = leaf instanceof TracedTensor && isFloat(leaf.dtype) ? values.next().value : undefined;
          return value === undefined ? leaf : new TracedTensor(scope, value);
        }),
      );
      result = callWith(f, replaced);
      return listTensors(result).map(valueOf);
    };
    const pullBackward = (
      cotangents: readonly (Value | undefined)[],
      outputs: readonly Value[],
    ): readonly (Value | undefined)[] => {
      const whole = cotangents.map(
        (c, i) => c ?? scope.builder.constant(0, "f32", outputs[i]?.type.shape, span),
      );
      const given = callWith(backward, [fill(call, result, whole), fill(call, result, outputs), ...args]);
      return readGradients(call, f, args, given);
    };
    const outputs = scope.builder.customVjp(inputs.map(valueOf), forward, pullBackward, span);
    return fill(call, result, outputs);
  };
  Object.defineProperty(custom, "name", { value: f.name });
  return nameParameters(custom, parameterNamesOf(f));
}

/** `tree` with values in the places of its tensors, in order. */
function fill({ scope }: DerivativeCall, tree: unknown, values: readonly Value[]): unknown {
  const next = values.values();
  return mapTree(tree, "", (leaf) => {
    const value = leaf instanceof TracedTensor ? next.next().value : undefined;
    return value === undefined ? leaf : new TracedTensor(scope, value);
  });
}

/** The gradients that a backward function gave, one for each float tensor among the arguments. */
function readGradients(
  { scope, span }: DerivativeCall,
  f: AnyFunction,
  args: readonly unknown[],
  given: unknown,
): readonly (Value | undefined)[] {
  const gradients: (Value | undefined)[] = [];
  const refuse = (what: string, at: Span | undefined = span): never =>
    fail("wrong-argument", `the backward function of ${nameOf(f)} gives ${what}`, {
      span: at,
      help: "it returns an array with one entry for each argument: a gradient of its shape, or null for none",
    });
  if (!Array.isArray(given) || given.length !== args.length)
    return refuse(
      Array.isArray(given)
        ? `${String(given.length)} gradients for ${String(args.length)} arguments`
        : describeLeaf(given),
    );
  const entries: readonly unknown[] = given;
  for (const [i, arg] of args.entries()) {
    const entry = entries[i];
    const inputs = listTensors(arg).filter((tensor) => isFloat(tensor.dtype));
    if (entry === null || entry === undefined) {
      gradients.push(...inputs.map(() => undefined));
      continue;
    }
    const add = (leaf: unknown, gradient: unknown): void => {
      if (!(leaf instanceof TracedTensor) || !isFloat(leaf.dtype)) return;
      if (!(gradient instanceof TracedTensor))
        return refuse(`${describeLeaf(gradient)} for argument ${String(i)}`);
      const what = `the gradient of argument ${String(i)} of ${nameOf(f)}`;
      gradients.push(fitCotangent(scope, valueOf(gradient), valueOf(leaf), what, span));
    };
    zipTrees(arg, entry, "", add, () => refuse(`another structure than argument ${String(i)} has`));
  }
  return gradients;
}
