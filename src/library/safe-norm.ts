/**
 * Norms whose squares and powers neither overflow nor vanish. Elements are scaled by powers of two, which is exact, so the
 * result is as accurate as the plain norm of ordinary numbers.
 */
import type { ReduceOptions, Value } from "../ir/graph-builder.ts";
import { resolveReduceAxes } from "../ir/shape-rules.ts";
import type { Ops } from "./ops.ts";

/** Elements above 2^45 are scaled down by 2^80: the greatest f32 becomes 2^48, and 2^30 of their squares can be added. */
const BIG = { limit: 2 ** 45, scale: 2 ** -80 } as const;
/** Elements below 2^-50 are scaled up by 2^90: the least subnormal becomes 2^-59, whose square is a normal f32. */
const SMALL = { limit: 2 ** -50, scale: 2 ** 90 } as const;

/**
 * The 2-norm in one sweep: big, ordinary and small elements are summed apart, so no greatest element has to be found first
 * and the three sums are cut into pieces like any sum. Blue, "A Portable Fortran Program to Find the Euclidean Norm of a
 * Vector" (1978); Anderson, "Algorithm 978: Safe Scaling in the Level 1 BLAS" (2017).
 *
 * NaN counts as ordinary and spoils the sum; an infinity is big. Relative error: that of the plain norm.
 */
export const safeNorm2 = (ops: Ops, x: Value, over: ReduceOptions): Value =>
  withNormDerivative(ops, x, over, {
    norm: (y) => scaledNorm2(ops, y, over),
    slope: (ratio) => ratio,
  });

function scaledNorm2(ops: Ops, x: Value, over: ReduceOptions): Value {
  const size = ops.abs(x);
  const isBig = ops.map("gt", size, BIG.limit);
  const isSmall = ops.map("lt", size, SMALL.limit);
  const sumWhere = (terms: Value): Value => ops.reduce("sum", ops.square(terms), over);
  const big = sumWhere(ops.where(isBig, ops.mul(size, BIG.scale), 0));
  const small = sumWhere(ops.where(isSmall, ops.mul(size, SMALL.scale), 0));
  const ordinary = sumWhere(ops.where(ops.map("or", isBig, isSmall), 0, size));
  const hasBig = ops.map("gt", big, 0);
  const onlySmall = ops.map("eq", ordinary, 0); // false for NaN, which has to stay
  // Chosen by conditions and applied twice: two constants a driver would merge, and their product is 0 in f32.
  const ofOrdinary = ops.where(hasBig, BIG.scale, 1);
  const ofSmall = ops.where(hasBig, 0, ops.where(onlySmall, 1, 1 / SMALL.scale));
  const apply = (sum: Value, scale: Value): Value => ops.mul(ops.mul(sum, scale), scale);
  const total = ops.add(ops.add(big, apply(ordinary, ofOrdinary)), apply(small, ofSmall));
  const unscale = ops.where(hasBig, 1 / BIG.scale, ops.where(onlySmall, 1 / SMALL.scale, 1));
  return ops.mul(ops.sqrt(total), unscale);
}

/** Where the divisor is scaled: WGSL promises quotients by 2^-126 to 2^126 only. */
const DIVISOR = { limit: 2 ** 100, scale: 2 ** -60 } as const;

/**
 * The p-norm for any other order: the greatest magnitude (for negative orders the least) is found first, and the powers
 * are of quotients by it, which are at most 1. A scale by a power of two comes before, as WGSL promises quotients by
 * ordinary numbers only. Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 27.8.
 */
export const safeNormP = (ops: Ops, x: Value, ord: number, over: ReduceOptions): Value =>
  withNormDerivative(ops, x, over, {
    norm: (y) => scaledNormP(ops, y, ord, over),
    slope: (ratio) => slopeOfPower(ops, ratio, ord),
  });

/** The derivative of the p-norm: `sign(r) |r|^(ord - 1)`, 0 for elements of 0 where that would be infinite. */
export function slopeOfPower(ops: Ops, ratio: Value, ord: number): Value {
  const isZero = ops.map("eq", ratio, 0);
  const size = ops.abs(ratio);
  const power = ops.map("pow", ord < 1 ? ops.where(isZero, 1, size) : size, ord - 1);
  return ops.mul(ops.map("sign", ratio), ord < 1 ? ops.where(isZero, 0, power) : power);
}

function scaledNormP(ops: Ops, x: Value, ord: number, { axis, keepdims }: ReduceOptions): Value {
  const axes = resolveReduceAxes(axis, x.type, undefined);
  const over = { axis: axes, keepdims: true };
  const size = ops.abs(x);
  const extreme = ops.reduce(ord > 0 ? "max" : "min", size, over);
  const isBig = ops.map("gt", extreme, DIVISOR.limit);
  const isSmall = ops.map("lt", extreme, 1 / DIVISOR.limit);
  const choose = (big: number, small: number): Value => ops.where(isBig, big, ops.where(isSmall, small, 1));
  const scale = choose(DIVISOR.scale, 1 / DIVISOR.scale);
  const scaled = ops.mul(extreme, scale);
  // 0 and infinity divide nothing: the quotients would be NaN.
  const isOrdinary = ops.map("and", ops.map("gt", scaled, 0), ops.map("isfinite", scaled));
  const divisor = ops.where(isOrdinary, scaled, 1);
  const powers = ops.map("pow", ops.div(ops.mul(size, scale), divisor), ord);
  const root = ops.map("pow", ops.reduce("sum", powers, over), 1 / ord);
  const whole = ops.mul(ops.mul(divisor, root), choose(1 / DIVISOR.scale, DIVISOR.scale));
  return keepdims === true ? whole : ops.reshape(whole, dropAxes(x.type.shape, axes));
}

const dropAxes = (shape: readonly number[], axes: readonly number[]): readonly number[] =>
  shape.filter((_, d) => !axes.includes(d));

interface NormFormula {
  readonly norm: (x: Value) => Value;
  /** The derivative by an element, of its quotient by the norm. */
  readonly slope: (ratio: Value) => Value;
}

/**
 * A norm whose derivative is a function of x / norm, which is never large; 0 at a row of zeros, as torch.linalg.vector_norm
 * has it.
 */
export const withNormDerivative = (
  ops: Ops,
  x: Value,
  over: ReduceOptions,
  { norm, slope }: NormFormula,
): Value =>
  ops.withDerivative(
    [x],
    (y = x) => norm(y),
    (c, n) => {
      const axes = resolveReduceAxes(over.axis, x.type, undefined);
      const kept = x.type.shape.map((length, d) => (axes.includes(d) ? 1 : length));
      const isNone = ops.map("eq", n, 0);
      const keep = (value: Value): Value => ops.reshape(value, kept);
      const ratio = ops.div(x, keep(ops.where(isNone, 1, n)));
      return [ops.mul(keep(ops.where(isNone, 0, c)), slope(ratio))];
    },
  );
