/**
 * The functions that source may call, as the type checker sees them. What each computes stands in src/library and
 * docs/language.md. A test compares the names with what the build understands.
 */
import { sourceOnly } from "./source-only.ts";
import type { Axis, Mask, Operand, ReduceOptions, Result } from "./types.ts";

type Unary = (x: Operand) => Result;
type Binary = (a: Operand, b: Operand) => Result;
type Test = (x: Operand) => Mask;
type Comparison = (a: Operand, b: Operand) => Mask;
type Reduction = (x: Operand, options?: ReduceOptions) => Result;
type MaskReduction = (x: Operand, options?: ReduceOptions) => Mask;

export const neg = /* @__PURE__ */ sourceOnly<Unary>("neg");
export const abs = /* @__PURE__ */ sourceOnly<Unary>("abs");
export const sign = /* @__PURE__ */ sourceOnly<Unary>("sign");
export const floor = /* @__PURE__ */ sourceOnly<Unary>("floor");
export const ceil = /* @__PURE__ */ sourceOnly<Unary>("ceil");
export const round = /* @__PURE__ */ sourceOnly<Unary>("round");
export const trunc = /* @__PURE__ */ sourceOnly<Unary>("trunc");
export const sqrt = /* @__PURE__ */ sourceOnly<Unary>("sqrt");
export const rsqrt = /* @__PURE__ */ sourceOnly<Unary>("rsqrt");
export const exp = /* @__PURE__ */ sourceOnly<Unary>("exp");
export const exp2 = /* @__PURE__ */ sourceOnly<Unary>("exp2");
export const expm1 = /* @__PURE__ */ sourceOnly<Unary>("expm1");
export const log = /* @__PURE__ */ sourceOnly<Unary>("log");
export const log2 = /* @__PURE__ */ sourceOnly<Unary>("log2");
export const log1p = /* @__PURE__ */ sourceOnly<Unary>("log1p");
export const sin = /* @__PURE__ */ sourceOnly<Unary>("sin");
export const cos = /* @__PURE__ */ sourceOnly<Unary>("cos");
export const tan = /* @__PURE__ */ sourceOnly<Unary>("tan");
export const asin = /* @__PURE__ */ sourceOnly<Unary>("asin");
export const acos = /* @__PURE__ */ sourceOnly<Unary>("acos");
export const atan = /* @__PURE__ */ sourceOnly<Unary>("atan");
export const sinh = /* @__PURE__ */ sourceOnly<Unary>("sinh");
export const cosh = /* @__PURE__ */ sourceOnly<Unary>("cosh");
export const tanh = /* @__PURE__ */ sourceOnly<Unary>("tanh");
export const asinh = /* @__PURE__ */ sourceOnly<Unary>("asinh");
export const acosh = /* @__PURE__ */ sourceOnly<Unary>("acosh");
export const atanh = /* @__PURE__ */ sourceOnly<Unary>("atanh");
export const erf = /* @__PURE__ */ sourceOnly<Unary>("erf");
export const isnan = /* @__PURE__ */ sourceOnly<Test>("isnan");
export const isinf = /* @__PURE__ */ sourceOnly<Test>("isinf");
export const isfinite = /* @__PURE__ */ sourceOnly<Test>("isfinite");
export const add = /* @__PURE__ */ sourceOnly<Binary>("add");
export const sub = /* @__PURE__ */ sourceOnly<Binary>("sub");
export const mul = /* @__PURE__ */ sourceOnly<Binary>("mul");
export const div = /* @__PURE__ */ sourceOnly<Binary>("div");
export const pow = /* @__PURE__ */ sourceOnly<Binary>("pow");
export const quotient = /* @__PURE__ */ sourceOnly<Binary>("quotient");
export const fmod = /* @__PURE__ */ sourceOnly<Binary>("fmod");
export const remainder = /* @__PURE__ */ sourceOnly<Binary>("remainder");
export const maximum = /* @__PURE__ */ sourceOnly<Binary>("maximum");
export const minimum = /* @__PURE__ */ sourceOnly<Binary>("minimum");
export const atan2 = /* @__PURE__ */ sourceOnly<Binary>("atan2");
export const eq = /* @__PURE__ */ sourceOnly<Comparison>("eq");
export const ne = /* @__PURE__ */ sourceOnly<Comparison>("ne");
export const lt = /* @__PURE__ */ sourceOnly<Comparison>("lt");
export const le = /* @__PURE__ */ sourceOnly<Comparison>("le");
export const gt = /* @__PURE__ */ sourceOnly<Comparison>("gt");
export const ge = /* @__PURE__ */ sourceOnly<Comparison>("ge");
export const xor = /* @__PURE__ */ sourceOnly<Comparison>("xor");
export const where =
  /* @__PURE__ */ sourceOnly<(condition: Operand, a: Operand, b: Operand) => Result>("where");
