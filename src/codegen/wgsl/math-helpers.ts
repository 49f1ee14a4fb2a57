/**
 * Helper functions that compute: what WGSL's own builtins lack or promise too little for. See helpers.ts for the rules
 * that all helpers keep. Builtins used have the errors of https://www.w3.org/TR/WGSL/#concrete-float-accuracy, so each
 * formula is chosen to keep their *absolute* errors (log near 1) away from results near 0.
 */
import { erf, ndtr, tanh } from "./fitted-helpers.ts";
import { polynomial, unary } from "./helper-formulas.ts";
import type { Helper, HelperDialect } from "./helper-types.ts";

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

/** (e^x - 1) / x = sum x^n / (n + 1)!; below 0.5 the ninth term is under 2^-29. */
const EXPM1_SERIES = range(9).map((n) => 1 / factorial(n + 1));
/** atanh(s) / s = sum s^2n / (2n + 1); log1p needs |s| <= 1/3. */
const ATANH_SERIES = range(8).map((n) => 1 / (2 * n + 1));
/** sinh(x) / x = sum x^2n / (2n + 1)!, for |x| < 1. */
const SINH_SERIES = range(6).map((n) => 1 / factorial(2 * n + 1));
/** (sin(r) / r - 1) / r^2 and (cos(r) - 1) / r^2 in r^2 for |r| <= pi/4: Taylor, off by 2e-9. */
const SINE_SERIES = [-1 / 6, 1 / 120, -1 / 5040, 1 / 362880];
const COSINE_SERIES = [-1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800];
/** (asin(s) / s - 1) / s^2 in s^2 for |s| <= 0.5, Chebyshev interpolation of degree 5: asin is off by 1e-9 of its value. */
const ARCSINE_SERIES = [
  0.16666666337, 0.075000945437, 0.04459940149, 0.031100663042, 0.017149237233, 0.033690848737,
];
/**
 * pi/2 in three parts (Cody and Waite, 1980). The first two have 8 and 11 bits: their products with whole numbers up to
 * 2^13 are exact, so what is left of an argument up to 8192 is as good as the argument.
 */
const HALF_PI = [1.5703125, 4.837512969970703e-4, 7.549789948768648e-8] as const;

/** `turns`, the quarters in x, and `r`, what is left of it, between -pi/4 and pi/4; `s` and `c`, its sine and cosine. */
const reduceAngle = (d: HelperDialect): readonly string[] => [
  `let turns = round(x * ${d.c(2 / Math.PI)});`,
  `let r = ((x - turns * ${d.c(HALF_PI[0])}) - turns * ${d.c(HALF_PI[1])}) - turns * ${d.c(HALF_PI[2])};`,
  `let r2 = r * r;`,
  `let s = r + r * (r2 * ${polynomial(d, "r2", SINE_SERIES)});`,
  `let c = ${d.c(1)} + r2 * ${polynomial(d, "r2", COSINE_SERIES)};`,
  `let quarter = ${d.i}(clamp(turns, ${d.c(-(2 ** 30))}, ${d.c(2 ** 30)}));`,
  `let is_odd = (quarter & ${d.i}(1i)) != ${d.i}(0i);`,
];

/** asin(|x|) as `arc` where |x| <= 0.5, and half the angle to pi/2 elsewhere. */
const halveArc = (d: HelperDialect): readonly string[] => [
  `let a = abs(x);`,
  `let is_steep = a > ${d.c(0.5)};`,
  `let z = select(a * a, max(${d.c(1)} - a, ${d.c(0)}) * ${d.c(0.5)}, is_steep);`,
  `let root = select(a, sqrt(z), is_steep);`,
  `let arc = root + root * (z * ${polynomial(d, "z", ARCSINE_SERIES)});`,
  `let is_outside = (a > ${d.c(1)}) | ${d.call("is_nan", "x")};`,
];

const LN_2 = "0.6931472f";

const guardLogarithm = (d: HelperDialect, builtin: string): readonly string[] => [
  `let positive = select(${builtin}(x), x, ${d.call("is_inf", "x")});`,
  `let not_negative = select(positive, -${d.call("inf")}, x == ${d.c(0)});`,
  `return select(not_negative, ${d.call("nan")}, (x < ${d.c(0)}) | ${d.call("is_nan", "x")});`,
];

/** Integer power modulo 2^32 by squaring; `exponent` and `base` name u32 values. */
const powerLoop = (d: HelperDialect): readonly string[] => [
  `var square = base;`,
  `var power = ${d.u}(1u);`,
  `for (var k = 0u; k < 32u; k++) {`,
  `  power = select(power, power * square, ((exponent >> ${d.u}(k)) & ${d.u}(1u)) == ${d.u}(1u));`,
  `  square = square * square;`,
  `}`,
];

