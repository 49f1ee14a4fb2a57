/**
 * The package's `./aot`: what source for ahead-of-time compilation imports. `weft build` reads such
 * source; nothing in this module runs.
 */
import { sourceOnly } from "./aot/source-only.ts";
import type { KernelFunction, Operand, Result } from "./aot/types.ts";
import type { DType } from "./ir/dtype.ts";

export * from "./aot/activations.ts";
export * from "./aot/functions.ts";
export * from "./aot/gradients.ts";
export * from "./aot/norms.ts";
export type {
  Axis,
  Dims,
  KernelFunction,
  KernelResult,
  Mask,
  Operand,
  ReduceOptions,
  Result,
  Tensor,
} from "./aot/types.ts";

/** Declares a kernel: `export const f = kernel((x: Tensor<["N"]>) => x / sum(x))`. Other kernels may call it as a function. */
export const kernel = /* @__PURE__ */ sourceOnly<<F extends KernelFunction>(fn: F) => F>("kernel");

/** The shape of any value, known at build time. */
export const shapeOf = /* @__PURE__ */ sourceOnly<(x: Operand) => readonly number[]>("shapeOf");
/** The number of axes, known at build time. */
export const rankOf = /* @__PURE__ */ sourceOnly<(x: Operand) => number>("rankOf");
/** The dtype, known at build time. */
export const dtypeOf = /* @__PURE__ */ sourceOnly<(x: Operand) => DType>("dtypeOf");

/** `x` as another dtype, as in `cast(x, "f16")`. */
export const cast = /* @__PURE__ */ sourceOnly<(x: Operand, dtype: DType) => Result>("cast");

/** One entry per dimension: a position, `[start, stop, step]`, or null for all of it; missing ones take all. */
export type SliceRange = number | null | readonly (number | null)[];
/** A part of `x`, as in `slice(x, [0, [1, null], null])`: a position drops its axis, `[start, stop, step]` keeps it, null takes all of it. */
export const slice =
  /* @__PURE__ */ sourceOnly<(x: Operand, ranges: readonly SliceRange[]) => Result>("slice");
