/**
 * Rows of the simplifier's table about sums, products, signs and constants. How to read them: `simplify-rules.ts`.
 */
import { p } from "./patterns.ts";
import { integers, nonNegative, nonNegativeFloats, notConst } from "./rule.ts";
import type { Rule } from "./rule.ts";

const NEUTRAL_OPERAND_RULES: readonly Rule[] = [
  { name: "x * 1 -> x", sound: "exact", match: p.mul("x", 1), build: (m) => m.x },
  { name: "x / 1 -> x", sound: "exact", match: p.div("x", 1), build: (m) => m.x },
  { name: "x - 0 -> x", sound: "exact", match: p.sub("x", 0), build: (m) => m.x },
  { name: "x + -0 -> x", sound: "exact", match: p.add("x", -0), build: (m) => m.x },
  { name: "x + 0 -> x (integers)", sound: "exact", match: p.add("x", 0), when: integers, build: (m) => m.x },
  {
    name: "x + 0 -> x (x is never -0)",
    sound: "exact",
    match: p.add("x", 0),
    when: nonNegativeFloats,
    build: (m) => m.x,
  },
  { name: "x + 0 -> x", sound: ["signed-zero"], match: p.add("x", 0), build: (m) => m.x }, // -0 + 0 is +0
  {
    name: "x * 0 -> 0 (integers)",
    sound: "exact",
    match: p.mul("x", 0),
    when: integers,
    build: (m, b) => b.constant(0, m.x),
  },
  {
    name: "x * 0 -> 0", // nan and inf give nan, negative numbers -0
    sound: ["no-nan-inf", "signed-zero"],
    match: p.mul("x", 0),
    build: (m, b) => b.constant(0, m.x),
  },
  {
    name: "x - x -> 0 (integers)",
    sound: "exact",
    match: p.sub("x", "x"),
    when: integers,
    build: (m, b) => b.constant(0, m.x),
  },
  {
    name: "x - x -> 0", // inf - inf is nan
    sound: ["no-nan-inf"],
    match: p.sub("x", "x"),
    build: (m, b) => b.constant(0, m.x),
  },
  {
    name: "x / x -> 1", // 0 / 0 is nan
    sound: ["no-nan-inf"],
    match: p.div("x", "x"),
    build: (m, b) => b.constant(1, m.x),
  },
];

