/**
 * Helpers whose coefficients were fitted: erf, tanh and the distribution function of the standard normal distribution. The
 * rules that they keep: helpers.ts.
 */
import { fusedPolynomial, polynomial, unary } from "./helper-formulas.ts";

/**
 * erf(x) / x on [0, 3.85] and tanh(x) / x on [0, 9] as P / Q in x^2: rational least squares (Sanathanan and Koerner, 1963), weighted
 * after Lawson until the largest relative error was least, 1.4e-8 and 2.1e-8. With f32's rounding it is 4e-7 at most. One
 * quotient of short polynomials, right to the last digits near 0, too, takes half the time of a formula with an exponential for
 * large x and a series for small ones (SwiftShader, processor time an element: erf 7 instead of 14 ns, tanh 6 instead of 11).
 */
const ERF = {
  end: 3.85,
  above: [1.12837915, 0.187899499, 0.0524799337, 0.00367400428, 2.85675907e-4, 2.10825985e-6],
  below: [1, 0.499854469, 0.113129694, 0.0147850414, 0.00114551774, 3.87317665e-5],
};
const TANH = {
  end: 9,
  above: [0.999999979, 0.133810204, 0.00349558193, 2.06089822e-5, 1.33545282e-8],
  below: [1, 0.46714336, 0.0258769586, 3.28562475e-4, 7.77650249e-7],
};

/** An odd function that is 1 from `end` on: x times what the quotient is there is more, and cut off. The cut may lose a nan. */
const oddQuotient = ({ end, above, below }: typeof ERF) =>
  unary(["is_nan"], (d) => [
    `let x2 = min(x * x, ${d.c(end * end)});`,
    `let result = x * (${polynomial(d, "x2", above)} / ${polynomial(d, "x2", below)});`,
    `return select(clamp(result, ${d.c(-1)}, ${d.c(1)}), x, ${d.call("is_nan", "x")});`,
  ]);

export const erf = oddQuotient(ERF);
export const tanh = oddQuotient(TANH);

/**
 * The tail of the normal distribution is e^(-y^2 / 2) R(y), y = |x|. R, Mills' ratio over sqrt(2 pi), falls slowly: t times a
 * polynomial in t = 1 / (1 + slope * y), for y up to 13.1, past which no result is a normal f32. Least squares, weighted after
 * Lawson until the largest relative error was least, 9e-8; held to 1/2 at 0. It is that small at few slopes.
 * `exponential` is e^(-r / 2) for r between -0.7 and 0.8, fitted alike: 1.4e-7, and 1 at 0.
 */
const NORMAL_TAIL = {
  slope: 0.303,
  ratio: [
    0.120831139, 0.121850111, 0.10158626, 0.125510901, -0.0471257605, 0.197287962, -0.156737819, 0.036797218,
  ],
  exponential: [1, -0.499999493, 0.124997504, -0.0208381861, 0.00261970935, -0.00025250105],
};
/** 2 ln 2 in two parts. The first has 17 bits: its products with whole numbers up to 127 are exact. */
const TWICE_LN_2 = [1.38629150390625, 2.85721364e-6] as const;
/** Its square is 127 times 2 ln 2, to a quarter of that: from there on the power of 2 is 0, and so is the tail. */
const NORMAL_END = 13.25;
/** 2^23 and a half more: added to a small whole number n, it leaves n in the last bits. */
const WHOLE_BITS = 12582912;

/**
 * The exponential is 2^-k e^(-r / 2) with y^2 = 2 k ln 2 + r, and no digit of y is lost in a large exponent: y is split after 12
 * bits, whose square is exact, and so is that square less k times the first part of 2 ln 2. The second part is a factor near 1,
 * not a term: llvmpipe adds the two parts up again. 2^-k is made of k's bits. Where y is cut off, an infinity or nan comes to the
 * result by way of t, as 0 or nan. With f32's rounding all is off by 6e-7 of the tail at most, on SwiftShader and llvmpipe.
 */
export const ndtr = unary([], (d) => [
  `let t = ${d.c(1)} / fma(abs(x), ${d.c(NORMAL_TAIL.slope)}, ${d.c(1)});`,
  `let ratio = t * ${fusedPolynomial(d, "t", NORMAL_TAIL.ratio)};`,
  `let y = min(abs(x), ${d.c(NORMAL_END)});`,
  `let high = bitcast<${d.f}>(bitcast<${d.u}>(y) & ${d.u}(0xfffff000u));`,
  `let square = high * high;`,
  `let k = round(square * ${d.c(0.5 / Math.LN2)});`,
  `let r = fma(y - high, y + high, fma(k, ${d.c(-TWICE_LN_2[0])}, square));`,
  `let rest = fma(k, ${d.c(TWICE_LN_2[1] / 2)}, ${d.c(1)});`,
  `let power = bitcast<${d.f}>(bitcast<${d.u}>(${d.c(WHOLE_BITS + 127)} - k) << ${d.u}(23u));`,
  `let tail = (ratio * ${fusedPolynomial(d, "r", NORMAL_TAIL.exponential)}) * (rest * power);`,
  `return select(${d.c(1)} - tail, tail, x < ${d.c(0)});`,
]);
