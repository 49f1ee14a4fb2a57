/** Norms as source: the tests build them, run them in Node and in Chromium, and compare them with the JIT. */
import { groupNorm as groups, kernel, max, mean, norm, sum, type Tensor } from "tensorweft/aot";
import { scaled } from "./helpers.ts";

export const weightNorm = kernel(
  (v: Tensor<["O", "I", "K"]>, g: Tensor<["O", 1, 1]>) => (g * v) / norm(v, { axis: [1, 2], keepdims: true }),
);

export const l2Normalize = kernel((x: Tensor<["N", "M"]>) => {
  const length = Math.sqrt(sum(x ** 2, { axis: 1, keepdims: true }));
  return x / (length > 1e-12 ? length : 1e-12);
});

export const rmsNorm = kernel((x: Tensor<["N", "M"]>, w: Tensor<["M"]>, eps = 1e-6) =>
  scaled(x, { weight: w, eps }),
);

export const layerNorm = kernel((x: Tensor<["N", "M"]>) => {
  const centred = x - mean(x, { axis: -1, keepdims: true });
  const variance = mean(centred * centred, { axis: -1, keepdims: true });
  return { y: centred / Math.sqrt(variance + 1e-5), variance };
});

export const softmax = kernel((x: Tensor<["N", "M"]>) => {
  if (x.rank !== 2) throw new Error("rows only");
  const e = Math.exp(x - max(x, { axis: 1, keepdims: true }));
  return [e / sum(e, { axis: 1, keepdims: true })];
});

export const groupNorm = kernel((x: Tensor<["N", "C", "L"]>, weight: Tensor<["C"]>, bias: Tensor<["C"]>) =>
  groups(x, { numGroups: 2, weight, bias }),
);

export const shapes = {
  groupNorm: { N: 2, C: 4, L: 6 },
  weightNorm: [
    { O: 8, I: 16, K: 3 },
    { O: 4, I: 4, K: 7, dtype: "f16" },
  ],
  l2Normalize: [{ N: 4, M: 33 }],
  rmsNorm: [{ N: 4, M: 32 }],
  layerNorm: { N: 4, M: 32 },
  softmax: [{ N: 2, M: 16 }],
};
