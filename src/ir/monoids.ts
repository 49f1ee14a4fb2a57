/**
 * The table of monoids: everything that the compiler knows of a reduction. A monoid keeps a state of one or more components;
 * an element is lifted into a state, states are combined in any order, and the result is projected out of the last one.
 *
 *     argmax    state (value, position), combine: the larger value, of equal ones the smaller position; gives the position
 *     exp_sum   state (maximum, sum of exponentials below it); gives the sum
 *
 * Readers: interpreters (`means`, and the formulas in float64), lowering (a state per lane and vector element), code
 * generation (combination of lanes), passes (combination of pieces in another kernel).
 *
 * Ensures: `combine` is commutative, and associative up to rounding; a state that is `start` does not change what it is
 *          combined with. It never wins against an element: where it holds the least number, ties go by position.
 */
import type { DType } from "./dtype.ts";
import * as meaning from "./reduce-reference.ts";
import type { ScalarOp } from "./scalar-ops.ts";
import { a, apply, b, f32, instantiate, named, numbersOf, x, type StateExpr } from "./state-expr.ts";

/** The type of a component; "operand" is that of the first operand. */
export type ComponentType = "operand" | "i32" | "f32";

export interface Monoid {
  readonly operand: "numeric" | "bool";
  /** What a reduction over zero elements gives; null: it is refused, as PyTorch refuses it. */
  readonly identity: number | null;
  /** The result is an operand, or follows from comparisons: no rounding error is added, whatever the order. */
  readonly exact: boolean;
  /** Operands of an element. A reduction over states that are there already (partial results) takes all components. */
  readonly operands: number;
  readonly components: readonly ComponentType[];
  /** The state of no elements; "least" and "greatest" are those of the component's type. */
  readonly start: readonly (number | "least" | "greatest")[];
  /** The state of the element x. */
  readonly lift: readonly StateExpr[];
  /** The state of the elements of a and those of b. */
  readonly combine: readonly StateExpr[];
  /** The state of the elements of a and the element x, where that is cheaper than to lift x and combine. */
  readonly add?: readonly StateExpr[] | undefined;
  /**
   * The state a of a walk, as `lift` and `combine` would have left it: given where `add` is careless of nan on the way and
   * can make up for it at the end.
   */
  readonly settle?: readonly StateExpr[] | undefined;
  /** The component that is the result. */
  readonly result: number;
  /** What component 0 is by itself, where there are more. */
  readonly leading?: "max" | "min" | undefined;
  /** A row in float64. */
  readonly means: meaning.RowMeaning;
}

/** One component, the operand itself, combined by a scalar op. */
const plain = (fn: ScalarOp) =>
  ({
    operands: 1,
    components: ["operand"],
    lift: [x(0)],
    combine: [apply(fn, a(0), b(0))],
    result: 0,
  }) as const;

/**
 * The extreme element's position. Nan is more extreme than any number and is found by its bits: `isnan` says so even where
 * a device's comparisons assume that there is none, hence it decides first.
 */
function position(better: "gt" | "lt", wins: "first" | "last") {
  const isSooner = named("sooner", apply(wins === "first" ? "lt" : "gt", b(1), a(1)));
  const isEqual = apply("and", apply("eq", b(0), a(0)), isSooner);
  const isBetter = apply("or", apply(better, b(0), a(0)), isEqual);
  const isNan = named("nan", apply("isnan", b(0)));
  const takesB = named(
    "takes",
    apply("where", apply("isnan", a(0)), apply("and", isNan, isSooner), apply("or", isNan, isBetter)),
  );
  return {
    operand: "numeric",
    identity: null,
    exact: true,
    operands: 2,
    components: ["operand", "i32"],
    start: [better === "gt" ? "least" : "greatest", wins === "first" ? 2147483647 : -1],
    lift: [x(0), x(1)],
    combine: [apply("where", takesB, b(0), a(0)), apply("where", takesB, b(1), a(1))],
    result: 1,
    leading: better === "gt" ? "max" : "min",
    means: meaning.positionOf(better === "gt" ? (p, q) => p > q : (p, q) => p < q, wins),
  } as const;
}

