/**
 * The functions that source may call, as the type checker sees them, with a line each for the editor; src/library and
 * docs/language.md say more. A test compares names and options with what the build understands.
 */
import { sourceOnly } from "./source-only.ts";
import type { Axis, Mask, Operand, ReduceOptions, Result } from "./types.ts";

type Unary = (x: Operand) => Result;
type Binary = (a: Operand, b: Operand) => Result;
type Test = (x: Operand) => Mask;
type Comparison = (a: Operand, b: Operand) => Mask;
type Reduction = (x: Operand, options?: ReduceOptions) => Result;
type MaskReduction = (x: Operand, options?: ReduceOptions) => Mask;

/** `-x`. */
export const neg = /* @__PURE__ */ sourceOnly<Unary>("neg");
/** `|x|`. */
export const abs = /* @__PURE__ */ sourceOnly<Unary>("abs");
/** -1, 0 or 1; of nan, nan. */
export const sign = /* @__PURE__ */ sourceOnly<Unary>("sign");
/** The greatest whole number that is not above `x`. */
export const floor = /* @__PURE__ */ sourceOnly<Unary>("floor");
/** The least whole number that is not below `x`. */
export const ceil = /* @__PURE__ */ sourceOnly<Unary>("ceil");
/** The nearest whole number; halves go to the even one, unlike `Math.round`. */
export const round = /* @__PURE__ */ sourceOnly<Unary>("round");
/** `x` without its fraction: towards zero. */
export const trunc = /* @__PURE__ */ sourceOnly<Unary>("trunc");
/** The square root; of negative numbers, nan. */
export const sqrt = /* @__PURE__ */ sourceOnly<Unary>("sqrt");
/** `1 / sqrt(x)`. */
export const rsqrt = /* @__PURE__ */ sourceOnly<Unary>("rsqrt");
/** `e ** x`. */
export const exp = /* @__PURE__ */ sourceOnly<Unary>("exp");
/** `2 ** x`. */
export const exp2 = /* @__PURE__ */ sourceOnly<Unary>("exp2");
/** `exp(x) - 1`, exact near 0. */
export const expm1 = /* @__PURE__ */ sourceOnly<Unary>("expm1");
/** The natural logarithm. */
export const log = /* @__PURE__ */ sourceOnly<Unary>("log");
/** The logarithm to base 2. */
export const log2 = /* @__PURE__ */ sourceOnly<Unary>("log2");
/** `log(1 + x)`, exact near 0. */
export const log1p = /* @__PURE__ */ sourceOnly<Unary>("log1p");
/** The sine of radians. */
export const sin = /* @__PURE__ */ sourceOnly<Unary>("sin");
/** The cosine of radians. */
export const cos = /* @__PURE__ */ sourceOnly<Unary>("cos");
/** The tangent of radians. */
export const tan = /* @__PURE__ */ sourceOnly<Unary>("tan");
/** The arc sine, in radians. */
export const asin = /* @__PURE__ */ sourceOnly<Unary>("asin");
/** The arc cosine, in radians. */
export const acos = /* @__PURE__ */ sourceOnly<Unary>("acos");
/** The arc tangent, in radians. */
export const atan = /* @__PURE__ */ sourceOnly<Unary>("atan");
/** The hyperbolic sine. */
export const sinh = /* @__PURE__ */ sourceOnly<Unary>("sinh");
/** The hyperbolic cosine. */
export const cosh = /* @__PURE__ */ sourceOnly<Unary>("cosh");
/** The hyperbolic tangent. */
export const tanh = /* @__PURE__ */ sourceOnly<Unary>("tanh");
/** The inverse of `sinh`. */
export const asinh = /* @__PURE__ */ sourceOnly<Unary>("asinh");
/** The inverse of `cosh`. */
export const acosh = /* @__PURE__ */ sourceOnly<Unary>("acosh");
/** The inverse of `tanh`. */
export const atanh = /* @__PURE__ */ sourceOnly<Unary>("atanh");
/** The error function. */
export const erf = /* @__PURE__ */ sourceOnly<Unary>("erf");
/** The distribution function of the standard normal distribution: `(1 + erf(x / sqrt(2))) / 2`, with all digits of the tail. */
export const ndtr = /* @__PURE__ */ sourceOnly<Unary>("ndtr");
/** Whether an element is nan. */
export const isnan = /* @__PURE__ */ sourceOnly<Test>("isnan");
/** Whether an element is an infinity. */
export const isinf = /* @__PURE__ */ sourceOnly<Test>("isinf");
/** Whether an element is neither nan nor an infinity. */
export const isfinite = /* @__PURE__ */ sourceOnly<Test>("isfinite");
/** `a + b`. */
export const add = /* @__PURE__ */ sourceOnly<Binary>("add");
/** `a - b`. */
export const sub = /* @__PURE__ */ sourceOnly<Binary>("sub");
/** `a * b`. */
export const mul = /* @__PURE__ */ sourceOnly<Binary>("mul");
/** `a / b`; of integers, a float. */
export const div = /* @__PURE__ */ sourceOnly<Binary>("div");
/** `a ** b`. */
export const pow = /* @__PURE__ */ sourceOnly<Binary>("pow");
/** The whole quotient of `a` by `b`, towards zero. */
export const quotient = /* @__PURE__ */ sourceOnly<Binary>("quotient");
/** What `quotient` leaves: `a % b`, with the sign of `a`. */
export const fmod = /* @__PURE__ */ sourceOnly<Binary>("fmod");
/** `a - b * floor(a / b)`, with the sign of `b`. */
export const remainder = /* @__PURE__ */ sourceOnly<Binary>("remainder");
/** The greater of two elements; nan where one is nan. */
export const maximum = /* @__PURE__ */ sourceOnly<Binary>("maximum");
/** The lesser of two elements; nan where one is nan. */
export const minimum = /* @__PURE__ */ sourceOnly<Binary>("minimum");
/** The angle of the point (b, a), in radians. */
export const atan2 = /* @__PURE__ */ sourceOnly<Binary>("atan2");
/** Whether `a` equals `b`, element by element. */
export const eq = /* @__PURE__ */ sourceOnly<Comparison>("eq");
/** Whether `a` differs from `b`, element by element. */
export const ne = /* @__PURE__ */ sourceOnly<Comparison>("ne");
/** `a < b`, element by element. */
export const lt = /* @__PURE__ */ sourceOnly<Comparison>("lt");
/** `a <= b`, element by element. */
export const le = /* @__PURE__ */ sourceOnly<Comparison>("le");
/** `a > b`, element by element. */
export const gt = /* @__PURE__ */ sourceOnly<Comparison>("gt");
/** `a >= b`, element by element. */
export const ge = /* @__PURE__ */ sourceOnly<Comparison>("ge");
/** Whether exactly one of two booleans holds. */
export const xor = /* @__PURE__ */ sourceOnly<Comparison>("xor");
/** `a` where the condition holds, `b` elsewhere. `condition ? a : b` is the same. */
export const where =
  /* @__PURE__ */ sourceOnly<(condition: Operand, a: Operand, b: Operand) => Result>("where");
