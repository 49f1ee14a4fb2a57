/** A helper that another file of source uses. */
import { mean } from "tensorweft/aot";

interface Options {
  readonly weight?: number;
  readonly eps?: number;
}

export const scaled = (x: number, { weight = 1, eps = 1e-5 }: Options = {}): number =>
  (x / Math.sqrt(mean(x ** 2, { axis: -1, keepdims: true }) + eps)) * weight;
