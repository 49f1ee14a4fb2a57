/**
 * Vector norms and what is made of one norm. Names, defaults and special cases are PyTorch's; where the array API calls
 * an argument `axis`, so do we.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { elementCount } from "../ir/dtype.ts";
import type { GraphBuilder, ReduceOptions, Value } from "../ir/graph-builder.ts";
import { addEps, axesExcept, bindOps, clampMin, requireFloat, rootOfSum } from "./ops.ts";
import type { NumberOrValue, Ops } from "./ops.ts";
import { resolveKeptAxis } from "./kept-axis.ts";
import { safeNorm2, safeNormP, slopeOfPower, withNormDerivative } from "./safe-norm.ts";

export interface NormOptions extends ReduceOptions {
  /** Any real number, Infinity or -Infinity. Default 2. */
  readonly ord?: number | undefined;
  /**
   * Neither overflow nor vanish where only squares or powers would: right for magnitudes from the least to the greatest
   * f32, at some more arithmetic and no more memory traffic. Default false, as in PyTorch.
   */
  readonly safe?: boolean | undefined;
}

/**
 * `(sum |x|^ord)^(1/ord)` over `axis` (all axes when absent), as torch.linalg.vector_norm.
 * ord 0 counts the elements that are not zero (NaN is not zero); Infinity and -Infinity are the greatest and the least
 * magnitude. Over zero elements the norm is 0; Infinity and -Infinity are refused there.
 * The gradient is PyTorch's: 0 at a row of zeros, shared among ties of the greatest or least magnitude.
 */
export function norm(b: GraphBuilder, x: Value, options: NormOptions = {}, span?: Span): Value {
  requireFloat("norm", x, span);
  return buildNorm(bindOps(b, span), x, options.ord ?? 2, options, span);
}

/** The norm without checks of the dtype; shared by the functions of this family. */
export function buildNorm(
  ops: Ops,
  x: Value,
  ord: number,
  { axis, keepdims, safe = false }: Omit<NormOptions, "ord">,
  span: Span | undefined,
): Value {
  const over: ReduceOptions = { axis, keepdims };
  const isSafe = safe && elementCount(x.type.shape) > 0; // nothing overflows over no elements, and there is no greatest
  switch (ord) {
    case 0:
      return ops.cast(ops.reduce("sum", ops.map("ne", x, 0), over), x.type.dtype);
    case 1:
      return ops.reduce("sum", ops.abs(x), over);
    case 2:
      return isSafe ? safeNorm2(ops, x, over) : rootOfSum(ops, ops.reduce("sum", ops.square(x), over));
    case Number.POSITIVE_INFINITY:
      return ops.reduce("max", ops.abs(x), over);
    case Number.NEGATIVE_INFINITY:
      return ops.reduce("min", ops.abs(x), over);
    default:
      if (Number.isNaN(ord))
        fail("invalid-value", "the order of a norm cannot be nan", {
          span,
          help: "ord is any other number, inf or -inf",
        });
      return isSafe ? safeNormP(ops, x, ord, over) : buildPowerNorm(ops, x, ord, over);
  }
}

/** Torch's norm_backward, `c sign(x) |x|^(p-1) n^(1-p)`, as a power of the quotient, which leaves f32 less easily. */
function buildPowerNorm(ops: Ops, x: Value, p: number, over: ReduceOptions): Value {
  const pow = (y: Value, exponent: number): Value => ops.map("pow", y, exponent);
  return withNormDerivative(ops, x, over, {
    norm: (y) => pow(ops.reduce("sum", pow(ops.abs(y), p), over), 1 / p),
    slope: (ratio) => slopeOfPower(ops, ratio, p),
  });
}

export interface NormExceptDimOptions {
  /** The order of the norm. Default 2. */
  readonly pow?: number | undefined;
  /** The axis that is kept. Default 0; null and -1 keep none, other negative numbers count from the end. */
  readonly dim?: number | null | undefined;
}

/**
 * The norm over all axes but `dim`, with those axes kept at length 1; shape `[]` where `dim` is null or -1.
 * torch.norm_except_dim. As there, a kept axis of length 0 is refused.
 */
