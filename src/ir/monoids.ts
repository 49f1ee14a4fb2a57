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
import { coMoment, expSum, moments } from "./one-walk-monoids.ts";
import * as meaning from "./reduce-reference.ts";
import type { ScalarOp } from "./scalar-ops.ts";
import { a, apply, b, instantiate, named, numbersOf, x, type StateExpr } from "./state-expr.ts";

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
  co_moment: coMoment(),
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
