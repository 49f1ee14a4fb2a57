/**
 * Kernels with ordinary operators. `weft build examples/ahead-of-time/norms.ts` compiles them to norms.gen.ts; nothing here ever
 * runs.
 */
import { kernel, mean, norm, vjp, type Tensor } from "tensorweft/aot";

/** A helper: it becomes part of the kernels that call it. */
const root = (x: number, eps: number): number => Math.sqrt(mean(x * x, { axis: -1, keepdims: true }) + eps);

export const weightNorm = kernel(
  (v: Tensor<["O", "I", "K"]>, g: Tensor<["O", 1, 1]>) => (g * v) / norm(v, { axis: [1, 2], keepdims: true }),
);

/** Its backward pass: the gradients of v and g that belong to one of the weights. */
export const weightNormBackward = kernel(
  (v: Tensor<["O", "I", "K"]>, g: Tensor<["O", 1, 1]>, dw: Tensor<["O", "I", "K"]>) => {
    const [, pullback] = vjp(weightNorm, v, g);
    const [dv, dg] = pullback(dw);
    return { dv, dg };
  },
);

export const rmsNorm = kernel(
  (x: Tensor<["B", "D"]>, weight: Tensor<["D"]>, eps = 1e-6) => (x / root(x, eps)) * weight,
);

export const shapes = {
  weightNorm: [
    { O: 2, I: 2, K: 2 },
    { O: 2, I: 2, K: 2, dtype: "f16" },
  ],
  weightNormBackward: { O: 2, I: 2, K: 2 },
  rmsNorm: { B: "dynamic", D: 4 }, // any number of rows
};
