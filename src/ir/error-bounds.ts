/**
 * Bounds on |gpu - oracle| for one element, from the op table: what every correct f32 evaluation stays within, be it
 * fused, contracted to fma, reassociated in reductions or flushing subnormals.
 *
 * A bound is 0 where the class (nan, an infinity, an integer, a truth) or the value is certain, and `Infinity` where
 * nothing can be said: then the element is excluded from comparison. An infinity or nan of the oracle never has another
 * finite bound. The value `-0` stands for a zero of either sign: WGSL lets devices ignore it, so that only zeros as they lie in
 * memory and those of non-negative values count as positive.
 */
import { isFloat } from "./dtype.ts";
import type { DType } from "./dtype.ts";
import { F32_MAX, F32_MIN_NORMAL, F32_ULP } from "./error-models.ts";
import { BF16_MAX, F16_MAX, roundTo, spacingOf } from "./round.ts";
import type { BinaryOpInfo, UnaryOpInfo } from "./scalar-ops.ts";

export const EXCLUDED = Number.POSITIVE_INFINITY;
const F16_MIN_NORMAL = 2 ** -14;

/** The final word on an element: overflow excludes it, subnormals add what a flush to zero may change. */
export function settleBound(value: number, bound: number): number {
  if (!(bound < EXCLUDED)) return EXCLUDED; // nan, too: a formula that met infinities
  const magnitude = Math.abs(value);
  if (!Number.isFinite(value)) return bound;
  if (magnitude + bound > F32_MAX) return EXCLUDED;
  const mayFlush = magnitude - bound < F32_MIN_NORMAL && (magnitude > 0 || bound > 0);
  return mayFlush ? bound + F32_MIN_NORMAL : bound;
}

/** Bound of a value as it lies in memory: exact, but a subnormal may be read as zero. */
export function boundOfStored(dtype: DType, value: number): number {
  const least = dtype === "f16" ? F16_MIN_NORMAL : F32_MIN_NORMAL;
  return isFloat(dtype) && Math.abs(value) < least ? Math.abs(value) : 0;
}

/** What rounding may add where the operands are exact. */
function roundingAtExactOperands(
  info: UnaryOpInfo | BinaryOpInfo,
  value: number,
  x: number,
  y: number,
): number {
  const { exact, largest } = info.error;
  if (exact === "always") return 0;
  if (exact === "representable" && Math.fround(value) === value) return 0;
  return largest(value, x, y);
}

/** `isNonnegative`: the operand is so whatever is rounded (an absolute value, a sum of squares). */
export function boundOfUnary(
  info: UnaryOpInfo,
  value: number,
  x: number,
  ex: number,
  isNonnegative: boolean,
): number {
  if (ex === EXCLUDED) return EXCLUDED;
  if (ex === 0) return settleBound(value, roundingAtExactOperands(info, value, x, 0));
  const { evaluate, error } = info;
  const low = isNonnegative ? Math.max(0, x - ex) : x - ex;
  const high = x + ex;
  const atLow = evaluate(low);
  const atHigh = evaluate(high);
  if (!Number.isFinite(value)) {
    const isCertain =
      Object.is(atLow, value) && Object.is(atHigh, value) && error.largest(value, x, 0) < EXCLUDED;
    return isCertain ? 0 : EXCLUDED;
  }
  const moved =
    info.propagate?.(value, x, ex, low) ?? Math.max(Math.abs(atLow - value), Math.abs(atHigh - value));
  const reach = Math.abs(value) + moved;
  const rounding =
    error.exact === "always"
      ? 0
      : Math.max(error.largest(reach, low, 0), error.largest(reach, x, 0), error.largest(reach, high, 0));
  return settleBound(value, moved + rounding);
}

