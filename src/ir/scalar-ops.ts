/**
 * The table of scalar ops: all that the compiler knows of each. `evaluate` is the meaning (float64; an i32 or u32 node
 * wraps the result to 32 bits, see `evaluateScalar`), `error` and `propagate` are what tests take their tolerance from.
 * Names and NaN behaviour are PyTorch's: `max` and `min` propagate nan, `sign(nan)` is nan, `round` goes to even.
 *
 * Promises are WGSL's own where WGSL has the builtin. sin, cos, tan, asin, acos, expm1, log1p, the hyperbolic functions and their inverses, erf, ndtr
 * and pow are lowered to formulas of ours, which have to keep what stands here; it is meant to be within reach of careful f32
 * code (a polynomial near 0, an exponential or logarithm elsewhere).
 */
import * as division from "./division-models.ts";
import { isInteger } from "./dtype.ts";
import type { DType } from "./dtype.ts";
import * as model from "./error-models.ts";
import type { ErrorModel } from "./error-models.ts";
import * as by from "./error-propagation.ts";
import type { BinaryPropagation, BoxPredicate, UnaryPropagation } from "./error-propagation.ts";
import { erf, ndtr, pow, remainder, roundHalfEven } from "./float64-math.ts";

/** "float": integers and bools are promoted to f32 first. "numeric": floats and integers. "any": bool too. */
export type OperandClass = "float" | "numeric" | "bool" | "any";
export type Trait = "commutative" | "associative" | "idempotent";

interface OpInfoBase {
  readonly operands: OperandClass;
  /** "same": the operands' dtype. `where` has a bool first operand, which does not count. */
  readonly result: "same" | "bool";
  readonly traits: readonly Trait[];
  /** The largest error of a correct f32 evaluation at exact operands. */
  readonly error: ErrorModel;
}
export interface UnaryOpInfo extends OpInfoBase {
  readonly arity: 1;
  readonly evaluate: (x: number) => number;
  /** How an operand's error enters; absent: the op is monotone, and the interval's ends say it. */
  readonly propagate?: UnaryPropagation;
}
export interface BinaryOpInfo extends OpInfoBase {
  readonly arity: 2;
  readonly evaluate: (x: number, y: number) => number;
  /** Absent: monotone in each operand, and the box's corners say it. */
  readonly propagate?: BinaryPropagation;
  /** Whether the op jumps somewhere inside the box, so that its corners do not tell. Absent: nowhere. */
  readonly jumpsInside?: BoxPredicate;
}
export interface TernaryOpInfo extends OpInfoBase {
  readonly arity: 3;
  readonly evaluate: (condition: number, x: number, y: number) => number;
}
export type ScalarOpInfo = UnaryOpInfo | BinaryOpInfo | TernaryOpInfo;

const truth = (holds: boolean): number => (holds ? 1 : 0);
const isNonzero = (x: number): boolean => x !== 0;

const float = { arity: 1, operands: "float", result: "same", traits: [] } as const;
const classTest = {
  arity: 1,
  operands: "float",
  result: "bool",
  traits: [],
  error: model.EXACT,
  propagate: by.certainClass,
} as const;
const numeric2 = { arity: 2, operands: "numeric", result: "same" } as const;
const comparison = {
  arity: 2,
  operands: "any",
  result: "bool",
  traits: [],
  error: model.EXACT,
  propagate: by.propagateComparison,
} as const;
const logical = { arity: 2, operands: "bool", result: "bool", error: model.EXACT } as const;
const lattice = ["commutative", "associative", "idempotent"] as const;
const step = (evaluate: (x: number) => number) =>
  ({
    ...float,
    operands: "numeric",
    traits: ["idempotent"],
    error: model.EXACT,
    propagate: by.constantBetween(evaluate),
    evaluate,
  }) as const;

