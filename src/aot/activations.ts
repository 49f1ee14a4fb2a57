/** Activation functions for source, as `functions.ts`. */
import { sourceOnly } from "./source-only.ts";
import type { Operand, Result } from "./types.ts";

type Unary = (x: Operand) => Result;

export const relu = /* @__PURE__ */ sourceOnly<Unary>("relu");
export const relu6 = /* @__PURE__ */ sourceOnly<Unary>("relu6");
export const sigmoid = /* @__PURE__ */ sourceOnly<Unary>("sigmoid");
export const logSigmoid = /* @__PURE__ */ sourceOnly<Unary>("logSigmoid");
export const silu = /* @__PURE__ */ sourceOnly<Unary>("silu");
export const mish = /* @__PURE__ */ sourceOnly<Unary>("mish");
export const softsign = /* @__PURE__ */ sourceOnly<Unary>("softsign");
export const tanhshrink = /* @__PURE__ */ sourceOnly<Unary>("tanhshrink");
export const hardSwish = /* @__PURE__ */ sourceOnly<Unary>("hardSwish");
export const gelu = /* @__PURE__ */ sourceOnly<Unary>("gelu");
export const geluTanh = /* @__PURE__ */ sourceOnly<Unary>("geluTanh");
export const softplus =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly beta?: Operand | undefined }) => Result>(
    "softplus",
  );
export const swish =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly beta?: Operand | undefined }) => Result>(
    "swish",
  );
export const swiglu =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, gate: Operand, options?: { readonly beta?: Operand | undefined }) => Result
  >("swiglu");
export const glu =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: number | undefined }) => Result>("glu");
export const elu =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly alpha?: Operand | undefined }) => Result>(
    "elu",
  );
export const celu =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly alpha?: Operand | undefined }) => Result>(
    "celu",
  );
export const selu =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly alpha?: Operand | undefined; readonly scale?: Operand | undefined },
    ) => Result
  >("selu");
export const leakyRelu =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, options?: { readonly negativeSlope?: Operand | undefined }) => Result
  >("leakyRelu");
export const prelu = /* @__PURE__ */ sourceOnly<(x: Operand, weight: Operand) => Result>("prelu");
export const hardSigmoid =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly alpha?: Operand | undefined; readonly beta?: Operand | undefined },
    ) => Result
  >("hardSigmoid");
export const threshold =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly threshold?: Operand | undefined; readonly value?: Operand | undefined },
    ) => Result
  >("threshold");
export const shrink =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly lambd?: Operand | undefined; readonly bias?: Operand | undefined },
    ) => Result
  >("shrink");
export const clip =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      options?: { readonly min?: Operand | undefined; readonly max?: Operand | undefined },
    ) => Result
  >("clip");
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