const wholeDivision = (scalar: "i" | "u", body: readonly string[]) =>
  ({
    uses: [],
    parameters: (d: HelperDialect) => `x: ${d[scalar]}, y: ${d[scalar]}`,
    result: (d: HelperDialect) => d[scalar],
    body: () => body,
  }) as const satisfies Helper;

export const MATH_HELPERS = {
  // SwiftShader's exp and exp2 of nan are infinity: a softmax would hide the nan of its row.
  exp: unary(["is_nan"], (d) => [`return select(exp(x), x, ${d.call("is_nan", "x")});`]),
  exp2: unary(["is_nan"], (d) => [`return select(exp2(x), x, ${d.call("is_nan", "x")});`]),
  // exp's error of a few ulp of e^x is a few ulp of e^x - 1 once that is not small; near 0 a series takes over.
  expm1: unary(["exp"], (d) => [
    `let series = x * ${polynomial(d, "x", EXPM1_SERIES)};`,
    `return select(${d.call("exp", "x")} - ${d.c(1)}, series, abs(x) < ${d.c(0.5)});`,
  ]),
  // SwiftShader gives finite numbers for log of nan, negative numbers and 0.
  log: unary(["is_nan", "is_inf", "nan", "inf"], (d) => guardLogarithm(d, "log")),
  log2: unary(["is_nan", "is_inf", "nan", "inf"], (d) => guardLogarithm(d, "log2")),
  // log1p(x) = 2 atanh(x / (2 + x)), as x times a factor near 1: a subnormal in between could be flushed.
  log1p: unary(["log"], (d) => [
    `let q = ${d.c(2)} / (${d.c(2)} + x);`,
    `let s = ${d.c(0.5)} * (x * q);`,
    `let s2 = s * s;`,
    `let series = x * (q * ${polynomial(d, "s2", ATANH_SERIES)});`,
    `return select(${d.call("log", `${d.c(1)} + x`)}, series, abs(x) < ${d.c(0.5)});`,
  ]),
  // e^(x/2) squared: e^x alone would overflow a little too early.
  sinh: unary(["exp"], (d) => [
    `let magnitude = abs(x);`,
    `let half = ${d.call("exp", `${d.c(0.5)} * magnitude`)};`,
    `let large = sign(x) * ((${d.c(0.5)} * half) * half - (${d.c(0.5)} / half) / half);`,
    `let x2 = x * x;`,
    `return select(large, x * ${polynomial(d, "x2", SINH_SERIES)}, magnitude < ${d.c(1)});`,
  ]),
  cosh: unary(["exp"], (d) => [
    `let half = ${d.call("exp", `${d.c(0.5)} * abs(x)`)};`,
    `return (${d.c(0.5)} * half) * half + (${d.c(0.5)} / half) / half;`,
  ]),
  tanh,
  // log1p(a + a^2 / (1 + sqrt(1 + a^2))) loses nothing near 0; past 2^32 a^2 would overflow in time, and log(2a) is exact enough.
  asinh: unary(["is_nan", "log", "log1p"], (d) => [
    `let magnitude = abs(x);`,
    `let a = min(magnitude, ${d.c(2 ** 32)});`,
    `let small = ${d.call("log1p", `a + a * a / (${d.c(1)} + sqrt(${d.c(1)} + a * a))`)};`,
    `let large = ${d.call("log", "magnitude")} + ${d.f}(${LN_2});`,
    `let result = select(small, large, magnitude > ${d.c(2 ** 16)});`,
    `return select(select(result, -result, x < ${d.c(0)}), x, ${d.call("is_nan", "x")});`,
  ]),
  acosh: unary(["is_nan", "nan", "log", "log1p"], (d) => [
    `let t = clamp(x, ${d.c(1)}, ${d.c(2 ** 32)}) - ${d.c(1)};`,
    `let small = ${d.call("log1p", `t + sqrt(t * (t + ${d.c(2)}))`)};`,
    `let result = select(small, ${d.call("log", "x")} + ${d.f}(${LN_2}), x > ${d.c(2 ** 16)});`,
    `return select(result, ${d.call("nan")}, (x < ${d.c(1)}) | ${d.call("is_nan", "x")});`,
  ]),
  atanh: unary(["is_nan", "nan", "inf", "log1p"], (d) => [
    `let a = abs(x);`,
    `let inside = select(${d.c(0)}, a, a < ${d.c(1)});`,
    `let result = ${d.c(0.5)} * ${d.call("log1p", `(inside + inside) / (${d.c(1)} - inside)`)};`,
    `let magnitude = select(result, ${d.call("inf")}, a == ${d.c(1)});`,
    `let signed = select(magnitude, -magnitude, x < ${d.c(0)});`,
    `return select(signed, ${d.call("nan")}, (a > ${d.c(1)}) | ${d.call("is_nan", "x")});`,
  ]),
  // WGSL promises sin and cos to 2^-11 between -pi and pi; SwiftShader needs no more than that.
  sin: unary(["is_finite", "nan"], (d) => [
    ...reduceAngle(d),
    `let value = select(s, c, is_odd);`,
    `let signed = select(value, -value, (quarter & ${d.i}(2i)) != ${d.i}(0i));`,
    `return select(${d.call("nan")}, signed, ${d.call("is_finite", "x")});`,
  ]),
  cos: unary(["is_finite", "nan"], (d) => [
    ...reduceAngle(d),
    `let value = select(c, s, is_odd);`,
    `let signed = select(value, -value, ((quarter + ${d.i}(1i)) & ${d.i}(2i)) != ${d.i}(0i));`,
    `return select(${d.call("nan")}, signed, ${d.call("is_finite", "x")});`,
  ]),
  tan: unary(["is_finite", "nan"], (d) => [
    ...reduceAngle(d),
    `return select(${d.call("nan")}, select(s, -c, is_odd) / select(c, s, is_odd), ${d.call("is_finite", "x")});`,
  ]),
  // WGSL promises asin and acos to 7e-5.
  asin: unary(["is_nan", "nan"], (d) => [
    ...halveArc(d),
    `let magnitude = select(arc, ${d.c(Math.PI / 2)} - (arc + arc), is_steep);`,
    `return select(select(magnitude, -magnitude, x < ${d.c(0)}), ${d.call("nan")}, is_outside);`,
  ]),
  acos: unary(["is_nan", "nan"], (d) => [
    ...halveArc(d),
    `let is_left = x < ${d.c(0)};`,
    `let steep = select(arc + arc, ${d.c(Math.PI)} - (arc + arc), is_left);`,
    `let flat = ${d.c(Math.PI / 2)} - select(arc, -arc, is_left);`,
    `return select(select(flat, steep, is_steep), ${d.call("nan")}, is_outside);`,
  ]),
  // lavapipe's atan(nan) is 0.
  atan: unary(["is_nan"], (d) => [`return select(atan(x), x, ${d.call("is_nan", "x")});`]),
  erf,
  ndtr,
  // IEEE 754 pow, which PyTorch follows; WGSL's own knows no negative base, and 0 and infinity are left open.
  pow: {
    uses: ["is_nan", "is_inf", "nan", "inf"],
    parameters: (d: HelperDialect) => `x: ${d.f}, y: ${d.f}`,
    result: (d: HelperDialect) => d.f,
    body: (d: HelperDialect) => [
      `let a = abs(x);`,
      `let huge = select(${d.c(0)}, ${d.call("inf")}, (a > ${d.c(1)}) == (y > ${d.c(0)}));`,
      `let ends = (a == ${d.c(0)}) | ${d.call("is_inf", "a")} | ${d.call("is_inf", "y")};`,
      `let inside = exp2(y * log2(select(a, ${d.c(1)}, ends)));`,
      // 1 to any power: log2 gives 0 here, and 0 * y is nothing to rely on where y is infinite.
      `let magnitude = select(select(inside, huge, ends), ${d.c(1)}, a == ${d.c(1)});`,
      `let whole = floor(y) == y;`,
      `let half = y * ${d.c(0.5)};`,
      `let odd = whole & (floor(half) != half) & !${d.call("is_inf", "y")};`,
      `let negative = (bitcast<${d.u}>(x) & ${d.u}(0x80000000u)) != ${d.u}(0u);`,
      `let signed = select(magnitude, -magnitude, negative & odd);`,
      `let undefined_power = negative & !whole & !ends;`,
      `let invalid = undefined_power | ${d.call("is_nan", "x")} | ${d.call("is_nan", "y")};`,
      `let result = select(signed, ${d.call("nan")}, invalid);`,
      `return select(result, ${d.c(1)}, (y == ${d.c(0)}) | (x == ${d.c(1)}));`,
    ],
  },
  // The quotient is off by one at most; a result that it took beyond [0, |y|) is brought back.
  fmod: {
    uses: ["is_nan", "is_inf", "nan"],
    parameters: (d: HelperDialect) => `x: ${d.f}, y: ${d.f}`,
    result: (d: HelperDialect) => d.f,
    body: (d: HelperDialect) => [
      `let a = abs(x);`,
      `let b = abs(y);`,
      `let rest = a - trunc(a / b) * b;`,
      `let raised = select(rest, rest + b, rest < ${d.c(0)});`,
      `let inside = select(raised, raised - b, raised >= b);`,
      `let magnitude = select(inside, a, a < b);`,
      `let signed = select(magnitude, -magnitude, x < ${d.c(0)});`,
      `let is_nan = ${d.call("is_nan", "x")} | ${d.call("is_nan", "y")};`,
      `return select(signed, ${d.call("nan")}, is_nan | ${d.call("is_inf", "x")} | (b == ${d.c(0)}));`,
    ],
  },
  remainder: {
    uses: ["fmod"],
    parameters: (d: HelperDialect) => `x: ${d.f}, y: ${d.f}`,
    result: (d: HelperDialect) => d.f,
    body: (d: HelperDialect) => [
      `let rest = ${d.call("fmod", "x", "y")};`,
      `let opposite = ((rest < ${d.c(0)}) & (y > ${d.c(0)})) | ((rest > ${d.c(0)}) & (y < ${d.c(0)}));`,
      `return select(rest, rest + y, opposite);`,
    ],
  },
  // Functions, since a literal divisor of 0 would not compile.
  quotient_u32: wholeDivision("u", ["return x / y;"]),
  quotient_i32: wholeDivision("i", ["return x / y;"]),
  fmod_u32: wholeDivision("u", ["return x % y;"]),
  fmod_i32: wholeDivision("i", ["return x % y;"]),
  remainder_i32: {
    uses: [],
    parameters: (d: HelperDialect) => `x: ${d.i}, y: ${d.i}`,
    result: (d: HelperDialect) => d.i,
    body: (d: HelperDialect) => [
      `let rest = x % y;`,
      `let opposite = ((rest < ${d.i}(0i)) & (y > ${d.i}(0i))) | ((rest > ${d.i}(0i)) & (y < ${d.i}(0i)));`,
      `return select(rest, rest + y, opposite);`,
    ],
  },
  pow_u32: {
    uses: [],
    parameters: (d: HelperDialect) => `base: ${d.u}, exponent: ${d.u}`,
    result: (d: HelperDialect) => d.u,
    body: (d: HelperDialect) => [...powerLoop(d), `return power;`],
  },
  // A negative exponent gives the quotient truncated towards 0, as in PyTorch.
  pow_i32: {
    uses: [],
    parameters: (d: HelperDialect) => `x: ${d.i}, y: ${d.i}`,
    result: (d: HelperDialect) => d.i,
    body: (d: HelperDialect) => [
      `let base = bitcast<${d.u}>(x);`,
      `let exponent = bitcast<${d.u}>(y);`,
      ...powerLoop(d),
      `let is_unit = (x == ${d.i}(1i)) | (x == ${d.i}(-1i));`,
      `let reciprocal = select(${d.i}(0i), bitcast<${d.i}>(power), is_unit);`, // the parity of a negative y is that of its bits
      `return select(bitcast<${d.i}>(power), reciprocal, y < ${d.i}(0i));`,
    ],
  },
  // SwiftShader's atan2(0, x) is pi for positive x, too. The quotient of the smaller by the larger cannot overflow.
  atan2: {
    uses: ["is_nan", "nan"],
    parameters: (d: HelperDialect) => `y: ${d.f}, x: ${d.f}`,
    result: (d: HelperDialect) => d.f,
    body: (d: HelperDialect) => [
      `let ax = abs(x);`,
      `let ay = abs(y);`,
      `let low = min(ax, ay);`,
      `let high = max(ax, ay);`,
      `let quotient = select(low / high, ${d.c(1)}, (low == high) & (low != ${d.c(0)}));`,
      `let acute = atan(select(quotient, ${d.c(0)}, high == ${d.c(0)}));`,
      `let steep = select(acute, ${d.c(Math.PI / 2)} - acute, ay > ax);`,
      `let upper = select(steep, ${d.c(Math.PI)} - steep, x < ${d.c(0)});`,
      `let below = (bitcast<${d.u}>(y) & ${d.u}(0x80000000u)) != ${d.u}(0u);`,
      `let invalid = ${d.call("is_nan", "x")} | ${d.call("is_nan", "y")};`,
      `return select(select(upper, -upper, below), ${d.call("nan")}, invalid);`,
    ],
  },
} as const satisfies Record<string, Helper>;
