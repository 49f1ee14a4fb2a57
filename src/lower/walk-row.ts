/**
 * The loops of one walk over a row, one per axis, outermost first; where lanes share an axis unevenly, a masked tail follows.
 *
 * Long sums are added in blocks and blocks of blocks (walk-shape.ts), each with an accumulator of its own. So the error of a
 * sum grows with the logarithm of its length, which the bounds of the oracle rely on (`sumDepth`).
 *
 * A walk in turns takes several steps at a time; a sum adds those up among themselves before it adds them to a block:
 *
 *     for k in 16 {
 *       var part = 0
 *       for step in 4 unroll { part = part + x[k * 4 + step] }
 *       acc = acc + part
 *     }
 */
import type { Expr, Stmt } from "../ir/kernel.ts";
import { stateOf, type Accumulator, type Bind } from "./accumulators.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { blockLoops, CHAIN_OF_TURNS, isBlock, termsInside, type AxisWalk } from "../ir/walk-shape.ts";
import { less, nameOf } from "./kernel-expr.ts";

/** One loop of the walk: `lanes` invocations take neighbouring units in each step. */
export interface WalkAxis extends AxisWalk {
  /** The lane's position along the axis. */
  readonly lane: Expr;
}

export interface Walk {
  readonly axes: readonly WalkAxis[];
  readonly unroll: boolean;
  /** Steps of the innermost axis in a turn. */
  readonly turn: number;
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
  const step: Step = (position, accs) => walkFrom(walk, depth + 1, [...at, position], accs);
  const isInnermost = depth === walk.axes.length - 1;
  const out =
    isInnermost && trips >= 2 * walk.turn && walk.turn > 1
      ? walkTurns(walk, trips, accumulators, step)
      : walkBlocks(walk, trips, inside, accumulators, step);
  if (tailLanes > 0) {
    const body = withOwn(walk, accumulators, inside, (own) => step(u32(trips), own));
    out.push({ kind: "if", condition: less(lane, u32(tailLanes)), body });
  }
  return out;
}

type Step = (position: Expr, accumulators: readonly Accumulator[]) => Stmt[];

/** All steps of an axis, in blocks; each adds `inside` terms. */
function walkBlocks(
  walk: Walk,
  trips: number,
  inside: number,
  accumulators: readonly Accumulator[],
  step: Step,
): Stmt[] {
  const chain = Math.min(...accumulators.map((a) => a.chain), Infinity);
  return blockLoops(trips, inside, chain).flatMap(({ base, trips: loops }) => {
    const terms = loops.reduce((n, t) => n * t, inside);
    const nested = (accs: readonly Accumulator[]): Stmt[] => nest(walk, loops, u32(base), inside, accs, step);
    return base > 0 ? withOwn(walk, accumulators, terms, nested) : nested(accumulators);
  });
}

/** All steps of the innermost axis, several in a turn; turns make up blocks as single steps do. */
function walkTurns(walk: Walk, trips: number, accumulators: readonly Accumulator[], step: Step): Stmt[] {
  const { turn } = walk;
  const count = Math.floor(trips / turn);
  const isSum = (a: Accumulator): boolean => a.chain < Infinity && a.names.length === 1;
  const inTurns = accumulators.map((a) => ({
    ...a,
    chain: isSum(a) ? CHAIN_OF_TURNS : Math.max(1, a.chain / turn),
  }));
  const steps = (length: number, from: Expr, accs: readonly Accumulator[]): Stmt[] => {
    if (length === 1) return step(from, accs);
    const counter = walk.fresh("k");
    const body = step(makeIndex("add", from, nameOf(counter)), accs);
    return [{ kind: "for", counter, trips: length, unroll: true, body }];
  };
  const out = walkBlocks(walk, count, 1, inTurns, (position, accs) => {
    const from = makeIndex("mul", position, u32(turn));
    return withParts(walk, accs, isSum, (own) => steps(turn, from, own));
  });
  const rest = trips - count * turn;
  return rest === 0 ? out : [...out, ...steps(rest, u32(count * turn), accumulators)];
}

/** Loops one inside the other, each iteration of which is a block where it has enough terms. */
function nest(
  walk: Walk,
  [trips, ...inner]: readonly number[],
  base: Expr,
  inside: number,
  accumulators: readonly Accumulator[],
  step: Step,
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
const withOwn = (
  walk: Walk,
  accumulators: readonly Accumulator[],
  terms: number,
  body: (own: readonly Accumulator[]) => Stmt[],
): Stmt[] => withParts(walk, accumulators, (a) => terms > 1 && isBlock(terms, a.chain), body);

/** The same where `hasPart` says which accumulators get one of their own. */
function withParts(
  walk: Walk,
  accumulators: readonly Accumulator[],
  hasPart: (a: Accumulator) => boolean,
  body: (own: readonly Accumulator[]) => Stmt[],
): Stmt[] {
  const own = accumulators.map((a) =>
    hasPart(a) ? { ...a, names: a.names.map(() => walk.fresh("part")) } : a,
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
