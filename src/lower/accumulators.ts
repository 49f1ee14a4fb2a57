/**
 * What a walk over the row keeps. An accumulator is a state of one or more variables with an identity and a way to merge
 * two states; a step lifts a value into it. After the walk the states of vector elements and lanes become one value.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { ScalarExpr, Statement } from "../ir/index-notation.ts";
import { combineExprs, stateExprs } from "../ir/kernel-states.ts";
import type { Expr, GroupReduceItem, Stmt, ValueType, Width } from "../ir/kernel.ts";
import { BOOL, typeOf } from "../ir/kernel.ts";
import { componentDType, monoidOf, startOf } from "../ir/monoids.ts";
import type { ReduceOp } from "../ir/reduce-ops.ts";
import { bind, type Emitter, type Scope } from "./emitter.ts";
import { laneOrder } from "./enter-grid.ts";
import { computeType, constant, nameOf, op, widen } from "./kernel-expr.ts";
import { foldElements } from "./lower-value.ts";

/** Binds an intermediate value in the block that is being written. */
export type Bind = (hint: string, value: Expr) => Expr;

export interface Accumulator {
  readonly names: readonly string[];
  readonly identity: readonly Expr[];
  /** Order does not change the result: blocks would gain nothing. */
  readonly exact: boolean;
  /** Merges two states. */
  readonly merge: (a: readonly Expr[], b: readonly Expr[], bind: Bind) => readonly Expr[];
  /** Adds one element to a state. */
  readonly add: (a: readonly Expr[], operands: readonly Expr[], bind: Bind) => readonly Expr[];
}

export const stateOf = (a: Accumulator): readonly Expr[] =>
  a.names.map((name, i) => nameOf(name, typeOf(a.identity[i] ?? { kind: "lane" })));

/** What a reduction reduces: one expression, or the parts of a tuple. */
export const operandsOf = ({ value }: Statement): readonly ScalarExpr[] =>
  value.kind === "tuple" ? value.args : [value];

/** The state that a reduction starts from. */
export function startOfStatement(emitter: Emitter, statement: Statement): readonly Expr[] {
  const fn = statement.reduce?.fn ?? "sum";
  const dtype = operandsOf(statement)[0]?.dtype ?? statement.dtype;
  const { components } = monoidOf(fn);
  return startOf(fn, dtype).map((value, i) =>
    constant(componentDType(components[i] ?? "operand", dtype), value, widthOf(emitter, statement)),
  );
}

/** A reduction runs on vectors where the row or the points that it is for do. */
export function widthOf({ schedule }: Emitter, { axes }: Statement): Width {
  const { vectorAxis, vectorWidth } = schedule;
  return vectorAxis !== null && (schedule.rowAxes.includes(vectorAxis) || axes.includes(vectorAxis))
    ? vectorWidth
    : 1;
}

/** The accumulator of a reduction; `first` is the reduction that it is paired with, if it shares its walk. */
export function accumulatorFor(emitter: Emitter, statement: Statement): Accumulator {
  const { reduce, name } = statement;
  if (reduce === undefined) throw new CompilerBug("lowering", [`${name} is no reduction`]);
  const pair = emitter.view.pairs.get(name);
  if (pair?.kind === "exp-sum") return expSum(emitter, widthOf(emitter, statement));
  if (pair?.kind === "deviations") return deviations(emitter, widthOf(emitter, statement));
  const start = startOfStatement(emitter, statement);
  const { exact, lift } = monoidOf(reduce.fn);
  return {
    names: start.map((_, i) => emitter.fresh(i === 0 ? "acc" : "at")),
    identity: start,
    exact: exact || computeType(statement.dtype) !== "f32",
    merge: (a, b, bindTo) => combineExprs(reduce.fn, a, b, bindTo),
    add: (a, values, bindTo) => combineExprs(reduce.fn, a, stateExprs(lift, { x: values }, bindTo), bindTo),
  };
}

const at = (state: readonly Expr[], i: number): Expr => {
  const e = state[i];
  if (e === undefined) throw new CompilerBug("lowering", ["an accumulator lacks a part of its state"]);
  return e;
};

/** exp(x - m), and 1 where they are equal: two infinities of one sign are no distance apart. */
function decay(x: Expr, m: Expr, bindTo: Bind): Expr {
  const type = typeOf(x);
  const test: ValueType = { scalar: "bool", width: type.width };
  const factor = op("exp", type, op("sub", type, x, m));
  return bindTo("decay", op("where", type, op("eq", test, x, m), constant("f32", 1, type.width), factor));
}