/** The sum over axes. */
export const sum = /* @__PURE__ */ sourceOnly<Reduction>("sum");
/** The product over axes. */
export const prod = /* @__PURE__ */ sourceOnly<Reduction>("prod");
/** The greatest element over axes; nan counts as the greatest. Of two tensors: `maximum`. */
export const max = /* @__PURE__ */ sourceOnly<Reduction>("max");
/** The least element over axes; nan counts as the least. Of two tensors: `minimum`. */
export const min = /* @__PURE__ */ sourceOnly<Reduction>("min");
/** Whether any element over axes is true. */
export const any = /* @__PURE__ */ sourceOnly<MaskReduction>("any");
/** Whether all elements over axes are true. */
export const all = /* @__PURE__ */ sourceOnly<MaskReduction>("all");
/** The position of the greatest element (i32), the first of equal ones; of the last with `selectLast`. nan counts as the greatest. */
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
/** The position of the least element (i32), the first of equal ones; of the last with `selectLast`. nan counts as the least. */
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
/** `x` as f32. */
export const f32 = /* @__PURE__ */ sourceOnly<Unary>("f32");
/** `x` as f16: a storage type, arithmetic is f32. */
export const f16 = /* @__PURE__ */ sourceOnly<Unary>("f16");
/** `x` as bf16: a storage type, arithmetic is f32. */
export const bf16 = /* @__PURE__ */ sourceOnly<Unary>("bf16");
/** `x` as i32. */
export const i32 = /* @__PURE__ */ sourceOnly<Unary>("i32");
/** `x` as u32. */
export const u32 = /* @__PURE__ */ sourceOnly<Unary>("u32");
/** Whether `x` is not 0. */
export const bool = /* @__PURE__ */ sourceOnly<Test>("bool");
/** The mean over axes. */
export const mean = /* @__PURE__ */ sourceOnly<Reduction>("mean");
/** The same elements in another shape; one length may be -1. */
export const reshape =
  /* @__PURE__ */ sourceOnly<(x: Operand, shape: readonly number[]) => Result>("reshape");
/** Axes in another order: `perm[i]` is the axis that comes to place `i`. Default: reversed. */
export const transpose =
  /* @__PURE__ */ sourceOnly<(x: Operand, perm?: readonly number[]) => Result>("transpose");
/** `x` repeated along new axes and axes of length 1. */
export const broadcastTo =
  /* @__PURE__ */ sourceOnly<(x: Operand, shape: readonly number[]) => Result>("broadcastTo");
/** Tensors one behind the other along `axis` (default 0). */
export const concat =
  /* @__PURE__ */ sourceOnly<
    (xs: readonly Operand[], options?: { readonly axis?: number | undefined }) => Result
  >("concat");
/** `low` and `high` elements of `value` (default 0) before and behind each axis. */
export const pad =
  /* @__PURE__ */ sourceOnly<
    (
      x: Operand,
      low: readonly number[],
      high: readonly number[],
      options?: { readonly value?: number | undefined },
    ) => Result
  >("pad");
/** The position along `axis` (default 0) of a tensor of this shape, as i32. */
export const iota =
  /* @__PURE__ */ sourceOnly<
    (shape: readonly number[], options?: { readonly axis?: number | undefined }) => Result
  >("iota");
/** A new axis of length 1 at `axis`. */
export const expandDims = /* @__PURE__ */ sourceOnly<(x: Operand, axis: number) => Result>("expandDims");
