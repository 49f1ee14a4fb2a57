/**
 * Reference mathematics in float64 for what `Math` lacks or defines differently from IEEE 754 and PyTorch.
 *
 * Ensures: relative error below 1e-14 everywhere, far under half an ulp of f32, so that rounding once gives the
 * correctly rounded f32 in all but astronomically rare ties.
 */

/** To the nearest integer, halves to the even one (`Math.round` sends halves up). */
export function roundHalfEven(x: number): number {
  return Math.abs(x - Math.trunc(x)) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

/** C's and PyTorch's pow: anything to the 0 is 1 and 1 to anything is 1, nan included; JavaScript gives nan for 1 ** inf. */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1;
  return Math.pow(x, y);
}

/** What is left of x after the greatest multiple of y that leaves the sign of y, as in Python: remainder(-1, 3) is 2. */
export function remainder(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}

const SERIES_LIMIT = 2.5;
const SATURATION_LIMIT = 6; // 1 - erf(6) is 2e-17, below half an ulp of 1 in float64
const FRACTION_DEPTH = 60; // the continued fraction gains more than a bit per level from SERIES_LIMIT on

/** The error function. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  const magnitude = Math.abs(x);
  if (magnitude >= SATURATION_LIMIT) return Math.sign(x);
  return magnitude <= SERIES_LIMIT ? erfSeries(x) : Math.sign(x) * (1 - erfcFraction(magnitude));
}

/** erf(x) = 2/sqrt(pi) exp(-x^2) sum of (2 x^2)^n x / (2n+1)!!: all terms have one sign, so nothing cancels. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 2 ** -56; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Laplace's continued fraction for 1 - erf(x), x well above 0, evaluated from the far end. */
const erfcFraction = (x: number): number =>
  Math.exp(-x * x) / (Math.sqrt(Math.PI) * laplaceFraction(x, FRACTION_DEPTH));

/** x + (1/2) / (x + (2/2) / (x + (3/2) / ...)). */
function laplaceFraction(x: number, depth: number): number {
  let tail = x;
  for (let n = depth; n >= 1; n--) tail = x + n / 2 / tail;
  return tail;
}

const TAIL_START = 1; // 1 - erf(1) is 0.16: up to there no digit is lost
const TAIL_END = 28; // 1 - erf(28) is 1e-342, less than any float64

/** The distribution function of the standard normal distribution, (1 + erf(x / sqrt(2))) / 2; the tail keeps all digits. */
export function ndtr(x: number): number {
  const t = -x * Math.SQRT1_2;
  if (t >= TAIL_END) return 0;
  if (!(t > TAIL_START)) return 0.5 * (1 - erf(t));
  const depth = Math.ceil(200 / (t * t)) + 10; // full accuracy takes as many levels, by experiment
  // x^2 in two parts, the first exact: what it is off by, and not a share of that, is what the exponential is off by.
  const high = Math.fround(x);
  const gaussian = Math.exp(-0.5 * high * high) * Math.exp(-0.5 * (x - high) * (x + high));
  return gaussian / (2 * Math.sqrt(Math.PI) * laplaceFraction(t, depth));
}