/** (m, s): the maximum so far, and the sum of exp(x - m). Source: Milakov and Gimelshein (2018). */
function expSum(emitter: Emitter, width: Width): Accumulator {
  const type: ValueType = { scalar: "f32", width };
  return {
    names: [emitter.fresh("top"), emitter.fresh("acc")],
    identity: [constant("f32", -Infinity, width), constant("f32", 0, width)],
    exact: false,
    merge: (a, b, bindTo) => {
      const top = bindTo("top", op("max", type, at(a, 0), at(b, 0)));
      const left = op("mul", type, at(a, 1), decay(at(a, 0), top, bindTo));
      const right = op("mul", type, at(b, 1), decay(at(b, 0), top, bindTo));
      return [top, op("add", type, left, right)];
    },
    add: (a, operands, bindTo) => {
      const value = at(operands, 0);
      // One exponential: the larger of the two has factor 1.
      const top = bindTo("top", op("max", type, at(a, 0), value));
      const grows = bindTo("grows", op("gt", { scalar: "bool", width }, value, at(a, 0)));
      const smaller = op("where", type, grows, at(a, 0), value);
      const factor = decay(bindTo("low", smaller), top, bindTo);
      const one = constant("f32", 1, width);
      const kept = op(
        "where",
        type,
        grows,
        op("add", type, op("mul", type, at(a, 1), factor), one),
        op("add", type, at(a, 1), factor),
      );
      return [top, kept];
    },
  };
}

/** (n, mean, q): how many, their mean, and the sum of squared deviations from it. Source: Welford (1962). */
function deviations(emitter: Emitter, width: Width): Accumulator {
  const type: ValueType = { scalar: "f32", width };
  const zero = constant("f32", 0, width);
  const one = constant("f32", 1, width);
  return {
    names: [emitter.fresh("count"), emitter.fresh("mean"), emitter.fresh("acc")],
    identity: [zero, zero, zero],
    exact: false,
    merge: (a, b, bindTo) => {
      const count = bindTo("count", op("add", type, at(a, 0), at(b, 0)));
      const delta = bindTo("delta", op("sub", type, at(b, 1), at(a, 1)));
      const share = bindTo("share", op("div", type, at(b, 0), op("max", type, count, one)));
      const between = op("mul", type, op("mul", type, delta, delta), op("mul", type, at(a, 0), share));
      const mean = op("add", type, at(a, 1), op("mul", type, delta, share));
      return [count, mean, op("add", type, op("add", type, at(a, 2), at(b, 2)), between)];
    },
    add: (a, operands, bindTo) => {
      const value = at(operands, 0);
      const count = bindTo("count", op("add", type, at(a, 0), one));
      const delta = bindTo("delta", op("sub", type, value, at(a, 1)));
      const mean = bindTo("mean", op("add", type, at(a, 1), op("div", type, delta, count)));
      return [count, mean, op("add", type, at(a, 2), op("mul", type, delta, op("sub", type, value, mean)))];
    },
  };
}

export const bindIn =
  (emitter: Emitter, out: Stmt[]): Bind =>
  (hint, value) =>
    bind(emitter, { out }, hint, value);

/**
 * Reductions of one walk, all lanes and vector elements put together; the results become values of the grid point.
 * `leading` are further reductions that are component 0 of one of these.
 */
export function combineLanes(
  emitter: Emitter,
  grid: Scope,
  reductions: readonly Statement[],
  accumulators: readonly Accumulator[],
  leading: ReadonlyMap<string, Statement>,
): void {
  const paired = (s: Statement): boolean => emitter.view.pairs.has(s.name);
  const plain = reductions.flatMap((s, i) => {
    const whole = stateOf(accumulators[i] ?? missing(s));
    return paired(s)
      ? []
      : [{ statement: s, state: foldVector(emitter, grid, s.reduce?.fn ?? "sum", whole) }];
  });
  reduceGroup(emitter, grid, plain, leading);
  // The states of a pair are brought to the common maximum or mean, and then added up.
  const adjusted = reductions.flatMap((s, i) => {
    const pair = emitter.view.pairs.get(s.name);
    if (pair === undefined) return [];
    const state = stateOf(accumulators[i] ?? missing(s));
    const total = grid.values.get(pair.first) ?? missing(s);
    const value =
      pair.kind === "exp-sum"
        ? shareOfSum(emitter, grid, state, total)
        : shareOfDeviations(emitter, grid, s, state, total);
    return [{ statement: s, state: foldVector(emitter, grid, "sum", [value]) }];
  });
  reduceGroup(emitter, grid, adjusted);
  for (const { statement } of adjusted) finishPair(emitter, grid, statement);
}

