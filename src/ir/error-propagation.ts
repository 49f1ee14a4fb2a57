/**
 * How operand errors enter a result: bounds on |f(x', y') - f(x, y)| over all |x' - x| <= ex, |y' - y| <= ey, in exact
 * arithmetic. Operands are finite or exact; where the interval meets a discontinuity or a pole the answer is `Infinity`.
 *
 * An op without an entry here uses the corners of the box (`error-bounds.ts`), which is right for functions that are
 * monotone in each operand: an extreme over a box then lies at one of its corners.
 */
const EXCLUDED = Number.POSITIVE_INFINITY;

/** `low` is the least value the operand can have: x - ex, or 0 where the operand is known to be non-negative. */
export type UnaryPropagation = (value: number, x: number, ex: number, low: number) => number;
export type BinaryPropagation = (value: number, x: number, ex: number, y: number, ey: number) => number;

export type BoxPredicate = (x: number, ex: number, y: number, ey: number) => boolean;

/** Slope at most 1 (neg, abs, sin, cos). */
export const lipschitz: UnaryPropagation = (_value, _x, ex) => ex;

/** A step function that never decreases: equal at both ends means constant in between. */
export function constantBetween(evaluate: (x: number) => number): UnaryPropagation {
  return (_value, x, ex, low) => (evaluate(low) === evaluate(x + ex) ? 0 : EXCLUDED);
}

/** Tests of class: a value with a finite bound is finite on every device, and infinities and nan are certain. */
export const certainClass: UnaryPropagation = () => 0;

/** tan is monotone between its poles only. */
export const betweenPoles: UnaryPropagation = (value, x, ex) => {
  const branch = (angle: number): number => Math.round(angle / Math.PI);
  if (branch(x - ex) !== branch(x + ex)) return EXCLUDED;
  return Math.max(Math.abs(Math.tan(x - ex) - value), Math.abs(Math.tan(x + ex) - value));
};

export const propagateSum: BinaryPropagation = (_value, _x, ex, _y, ey) => ex + ey;

export const propagateProduct: BinaryPropagation = (_value, x, ex, y, ey) =>
  Math.abs(x) * ey + Math.abs(y) * ex + ex * ey;

export const propagateQuotient: BinaryPropagation = (value, _x, ex, y, ey) => {
  const nearest = Math.abs(y) - ey;
  return nearest > 0 ? (Math.abs(value) * ey + ex) / nearest : EXCLUDED;
};

/** Moving one operand of max or min by e moves the result by e at most, and not at all where the other one wins clearly. */
export function propagateExtreme(pick: (a: number, b: number) => number): BinaryPropagation {
  return (value, x, ex, y, ey) => Math.max(pick(x + ex, y + ey) - value, value - pick(x - ex, y - ey));
}

/** A comparison is certain where the intervals are apart, and where nan decides it. */
export const propagateComparison: BinaryPropagation = (_value, x, ex, y, ey) =>
  Number.isNaN(x) || Number.isNaN(y) || Math.abs(x - y) > ex + ey ? 0 : EXCLUDED;

/** atan2(y, x) has slope 1/r; it jumps across the negative x axis. Operands come in its order: y first. */
export const propagateAngle: BinaryPropagation = (_value, y, ey, x, ex) => {
  const distance = Math.hypot(x, y) - ex - ey;
  const meetsCut = x - ex < 0 && Math.abs(y) <= ey;
  return distance > 0 && !meetsCut ? (ex + ey) / distance : EXCLUDED;
};

/**
 * pow jumps where the base may be 0 or is negative and the exponent uncertain. And it is 1 at isolated points amid nan:
 * 1 to the nan (or +-1 to an infinity), nan to the 0.
 */
export const powerJumpsInside: BoxPredicate = (x, ex, y, ey) =>
  (Math.abs(x) <= ex && ex > 0) ||
  (x < 0 && ey > 0) ||
  (!Number.isFinite(y) && Math.abs(Math.abs(x) - 1) <= ex) ||
  (!Number.isFinite(x) && Math.abs(y) <= ey);
