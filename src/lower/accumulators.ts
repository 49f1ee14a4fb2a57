/**
 * What a walk over the row keeps. An accumulator is a state of one or more variables with an identity and a way to merge
 * two states; a step lifts a value into it. After the walk the states of vector elements and lanes become one value.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { ScalarExpr, Statement } from "../ir/index-notation.ts";
import { addExprs, combineExprs, settleExprs } from "../ir/kernel-states.ts";
import type { Expr, GroupReduceItem, Stmt, Width } from "../ir/kernel.ts";
import { computeType, typeOf } from "../ir/kernel.ts";
import { componentDType, monoidOf, startOf, type MonoidName } from "../ir/monoids.ts";
import { laneOrder } from "../ir/schedule.ts";
import { CHAIN, STATE_CHAIN } from "../ir/walk-shape.ts";
import { bind, type Emitter, type Scope } from "./emitter.ts";
import { constant, nameOf } from "./kernel-expr.ts";
import { foldElements } from "./lower-value.ts";

/** Binds an intermediate value in the block that is being written. */
export type Bind = (hint: string, value: Expr) => Expr;

export interface Accumulator {
  readonly names: readonly string[];
  readonly identity: readonly Expr[];
  /** Terms that are added one after the other before a block ends; infinite where their order does not change the result. */
  readonly chain: number;
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

const fnOf = ({ reduce, name }: Statement): MonoidName => {
  if (reduce === undefined) throw new CompilerBug("lowering", [`${name} is no reduction`]);
  return reduce.fn;
};

/** The state that a reduction starts from. */
export function startOfStatement(emitter: Emitter, statement: Statement): readonly Expr[] {
  const fn = fnOf(statement);
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

/** The accumulator of a reduction. */
export function accumulatorFor(emitter: Emitter, statement: Statement): Accumulator {
  const fn = fnOf(statement);
  const start = startOfStatement(emitter, statement);
  const { exact } = monoidOf(fn);
  return {
    names: start.map(() => emitter.fresh("acc")),
    identity: start,
    chain:
      exact || computeType(statement.dtype) !== "f32" ? Infinity : start.length > 1 ? STATE_CHAIN : CHAIN,
    merge: (a, b, bindTo) => combineExprs(fn, a, b, bindTo),
    add: (a, values, bindTo) => addExprs(fn, a, values, bindTo),
  };
}

const at = (state: readonly Expr[], i: number): Expr => {
  const e = state[i];
  if (e === undefined) throw new CompilerBug("lowering", ["an accumulator lacks a part of its state"]);
  return e;
};

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
  const found = reductions.map((statement, i) => ({
    statement,
    state: foldVector(emitter, grid, statement, stateOf(accumulators[i] ?? missing(statement))),
  }));
  reduceGroup(emitter, grid, found, leading);
}

function missing(statement: Statement): never {
  throw new CompilerBug("lowering", [`reduction ${statement.name} lacks its accumulator`]);
}

function foldVector(
  emitter: Emitter,
  grid: Scope,
  statement: Statement,
  walked: readonly Expr[],
): readonly Expr[] {
  const { schedule } = emitter;
  const fn = fnOf(statement);
  const inRow = schedule.vectorAxis !== null && schedule.rowAxes.includes(schedule.vectorAxis);
  const bindTo = bindIn(emitter, grid.out);
  // Components of several are named at each step: all of them are in the formula of each.
  const combine = (a: readonly Expr[], b: readonly Expr[]): readonly Expr[] => {
    const combined = combineExprs(fn, a, b, bindTo);
    return combined.length === 1 ? combined : combined.map((value) => bindTo("r", value));
  };
  const settled = settleExprs(fn, walked, operandsOf(statement).length, bindTo);
  const whole = settled === walked ? walked : settled.map((value) => bindTo("r", value));
  return (inRow ? foldElements(whole, combine) : whole).map((value) => bindTo("r", value));
}

function reduceGroup(
  emitter: Emitter,
  grid: Scope,
  found: readonly { readonly statement: Statement; readonly state: readonly Expr[] }[],
  leading: ReadonlyMap<string, Statement>,
): void {
  const { lanes, order } = laneOrder(emitter.schedule);
  const items: GroupReduceItem[] = [];
  for (const { statement, state } of found) {
    const fn = fnOf(statement);
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