function missing(statement: Statement): never {
  throw new CompilerBug("lowering", [`reduction ${statement.name} lacks its accumulator or its pair`]);
}

function foldVector(emitter: Emitter, grid: Scope, fn: ReduceOp, whole: readonly Expr[]): readonly Expr[] {
  const { schedule } = emitter;
  const inRow = schedule.vectorAxis !== null && schedule.rowAxes.includes(schedule.vectorAxis);
  const bindTo = bindIn(emitter, grid.out);
  // Components of several are named at each step: all of them are in the formula of each.
  const combine = (a: readonly Expr[], b: readonly Expr[]): readonly Expr[] => {
    const combined = combineExprs(fn, a, b, bindTo);
    return combined.length === 1 ? combined : combined.map((value) => bindTo("r", value));
  };
  return (inRow ? foldElements(whole, combine) : whole).map((value) => bindTo("r", value));
}

function reduceGroup(
  emitter: Emitter,
  grid: Scope,
  found: readonly { readonly statement: Statement; readonly state: readonly Expr[] }[],
  leading: ReadonlyMap<string, Statement> = new Map(),
): void {
  const { lanes, order } = laneOrder(emitter.schedule);
  const items: GroupReduceItem[] = [];
  for (const { statement, state } of found) {
    const fn = statement.reduce?.fn ?? "sum";
    const parts = state.map((value) => ({ value, result: lanes === 1 ? "" : emitter.fresh("sum") }));
    const results = parts.map(({ value, result }) => (lanes === 1 ? value : nameOf(result, typeOf(value))));
    if (lanes > 1) items.push({ fn, parts });
    grid.values.set(statement.name, at(results, monoidOf(fn).result));
    for (const [name, of] of leading) if (of === statement) grid.values.set(name, at(results, 0));
  }
  if (items.length === 0) return;
  const method = emitter.schedule.reduction === "subgroup" ? "subgroup" : "tree";
  grid.out.push({ kind: "groupReduce", items, lanes, order, method });
}

function shareOfSum(emitter: Emitter, grid: Scope, state: readonly Expr[], total: Expr): Expr {
  const type = typeOf(at(state, 1));
  const top = bind(emitter, grid, "top", widen(total, type.width));
  return op(
    "mul",
    type,
    at(state, 1),
    decay(at(state, 0), top, (hint, value) => bind(emitter, grid, hint, value)),
  );
}

function shareOfDeviations(
  emitter: Emitter,
  grid: Scope,
  statement: Statement,
  state: readonly Expr[],
  total: Expr,
): Expr {
  const type = typeOf(at(state, 2));
  const count = (statement.reduce?.axes ?? []).reduce(
    (n, axis) => n * (emitter.view.sizes.get(axis) ?? 1),
    1,
  );
  const sum = widen(total, type.width);
  const mean = bind(emitter, grid, "mean", op("div", type, sum, constant("f32", count, type.width)));
  const delta = bind(emitter, grid, "delta", op("sub", type, at(state, 1), mean));
  const between = op("mul", type, at(state, 0), op("mul", type, delta, delta));
  return op("add", type, at(state, 2), between);
}

/** exp(x - m) is nan where m is infinite; the walk has kept a number there, which other rows need and this one must not. */
function finishPair(emitter: Emitter, grid: Scope, statement: Statement): void {
  const pair = emitter.view.pairs.get(statement.name);
  const sum = grid.values.get(statement.name);
  const top = pair === undefined ? undefined : grid.values.get(pair.first);
  if (pair?.kind !== "exp-sum" || sum === undefined || top === undefined) return;
  const type = typeOf(sum);
  const isInfinite = op("isinf", { scalar: BOOL.scalar, width: type.width }, top);
  const value = op("where", type, isInfinite, constant("f32", Number.NaN, type.width), sum);
  grid.values.set(statement.name, bind(emitter, grid, "sum", value));
}
