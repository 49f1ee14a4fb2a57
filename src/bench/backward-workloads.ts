/**
 * Backward passes, written out by hand as in PyTorch's native kernels: from the upstream gradient and the statistics that
 * the forward pass saved to all gradients. They reduce over rows and columns of the same tensors.
 */
import { sum } from "../index.ts";
import { defineWorkload as define, type Workload } from "./workload.ts";

export const BACKWARD_WORKLOADS: readonly Workload[] = [
  define(
    "layer_norm backward",
    { full: [8192, 1024], quick: [64, 64] },
    ([rows = 1, columns = 1]) => ({
      dy: [rows, columns],
      x: [rows, columns],
      mean: [rows, 1],
      rstd: [rows, 1],
      weight: [columns],
    }),
    (dy, x, mean, rstd, weight) => {
      const normal = x.sub(mean).mul(rstd);
      const scaled = dy.mul(weight);
      const along = { axis: 1, keepdims: true };
      const dx = scaled
        .sub(scaled.mean(along))
        .sub(normal.mul(scaled.mul(normal).mean(along)))
        .mul(rstd);
      return [dx, sum(dy.mul(normal), { axis: 0 }), sum(dy, { axis: 0 })];
    },
  ),
  define(
    "batch_norm backward",
    { full: [32, 64, 28, 28], quick: [4, 16, 7, 7] },
    (shape) => {
      const channels = [1, shape[1] ?? 1, 1, 1];
      return { dy: shape, x: shape, mean: channels, rstd: channels, weight: channels };
    },
    (dy, x, mean, rstd, weight) => {
      const [batch = 1, , height = 1, width = 1] = x.shape;
      const normal = x.sub(mean).mul(rstd);
      const over = { axis: [0, 2, 3], keepdims: true };
      const dbias = sum(dy, over);
      const dweight = sum(dy.mul(normal), over);
      const mass = 1 / (batch * height * width);
      const dx = dy
        .sub(dbias.mul(mass))
        .sub(normal.mul(dweight.mul(mass)))
        .mul(weight.mul(rstd));
      return [dx, dweight, dbias];
    },
  ),
];
