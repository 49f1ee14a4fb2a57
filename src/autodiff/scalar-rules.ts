/**
 * Derivatives of the scalar ops: for each operand, the cotangent that it gets from that of the result. The type demands a
 * row for each op of the table and a rule for each of its operands; null stands for a derivative that is 0 wherever there
 * is one.
 *
 * Values at kinks, poles and ties are PyTorch's: the formulas are those of its tools/autograd/derivatives.yaml and
 * torch/csrc/autograd/FunctionsManual.cpp, named where they are not plain calculus. docs/gradients.md lists them.
 */
import type { Value } from "../ir/graph-builder.ts";
import type { SCALAR_OPS, ScalarOp } from "../ir/scalar-ops.ts";
import type { Terms } from "./terms.ts";

/** Everything has one shape. `y` and `z` are the second and third operand where there is one, else `x`. */
export interface ScalarRuleInput {
  /** Cotangent of the result, f32. */
  readonly c: Value;
  readonly x: Value;
  readonly y: Value;
  readonly z: Value;
  readonly result: Value;
  /** The number that `y` always is, as far as its node tells. */
  readonly exponent: number | undefined;
}

export type ScalarRule = ((t: Terms, input: ScalarRuleInput) => Value) | null;

interface RulesOfArity {
  readonly 1: readonly [ScalarRule];
  readonly 2: readonly [ScalarRule, ScalarRule];
  readonly 3: readonly [ScalarRule, ScalarRule, ScalarRule];
}

type ScalarRules = {
  readonly [Op in ScalarOp]: RulesOfArity[(typeof SCALAR_OPS)[Op]["arity"]];
};

const square = (t: Terms, x: Value): Value => t.mul(x, x);
const FLAT: readonly [null] = [null];
const COMPARISON: readonly [null, null] = [null, null];

