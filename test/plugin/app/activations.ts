/** Kernels in TypeScript, which the application imports from activations.gen.ts. */
import { kernel, type Tensor } from "tensorweft/aot";
import { half } from "./half.ts";

export const halfSwish = kernel((x: Tensor<["N"]>) => half(x) / (1 + Math.exp(-x)));

export const shapes = { halfSwish: { N: 4 } };
