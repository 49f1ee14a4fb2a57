/**
 * Monoids that passes make of two reductions which share a walk (one-walk.ts): their states hold what the second would have
 * waited for. Rows of the table in monoids.ts.
 */
import * as meaning from "./reduce-reference.ts";
import { a, apply, b, f32, named, x, type StateExpr } from "./state-expr.ts";

/**
 * (m, s): the maximum, and the sum of exp(x - m). Whichever state has the larger maximum keeps its sum; the other's is scaled
 * down to it, by 1 where the two are equal: infinities of one sign are no distance apart. Source: Milakov and Gimelshein,
 * Online normalizer calculation for softmax (2018), https://arxiv.org/abs/1805.02867.
 *
 * A nan makes the sum nan, whatever becomes of the maximum: so a walk takes the larger one by the comparison that it makes
 * anyway, and makes the maximum nan at its end. A maximum that respects nan costs a tenth of a softmax on a CPU.
 */
export function expSum() {
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

/** Two states (n, mean, ..., pivot, ...) of which the pivots differ: b's mean about the common pivot is `other`, its share `share`. */
function meetMeans() {
  const count = named("count", apply("add", a(0), b(0)));
  const pivot = named("pivot", apply("where", isEmpty, b(3), a(3)));
  const other = named("other", apply("add", apply("sub", b(3), pivot), b(1)));
  // Of no elements: 0 / 1.
  const share = named("share", apply("div", b(0), apply("where", apply("gt", count, f32(0)), count, f32(1))));
  return { count, pivot, other, share };
}

/** Such a state and one element more, which is the pivot of a state without any. */
function meetElement() {
  const next = named("count", apply("add", a(0), f32(1)));
  const first = named("pivot", apply("where", isEmpty, x(0), a(3)));
  const shifted = named("shifted", apply("sub", x(0), first));
  return { next, first, shifted };
}

const isEmpty = apply("eq", a(0), f32(0));

/**
 * (n, mean, q, pivot): how many, their mean less the pivot, the sum of squared deviations from the mean, and one of the
 * elements. Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances
 * (1979); for one element more, Welford (1962). Without the pivot a mean far from zero would be rounded at every step, and
 * the deviations from it: a row of mean 1000 and deviation 1 would lose two digits.
 */
export function moments() {
  const { count, pivot, other, share } = meetMeans();
  const delta = named("delta", apply("sub", other, a(1)));
  const mean = named("mean", apply("add", a(1), apply("mul", delta, share)));
  // n_a n_b / n delta^2 in a form that is nan where the mean is infinite, as a deviation of infinity from itself is.
  const between = apply("mul", b(0), apply("mul", delta, apply("sub", other, mean)));
  const { next, first, shifted } = meetElement();
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

/**
 * (n, mean, c, pivot, w): as of moments, with the sum c of h (f - mean) and the sum w of h over elements (f, h). Where the mean
 * moves, c moves by w times the way (Chan, Golub and LeVeque 1979).
 */
export function coMoment() {
  const { count, pivot, other, share } = meetMeans();
  const mean = named("mean", apply("add", a(1), apply("mul", apply("sub", other, a(1)), share)));
  const moved = (c: StateExpr, w: StateExpr, from: StateExpr): StateExpr =>
    apply("add", c, apply("mul", w, apply("sub", from, mean)));
  const { next, first, shifted } = meetElement();
  const step = named("step", apply("div", apply("sub", shifted, a(1)), next));
  const moving = named("mean", apply("add", a(1), step));
  const term = apply("mul", x(1), apply("sub", shifted, moving));
  return {
    operand: "numeric",
    identity: null,
    exact: false,
    operands: 2,
    components: ["f32", "f32", "f32", "f32", "f32"],
    start: [0, 0, 0, 0, 0],
    lift: [f32(1), f32(0), f32(0), x(0), x(1)],
    combine: [
      count,
      mean,
      apply("add", moved(a(2), a(4), a(1)), moved(b(2), b(4), other)),
      pivot,
      apply("add", a(4), b(4)),
    ],
    add: [
      next,
      moving,
      apply("add", apply("sub", a(2), apply("mul", a(4), step)), term),
      first,
      apply("add", a(4), x(1)),
    ],
    result: 2,
    means: meaning.coDeviationsOf,
  } as const;
}
