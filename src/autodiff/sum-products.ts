/**
 * Sums of cotangents, as one would write the derivative by hand:
 *
 *     sum(c * b)         =  b * sum(c)              where b was repeated along the summed axes
 *     sum(b * c + d * e) =  b * sum(c) + d * sum(e)
 *     sum(x - mean(x))   =  0
 *
 * So batch norm's gradients take two sums, of c and of c times the deviation. This chooses the formula of a derivative and
 * rewrites none of the user's arithmetic; it rounds less often than the left sides.
 *
 * Ensures: constant work per sum, however long the product. Marked nodes are not looked through: they are what later
 *          derivatives go by.
 */
import { elementCount } from "../ir/dtype.ts";
import type { Value } from "../ir/graph-builder.ts";
import type { MapNode, Node, NodeId } from "../ir/graph.ts";
import type { Terms } from "./terms.ts";

/** Nodes that one sum looks at. What rules build on one cotangent is a few steps deep. */
const MOST_VISITS = 32;

interface Search {
  readonly terms: Terms;
  readonly axes: readonly number[];
  readonly budget: { visits: number };
}

/** Applied to a sum. */
type Outer = { readonly fn: "neg" } | { readonly fn: "mul" | "div"; readonly factor: Value };

/** `x` as `outer(sum(inner))`; without an inner value it does not change along the axes at all. */
interface Factored {
  readonly outer: readonly Outer[];
  readonly inner: Value | undefined;
}

/** `sum(x)` over `axes`, which stay with length 1; undefined where it is 0. */
export const sumAlong = (terms: Terms, x: Value, axes: readonly number[]): Value | undefined =>
  sumFactored({ terms, axes, budget: { visits: 0 } }, x);

function sumFactored(search: Search, x: Value): Value | undefined {
  const { terms, axes } = search;
  const kept = x.type.shape.map((n, d) => (axes.includes(d) ? 1 : n));
  const { outer, inner } = bringOut(search, x);
  const count = elementCount(axes.map((d) => x.type.shape[d] ?? 1));
  const sum =
    inner === undefined
      ? terms.builder.constant(count, "f32", kept, terms.span)
      : isDeviation(search, inner)
        ? undefined
        : (sumTerms(search, inner) ?? { value: terms.reduce("sum", inner, axes) }).value;
  if (sum === undefined) return undefined;
  return outer.reduce(
    (value, step) =>
      step.fn === "neg" ? terms.neg(value) : terms[step.fn](value, terms.broadcast(step.factor, kept)),
    sum,
  );
}

/** A sum or difference as one of sums, where both sides have factors to bring out; undefined elsewhere. */
function sumTerms(search: Search, x: Value): { readonly value: Value | undefined } | undefined {
  const { terms } = search;
  const node = visit(search, x);
  if (node?.fn !== "add" && node?.fn !== "sub") return undefined;
  const [left, right] = node.args.map((id) => terms.builder.valueAt(id));
  if (left === undefined || right === undefined || !isWorthSplitting(search, left, right)) return undefined;
  const [a, b] = [sumFactored(search, left), sumFactored(search, right)];
  if (b === undefined) return { value: a };
  if (node.fn === "sub") return { value: a === undefined ? terms.neg(b) : terms.sub(a, b) };
  return { value: a === undefined ? b : terms.add(a, b) };
}

/** Whether every part of a sum has a factor, so that splitting it saves the products. */
function isWorthSplitting(search: Search, ...parts: readonly Value[]): boolean {
  return parts.every((part) => {
    const { outer, inner } = bringOut(search, part);
    if (inner === undefined || outer.some(({ fn }) => fn !== "neg")) return true;
    const node = visit(search, inner);
    if (node?.fn !== "add" && node?.fn !== "sub") return isDeviation(search, inner);
    return isWorthSplitting(search, ...node.args.map((id) => search.terms.builder.valueAt(id)));
  });
}

function bringOut(search: Search, x: Value): Factored {
  const { terms } = search;
  const factor = factorOf(search, x);
  if (factor !== undefined) return { outer: [{ fn: "mul", factor }], inner: undefined };
  const node = visit(search, x);
  const whole: Factored = { outer: [], inner: x };
  if (node === undefined) return whole;
  const [left = x, right = left] = node.args.map((id) => terms.builder.valueAt(id));
  switch (node.fn) {
    case "neg": {
      const { outer, inner } = bringOut(search, left);
      return { outer: [...outer, { fn: "neg" }], inner };
    }
    case "div": {
      const divisor = factorOf(search, right);
      if (divisor === undefined) return whole;
      const { outer, inner } = bringOut(search, left);
      return { outer: [...outer, { fn: "div", factor: divisor }], inner };
    }
    case "mul": {
      const [a, b] = [bringOut(search, left), bringOut(search, right)];
      const outer = [...a.outer, ...b.outer];
      if (a.inner === undefined || b.inner === undefined) return { outer, inner: a.inner ?? b.inner };
      return outer.length === 0 ? whole : { outer, inner: terms.mul(a.inner, b.inner) };
    }
    default:
      return whole;
  }
}

/** The value that `x` repeats along all of the axes, or a constant. */
function factorOf({ terms, axes }: Search, x: Value): Value | undefined {
  const { builder, span } = terms;
  const node = plainNode(terms, x.id);
  if (node?.op === "const") {
    const ones = x.type.shape.map(() => 1);
    return builder.constant(node.value, "f32", ones, span);
  }
  if (node?.op !== "broadcast") return undefined;
  const small = builder.valueAt(node.arg);
  return axes.every((d) => small.type.shape[d] === 1) ? small : undefined;
}

/** Whether `x` is `y - mean(y)` over the same axes. */
function isDeviation(search: Search, x: Value): boolean {
  const { terms, axes } = search;
  const node = plainNode(terms, x.id);
  if (node?.op !== "map" || node.fn !== "sub") return false;
  const [y = -1, repeated = -1] = node.args;
  const broadcast = plainNode(terms, repeated);
  const mean = broadcast?.op === "broadcast" ? plainNode(terms, broadcast.arg) : undefined;
  if (mean?.op !== "map" || mean.fn !== "div") return false;
  const [total = -1, divisor = -1] = mean.args;
  const sum = plainNode(terms, total);
  const count = plainNode(terms, divisor);
  return (
    sum?.op === "reduce" &&
    sum.fn === "sum" &&
    sum.arg === y &&
    sum.axes.join() === axes.join() &&
    count?.op === "const" &&
    count.value === elementCount(axes.map((d) => x.type.shape[d] ?? 1))
  );
}

/** The scalar op at `x`, as long as the search may go on. */
function visit({ terms, budget }: Search, x: Value): MapNode | undefined {
  const node = plainNode(terms, x.id);
  if (node?.op !== "map" || node.type.dtype !== "f32" || budget.visits >= MOST_VISITS) return undefined;
  budget.visits++;
  return node;
}

/** The node at `id`, unless it stands for a variable or has a derivative of its own. */
const plainNode = ({ builder }: Terms, id: NodeId): Node | undefined =>
  builder.markAt(id) === undefined ? builder.nodes[id] : undefined;
