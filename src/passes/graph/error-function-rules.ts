/**
 * Rows of the simplifier's table about the error function. How to read them: `simplify-rules.ts`.
 *
 * `(1 + erf(x / sqrt 2)) / 2` is the normal distribution, and x times that GELU. Where erf is near -1 the sum has lost what
 * `ndtr` keeps: an infinite factor beside it then gives an infinity, where a sum rounded to 0 made nan of it. Formulas come
 * with the half before, behind or inside the product; a division by 2 is a product by then.
 */
import { p } from "./patterns.ts";
import type { NodePattern, Pattern } from "./patterns.ts";
import type { NodeId } from "../../ir/graph.ts";
import type { Build, Terms } from "./rule-context.ts";
import type { Rule } from "./rule.ts";

const SQRT_2 = Math.fround(Math.SQRT2);

const ndtrOf = (b: Build, y: NodeId, factor: number): NodeId => b.ndtr(b.mul(y, b.constant(factor, y)));

/** Rows for a half of `1 + erf y` or `1 - erf y`, as `sum` writes it: `ndtr(factor * y)`. */
const halvesOf = (
  sign: "+" | "-",
  sum: (one: number, term: Pattern) => NodePattern,
  factor: number,
): readonly Rule[] => {
  const twice = sum(1, p.erf("y"));
  const argument = `${sign === "+" ? "" : "-"}sqrt(2) * y`;
  return [
    {
      name: `(1 ${sign} erf y) * 0.5 -> ndtr(${argument})`,
      sound: "as-accurate",
      match: p.mul(0.5, twice),
      build: (m, b) => ndtrOf(b, m.y, factor),
    },
    {
      name: `0.5 ${sign} erf y * 0.5 -> ndtr(${argument})`,
      sound: "as-accurate",
      match: sum(0.5, p.mul(0.5, p.erf("y"))),
      build: (m, b) => ndtrOf(b, m.y, factor),
    },
    {
      name: `(x * 0.5) * (1 ${sign} erf y) -> x * ndtr(${argument})`,
      sound: "as-accurate",
      match: p.mul(p.mul(0.5, "x"), twice),
      build: (m, b) => b.mul(m.x, ndtrOf(b, m.y, factor)),
    },
    {
      name: `(x * (1 ${sign} erf y)) * 0.5 -> x * ndtr(${argument})`,
      sound: "as-accurate",
      match: p.mul(0.5, p.mul("x", twice)),
      build: (m, b) => b.mul(m.x, ndtrOf(b, m.y, factor)),
    },
  ];
};

/** Whether a product by `factor` is one by 1 or -1, to the ulp that the product may be off. */
const isUnit = (factor: number): boolean => Math.abs(Math.abs(factor) - 1) <= 2 ** -23;
const signed = (b: Build, x: NodeId, factor: number): NodeId => (factor < 0 ? b.neg(x) : x);
const product = (t: Terms, c: NodeId, d: NodeId): number => t.value(c) * t.value(d);
const quotient = (t: Terms, c: NodeId, d: NodeId): number => t.value(d) / t.value(c);

export const ERROR_FUNCTION_RULES: readonly Rule[] = [
  ...halvesOf("+", (one, term) => p.add(one, term), SQRT_2),
  ...halvesOf("-", (one, term) => p.sub(one, term), -SQRT_2),
  {
    name: "ndtr((x * c) * d) -> ndtr(+-x) (c * d is +-1)",
    sound: "as-accurate",
    match: p.ndtr(p.mul(p.mul("x", "c"), "d")),
    when: (m, t) => isUnit(product(t, m.c, m.d)),
    build: (m, b, _node, t) => b.ndtr(signed(b, m.x, product(t, m.c, m.d))),
  },
  {
    name: "ndtr((x / c) * d) -> ndtr(+-x) (d / c is +-1)",
    sound: "as-accurate",
    match: p.ndtr(p.mul(p.div("x", "c"), "d")),
    when: (m, t) => isUnit(quotient(t, m.c, m.d)),
    build: (m, b, _node, t) => b.ndtr(signed(b, m.x, quotient(t, m.c, m.d))),
  },
];