export const SCALAR_RULES: ScalarRules = {
  neg: [(t, { c }) => t.neg(c)],
  abs: [(t, { c, x }) => t.mul(c, t.sign(x))], // 0 at 0
  sign: FLAT,
  floor: FLAT,
  ceil: FLAT,
  round: FLAT,
  trunc: FLAT,

  sqrt: [(t, { c, result }) => t.div(c, t.mul(result, 2))], // infinite at 0
  rsqrt: [(t, { c, result }) => t.mul(t.mul(c, -0.5), t.mul(square(t, result), result))],
  exp: [(t, { c, result }) => t.mul(c, result)],
  exp2: [(t, { c, result }) => t.mul(c, t.mul(result, Math.LN2))],
  expm1: [(t, { c, result }) => t.mul(c, t.add(result, 1))],
  log: [(t, { c, x }) => t.div(c, x)],
  log2: [(t, { c, x }) => t.div(c, t.mul(x, Math.LN2))],
  log1p: [(t, { c, x }) => t.div(c, t.add(x, 1))],

  sin: [(t, { c, x }) => t.mul(c, t.cos(x))],
  cos: [(t, { c, x }) => t.neg(t.mul(c, t.sin(x)))],
  tan: [(t, { c, result }) => t.mul(c, t.add(square(t, result), 1))],
  asin: [(t, { c, x }) => t.mul(c, t.rsqrt(t.sub(1, square(t, x))))],
  acos: [(t, { c, x }) => t.neg(t.mul(c, t.rsqrt(t.sub(1, square(t, x)))))],
  atan: [(t, { c, x }) => t.div(c, t.add(square(t, x), 1))],
  sinh: [(t, { c, x }) => t.mul(c, t.cosh(x))],
  cosh: [(t, { c, x }) => t.mul(c, t.sinh(x))],
  tanh: [(t, { c, result }) => t.mul(c, t.sub(1, square(t, result)))],
  asinh: [(t, { c, x }) => t.mul(c, t.rsqrt(t.add(square(t, x), 1)))],
  acosh: [(t, { c, x }) => t.mul(c, t.rsqrt(t.sub(square(t, x), 1)))],
  atanh: [(t, { c, x }) => t.div(c, t.sub(1, square(t, x)))],
  erf: [(t, { c, x }) => t.mul(c, t.mul(t.exp(t.neg(square(t, x))), 2 / Math.sqrt(Math.PI)))],
  ndtr: [(t, { c, x }) => t.mul(c, t.mul(t.exp(t.mul(square(t, x), -0.5)), 1 / Math.sqrt(2 * Math.PI)))],

  isnan: FLAT,
  isinf: FLAT,
  isfinite: FLAT,
  not: FLAT,

  add: [(_t, { c }) => c, (_t, { c }) => c],
  sub: [(_t, { c }) => c, (t, { c }) => t.neg(c)],
  mul: [(t, { c, y }) => t.mul(c, y), (t, { c, x }) => t.mul(c, x)],
  div: [(t, { c, y }) => t.div(c, y), (t, { c, y, result }) => t.neg(t.div(t.mul(c, result), y))],
  quotient: [null, null],
  // x less a multiple of y: smooth between the jumps of the quotient.
  fmod: [(_t, { c }) => c, (t, { c, x, y }) => t.neg(t.mul(c, t.quotient(x, y)))],
  remainder: [(_t, { c }) => c, (t, { c, x, y }) => t.neg(t.mul(c, t.floor(t.div(x, y))))],
  pow: [derivePowerByBase, derivePowerByExponent],
  max: [(t, { c, x, y }) => shareAtTies(t, c, x, y, "lt"), (t, { c, x, y }) => shareAtTies(t, c, x, y, "gt")],
  min: [(t, { c, x, y }) => shareAtTies(t, c, x, y, "gt"), (t, { c, x, y }) => shareAtTies(t, c, x, y, "lt")],
  atan2: [
    (t, { c, x, y }) => t.mul(c, t.div(y, t.add(square(t, x), square(t, y)))),
    (t, { c, x, y }) => t.neg(t.mul(c, t.div(x, t.add(square(t, x), square(t, y))))),
  ],

  eq: COMPARISON,
  ne: COMPARISON,
  lt: COMPARISON,
  le: COMPARISON,
  gt: COMPARISON,
  ge: COMPARISON,
  and: COMPARISON,
  or: COMPARISON,
  xor: COMPARISON,
  // Selected, not multiplied: a nan in the cotangent stays on the side that was taken.
  where: [null, (t, { c, x }) => t.where(x, c, 0), (t, { c, x }) => t.where(x, 0, c)],
};

/** `c` where the operand was taken, half of it at a tie, 0 where `isOther` says that the other was; a nan goes to both. */
function shareAtTies(t: Terms, c: Value, x: Value, y: Value, isOther: "lt" | "gt"): Value {
  return t.where(t[isOther](x, y), 0, t.where(t.eq(x, y), t.mul(c, 0.5), c));
}

/** pow_backward_self: 0 where the exponent is 0, also at 0 ** 0, and `c y x ** (y - 1)` elsewhere. */
function derivePowerByBase(t: Terms, { c, x, y, exponent }: ScalarRuleInput): Value {
  if (exponent === 0) return t.mul(c, 0);
  if (exponent !== undefined) return t.mul(c, t.mul(t.pow(x, exponent - 1), exponent));
  const isZero = t.eq(y, 0);
  // Away from 0 inside, too: where the exponent is 0 the power may be infinite, and so would its own derivative.
  const safe = t.where(isZero, 1, y);
  return t.where(isZero, 0, t.mul(c, t.mul(safe, t.pow(x, t.sub(safe, 1)))));
}

/** pow_backward_exponent: 0 at 0 ** y for y >= 0, where the logarithm has no value, and `c x ** y log x` elsewhere. */
function derivePowerByExponent(t: Terms, { c, x, y, result }: ScalarRuleInput): Value {
  const isFlat = t.and(t.eq(x, 0), t.ge(y, 0));
  return t.where(isFlat, 0, t.mul(c, t.mul(result, t.log(t.where(isFlat, 1, x)))));
}