export function normExceptDim(
  b: GraphBuilder,
  v: Value,
  options: NormExceptDimOptions = {},
  span?: Span,
): Value {
  const { pow = 2, dim = 0 } = options;
  requireFloat("normExceptDim", v, span);
  const kept = resolveKeptAxis("normExceptDim", v.type, dim, span);
  const ops = bindOps(b, span);
  if (kept === null) return buildNorm(ops, v, pow, {}, span);
  if (v.type.shape[kept] === 0)
    fail("invalid-shape", `normExceptDim keeps axis ${String(kept)}, which has no elements`, {
      span,
      help: "choose another dim, or leave out the empty tensor",
    });
  return buildNorm(ops, v, pow, { axis: axesExcept(v.type.shape.length, kept), keepdims: true }, span);
}

export interface NormalizeOptions<T = Value> {
  /** The order of the norm. Default 2. */
  readonly p?: number | undefined;
  /** Default 1, as in PyTorch. */
  readonly axis?: number | readonly number[] | undefined;
  /** Least value of the divisor. Default 1e-12. */
  readonly eps?: NumberOrValue<T> | undefined;
  /** The norm as `norm` takes it with `safe`. Default false. */
  readonly safe?: boolean | undefined;
}

/** `x / max(norm(x), eps)`: rows of length 1, and rows of zeros stay zeros. torch.nn.functional.normalize. */
export function normalize(b: GraphBuilder, x: Value, options: NormalizeOptions = {}, span?: Span): Value {
  const { p = 2, axis = 1, eps = 1e-12, safe } = options;
  requireFloat("normalize", x, span);
  const ops = bindOps(b, span);
  return ops.div(x, clampMin(ops, buildNorm(ops, x, p, { axis, keepdims: true, safe }, span), eps));
}

export interface CosineSimilarityOptions<T = Value> {
  /** Default 1, as in PyTorch. */
  readonly axis?: number | undefined;
  /** Least value of each norm. Default 1e-8. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `sum(x * y) / (max(norm(x), eps) * max(norm(y), eps))` along `axis`, after x and y are broadcast to one shape.
 * torch.nn.functional.cosine_similarity.
 */
export function cosineSimilarity(
  b: GraphBuilder,
  x: Value,
  y: Value,
  options: CosineSimilarityOptions = {},
  span?: Span,
): Value {
  const { axis = 1, eps = 1e-8 } = options;
  requireFloat("cosineSimilarity", x, span);
  requireFloat("cosineSimilarity", y, span);
  const ops = bindOps(b, span);
  const product = ops.mul(x, y);
  // A dimension that is repeated counts as often as it is repeated, in the norms too.
  const lengthOf = (side: Value): Value =>
    clampMin(ops, buildNorm(ops, b.broadcastTo(side, product.type.shape, span), 2, { axis }, span), eps);
  return ops.div(ops.reduce("sum", product, { axis }), ops.mul(lengthOf(x), lengthOf(y)));
}

export interface ScaleNormOptions<T = Value> {
  /** Least value of the norm. Default 1e-5. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `g * x / max(norm(x), eps)` over the last axis. Nguyen and Salazar, "Transformers without Tears" (2019), section 2.2.
 */
export function scaleNorm(
  b: GraphBuilder,
  x: Value,
  g: Value,
  options: ScaleNormOptions = {},
  span?: Span,
): Value {
  requireFloat("scaleNorm", x, span);
  const ops = bindOps(b, span);
  const n = buildNorm(ops, x, 2, { axis: -1, keepdims: true }, span);
  return ops.div(ops.mul(g, x), clampMin(ops, n, options.eps ?? 1e-5));
}

export interface PixelNormOptions<T = Value> {
  /** Added to the mean of squares. Default 1e-8. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/**
 * `x / sqrt(mean(x^2) + eps)` over the channels (axis 1). Karras et al., "Progressive Growing of GANs" (2018),
 * section 4.2.
 */
export function pixelNorm(b: GraphBuilder, x: Value, options: PixelNormOptions = {}, span?: Span): Value {
  requireFloat("pixelNorm", x, span);
  const ops = bindOps(b, span);
  const power = ops.mean(ops.square(x), { axis: 1, keepdims: true });
  return ops.mul(x, ops.rsqrt(addEps(ops, power, options.eps ?? 1e-8)));
}