/**
 * (m, s): the maximum, and the sum of exp(x - m). Whichever state has the larger maximum keeps its sum; the other's is scaled
 * down to it, by 1 where the two are equal: infinities of one sign are no distance apart. Source: Milakov and Gimelshein,
 * Online normalizer calculation for softmax (2018), https://arxiv.org/abs/1805.02867.
 *
 * A nan makes the sum nan, whatever becomes of the maximum: so a walk takes the larger one by the comparison that it makes
 * anyway, and makes the maximum nan at its end. A maximum that respects nan costs a tenth of a softmax on a CPU.
 */
function expSum() {
  const grows = named("grows", apply("gt", b(0), a(0)));
  const top = named("top", apply("max", a(0), b(0)));
  const low = named("low", apply("where", grows, a(0), b(0)));
  const distance = apply("exp", apply("sub", low, top));
  const decay = named("decay", apply("where", apply("eq", low, top), f32(1), distance));
  const scaled = (kept: StateExpr, other: StateExpr): StateExpr =>
    apply("add", kept, apply("mul", other, decay));
  const rises = named("grows", apply("gt", x(0), a(0)));
  const peak = named("top", apply("where", rises, x(0), a(0)));
  const foot = named("low", apply("where", rises, a(0), x(0)));
  const apart = apply("exp", apply("sub", foot, peak));
  const share = named("decay", apply("where", apply("eq", foot, peak), f32(1), apart));
  return {
    operand: "numeric",
    identity: null,
    exact: false,
    operands: 1,
    components: ["f32", "f32"],
    start: [Number.NEGATIVE_INFINITY, 0],
    lift: [x(0), f32(1)],
    combine: [top, apply("where", grows, scaled(b(1), a(1)), scaled(a(1), b(1)))],
    add: [
      peak,
      apply("where", rises, apply("add", f32(1), apply("mul", a(1), share)), apply("add", a(1), share)),
    ],
    settle: [apply("where", apply("isnan", a(1)), a(1), a(0)), a(1)],
    result: 1,
    leading: "max",
    means: meaning.expSumOf,
  } as const;
}

/**
 * (n, mean, q, pivot): how many, their mean less the pivot, the sum of squared deviations from the mean, and one of the
 * elements. Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances
 * (1979); for one element more, Welford (1962). Without the pivot a mean far from zero would be rounded at every step, and
 * the deviations from it: a row of mean 1000 and deviation 1 would lose two digits.
 */
function moments() {
  const isEmpty = apply("eq", a(0), f32(0));
  const count = named("count", apply("add", a(0), b(0)));
  const pivot = named("pivot", apply("where", isEmpty, b(3), a(3)));
  const other = named("other", apply("add", apply("sub", b(3), pivot), b(1)));
  const delta = named("delta", apply("sub", other, a(1)));
  // Of no elements: 0 / 1.
  const share = named("share", apply("div", b(0), apply("where", apply("gt", count, f32(0)), count, f32(1))));
  const mean = named("mean", apply("add", a(1), apply("mul", delta, share)));
  // n_a n_b / n delta^2 in a form that is nan where the mean is infinite, as a deviation of infinity from itself is.
  const between = apply("mul", b(0), apply("mul", delta, apply("sub", other, mean)));
  const next = named("count", apply("add", a(0), f32(1)));
  const first = named("pivot", apply("where", isEmpty, x(0), a(3)));
  const shifted = named("shifted", apply("sub", x(0), first));
  const apart = named("delta", apply("sub", shifted, a(1)));
  const moved = named("mean", apply("add", a(1), apply("div", apart, next)));
  return {
    operand: "numeric",
    identity: null,
    exact: false,
    operands: 1,
    components: ["f32", "f32", "f32", "f32"],
    start: [0, 0, 0, 0],
    lift: [f32(1), f32(0), f32(0), x(0)],
    combine: [count, mean, apply("add", apply("add", a(2), b(2)), between), pivot],
    add: [next, moved, apply("add", a(2), apply("mul", apart, apply("sub", shifted, moved))), first],
    result: 2,
    means: meaning.deviationsOf,
  } as const;
}