export const SCALAR_OPS = {
  neg: {
    ...float,
    operands: "numeric",
    error: model.EXACT,
    propagate: by.lipschitz,
    evaluate: (x: number) => -x,
  },
  abs: {
    ...float,
    operands: "numeric",
    traits: ["idempotent"],
    error: model.EXACT,
    propagate: by.lipschitz,
    evaluate: Math.abs,
  },
  sign: step(Math.sign),
  floor: step(Math.floor),
  ceil: step(Math.ceil),
  round: step(roundHalfEven),
  trunc: step(Math.trunc),

  // WGSL: sqrt is 1 / inverseSqrt, 2.5 + 2 ulp.
  sqrt: { ...float, error: model.ulps(5), evaluate: Math.sqrt },
  rsqrt: { ...float, error: model.INVERSE_SQUARE_ROOT, evaluate: (x: number) => 1 / Math.sqrt(x) },
  exp: { ...float, error: model.ulpsGrowingWithArgument(3), evaluate: Math.exp },
  exp2: { ...float, error: model.ulpsGrowingWithArgument(3), evaluate: (x: number) => pow(2, x) },
  expm1: { ...float, error: model.ulpsGrowingWithArgument(16), evaluate: Math.expm1 },
  log: { ...float, error: model.LOGARITHM, evaluate: Math.log },
  log2: { ...float, error: model.LOGARITHM, evaluate: Math.log2 },
  log1p: { ...float, error: model.ulps(16), evaluate: Math.log1p },

  sin: { ...float, error: model.SINE, propagate: by.lipschitz, evaluate: Math.sin },
  cos: { ...float, error: model.SINE, propagate: by.lipschitz, evaluate: Math.cos },
  tan: { ...float, error: model.TANGENT, propagate: by.betweenPoles, evaluate: Math.tan },
  asin: { ...float, error: model.absolutePlusUlps(2e-7, 8), evaluate: Math.asin },
  acos: { ...float, error: model.absolutePlusUlps(4e-7, 4), evaluate: Math.acos },
  atan: { ...float, error: model.ulps(4096), evaluate: Math.atan },
  sinh: { ...float, error: model.ulpsOfHalvedExp(24), evaluate: Math.sinh },
  cosh: { ...float, error: model.ulpsOfHalvedExp(8), evaluate: Math.cosh }, // convex: its extremes lie at the ends, too
  tanh: { ...float, error: model.ulps(8), evaluate: Math.tanh }, // relative, near 0, too
  asinh: { ...float, error: model.ulps(32), evaluate: Math.asinh },
  acosh: { ...float, error: model.ulps(32), evaluate: Math.acosh },
  atanh: { ...float, error: model.ulps(32), evaluate: Math.atanh },
  erf: { ...float, error: model.ulps(8), evaluate: erf },
  ndtr: { ...float, error: model.ulps(8), evaluate: ndtr }, // relative, in the tail, too

  isnan: { ...classTest, evaluate: (x: number) => truth(Number.isNaN(x)) },
  isinf: { ...classTest, evaluate: (x: number) => truth(Math.abs(x) === Number.POSITIVE_INFINITY) },
  isfinite: { ...classTest, evaluate: (x: number) => truth(Number.isFinite(x)) },
  not: {
    arity: 1,
    operands: "bool",
    result: "bool",
    traits: [],
    error: model.EXACT,
    evaluate: (x: number) => truth(x === 0),
  },

  // Floating-point addition and multiplication are not associative; integers' are, which passes ask the dtype for.
  add: {
    ...numeric2,
    traits: ["commutative"],
    error: model.CORRECTLY_ROUNDED,
    propagate: by.propagateSum,
    evaluate: (x: number, y: number) => x + y,
  },
  sub: {
    ...numeric2,
    traits: [],
    error: model.CORRECTLY_ROUNDED,
    propagate: by.propagateSum,
    evaluate: (x: number, y: number) => x - y,
  },
  mul: {
    ...numeric2,
    traits: ["commutative"],
    error: model.CORRECTLY_ROUNDED,
    propagate: by.propagateProduct,
    evaluate: (x: number, y: number) => x * y,
  },
  // True division, as in PyTorch: integers are promoted.
  div: {
    ...numeric2,
    operands: "float",
    traits: [],
    error: model.DIVISION,
    propagate: by.propagateQuotient,
    evaluate: (x: number, y: number) => x / y,
  },
  pow: { ...numeric2, traits: [], error: model.POWER, jumpsInside: by.powerJumpsInside, evaluate: pow },
  // x / y without its fraction. Integers by 0, here and in the next two: what WGSL gives, x and remainders of 0.
  quotient: {
    ...numeric2,
    traits: [],
    error: division.TRUNCATED_QUOTIENT,
    jumpsInside: division.truncationJumps,
    evaluate: (x: number, y: number) => Math.trunc(x / y),
  },
  // What is left of x: `fmod` has the sign of x, `remainder` that of y, as in PyTorch.
  fmod: {
    ...numeric2,
    traits: [],
    error: division.REMAINDER,
    jumpsInside: division.truncationJumps,
    evaluate: (x: number, y: number) => x % y,
  },
  remainder: {
    ...numeric2,
    traits: [],
    error: division.REMAINDER,
    jumpsInside: division.floorJumps,
    evaluate: remainder,
  },
  max: {
    ...numeric2,
    traits: lattice,
    error: model.EXACT,
    propagate: by.propagateExtreme(Math.max),
    evaluate: Math.max,
  },
  min: {
    ...numeric2,
    traits: lattice,
    error: model.EXACT,
    propagate: by.propagateExtreme(Math.min),
    evaluate: Math.min,
  },
  atan2: {
    ...numeric2,
    operands: "float",
    traits: [],
    error: model.ARCTANGENT_OF_QUOTIENT,
    propagate: by.propagateAngle,
    evaluate: Math.atan2,
  },

  eq: {
    ...comparison,
    traits: ["commutative"],
    evaluate: (x: number, y: number) => truth(x === y),
  },
  ne: {
    ...comparison,
    traits: ["commutative"],
    evaluate: (x: number, y: number) => truth(x !== y),
  },
  lt: { ...comparison, evaluate: (x: number, y: number) => truth(x < y) },
  le: { ...comparison, evaluate: (x: number, y: number) => truth(x <= y) },
  gt: { ...comparison, evaluate: (x: number, y: number) => truth(x > y) },
  ge: { ...comparison, evaluate: (x: number, y: number) => truth(x >= y) },
  and: {
    ...logical,
    traits: lattice,
    evaluate: (x: number, y: number) => truth(isNonzero(x) && isNonzero(y)),
  },
  or: {
    ...logical,
    traits: lattice,
    evaluate: (x: number, y: number) => truth(isNonzero(x) || isNonzero(y)),
  },
  xor: {
    ...logical,
    traits: ["commutative", "associative"],
    evaluate: (x: number, y: number) => truth(isNonzero(x) !== isNonzero(y)),
  },
  where: {
    arity: 3,
    operands: "any",
    result: "same",
    traits: [],
    error: model.EXACT,
    evaluate: (condition: number, x: number, y: number) => (isNonzero(condition) ? x : y),
  },
} as const satisfies Record<string, ScalarOpInfo>;

