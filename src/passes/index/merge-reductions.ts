/**
 * Reduction of a reduction: where one reduces what another has reduced by the same operation, and nobody else needs the inner
 * values, one reduction over all of the axes serves. The order of sums and products is nowhere promised. Where the outer
 * one repeats the inner values along an axis of its own, they stay a value: merged, they would be reduced once for each point there.
 * So they do where the inner one needs a reduction along its own row (nest-reductions.ts).
 *
 * Requires: aligned axes.
 * Ensures:  the same values; sums and products up to rounding, within the same bound (`sumDepth`).
 *
 *     t[i] = sum(j) x[16*j + i]
 *     y[] = sum(i) t[i]              =>    y[] = sum(i,j) x[16*j + i]
 */
import type { IndexProgram, Statement } from "../../ir/index-notation.ts";
import { MONOIDS } from "../../ir/monoids.ts";
import { isIdentityRead } from "../../ir/expand-row.ts";
import { reductionsBehind } from "./nest-reductions.ts";
import { findReaders, type Readers } from "./find-readers.ts";

export function mergeReductions(program: IndexProgram): IndexProgram {
  const readers = findReaders(program);
  const stored = new Set(program.stores.map((s) => s.statement));
  const known = new Map<string, Statement>();
  const merged = new Set<string>();
  for (const statement of program.statements) {
    const inner = innerOf(statement, known);
    const isAlone = inner !== undefined && !stored.has(inner.name) && readersOf(readers, inner.name) === 1;
    known.set(statement.name, isAlone ? merge(statement, inner) : statement);
    if (isAlone) merged.add(inner.name);
  }
  if (merged.size === 0) return program;
  return { ...program, statements: [...known.values()].filter((s) => !merged.has(s.name)) };
}

const readersOf = (readers: Readers, name: string): number => readers.get(name)?.length ?? 0;

/** The reduction that a statement reduces point for point by the same operation. */
function innerOf(
  { axes, reduce, value }: Statement,
  known: ReadonlyMap<string, Statement>,
): Statement | undefined {
  if (reduce === undefined || value.kind !== "value" || MONOIDS[reduce.fn].components.length > 1)
    return undefined;
  const inner = known.get(value.statement);
  if (inner?.reduce?.fn !== reduce.fn || !isIdentityRead(value.index, inner.axes)) return undefined;
  // Any other axis of the outer one may be one that the inner one reduces.
  if (inner.axes.length !== axes.length + reduce.axes.length) return undefined;
  const row = inner.reduce.axes;
  const needsRow = reductionsBehind(inner, known).some((r) => r.reduce?.axes.some((a) => row.includes(a)));
  return needsRow ? undefined : inner;
}

function merge(outer: Statement, { reduce, value }: Statement): Statement {
  if (outer.reduce === undefined || reduce === undefined) return outer;
  return { ...outer, reduce: { ...reduce, axes: [...outer.reduce.axes, ...reduce.axes] }, value };
}
