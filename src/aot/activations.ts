/** Activation functions for source, as `functions.ts`. */
import { sourceOnly } from "./source-only.ts";
import type { Operand, Result } from "./types.ts";

type Unary = (x: Operand) => Result;

/** `max(x, 0)`. */
export const relu = /* @__PURE__ */ sourceOnly<Unary>("relu");
/** `min(max(x, 0), 6)`. */
export const relu6 = /* @__PURE__ */ sourceOnly<Unary>("relu6");
/** `1 / (1 + exp(-x))`. */
export const sigmoid = /* @__PURE__ */ sourceOnly<Unary>("sigmoid");
/** `log(sigmoid(x))`, exact in both directions. */
export const logSigmoid = /* @__PURE__ */ sourceOnly<Unary>("logSigmoid");
/** `x * sigmoid(x)`. */
export const silu = /* @__PURE__ */ sourceOnly<Unary>("silu");
/** `x * tanh(softplus(x))`. */
export const mish = /* @__PURE__ */ sourceOnly<Unary>("mish");
/** `x / (1 + |x|)`. */
export const softsign = /* @__PURE__ */ sourceOnly<Unary>("softsign");
/** `x - tanh(x)`. */
export const tanhshrink = /* @__PURE__ */ sourceOnly<Unary>("tanhshrink");
/** `x * relu6(x + 3) / 6`. */
export const hardSwish = /* @__PURE__ */ sourceOnly<Unary>("hardSwish");
/** `x` times the normal distribution function of `x`. */
export const gelu = /* @__PURE__ */ sourceOnly<Unary>("gelu");
/** `gelu` by its approximation with tanh. */
export const geluTanh = /* @__PURE__ */ sourceOnly<Unary>("geluTanh");
/** `log(1 + exp(beta * x)) / beta`. */
export const softplus =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly beta?: Operand | undefined }) => Result>(
    "softplus",
  );
/** `x * sigmoid(beta * x)`. */
export const swish =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly beta?: Operand | undefined }) => Result>(
    "swish",
  );
/** `swish(x) * gate`. */
export const swiglu =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, gate: Operand, options?: { readonly beta?: Operand | undefined }) => Result
  >("swiglu");
/** The first half along `axis` times the sigmoid of the second. */
export const glu =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: number | undefined }) => Result>("glu");
/** `x` where positive, else `alpha * (exp(x) - 1)`. */
export const elu =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly alpha?: Operand | undefined }) => Result>(
    "elu",
  );
/** `x` where positive, else `alpha * (exp(x / alpha) - 1)`. */
export const celu =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly alpha?: Operand | undefined }) => Result>(
    "celu",
  );
/** `scale * elu(x, alpha)` with the constants of self-normalizing networks. */
export const selu =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly alpha?: Operand | undefined; readonly scale?: Operand | undefined },
    ) => Result
  >("selu");
/** `x` where positive, else `negativeSlope * x` (default 0.01). */
export const leakyRelu =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, options?: { readonly negativeSlope?: Operand | undefined }) => Result
  >("leakyRelu");
/** `x` where positive, else `weight * x`, with a weight for each channel or one. */
export const prelu = /* @__PURE__ */ sourceOnly<(x: Operand, weight: Operand) => Result>("prelu");
/** `clip(alpha * x + beta, 0, 1)`. */
export const hardSigmoid =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly alpha?: Operand | undefined; readonly beta?: Operand | undefined },
    ) => Result
  >("hardSigmoid");
/** `x` where above `threshold`, else `value`. */
export const threshold =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly threshold?: Operand | undefined; readonly value?: Operand | undefined },
    ) => Result
  >("threshold");
/** `x` moved towards 0 by `bias` where beyond `lambd`, else 0. */
export const shrink =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly lambd?: Operand | undefined; readonly bias?: Operand | undefined },
    ) => Result
  >("shrink");
/** `x` between `min` and `max`. */
export const clip =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly min?: Operand | undefined; readonly max?: Operand | undefined },
    ) => Result
  >("clip");
/** `tanh(alpha * x) * weight + bias`. */
export const dynamicTanh = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly alpha?: Operand | undefined;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
    },
  ) => Result
>("dynamicTanh");