export type ScalarOp = keyof typeof SCALAR_OPS;

/** Whether `text` names an op. Own keys only: "toString" is not one. */
export const isScalarOp = (text: string): text is ScalarOp => Object.hasOwn(SCALAR_OPS, text);

/** All names, in the table's order. */
export const SCALAR_OP_NAMES: readonly ScalarOp[] = Object.keys(SCALAR_OPS).filter(isScalarOp);

/** A number as a 32-bit integer holds it, wrapped around; other dtypes keep it as it is. */
export function wrapInteger(dtype: DType, x: number): number {
  return dtype === "i32" ? x | 0 : dtype === "u32" ? x >>> 0 : x;
}

/**
 * x to the y modulo 2^32. A negative exponent gives the quotient truncated towards 0 as PyTorch does: 0, or the sign for
 * the bases 1 and -1; 0 to a negative power is 0.
 */
function powInteger(x: number, y: number): number {
  if (y < 0) return x === 1 ? 1 : x === -1 ? (y % 2 === 0 ? 1 : -1) : 0;
  let result = 1;
  let square = x;
  for (let rest = y; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}

const INTEGER_MEANINGS: Readonly<Partial<Record<ScalarOp, (x: number, y: number) => number>>> = {
  mul: Math.imul,
  pow: powInteger,
  quotient: (x, y) => (y === 0 ? x : Math.trunc(x / y)),
  fmod: (x, y) => (y === 0 ? 0 : x % y),
  remainder: (x, y) => (y === 0 ? 0 : remainder(x, y)),
};

/**
 * The op's meaning on two operands of an integer dtype, before wrapping, where it is another than that of floats: a 32 by
 * 32 bit product needs 64 bits, more than float64 has, and a quotient by 0 is no infinity.
 */
export const integerMeaning = (fn: ScalarOp): ((x: number, y: number) => number) | undefined =>
  INTEGER_MEANINGS[fn];

/**
 * The op's value at a point, for operands of this dtype (of `where`: the dtype of the two choices). Float results are
 * not rounded.
 */
export function evaluateScalar(fn: ScalarOp, dtype: DType, args: readonly number[]): number {
  const info: ScalarOpInfo = SCALAR_OPS[fn];
  const [x = Number.NaN, y = Number.NaN, z = Number.NaN] = args;
  if (info.arity === 3) return info.evaluate(x, y, z);
  const special = isInteger(dtype) ? integerMeaning(fn) : undefined;
  if (special !== undefined) return wrapInteger(dtype, special(x, y));
  const value = info.arity === 1 ? info.evaluate(x) : info.evaluate(x, y);
  return info.result === "same" ? wrapInteger(dtype, value) : value;
}