export const sum = /* @__PURE__ */ sourceOnly<Reduction>("sum");
export const prod = /* @__PURE__ */ sourceOnly<Reduction>("prod");
export const max = /* @__PURE__ */ sourceOnly<Reduction>("max");
export const min = /* @__PURE__ */ sourceOnly<Reduction>("min");
export const any = /* @__PURE__ */ sourceOnly<MaskReduction>("any");
export const all = /* @__PURE__ */ sourceOnly<MaskReduction>("all");
export const argmax = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly selectLast?: boolean | undefined;
    },
  ) => Result
>("argmax");
export const argmin = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly selectLast?: boolean | undefined;
    },
  ) => Result
>("argmin");
export const f32 = /* @__PURE__ */ sourceOnly<Unary>("f32");
export const f16 = /* @__PURE__ */ sourceOnly<Unary>("f16");
export const bf16 = /* @__PURE__ */ sourceOnly<Unary>("bf16");
export const i32 = /* @__PURE__ */ sourceOnly<Unary>("i32");
export const u32 = /* @__PURE__ */ sourceOnly<Unary>("u32");
export const bool = /* @__PURE__ */ sourceOnly<Test>("bool");
export const mean = /* @__PURE__ */ sourceOnly<Reduction>("mean");
export const reshape =
  /* @__PURE__ */ sourceOnly<(x: Operand, shape: readonly number[]) => Result>("reshape");
export const transpose =
  /* @__PURE__ */ sourceOnly<(x: Operand, perm?: readonly number[]) => Result>("transpose");
export const broadcastTo =
  /* @__PURE__ */ sourceOnly<(x: Operand, shape: readonly number[]) => Result>("broadcastTo");
export const concat =
  /* @__PURE__ */ sourceOnly<
    (xs: readonly Operand[], options?: { readonly axis?: number | undefined }) => Result
  >("concat");
export const pad =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      low: readonly number[],
      high: readonly number[],
      options?: { readonly value?: number | undefined },
    ) => Result
  >("pad");
export const iota =
  /* @__PURE__ */ sourceOnly<
    (shape: readonly number[], options?: { readonly axis?: number | undefined }) => Result
  >("iota");
export const norm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly ord?: number | undefined;
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly safe?: boolean | undefined;
    },
  ) => Result
>("norm");
export const normExceptDim =
  /* @__PURE__ */ sourceOnly<
    (v: Operand, options?: { readonly pow?: number | undefined; readonly dim?: Axis | undefined }) => Result
  >("normExceptDim");
export const normalize = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly p?: number | undefined;
      readonly axis?: Axis | undefined;
      readonly eps?: Operand | undefined;
      readonly safe?: boolean | undefined;
    },
  ) => Result
>("normalize");
export const cosineSimilarity =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      y: Operand,
      options?: { readonly axis?: number | undefined; readonly eps?: Operand | undefined },
    ) => Result
  >("cosineSimilarity");