const SIGN_RULES: readonly Rule[] = [
  { name: "-(-x) -> x", sound: "exact", match: p.neg(p.neg("x")), build: (m) => m.x },
  { name: "x * -1 -> -x", sound: "exact", match: p.mul("x", -1), build: (m, b) => b.neg(m.x) },
  { name: "x / -1 -> -x", sound: "exact", match: p.div("x", -1), build: (m, b) => b.neg(m.x) },
  { name: "-0 - x -> -x", sound: "exact", match: p.sub(-0, "x"), build: (m, b) => b.neg(m.x) },
  {
    name: "0 - x -> -x (integers)",
    sound: "exact",
    match: p.sub(0, "x"),
    when: integers,
    build: (m, b) => b.neg(m.x),
  },
  { name: "0 - x -> -x", sound: ["signed-zero"], match: p.sub(0, "x"), build: (m, b) => b.neg(m.x) }, // 0 - 0 is +0
  {
    name: "x + (-y) -> x - y",
    sound: "exact",
    match: p.add("x", p.neg("y")),
    build: (m, b) => b.sub(m.x, m.y),
  },
  {
    name: "x - (-y) -> x + y",
    sound: "exact",
    match: p.sub("x", p.neg("y")),
    build: (m, b) => b.add(m.x, m.y),
  },
  {
    name: "(-x) * (-y) -> x * y",
    sound: "exact",
    match: p.mul(p.neg("x"), p.neg("y")),
    build: (m, b) => b.mul(m.x, m.y),
  },
  {
    name: "(-x) / (-y) -> x / y",
    sound: "exact",
    match: p.div(p.neg("x"), p.neg("y")),
    build: (m, b) => b.div(m.x, m.y),
  },
  {
    name: "(-x) * c -> x * -c",
    sound: "exact",
    match: p.mul(p.neg("x"), "c"),
    build: (m, b) => b.mul(m.x, b.neg(m.c)),
  },
  {
    name: "(-x) / c -> x / -c",
    sound: "exact",
    match: p.div(p.neg("x"), "c"),
    build: (m, b) => b.div(m.x, b.neg(m.c)),
  },
  {
    name: "-(x - y) -> y - x (integers)",
    sound: "exact",
    match: p.neg(p.sub("x", "y")),
    when: integers,
    build: (m, b) => b.sub(m.y, m.x),
  },
  {
    name: "-(x - y) -> y - x", // -(1 - 1) is -0
    sound: ["signed-zero"],
    match: p.neg(p.sub("x", "y")),
    build: (m, b) => b.sub(m.y, m.x),
  },
  {
    name: "|-x| -> |x|", // -x of a u32 wraps, and |-x| is then no longer |x|
    sound: "exact",
    match: p.abs(p.neg("x")),
    when: (m, t) => t.type(m.x).dtype !== "u32",
    build: (m, b) => b.abs(m.x),
  },
  { name: "||x|| -> |x|", sound: "exact", match: p.abs(p.abs("x")), build: (m, b) => b.abs(m.x) },
  { name: "|x| -> x (x >= 0)", sound: "exact", match: p.abs("x"), when: nonNegative, build: (m) => m.x },
  {
    name: "|x| * |x| -> x * x",
    sound: "exact",
    match: p.mul(p.abs("x"), p.abs("x")),
    build: (m, b) => b.mul(m.x, m.x),
  },
];

/** Whether 1 / value is exact and a normal f32 (a const of a 16-bit dtype holds any f32). */
function hasExactReciprocal(value: number): boolean {
  const exponent = Math.log2(Math.abs(value));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126;
}

const CONSTANT_RULES: readonly Rule[] = [
  {
    name: "x / 2^k -> x * 2^-k",
    sound: "exact",
    match: p.div("x", "c"),
    when: (m, t) => hasExactReciprocal(t.value(m.c)),
    build: (m, b, _node, t) => b.mul(m.x, b.constant(1 / t.value(m.c), m.c)),
  },
  {
    name: "x / c -> x * (1 / c)",
    sound: ["reassociates"],
    match: p.div("x", "c"),
    when: (m, t) => notConst(m, t) && t.value(m.c) !== 0,
    build: (m, b) => b.mul(m.x, b.div(b.constant(1, m.c), m.c)),
  },
  {
    name: "(x * c) * d -> x * (c * d) (integers)",
    sound: "exact",
    match: p.mul(p.mul("x", "c"), "d"),
    when: integers,
    build: (m, b) => b.mul(m.x, b.mul(m.c, m.d)),
  },
  {
    name: "(x * c) * d -> x * (c * d)",
    sound: ["reassociates"],
    match: p.mul(p.mul("x", "c"), "d"),
    when: notConst,
    build: (m, b) => b.mul(m.x, b.mul(m.c, m.d)),
  },
  {
    name: "(x + c) + d -> x + (c + d) (integers)",
    sound: "exact",
    match: p.add(p.add("x", "c"), "d"),
    when: integers,
    build: (m, b) => b.add(m.x, b.add(m.c, m.d)),
  },
  {
    name: "(x + c) + d -> x + (c + d)",
    sound: ["reassociates"],
    match: p.add(p.add("x", "c"), "d"),
    when: notConst,
    build: (m, b) => b.add(m.x, b.add(m.c, m.d)),
  },
];

export const ARITHMETIC_RULES: readonly Rule[] = [...NEUTRAL_OPERAND_RULES, ...SIGN_RULES, ...CONSTANT_RULES];
