/** Kernels in TypeScript, which the application imports from activations.gen.ts. */
import { kernel, softmax, type Tensor } from "tensorweft/aot";
import { half } from "./half.ts";

export const halfSwish = kernel((x: Tensor<["N"]>) => half(x) / (1 + Math.exp(-x)));

/** For any number of rows. */
export const softRows = kernel((x: Tensor<["N", 4]>) => softmax(x, { axis: 1 }));

export const shapes = { halfSwish: { N: 4 }, softRows: { N: "dynamic" } };
