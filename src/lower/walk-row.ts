/**
 * The loops of one walk over a row, one per axis, outermost first; where lanes share an axis unevenly, a masked tail follows.
 *
 * Long sums are added in blocks and blocks of blocks (walk-shape.ts), each with an accumulator of its own. So the error of a
 * sum grows with the logarithm of its length, which the bounds of the oracle rely on (`sumDepth`).
 */
import type { Expr, Stmt } from "../ir/kernel.ts";
import { stateOf, type Accumulator, type Bind } from "./accumulators.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { blockLoops, isBlock, termsInside, type AxisWalk } from "../ir/walk-shape.ts";
import { less, nameOf } from "./kernel-expr.ts";

/** One loop of the walk: `lanes` invocations take neighbouring units in each step. */
export interface WalkAxis extends AxisWalk {
  /** The lane's position along the axis. */
  readonly lane: Expr;
}

export interface Walk {
  readonly axes: readonly WalkAxis[];
  readonly unroll: boolean;
  readonly fresh: (hint: string) => string;
  /** Binds intermediate values in a block. */
  readonly bindIn: (out: Stmt[]) => Bind;
  /** The statements of one point; `steps` has one step number per axis. */
  readonly body: (steps: readonly Expr[], accumulators: readonly Accumulator[]) => Stmt[];
}

export function walkRow(walk: Walk, accumulators: readonly Accumulator[]): Stmt[] {
  return walkFrom(walk, 0, [], accumulators);
}

function walkFrom(
  walk: Walk,
  depth: number,
  at: readonly Expr[],
  accumulators: readonly Accumulator[],
): Stmt[] {
  const axis = walk.axes[depth];
  if (axis === undefined) return walk.body(at, accumulators);
  const { trips, tailLanes, lane } = axis;
  const inside = termsInside(walk.axes.slice(depth + 1));
  const step = (position: Expr, accs: readonly Accumulator[]): Stmt[] =>
    walkFrom(walk, depth + 1, [...at, position], accs);
  const chain = Math.min(...accumulators.map((a) => a.chain), Infinity);
  const pieces = blockLoops(trips, inside, chain);
  const out = pieces.flatMap(({ base, trips: loops }) => {
    const terms = loops.reduce((n, t) => n * t, inside);
    const nested = (accs: readonly Accumulator[]): Stmt[] => nest(walk, loops, u32(base), inside, accs, step);
    return base > 0 ? withOwn(walk, accumulators, terms, nested) : nested(accumulators);
  });
  if (tailLanes > 0) {
    const body = withOwn(walk, accumulators, inside, (own) => step(u32(trips), own));
    out.push({ kind: "if", condition: less(lane, u32(tailLanes)), body });
  }
  return out;
}

/** Loops one inside the other, each iteration of which is a block where it has enough terms. */
function nest(
  walk: Walk,
  [trips, ...inner]: readonly number[],
  base: Expr,
  inside: number,
  accumulators: readonly Accumulator[],
  step: (position: Expr, accumulators: readonly Accumulator[]) => Stmt[],
): Stmt[] {
  if (trips === undefined) return step(base, accumulators);
  const steps = inner.reduce((n, t) => n * t, 1);
  return loop(walk, trips, (counter) => {
    const position = makeIndex("add", base, makeIndex("mul", counter, u32(steps)));
    const body = (accs: readonly Accumulator[]): Stmt[] => nest(walk, inner, position, inside, accs, step);
    return trips > 1 ? withOwn(walk, accumulators, steps * inside, body) : body(accumulators);
  });
}

function loop(walk: Walk, trips: number, body: (counter: Expr) => Stmt[]): Stmt[] {
  if (trips === 0) return [];
  if (trips === 1) return body(u32(0));
  const counter = walk.fresh("k");
  return [{ kind: "for", counter, trips, unroll: walk.unroll, body: body(nameOf(counter)) }];
}

/** Runs `body` on accumulators of its own where its terms are a block, and adds them to the given ones after it. */
function withOwn(
  walk: Walk,
  accumulators: readonly Accumulator[],
  terms: number,
  body: (own: readonly Accumulator[]) => Stmt[],
): Stmt[] {
  const own = accumulators.map((a) =>
    terms > 1 && isBlock(terms, a.chain) ? { ...a, names: a.names.map(() => walk.fresh("part")) } : a,
  );
  const out = own.flatMap((a, i) => (a === accumulators[i] ? [] : declareState(a)));
  out.push(...body(own));
  accumulators.forEach((a, i) => {
    const part = own[i];
    if (a === part || part === undefined) return;
    const bindTo = walk.bindIn(out);
    assignState(a, a.merge(stateOf(a), stateOf(part), bindTo), bindTo, out);
  });
  return out;
}

export const declareState = (a: Accumulator): Stmt[] =>
  a.names.flatMap((name, i): Stmt[] => {
    const value = a.identity[i];
    return value === undefined ? [] : [{ kind: "var", name, value }];
  });

/** New values for a state. All are computed before the first is assigned: each may need the old ones. */
export function assignState(a: Accumulator, values: readonly Expr[], bindTo: Bind, out: Stmt[]): void {
  const bound = values.length > 1 ? values.map((value) => bindTo("next", value)) : values;
  a.names.forEach((name, i) => {
    const value = bound[i];
    if (value !== undefined) out.push({ kind: "assign", name, value });
  });
}
