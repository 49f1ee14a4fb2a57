/** Whether two index expressions never have the same value, as far as their digits tell. */
import { indexRange, isAxisTerm, type AxisSizes, type IndexExpr } from "./index-expr.ts";

/**
 * True where the ranges are apart, or where both are made of multiples of some c and a rest below c, and the rests or the
 * multiples are apart: 9*i + j (j below 4) and 9*i + j + 4. False says nothing.
 */
export function areDisjoint(a: IndexExpr, b: IndexExpr, sizes: AxisSizes): boolean {
  if (areApart(a, b, sizes)) return true;
  const factors = new Set([...a.terms, ...b.terms].map((t) => Math.abs(t.coefficient)).filter((c) => c > 1));
  for (const factor of factors) {
    const [one, two] = [divide(a, factor, sizes), divide(b, factor, sizes)];
    if (one === undefined || two === undefined) continue;
    if (areApart(one.rest, two.rest, sizes) || areDisjoint(one.whole, two.whole, sizes)) return true;
  }
  return false;
}

function areApart(a: IndexExpr, b: IndexExpr, sizes: AxisSizes): boolean {
  const [[lowA, highA], [lowB, highB]] = [indexRange(a, sizes), indexRange(b, sizes)];
  return highA < lowB || highB < lowA;
}

/** The expression as factor * whole + rest, with the rest from 0 to factor - 1; undefined where its terms do not say so. */
function divide(
  { offset, terms }: IndexExpr,
  factor: number,
  sizes: AxisSizes,
): { readonly whole: IndexExpr; readonly rest: IndexExpr } | undefined {
  if (!terms.every(isAxisTerm)) return undefined;
  const isMultiple = ({ coefficient }: { readonly coefficient: number }): boolean =>
    coefficient % factor === 0;
  const rest = { offset: offset % factor, terms: terms.filter((t) => !isMultiple(t)) };
  const [low, high] = indexRange(rest, sizes);
  if (low < 0 || high >= factor) return undefined;
  return {
    whole: {
      offset: Math.floor(offset / factor),
      terms: terms.filter(isMultiple).map((t) => ({ ...t, coefficient: t.coefficient / factor })),
    },
    rest,
  };
}