export function boundOfBinary(
  info: BinaryOpInfo,
  value: number,
  x: number,
  ex: number,
  y: number,
  ey: number,
): number {
  if (ex === EXCLUDED || ey === EXCLUDED) return EXCLUDED;
  if (ex === 0 && ey === 0) return settleBound(value, roundingAtExactOperands(info, value, x, y));
  const { evaluate, error } = info;
  if (!Number.isFinite(value) || info.propagate === undefined) {
    return boundAtCorners(info, value, [x, ex], [y, ey]);
  }
  const moved = info.propagate(value, x, ex, y, ey);
  if (error.exact === "always" || moved === EXCLUDED) return settleBound(value, moved);
  const reach = Math.abs(value) + moved;
  if (error.exact === "representable") return settleBound(value, moved + error.largest(reach, x, y));
  return settleBound(value, moved + largestAtCorners({ evaluate, error }, reach, [x, ex], [y, ey]));
}

type Interval = readonly [centre: number, radius: number];

function largestAtCorners(
  { error }: Pick<BinaryOpInfo, "evaluate" | "error">,
  reach: number,
  [x, ex]: Interval,
  [y, ey]: Interval,
): number {
  return Math.max(
    error.largest(reach, x, y),
    error.largest(reach, x - ex, y - ey),
    error.largest(reach, x - ex, y + ey),
    error.largest(reach, x + ex, y - ey),
    error.largest(reach, x + ex, y + ey),
  );
}

function boundAtCorners(info: BinaryOpInfo, value: number, [x, ex]: Interval, [y, ey]: Interval): number {
  if (info.jumpsInside?.(x, ex, y, ey) === true) return EXCLUDED;
  let moved = 0;
  for (const cornerX of [x - ex, x + ex]) {
    for (const cornerY of [y - ey, y + ey]) {
      const corner = info.evaluate(cornerX, cornerY);
      if (!Object.is(corner, value)) moved = Math.max(moved, Math.abs(corner - value));
      if (Number.isNaN(moved)) return EXCLUDED;
    }
  }
  const rounding = largestAtCorners(info, Math.abs(value) + moved, [x, ex], [y, ey]);
  if (!Number.isFinite(value)) return moved === 0 && rounding < EXCLUDED ? 0 : EXCLUDED;
  return settleBound(value, moved + rounding);
}

/**
 * Additions between an operand and the sum of n, on the longest way: the accuracy contract of reductions. A chain has at most
 * 128 (states of several components, columns carried along a walk), then blocks are added in chains of at most 16
 * (walk-shape.ts), then lanes, vectors and pieces. Short sums may pay up to 8 half ulp per element, which leaves room for
 * single-sweep moments and rescaled exponentials.
 */
export function sumDepth(n: number): number {
  let levels = 0;
  for (let reach = 64; reach < n; reach *= 8) levels++;
  return n <= 1 ? 0 : Math.min(8 * (n - 1), 128 + 16 * levels + 24);
}

/** Bound of `rounded`, which `cast` (or storing a result) of x to `to` gives. */
export function boundOfCast(from: DType, to: DType, rounded: number, x: number, ex: number): number {
  if (ex === EXCLUDED) return EXCLUDED;
  if (to === "bool") return ex === 0 || Math.abs(x) > ex ? 0 : EXCLUDED;
  if (to === "i32" || to === "u32")
    return ex === 0 || roundTo(to, x - ex) === roundTo(to, x + ex) ? 0 : EXCLUDED;
  if (!Number.isFinite(x)) return 0;
  if (!Number.isFinite(rounded)) return EXCLUDED; // overflow: devices differ
  const shift = Math.abs(rounded - x);
  const isExact = ex === 0 && shift === 0;
  if (to === "f32") {
    const conversion = isFloat(from) || isExact ? 0 : Math.abs(x) * F32_ULP; // integers round up or down
    return settleBound(rounded, ex + shift + conversion);
  }
  const reach = Math.abs(x) + ex;
  if (reach > (to === "f16" ? F16_MAX : BF16_MAX)) return EXCLUDED;
  if (isExact) return boundOfStored(to, rounded);
  // bf16 is rounded by our own code, to nearest even; packing f16 may round either way and flush subnormals.
  if (to === "bf16") {
    const isSameRounding = ex === 0 && isFloat(from);
    return settleBound(rounded, isSameRounding ? 0 : ex + shift + spacingOf(to, reach) / 2);
  }
  const flush = Math.abs(x) - ex < F16_MIN_NORMAL ? F16_MIN_NORMAL : 0;
  return settleBound(rounded, ex + shift + spacingOf(to, reach) + flush);
}
