/** Derivatives in source, as the type checker sees them: docs/gradients.md says what they are. */
import { sourceOnly } from "./source-only.ts";
import type { Operand, Result } from "./types.ts";

/** A tensor for each tensor of an argument, which may be an array or an object of them. */
export type GradientOf<A> = A extends Operand ? Result : { readonly [K in keyof A]: GradientOf<A[K]> };

/** The argument at a position; negative positions count from the end. */
type ArgumentAt<P extends readonly unknown[], N extends number> = `${N}` extends `-${string}`
  ? P[number]
  : P[N];

/** The gradient by one argument, or those by several in a tuple. */
export type GradientsOf<P extends readonly unknown[], N> = N extends number
  ? GradientOf<ArgumentAt<P, N>>
  : N extends readonly number[]
    ? { readonly [I in keyof N]: N[I] extends number ? GradientOf<ArgumentAt<P, N[I]>> : never }
    : never;

export interface GradOptions<N extends number | readonly number[]> {
  /** Position of the argument to differentiate with respect to, or several, known at build time. Default 0. */
  readonly argnums?: N | undefined;
}

/** What a differentiated function may give. */
export type Differentiable = number | readonly Differentiable[] | { readonly [key: string]: Differentiable };

/** A cotangent for each tensor of a result: a tensor of its shape, or a number for a constant one. */
export type CotangentOf<R> = R extends number ? number : { readonly [K in keyof R]: CotangentOf<R[K]> };

/** Parameters without a type are tensors; with the second form, arguments may be anything. */
interface Grad {
  <P extends readonly number[], const N extends number | readonly number[] = 0>(
    f: (...args: P) => number,
    options?: GradOptions<N>,
  ): (...args: P) => GradientsOf<P, N>;
  <P extends readonly unknown[], const N extends number | readonly number[] = 0>(
    f: (...args: P) => number,
    options?: GradOptions<N>,
  ): (...args: P) => GradientsOf<P, N>;
}

interface ValueAndGrad {
  <P extends readonly number[], const N extends number | readonly number[] = 0>(
    f: (...args: P) => number,
    options?: GradOptions<N>,
  ): (...args: P) => readonly [value: Result, gradients: GradientsOf<P, N>];
  <P extends readonly unknown[], const N extends number | readonly number[] = 0>(
    f: (...args: P) => number,
    options?: GradOptions<N>,
  ): (...args: P) => readonly [value: Result, gradients: GradientsOf<P, N>];
}

type Vjp = <P extends readonly unknown[], R extends Differentiable>(
  f: (...args: P) => R,
  ...args: P
) => readonly [
  result: R,
  pullback: (cotangent: CotangentOf<R>) => { readonly [I in keyof P]: GradientOf<P[I]> },
];

/**
 * The gradient of a function with a scalar result: a function of the same arguments. `argnums` says by which, the first by default;
 * for a list of positions there is an array of gradients. Each has the shape and the dtype of its argument.
 *
 *     const dx = grad(loss)(x, target);
 *     const [dx, dw] = grad(loss, { argnums: [0, 1] })(x, w);
 *
 * The build refuses results that are no scalars (`invalid-shape`), arguments and results that are no floats (`dtype-mismatch`) and
 * positions that there are not (`wrong-argument`).
 */
export const grad = /* @__PURE__ */ sourceOnly<Grad>("grad");

/** `[f(...args), gradient]`, for the price of one: as `grad`, with the result that it passes through. */
export const valueAndGrad = /* @__PURE__ */ sourceOnly<ValueAndGrad>("valueAndGrad");

/**
 * The result of `f`, of any shape, and its pullback: a function from a cotangent for each tensor of the result, of its shape (a
 * number stands for a constant one), to an array with a gradient for each argument.
 *
 *     const [y, pullback] = vjp(softmax, x);
 *     const [dx] = pullback(dy);
 *
 * The build refuses cotangents of another shape (`shape-mismatch`) or structure (`wrong-argument`), and arguments that are no float
 * tensors.
 */
export const vjp = /* @__PURE__ */ sourceOnly<Vjp>("vjp");

/** `x`, through which no derivative passes: `detach` in PyTorch. */
export const stopGradient = /* @__PURE__ */ sourceOnly<(x: Operand) => Result>("stopGradient");
