/**
 * The loops of one walk over a row, one per axis, outermost first; where lanes share an axis unevenly, a masked tail follows.
 *
 * Long sums are added in blocks (walk-shape.ts), and a loop whose body already adds up many terms gives each iteration an
 * accumulator of its own. So the error of a sum grows with the logarithm of its length (the bound in `interpret-graph.ts`
 * relies on it: chains of at most 128 additions per level).
 */
import type { Expr, Stmt } from "../ir/kernel.ts";
import { stateOf, type Accumulator, type Bind } from "./accumulators.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { splitTrips, type AxisWalk } from "../ir/walk-shape.ts";
import { less, nameOf } from "./kernel-expr.ts";

/** From so many additions inside an iteration on, the iteration gets its own accumulator. */
const OWN_ACCUMULATOR = 32;

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
  const inside = walk.axes.slice(depth + 1).reduce((n, a) => n * (a.trips + Math.min(1, a.tailLanes)), 1);
  const out: Stmt[] = [];
  for (const piece of splitTrips(trips, walk.unroll || accumulators.every((a) => a.exact))) {
    const inner = (base: Expr, accs: readonly Accumulator[]): Stmt[] =>
      loop(walk, piece.inner, (counter) => {
        const next = [...at, makeIndex("add", base, counter)];
        return inside >= OWN_ACCUMULATOR && piece.inner > 1
          ? withOwn(walk, accs, (own) => walkFrom(walk, depth + 1, next, own))
          : walkFrom(walk, depth + 1, next, accs);
      });
    out.push(
      ...loop(walk, piece.outer, (counter) => {
        const base = makeIndex("add", u32(piece.base), makeIndex("mul", counter, u32(piece.inner)));
        return piece.outer > 1 || piece.base > 0
          ? withOwn(walk, accumulators, (own) => inner(base, own))
          : inner(base, accumulators);
      }),
    );
  }
  if (tailLanes > 0) {
    const body = walkFrom(walk, depth + 1, [...at, u32(trips)], accumulators);
    out.push({ kind: "if", condition: less(lane, u32(tailLanes)), body });
  }
  return out;
}

function loop(walk: Walk, trips: number, body: (counter: Expr) => Stmt[]): Stmt[] {
  if (trips === 0) return [];
  if (trips === 1) return body(u32(0));
  const counter = walk.fresh("k");
  return [{ kind: "for", counter, trips, unroll: walk.unroll, body: body(nameOf(counter)) }];
}

/** Runs `body` on fresh accumulators and adds them to the given ones after it. */
function withOwn(
  walk: Walk,
  accumulators: readonly Accumulator[],
  body: (own: readonly Accumulator[]) => Stmt[],
): Stmt[] {
  const own = accumulators.map((a) => (a.exact ? a : { ...a, names: a.names.map(() => walk.fresh("part")) }));
  const out: Stmt[] = [];
  for (const a of own) if (!a.exact) out.push(...declareState(a));
  out.push(...body(own));
  accumulators.forEach((a, i) => {
    const part = own[i];
    if (a.exact || part === undefined) return;
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
