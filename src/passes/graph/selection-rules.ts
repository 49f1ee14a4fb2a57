/**
 * Rows of the simplifier's table about extremes, rounding, comparisons, logic, `where` and casts. How to read them:
 * `simplify-rules.ts`.
 */
import { isFloat, isInteger } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";
import { p } from "./patterns.ts";
import { floats, integers, nonNegativeFloats, notFloats } from "./rule.ts";
import type { Rule } from "./rule.ts";

const EXTREME_RULES: readonly Rule[] = (["max", "min"] as const).flatMap((fn): readonly Rule[] => [
  { name: `${fn}(x, x) -> x`, sound: "exact", match: p[fn]("x", "x"), build: (m) => m.x },
  {
    name: `${fn}(x, ${fn}(x, y)) -> ${fn}(x, y)`,
    sound: "exact",
    match: p[fn]("x", p[fn]("x", "y")),
    build: (m, b) => b[fn](m.x, m.y),
  },
  {
    name: `${fn}(${fn}(x, c), d) -> ${fn}(x, ${fn}(c, d))`,
    sound: "exact",
    match: p[fn](p[fn]("x", "c"), "d"),
    build: (m, b) => b[fn](m.x, b[fn](m.c, m.d)),
  },
]);

const BOUND_RULES: readonly Rule[] = [
  {
    name: "max(x, -inf) -> x",
    sound: "exact",
    match: p.max("x", Number.NEGATIVE_INFINITY),
    build: (m) => m.x,
  },
  {
    name: "min(x, inf) -> x",
    sound: "exact",
    match: p.min("x", Number.POSITIVE_INFINITY),
    build: (m) => m.x,
  },
  {
    name: "max(x, 0) -> x (x >= 0)",
    sound: "exact",
    match: p.max("x", 0),
    when: nonNegativeFloats,
    build: (m) => m.x,
  },
];

const ROUNDING_RULES: readonly Rule[] = [
  ...(["floor", "ceil", "round", "trunc"] as const).map((fn): Rule => ({
    name: `${fn} x -> x (x is whole)`,
    sound: "exact",
    match: p[fn]("x"),
    when: (m, t) => t.facts(m.x).whole,
    build: (m) => m.x,
  })),
  {
    name: "sign(sign x) -> sign x",
    sound: "exact",
    match: p.sign(p.sign("x")),
    build: (m, b) => b.sign(m.x),
  },
];

/** What a comparison becomes under `not`, where its operands are ordered. */
const COMPLEMENTS = [
  ["lt", "ge"],
  ["le", "gt"],
  ["gt", "le"],
  ["ge", "lt"],
] as const;

const COMPARISON_RULES: readonly Rule[] = [
  // The idiom for a test for nan; WGSL may assume it away, so it must not survive as a comparison.
  {
    name: "x != x -> isnan x",
    sound: "exact",
    match: p.ne("x", "x"),
    when: floats,
    build: (m, b) => b.isnan(m.x),
  },
  {
    name: "x != x -> false",
    sound: "exact",
    match: p.ne("x", "x"),
    when: notFloats,
    build: (m, b) => b.bool(false, m.x),
  },
  {
    name: "x == x -> not isnan x",
    sound: "exact",
    match: p.eq("x", "x"),
    when: floats,
    build: (m, b) => b.not(b.isnan(m.x)),
  },
  {
    name: "x == x -> true",
    sound: "exact",
    match: p.eq("x", "x"),
    when: notFloats,
    build: (m, b) => b.bool(true, m.x),
  },
  { name: "x < x -> false", sound: "exact", match: p.lt("x", "x"), build: (m, b) => b.bool(false, m.x) },
  { name: "x > x -> false", sound: "exact", match: p.gt("x", "x"), build: (m, b) => b.bool(false, m.x) },
  {
    name: "not(x == y) -> x != y",
    sound: "exact",
    match: p.not(p.eq("x", "y")),
    build: (m, b) => b.ne(m.x, m.y),
  },
  {
    name: "not(x != y) -> x == y",
    sound: "exact",
    match: p.not(p.ne("x", "y")),
    build: (m, b) => b.eq(m.x, m.y),
  },
  ...COMPLEMENTS.flatMap(([fn, complement]): readonly Rule[] => [
    {
      name: `not ${fn}(x, y) -> ${complement}(x, y) (integers)`,
      sound: "exact",
      match: p.not(p[fn]("x", "y")),
      when: integers,
      build: (m, b) => b[complement](m.x, m.y),
    },
    {
      name: `not ${fn}(x, y) -> ${complement}(x, y)`, // nan is neither less nor greater
      sound: ["no-nan-inf"],
      match: p.not(p[fn]("x", "y")),
      build: (m, b) => b[complement](m.x, m.y),
    },
  ]),
];

