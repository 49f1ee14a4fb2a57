/**
 * Index expressions as sums of multiples: coefficient * atom + ... + offset. Atoms are what arithmetic does not open up:
 * names, the lane, the workgroup, quotients, remainders, minima.
 *
 * Requires: coefficients and offsets below 2^31 in magnitude; a coefficient above stands for a negative one. Tensors have
 *           fewer elements (a binding has less than 4 GiB), so every index that lowering makes is of that kind.
 */
import type { Expr } from "../../ir/kernel.ts";
import { printKernelExpr } from "../../ir/print-kernel.ts";
import { makeIndex, u32 } from "../../ir/walk-kernel.ts";

export interface LinearTerm {
  readonly atom: Expr;
  /** Signed. */
  readonly coefficient: number;
}

export interface LinearIndex {
  /** By the text of the atom, in the order in which they were met. */
  readonly terms: ReadonlyMap<string, LinearTerm>;
  readonly offset: number;
}

/** What a name stands for, where it is a sum itself. */
export type ResolveName = (name: string) => LinearIndex | undefined;

const constantIndex = (offset: number): LinearIndex => ({ terms: new Map(), offset });

export function linearize(expr: Expr, resolve: ResolveName): LinearIndex {
  if (expr.kind === "const") return constantIndex(expr.value | 0);
  if (expr.kind === "name") return resolve(expr.name) ?? atomIndex(expr);
  if (expr.kind !== "index") return atomIndex(expr);
  const [left, right] = expr.args;
  if (expr.fn === "add" || expr.fn === "sub")
    return addScaled(linearize(left, resolve), linearize(right, resolve), expr.fn === "add" ? 1 : -1);
  if (expr.fn !== "mul") return atomIndex(expr);
  const [a, b] = [linearize(left, resolve), linearize(right, resolve)];
  if (b.terms.size === 0) return addScaled(constantIndex(0), a, b.offset);
  if (a.terms.size === 0) return addScaled(constantIndex(0), b, a.offset);
  return atomIndex(expr);
}

const atomIndex = (atom: Expr): LinearIndex => ({
  terms: new Map([[printKernelExpr(atom), { atom, coefficient: 1 }]]),
  offset: 0,
});

/** a + factor * b */
function addScaled(a: LinearIndex, b: LinearIndex, factor: number): LinearIndex {
  const terms = new Map(a.terms);
  for (const [key, { atom, coefficient }] of b.terms) {
    const sum = ((terms.get(key)?.coefficient ?? 0) + Math.imul(coefficient, factor)) | 0;
    if (sum === 0) terms.delete(key);
    else terms.set(key, { atom, coefficient: sum });
  }
  return { terms, offset: (a.offset + Math.imul(b.offset, factor)) | 0 };
}

/** The quotient where every coefficient and the offset are multiples of `by`, else undefined. */
export function divideLinear(index: LinearIndex, by: number): LinearIndex | undefined {
  const terms = [...index.terms].map(([key, { atom, coefficient }]) => {
    return [key, { atom, coefficient: coefficient / by }] as const;
  });
  const isWhole = terms.every(([, term]) => Number.isInteger(term.coefficient));
  return isWhole && index.offset % by === 0
    ? { terms: new Map(terms), offset: index.offset / by }
    : undefined;
}

/** Back to an expression: negative multiples are subtracted, so that no intermediate result wraps without need. */
export function buildIndex({ terms, offset }: LinearIndex): Expr {
  const positive = [...terms.values()].filter(({ coefficient }) => coefficient > 0);
  const negative = [...terms.values()].filter(({ coefficient }) => coefficient < 0);
  const multiple = ({ atom, coefficient }: LinearTerm): Expr =>
    makeIndex("mul", atom, u32(Math.abs(coefficient)));
  let sum = positive.map(multiple).reduce((a, b) => makeIndex("add", a, b), u32(0));
  if (offset > 0) sum = makeIndex("add", sum, u32(offset));
  for (const term of negative) sum = makeIndex("sub", sum, multiple(term));
  return offset < 0 ? makeIndex("sub", sum, u32(-offset)) : sum;
}
