// Made by weft build of ./norms.weft (tensorweft 0.1.0, profile default).
// Do not edit: change the source and build again.

import type { Preparable, Tensor } from "tensorweft/runtime";

/** `weightNorm` of ./norms.weft:2:8. */
export declare const weightNorm: {
  (v: Tensor<"f32", readonly [2, 2, 2]>, g: Tensor<"f32", readonly [2, 1, 1]>): Tensor<"f32", readonly [2, 2, 2]>;
} & Preparable;

/** `softmaxRows` of ./norms.weft:5:8. */
export declare const softmaxRows: {
  (x: Tensor<"f32", readonly [number, 4]>): Tensor<"f32", readonly [number, 4]>;
} & Preparable;