export const MONOIDS = {
  sum: {
    ...plain("add"),
    operand: "numeric",
    identity: 0,
    exact: false,
    start: [0],
    means: meaning.sumOf,
  },
  prod: {
    ...plain("mul"),
    operand: "numeric",
    identity: 1,
    exact: false,
    start: [1],
    means: meaning.productOf,
  },
  max: {
    ...plain("max"),
    operand: "numeric",
    identity: null,
    exact: true,
    start: ["least"],
    means: meaning.largestOf,
  },
  min: {
    ...plain("min"),
    operand: "numeric",
    identity: null,
    exact: true,
    start: ["greatest"],
    means: meaning.smallestOf,
  },
  any: { ...plain("or"), operand: "bool", identity: 0, exact: true, start: [0], means: meaning.anyOf },
  all: { ...plain("and"), operand: "bool", identity: 1, exact: true, start: [1], means: meaning.allOf },
  argmax: position("gt", "first"),
  argmin: position("lt", "first"),
  argmax_last: position("gt", "last"),
  argmin_last: position("lt", "last"),
  exp_sum: expSum(),
  moments: moments(),
} as const satisfies Record<string, Monoid>;

export type MonoidName = keyof typeof MONOIDS;

export const isMonoidName = (text: string): text is MonoidName => Object.hasOwn(MONOIDS, text);

export const monoidOf = (name: MonoidName): Monoid => MONOIDS[name];

/** The op that combines states of one component; undefined where there are more. */
export function plainOpOf(name: MonoidName): ScalarOp | undefined {
  const { combine } = monoidOf(name);
  const [only] = combine;
  return combine.length === 1 && only?.kind === "op" ? only.fn : undefined;
}

const RANGE: Readonly<Record<"f32" | "i32" | "u32" | "bool", readonly [number, number]>> = {
  f32: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
  bool: [0, 1],
};

/** 16-bit floats are storage: a state of theirs is f32. */
export const componentDType = (type: ComponentType, operand: DType): Exclude<DType, "f16" | "bf16"> =>
  type !== "operand" ? type : operand === "f16" || operand === "bf16" ? "f32" : operand;

/** The state of no elements as numbers. */
export function startOf(name: MonoidName, operand: DType): readonly number[] {
  const { components, start } = monoidOf(name);
  return start.map((value, i) => {
    if (typeof value === "number") return value;
    const [least, greatest] = RANGE[componentDType(components[i] ?? "operand", operand)];
    return value === "least" ? least : greatest;
  });
}

/** Two states combined in float64. */
export const combineNumbers = (
  name: MonoidName,
  operand: DType,
  left: readonly number[],
  right: readonly number[],
): readonly number[] => instantiate(monoidOf(name).combine, { a: left, b: right }, numbersOf(operand));

/** Whether what is reduced are states, partial results, and not elements. */
export const takesStates = (name: MonoidName, operands: number): boolean =>
  operands > monoidOf(name).operands;

/** A row in float64, of elements or of states. */
export function reduceNumbers(name: MonoidName, row: meaning.Row): number {
  const { means, result } = monoidOf(name);
  if (!takesStates(name, row.operands.length)) return means(row);
  let state = startOf(name, row.dtype);
  for (let i = row.start; i < row.end; i++)
    state = combineNumbers(
      name,
      row.dtype,
      state,
      row.operands.map((component) => component[i] ?? 0),
    );
  return state[result] ?? Number.NaN;
}
