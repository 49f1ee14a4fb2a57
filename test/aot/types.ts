/** Checked by tsc alone: a tensor of another shape or dtype than the module was built for does not compile. */
import type { Device, Tensor } from "../../src/runtime-entry.ts";

declare const device: Device;
declare const norm: (v: Tensor<"f32", readonly [8, 3]>) => Tensor<"f32", readonly [8, 1]>;

export const fits: Tensor<"f32", readonly [8, 1]> = norm(device.tensor(new Float32Array(24), [8, 3]));
// @ts-expect-error -- another length
export const wrongLength = norm(device.tensor(new Float32Array(24), [8, 4]));
// @ts-expect-error -- another rank
export const wrongRank = norm(device.tensor(new Float32Array(24), [24]));
// @ts-expect-error -- another dtype
export const wrongDType = norm(device.tensor(new Int32Array(24), [8, 3]));
// @ts-expect-error -- f32 data as bf16
export const wrongOption = norm(device.tensor(new Float32Array(24), [8, 3], { dtype: "bf16" }));
