/**
 * Reductions of one walk that are a component of another one's state: the maximum of what an argmax, or a sum of
 * exponentials, reduces. They are read off that state, and cost nothing.
 */
import type { Statement } from "./index-notation.ts";
import { monoidOf } from "./monoids.ts";
import { printScalarExpr } from "./print-index.ts";

/** Reduction -> the one whose component 0 it is. */
export function findLeading(reductions: readonly Statement[]): ReadonlyMap<string, Statement> {
  const states = new Map<string, Statement>();
  for (const s of reductions) {
    const { leading } = s.reduce === undefined ? { leading: undefined } : monoidOf(s.reduce.fn);
    const [operand] = s.value.kind === "tuple" ? s.value.args : [s.value];
    if (leading === undefined || operand === undefined) continue;
    const key = `${leading}(${s.axes.join()}) ${printScalarExpr(operand)}`;
    if (!states.has(key)) states.set(key, s);
  }
  const found = new Map<string, Statement>();
  if (states.size === 0) return found;
  for (const s of reductions) {
    const state = states.get(`${s.reduce?.fn ?? ""}(${s.axes.join()}) ${printScalarExpr(s.value)}`);
    if (state !== undefined) found.set(s.name, state);
  }
  return found;
}