export const scaleNorm =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, g: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("scaleNorm");
export const pixelNorm =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly eps?: Operand | undefined }) => Result>(
    "pixelNorm",
  );
export const weightNorm = /* @__PURE__ */ sourceOnly<
  (
    v: Operand,
    g: Operand,
    options?: {
      readonly dim?: Axis | undefined;
      readonly eps?: Operand | undefined;
      readonly safe?: boolean | undefined;
    },
  ) => Result
>("weightNorm");
export const centeredWeightNorm =
  /* @__PURE__ */ sourceOnly<
    (v: Operand, g: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("centeredWeightNorm");
export const weightStandardize =
  /* @__PURE__ */ sourceOnly<
    (
      w: Operand,
      options?: { readonly gain?: Operand | undefined; readonly eps?: Operand | undefined },
    ) => Result
  >("weightStandardize");
export const spectralNorm = /* @__PURE__ */ sourceOnly<
  (
    w: Operand,
    u: Operand,
    v: Operand,
    options?: {
      readonly dim?: number | undefined;
      readonly nPowerIterations?: number | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => readonly [Result, Result, Result, Result]
>("spectralNorm");
export const demodulate =
  /* @__PURE__ */ sourceOnly<
    (w: Operand, s: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("demodulate");
export const softmax =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: Axis | undefined }) => Result>(
    "softmax",
  );
export const softmin =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: Axis | undefined }) => Result>(
    "softmin",
  );
export const hardmax =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: number | undefined }) => Result>(
    "hardmax",
  );
export const logSoftmax =
  /* @__PURE__ */ sourceOnly<(x: Operand, options?: { readonly axis?: Axis | undefined }) => Result>(
    "logSoftmax",
  );
export const logsumexp = /* @__PURE__ */ sourceOnly<Reduction>("logsumexp");
export const variance = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly correction?: number | undefined;
    },
  ) => Result
>("variance");
export const std = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly axis?: Axis | undefined;
      readonly keepdims?: boolean | undefined;
      readonly correction?: number | undefined;
    },
  ) => Result
>("std");
export const layerNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly normalizedShape?: Axis | undefined;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("layerNorm");
export const rmsNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly normalizedShape?: Axis | undefined;
      readonly weight?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("rmsNorm");
export const groupNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options: {
      readonly numGroups: number;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("groupNorm");
export const instanceNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("instanceNorm");
export const batchNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    runningMean: Operand,
    runningVar: Operand,
    options?: {
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
    },
  ) => Result
>("batchNorm");
export const batchNormTraining = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly runningMean?: Operand | undefined;
      readonly runningVar?: Operand | undefined;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
      readonly momentum?: number | undefined;
    },
  ) => readonly [Result, Result, Result]
>("batchNormTraining");
export const instanceNormTraining = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options?: {
      readonly runningMean?: Operand | undefined;
      readonly runningVar?: Operand | undefined;
      readonly weight?: Operand | undefined;
      readonly bias?: Operand | undefined;
      readonly eps?: Operand | undefined;
      readonly momentum?: number | undefined;
    },
  ) => readonly [Result, Result, Result]
>("instanceNormTraining");
export const localResponseNorm = /* @__PURE__ */ sourceOnly<
  (
    x: Operand,
    options: {
      readonly size: number;
      readonly alpha?: Operand | undefined;
      readonly beta?: Operand | undefined;
      readonly k?: Operand | undefined;
    },
  ) => Result
>("localResponseNorm");
export const globalResponseNorm =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, gamma: Operand, beta: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("globalResponseNorm");
export const adain =
  /* @__PURE__ */ sourceOnly<
    (x: Operand, gamma: Operand, beta: Operand, options?: { readonly eps?: Operand | undefined }) => Result
  >("adain");
export const expandDims = /* @__PURE__ */ sourceOnly<(x: Operand, axis: number) => Result>("expandDims");
