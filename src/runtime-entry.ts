/**
 * The package's `./runtime`: what modules made by `weft build` need. It has no compiler, loads no package but, in Node,
 * `webgpu`, and is small enough for any page.
 */
export { defineKernel, type ResultForm } from "./slim/define-kernel.ts";
export { sizedPlan, type SizedPlan } from "./slim/sized-plan.ts";
export { openDevice, type OpenDeviceOptions } from "./slim/open-slim.ts";
export {
  hasType,
  type Device,
  type DTypeOf,
  type ElementsOf,
  type Preparable,
  type Shape,
  type Tensor,
} from "./slim/types.ts";
export { TensorweftError, type Diagnostic, type DiagnosticCode } from "./diagnostics/diagnostic.ts";
export type { DType } from "./ir/dtype.ts";
export type { Plan } from "./ir/plan.ts";
export type { DynamicPlan } from "./ir/dynamic-plan.ts";
export type { TensorData } from "./runtime/device.ts";