const LOGIC_RULES: readonly Rule[] = [
  { name: "not not x -> x", sound: "exact", match: p.not(p.not("x")), build: (m) => m.x },
  { name: "x and true -> x", sound: "exact", match: p.and("x", true), build: (m) => m.x },
  {
    name: "x and false -> false",
    sound: "exact",
    match: p.and("x", false),
    build: (m, b) => b.bool(false, m.x),
  },
  { name: "x and x -> x", sound: "exact", match: p.and("x", "x"), build: (m) => m.x },
  {
    name: "x and not x -> false",
    sound: "exact",
    match: p.and("x", p.not("x")),
    build: (m, b) => b.bool(false, m.x),
  },
  { name: "x or false -> x", sound: "exact", match: p.or("x", false), build: (m) => m.x },
  { name: "x or true -> true", sound: "exact", match: p.or("x", true), build: (m, b) => b.bool(true, m.x) },
  { name: "x or x -> x", sound: "exact", match: p.or("x", "x"), build: (m) => m.x },
  {
    name: "x or not x -> true",
    sound: "exact",
    match: p.or("x", p.not("x")),
    build: (m, b) => b.bool(true, m.x),
  },
  { name: "x xor false -> x", sound: "exact", match: p.xor("x", false), build: (m) => m.x },
  { name: "x xor true -> not x", sound: "exact", match: p.xor("x", true), build: (m, b) => b.not(m.x) },
  { name: "x xor x -> false", sound: "exact", match: p.xor("x", "x"), build: (m, b) => b.bool(false, m.x) },
];

const WHERE_RULES: readonly Rule[] = [
  { name: "where(c, x, x) -> x", sound: "exact", match: p.where("z", "x", "x"), build: (m) => m.x },
  { name: "where(true, x, y) -> x", sound: "exact", match: p.where(true, "x", "y"), build: (m) => m.x },
  { name: "where(false, x, y) -> y", sound: "exact", match: p.where(false, "x", "y"), build: (m) => m.y },
  {
    name: "where(x, 1, 0) -> cast x",
    sound: "exact",
    match: p.where("x", 1, 0),
    build: (m, b, node) => b.cast(m.x, node.type.dtype),
  },
  {
    name: "where(x, false, true) -> not x",
    sound: "exact",
    match: p.where("x", false, true),
    when: (_m, _t, node) => node.type.dtype === "bool",
    build: (m, b) => b.not(m.x),
  },
  {
    name: "where(not z, x, y) -> where(z, y, x)",
    sound: "exact",
    match: p.where(p.not("z"), "x", "y"),
    build: (m, b) => b.where(m.z, m.y, m.x),
  },
];

/** Whether going from `from` to `to` by way of `between` ends where going straight does, for every value of `from`. */
const isDetour = (from: DType, between: DType, to: DType): boolean =>
  between === from ||
  from === "bool" ||
  (between === "f32" && (isFloat(from) || to === "bool")) || // no integer but 0 becomes 0 in f32
  (isInteger(from) && isInteger(between) && !isFloat(to)); // the 32 bits stay

const CAST_RULES: readonly Rule[] = [
  {
    name: "cast x -> x (x is of that dtype and rounded to it)",
    sound: "exact",
    match: p.cast("x"),
    when: (m, t, node) => t.type(m.x).dtype === node.type.dtype && t.facts(m.x).rounded,
    build: (m) => m.x,
  },
  {
    // The oracle computes f32 in float64 and would round here; a device has nothing to round.
    name: "cast x -> x (f32 to f32)",
    sound: "as-accurate",
    match: p.cast("x"),
    when: (m, t, node) => t.type(m.x).dtype === "f32" && node.type.dtype === "f32",
    build: (m) => m.x,
  },
  {
    name: "cast(cast x) -> cast x (the first keeps every value)",
    sound: "exact",
    match: p.cast(p.as("z", p.cast("x"))),
    when: (m, t, node) =>
      t.facts(m.x).rounded && isDetour(t.type(m.x).dtype, t.type(m.z).dtype, node.type.dtype),
    build: (m, b, node) => b.cast(m.x, node.type.dtype),
  },
  {
    // A value of a 16-bit dtype that was not rounded to it yet is an f32 on any device.
    name: "cast(cast x) -> cast x (16 bits to f32)",
    sound: "as-accurate",
    match: p.cast(p.as("z", p.cast("x"))),
    when: (m, t) => floats(m, t) && t.type(m.z).dtype === "f32",
    build: (m, b, node) => b.cast(m.x, node.type.dtype),
  },
];

export const SELECTION_RULES: readonly Rule[] = [
  ...EXTREME_RULES,
  ...BOUND_RULES,
  ...ROUNDING_RULES,
  ...COMPARISON_RULES,
  ...LOGIC_RULES,
  ...WHERE_RULES,
  ...CAST_RULES,
];
