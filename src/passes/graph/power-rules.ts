/**
 * Rows of the simplifier's table about powers and roots. How to read them: `simplify-rules.ts`.
 *
 * WGSL's pow is exp2(y * log2 x): slow, far from correctly rounded, and undefined for x < 0. Its sqrt is
 * 1 / inverseSqrt(x), so a quotient by a square root divides twice.
 */
import { p } from "./patterns.ts";
import { floats, nonNegative } from "./rule.ts";
import type { Rule } from "./rule.ts";

const POWER_RULES: readonly Rule[] = [
  { name: "x ** 0 -> 1", sound: "exact", match: p.pow("x", 0), build: (m, b) => b.constant(1, m.x) }, // nan ** 0 is 1
  { name: "1 ** x -> 1", sound: "exact", match: p.pow(1, "x"), build: (m, b) => b.constant(1, m.x) },
  { name: "x ** 1 -> x", sound: "exact", match: p.pow("x", 1), build: (m) => m.x },
  { name: "x ** 2 -> x * x", sound: "exact", match: p.pow("x", 2), build: (m, b) => b.mul(m.x, m.x) },
  {
    name: "x ** 3 -> (x * x) * x",
    sound: "as-accurate",
    match: p.pow("x", 3),
    build: (m, b) => b.mul(b.mul(m.x, m.x), m.x),
  },
  {
    name: "x ** 4 -> (x * x) * (x * x)",
    sound: "as-accurate",
    match: p.pow("x", 4),
    build: (m, b) => {
      const square = b.mul(m.x, m.x);
      return b.mul(square, square);
    },
  },
  {
    name: "x ** -1 -> 1 / x",
    sound: "as-accurate",
    match: p.pow("x", -1),
    when: floats, // integers truncate towards 0
    build: (m, b) => b.div(b.constant(1, m.x), m.x),
  },
  {
    name: "x ** 0.5 -> sqrt x (x >= 0)",
    sound: "as-accurate",
    match: p.pow("x", 0.5),
    when: nonNegative,
    build: (m, b) => b.sqrt(m.x),
  },
  {
    name: "x ** 0.5 -> sqrt x", // (-0) ** 0.5 is +0, and (-inf) ** 0.5 is inf
    sound: ["no-nan-inf", "signed-zero"],
    match: p.pow("x", 0.5),
    build: (m, b) => b.sqrt(m.x),
  },
  {
    name: "x ** -0.5 -> rsqrt x (x >= 0)",
    sound: "as-accurate",
    match: p.pow("x", -0.5),
    when: nonNegative,
    build: (m, b) => b.rsqrt(m.x),
  },
  {
    name: "x ** -0.5 -> rsqrt x", // (-0) ** -0.5 is inf, and (-inf) ** -0.5 is 0
    sound: ["no-nan-inf", "signed-zero"],
    match: p.pow("x", -0.5),
    build: (m, b) => b.rsqrt(m.x),
  },
  {
    name: "x ** 1.5 -> x * sqrt x (x >= 0)",
    sound: "as-accurate",
    match: p.pow("x", 1.5),
    when: nonNegative,
    build: (m, b) => b.mul(m.x, b.sqrt(m.x)),
  },
];

const ROOT_RULES: readonly Rule[] = [
  {
    name: "sqrt(x * x) -> |x|",
    sound: "as-accurate",
    match: p.sqrt(p.mul("x", "x")),
    build: (m, b) => b.abs(m.x),
  },
  {
    name: "1 / sqrt x -> rsqrt x",
    sound: "as-accurate",
    match: p.div(1, p.sqrt("x")),
    build: (m, b) => b.rsqrt(m.x),
  },
  {
    name: "1 / rsqrt x -> sqrt x",
    sound: "as-accurate",
    match: p.div(1, p.rsqrt("x")),
    build: (m, b) => b.sqrt(m.x),
  },
  {
    name: "y / sqrt x -> y * rsqrt x", // 2.5 + 5 ulp become 1 + 2
    sound: "as-accurate",
    match: p.div("y", p.sqrt("x")),
    build: (m, b) => b.mul(m.y, b.rsqrt(m.x)),
  },
  {
    name: "y / broadcast(sqrt x) -> y * broadcast(rsqrt x)", // and no division per element is left
    sound: "as-accurate",
    match: p.div("y", p.broadcast(p.sqrt("x"))),
    build: (m, b, node) => b.mul(m.y, b.broadcast(b.rsqrt(m.x), node.type.shape)),
  },
  {
    name: "y / broadcast x -> y * broadcast(1 / x)", // rounds twice, and 1 / x overflows for a subnormal x
    sound: ["reassociates", "no-nan-inf"],
    match: p.div("y", p.broadcast("x")),
    build: (m, b, node) => b.mul(m.y, b.broadcast(b.div(b.constant(1, m.x), m.x), node.type.shape)),
  },
];

export const POWER_AND_ROOT_RULES: readonly Rule[] = [...POWER_RULES, ...ROOT_RULES];
