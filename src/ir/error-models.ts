/**
 * How far a correct f32 evaluation of one scalar op may lie from its float64 meaning. Two questions, two parts:
 *
 * - an `ErrorModel` says what WGSL (https://www.w3.org/TR/WGSL/#concrete-float-accuracy), or our own lowering where WGSL
 *   has no such builtin, promises for exact operands;
 * - a `propagate` function says how far the true result moves when the operands are off by at most `ex`, `ey`.
 *
 * `Infinity` means: nothing can be said, a test leaves the element out. Ensures: both only ever overestimate; one ulp is
 * taken as |value| * 2^-23, its largest size within a binade. Subnormals and overflow are `error-bounds.ts`'s business.
 */

export const F32_MAX = 3.4028234663852886e38;
/** Smallest normal f32: WGSL lets anything nearer to 0 be flushed to 0. */
export const F32_MIN_NORMAL = 2 ** -126;
/** Upper bound of an ulp, relative to the value. */
export const F32_ULP = 2 ** -23;

const EXCLUDED = Number.POSITIVE_INFINITY;

export interface ErrorModel {
  /**
   * "always": never rounds (neg, max, floor). "representable": correctly rounded, in either direction, hence exact
   * where the true result is an f32. "never": nothing is exact beyond what `largest` says.
   */
  readonly exact: "always" | "representable" | "never";
  /** Largest absolute error where the operands are exactly `x` and `y` and the true result is `value`. */
  readonly largest: (value: number, x: number, y: number) => number;
}

/** `count` ulp; infinities and nan are judged by class, so no error is allowed there. */
const relative = (value: number, count: number): number =>
  Number.isFinite(value) ? count * F32_ULP * Math.abs(value) : 0;

/** No rounding. */
export const EXACT: ErrorModel = { exact: "always", largest: () => 0 };

/** Correct rounding, up or down as the device likes. */
export const CORRECTLY_ROUNDED: ErrorModel = {
  exact: "representable",
  largest: (value) => relative(value, 1),
};

/** At most `count` ulp. */
export function ulps(count: number): ErrorModel {
  return { exact: "never", largest: (value) => relative(value, count) };
}

/** At most `constant` absolute plus `count` ulp. */
export function absolutePlusUlps(constant: number, count: number): ErrorModel {
  return { exact: "never", largest: (value) => constant + relative(value, count) };
}

/**
 * `constant + 2|x|` ulp, as WGSL allows exp and exp2: the argument reduction loses with |x|. A result past f32's range from
 * a finite operand is excluded: devices give infinity or the largest finite.
 */
export function ulpsGrowingWithArgument(constant: number): ErrorModel {
  return {
    exact: "never",
    largest: (value, x) => {
      if (value === 0 || Number.isNaN(value) || Math.abs(x) === Number.POSITIVE_INFINITY) return 0;
      return Math.abs(value) > F32_MAX ? EXCLUDED : (constant + 2 * Math.abs(x)) * F32_ULP * Math.abs(value);
    },
  };
}

/** sinh and cosh are halves of exp(|x|), which overflows a little earlier than they do. */
export function ulpsOfHalvedExp(constant: number): ErrorModel {
  const inner = ulpsGrowingWithArgument(constant);
  return {
    exact: "never",
    largest: (value, x, y) =>
      Math.exp(Math.abs(x)) > F32_MAX && Number.isFinite(x) ? EXCLUDED : inner.largest(value, x, y),
  };
}

/** Absolute error of log and log2: 2^-21 for x in [0.5, 2] (the result passes through 0 there), 3 ulp elsewhere. */
const logError = (value: number, x: number): number =>
  x >= 0.5 && x <= 2 ? 2 ** -21 : 3 * F32_ULP * Math.abs(value);

export const LOGARITHM: ErrorModel = {
  exact: "never",
  largest: (value, x) => (Number.isFinite(value) ? logError(value, x) : 0),
};

/** 2.5 ulp for |y| in [2^-126, 2^126]; a zero of negative sign may count as positive, so its quotient's sign is open. */
export const DIVISION: ErrorModel = {
  exact: "never",
  largest: (value, x, y) => {
    const divisor = Math.abs(y);
    if (divisor === 0) return Object.is(y, -0) && x !== 0 && !Number.isNaN(x) ? EXCLUDED : 0;
    if (Number.isNaN(value) || divisor === Number.POSITIVE_INFINITY) return 0;
    if (divisor < F32_MIN_NORMAL || divisor > 2 ** 126) return EXCLUDED;
    return relative(value, 2.5);
  },
};

/** 2 ulp; the sign of 1/sqrt(-0) is open. */
export const INVERSE_SQUARE_ROOT: ErrorModel = {
  exact: "never",
  largest: (value, x) => (Object.is(x, -0) ? EXCLUDED : relative(value, 2)),
};

/** How far our reduction by multiples of pi/2 keeps an argument's accuracy; WGSL's own sin promises nothing past pi. */
const TRIGONOMETRIC_RANGE = 8192;
const TRIGONOMETRIC_ERROR = 2 ** -22;

export const SINE: ErrorModel = {
  exact: "never",
  largest: (_value, x) =>
    Math.abs(x) <= TRIGONOMETRIC_RANGE ? TRIGONOMETRIC_ERROR : Number.isFinite(x) ? EXCLUDED : 0,
};

/** sin / cos, both with their absolute error. */
export const TANGENT: ErrorModel = {
  exact: "never",
  largest: (value, x) => {
    if (!Number.isFinite(x)) return 0;
    const cosine = Math.abs(Math.cos(x)) - TRIGONOMETRIC_ERROR;
    if (Math.abs(x) > TRIGONOMETRIC_RANGE || cosine <= 0) return EXCLUDED;
    return (TRIGONOMETRIC_ERROR * (1 + Math.abs(value))) / cosine + 2.5 * F32_ULP * (1 + Math.abs(value));
  },
};

/** 4096 ulp; undefined at the origin and for huge operands, and the sign of y = 0 decides between pi and -pi. */
export const ARCTANGENT_OF_QUOTIENT: ErrorModel = {
  exact: "never",
  largest: (value, y, x) => {
    if (Number.isNaN(value)) return 0;
    if (y === 0) return x > 0 ? 0 : EXCLUDED;
    if (Math.abs(x) > 2 ** 126 || Math.abs(y) > 2 ** 126) return EXCLUDED;
    return relative(value, 4096);
  },
};

/** exp2(y * log2|x|), each step with its own error; sign, zeros and infinities as IEEE pow. */
export const POWER: ErrorModel = {
  exact: "never",
  largest: (value, x, y) => {
    if (x === 0) return Object.is(x, -0) && y < 0 ? EXCLUDED : 0;
    if (y === 0 || Number.isNaN(value) || !Number.isFinite(x) || !Number.isFinite(y)) return 0;
    if (Math.abs(value) > F32_MAX) return EXCLUDED;
    const base = Math.abs(x);
    const log = Math.log2(base);
    const exponent = Math.abs(y * log);
    const exponentError = Math.abs(y) * logError(log, base) + exponent * F32_ULP;
    return Math.abs(value) * (2 ** exponentError * (1 + (3 + 2 * (exponent + exponentError)) * F32_ULP) - 1);
  },
};
