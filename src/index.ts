/** The package's main entry: tracing, the library of norms, devices, and the compiler for those who want to look inside. */
export { jit, type CallArgument, type CompileArgument, type Jitted, type JitOptions } from "./jit.ts";
export { scalar, type ScalarArgument } from "./frontend/trace/arguments.ts";
export {
  trace,
  f32,
  f16,
  bf16,
  i32,
  u32,
  bool,
  type TraceOptions,
  type TraceResult,
} from "./frontend/trace/trace.ts";
export { TracedTensor, type TracedOperand } from "./frontend/trace/traced-tensor.ts";
export * from "./frontend/trace/functions.ts";
export { grad, stopGradient, valueAndGrad, vjp, type GradOptions } from "./frontend/trace/derivatives.ts";
export { customVjp } from "./frontend/trace/custom-vjp.ts";
export * from "./frontend/trace/activation-functions.ts";
export * from "./frontend/trace/library-functions.ts";
// With split and merge; it takes the place of the plain function above.
export { weightNorm, type WeightHalves } from "./weight-norm.ts";
export {
  foldWeightNorm,
  unfoldWeightNorm,
  type FoldOptions,
  type StreamOptions,
  type TensorInfo,
  type TensorSource,
  type TensorStream,
  type UnfoldChoice,
  type WeightNormRule,
} from "./fold-weight-norm.ts";
export { listAdapters, type AdapterSummary } from "./runtime/adapter.ts";
export { calibrateProfile } from "./runtime/calibrate.ts";
export { openDevice } from "./open-device.ts";
export type { CalibrateOptions, OpenDeviceOptions, TunedOptions } from "./runtime/open-device.ts";
export type { CacheOptions } from "./cache/open-cache.ts";
export type { CacheCounters, PlanCache } from "./cache/plan-cache.ts";
export type { TuningTable } from "./runtime/tuning-table.ts";
export type { TunedKernel, TuningRecord } from "./ir/tuning-record.ts";
export type { TuneOptions, TuneProgress } from "./tune.ts";
export type { TunedSchedules } from "./tuned-schedule.ts";
export type {
  Backend,
  BoundCall,
  Device,
  DeviceCounters,
  LoadedProgram,
  MemoryInfo,
  Program,
  RunOptions,
  Tensor,
  TensorData,
  TensorOptions,
  TypedArray,
  WrapOptions,
} from "./runtime/device.ts";
export {
  TensorweftError,
  CompilerBug,
  type Diagnostic,
  type DiagnosticCode,
  type Span,
} from "./diagnostics/diagnostic.ts";
export { renderDiagnostics } from "./diagnostics/render.ts";
export { compileGraph, type Compiled, type CompileOptions } from "./compile.ts";
export { explainCompiled, renderStage, type Explanation, type StageName } from "./explain.ts";
export { findProfile, PROFILE_NAMES, type DeviceProfile } from "./ir/profile.ts";
export { printGraph } from "./ir/print-graph.ts";
export { parseGraph } from "./ir/parse-graph.ts";
export { interpretGraph } from "./ir/interpret-graph.ts";
export type { Graph } from "./ir/graph.ts";
export type { DType, TensorType } from "./ir/dtype.ts";
export type { Shape } from "./ir/shape-types.ts";
export type { Plan } from "./ir/plan.ts";
export type { KernelSchedule } from "./ir/schedule.ts";
