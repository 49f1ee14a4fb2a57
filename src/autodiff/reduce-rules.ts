/**
 * Cotangents of what is reduced. The type demands a row for each monoid; null stands for no derivative.
 *
 * Conventions are PyTorch's: elements that tie for a maximum or minimum share its cotangent evenly (amax, amin), and the
 * derivative of a product is that of the polynomial, also where factors are 0.
 */
import { elementCount } from "../ir/dtype.ts";
import type { Value } from "../ir/graph-builder.ts";
import type { ReduceOp } from "../ir/reduce-ops.ts";
import type { PullBack, Terms } from "./terms.ts";

export interface ReduceRuleInput {
  /** Cotangent of the result, f32, with reduced axes of length 1. */
  readonly c: Value;
  readonly x: Value;
  readonly result: Value;
  readonly axes: readonly number[];
  readonly pullBack: PullBack;
}

type ReduceRule = ((t: Terms, input: ReduceRuleInput) => Value) | null;

export const REDUCE_RULES: Readonly<Record<ReduceOp, ReduceRule>> = {
  sum: (t, { c, x }) => t.broadcast(c, x.type.shape),
  prod: (t, input) => t.mul(t.broadcast(input.c, input.x.type.shape), productOfOthers(t, input)),
  max: shareAmongTies,
  min: shareAmongTies,
  // Truths and positions.
  any: null,
  all: null,
  argmax: null,
  argmin: null,
  argmax_last: null,
  argmin_last: null,
};

/** scale_grad_by_count. Where nothing equals the result, in a row with a nan, the share is infinite and gives nan. */
function shareAmongTies(t: Terms, { c, x, result, axes }: ReduceRuleInput): Value {
  const { shape } = x.type;
  const isExtreme = t.number(t.eq(x, t.broadcast(result, shape)));
  return t.mul(isExtreme, t.broadcast(t.div(c, t.reduce("sum", isExtreme, axes)), shape));
}

/**
 * For each element the product of all others along the axes: the product of all that are not 0, divided by the element
 * or not, or 0, by the number of zeros. That is right as a value; its own derivative at a zero is not, so this is taken
 * from a tree of products, which is a polynomial in the elements and costs as many steps as log2 of their number.
 */
function productOfOthers(t: Terms, { x, axes, pullBack }: ReduceRuleInput): Value {
  const { builder, span } = t;
  const wide = t.number(x);
  const [others = wide] = builder.customVjp(
    [wide],
    ([y = wide]) => [divideOut(t, y, axes)],
    ([c]) => {
      if (c === undefined) return [undefined];
      const y = builder.variable(wide, span);
      return pullBack([{ value: multiplyOthers(t, y, axes), cotangent: c }], [y]);
    },
    span,
  );
  return others;
}

function divideOut(t: Terms, x: Value, axes: readonly number[]): Value {
  const { shape } = x.type;
  const isZero = t.eq(x, 0);
  const factor = t.where(isZero, 1, x);
  const product = t.broadcast(t.reduce("prod", factor, axes), shape);
  const zeros = t.broadcast(t.reduce("sum", t.number(isZero), axes), shape);
  return t.where(
    isZero,
    t.where(t.eq(zeros, 1), product, 0),
    t.where(t.eq(zeros, 0), t.div(product, factor), 0),
  );
}

/** The same by an up-sweep of pairwise products and a down-sweep that hands each half the product of the other. */
function multiplyOthers({ builder, mul, span }: Terms, x: Value, axes: readonly number[]): Value {
  const { shape } = x.type;
  const kept = shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const order = [...kept, ...axes];
  const rows = elementCount(kept.map((d) => shape[d] ?? 1));
  const length = elementCount(axes.map((d) => shape[d] ?? 1));
  const whole = 2 ** Math.ceil(Math.log2(Math.max(length, 1)));
  const turned = builder.transpose(x, order, span);
  const lines = builder.reshape(turned, [rows, length], span);
  const half = (y: Value, from: 0 | 1): Value => builder.slice(y, [{}, { start: from, step: 2 }], span);

  const levels = [builder.pad(lines, [0, 0], [0, whole - length], 1, span)];
  for (let n = whole; n > 1; n /= 2) {
    const last = levels.at(-1) ?? lines;
    levels.push(mul(half(last, 0), half(last, 1)));
  }
  let others = builder.constant(1, "f32", [rows, 1], span);
  for (const level of levels.slice(0, -1).reverse()) {
    const n = others.type.shape[1] ?? 1;
    const column = (y: Value): Value => builder.reshape(y, [rows, n, 1], span);
    const pair = [mul(others, half(level, 1)), mul(others, half(level, 0))].map(column);
    others = builder.reshape(builder.concat(pair, 2, span), [rows, 2 * n], span);
  }
  const cropped = builder.slice(others, [{}, { stop: length }], span);
  const spread = builder.reshape(cropped, turned.type.shape, span);
  return builder.transpose(
    spread,
    order.map((_, d) => order.indexOf(d)),
    span,
  );
}
