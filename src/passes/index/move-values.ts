/**
 * Values where they are read: one that is read at some of its points alone is computed for those, once for each place where readers
 * want it, if that is no more than all of it. A slice of a norm along an axis that the norm does not reduce becomes the norm of a slice:
 * its first token, all but the first, every second one.
 *
 *     m[i,t] = sum(k) x[512*i + 64*t + k]                        m[i,s] = sum(k) x[512*i + 64*s + k + 64]
 *     y[i,s,k] = x[512*i + 64*s + k + 64] * m[i,s + 1]     =>    y[i,s,k] = x[512*i + 64*s + k + 64] * m[i,s]
 *
 * Requires: aligned axes.
 * Ensures:  same values; statements with no more points together than before.
 */
import {
  indexAxis,
  indexConst,
  indexRange,
  indexSubstitute,
  isAxisTerm,
  printIndex,
  type AxisSizes,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  visitScalar,
  type IndexProgram,
  type Statement,
} from "../../ir/index-notation.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { product } from "./fusion-context.ts";

/** Places of one value at most. */
const MOST_PLACES = 4;

/** The positions at which a value is read, by their text. */
type Places = Map<string, readonly IndexExpr[]>;

const printPlace = (index: readonly IndexExpr[]): string => index.map(printIndex).join();

export function moveValues(program: IndexProgram): IndexProgram {
  const sizes = axisSizes(program);
  const taken = takenNames(program);
  const stored = new Set(program.stores.map((s) => s.statement));
  const read = new Map<string, Places>();
  /** Name and place -> what stands there now. */
  const moved = new Map<string, Map<string, Statement>>();
  const kept: Statement[] = [];
  // From the last statement to the first: readers are where they stay before what they read is looked at.
  for (const statement of [...program.statements].reverse()) {
    const places = stored.has(statement.name) ? undefined : read.get(statement.name);
    const copies = places === undefined ? undefined : copiesAt(statement, places, sizes, taken);
    if (copies !== undefined) moved.set(statement.name, copies);
    for (const own of copies === undefined ? [statement] : [...copies.values()].reverse()) {
      kept.push(own);
      visitScalar(own.value, (e) => {
        if (e.kind !== "value") return;
        const known: Places = read.get(e.statement) ?? new Map<string, readonly IndexExpr[]>();
        read.set(e.statement, known.set(printPlace(e.index), e.index));
      });
    }
  }
  if (moved.size === 0) return program;
  const statements = kept.reverse().map((statement): Statement => {
    const value = mapScalar(statement.value, (e) => {
      const copy = e.kind === "value" ? moved.get(e.statement)?.get(printPlace(e.index)) : undefined;
      if (e.kind !== "value" || copy === undefined) return e;
      return { ...e, statement: copy.name, index: copy.axes.map((axis) => indexAxis(axis)) };
    });
    return value === statement.value ? statement : { ...statement, value };
  });
  return { ...program, statements };
}

/** The value at each of the places; undefined where one of them cannot be, or they have more points than all of it. */
function copiesAt(
  statement: Statement,
  places: Places,
  sizes: AxisSizes,
  taken: Set<string>,
): Map<string, Statement> | undefined {
  if (places.size > MOST_PLACES) return undefined;
  const copies = new Map<string, Statement>();
  for (const [text, place] of places) {
    const copy = moveTo(statement, place, sizes);
    if (copy === undefined) return undefined;
    copies.set(text, copy);
  }
  const points = [...copies.values()].reduce((sum, { axes }) => sum + product(axes, sizes), 0);
  if (points > product(statement.axes, sizes)) return undefined;
  const [first, ...others] = copies;
  if (first === undefined) return undefined;
  return new Map([
    first,
    ...others.map(
      ([text, copy]) => [text, { ...copy, name: freshName(taken, `${statement.name}_at`) }] as const,
    ),
  ]);
}

/** The value at a place with fewer points, which has its indices inside; undefined where it cannot be moved there. */
function moveTo(
  { axes, reduce, value, ...rest }: Statement,
  place: readonly IndexExpr[],
  sizes: AxisSizes,
): Statement | undefined {
  const at = place.map((index) => {
    const [term] = index.terms;
    return term !== undefined && index.terms.length === 1 && isAxisTerm(term) ? term.axis : undefined;
  });
  const own = at.filter((axis) => axis !== undefined);
  const isRegular = place.every((index, i) => index.terms.length === 0 || at[i] !== undefined);
  const isInside = place.every((index, i) => {
    const [low, high] = indexRange(index, sizes);
    return low >= 0 && high < (sizes.get(axes[i] ?? "") ?? 1);
  });
  const all = [...own, ...(reduce?.axes ?? [])];
  const isApart = new Set(all).size === all.length;
  if (!isRegular || !isInside || !isApart || product(own, sizes) >= product(axes, sizes)) return undefined;
  const position = new Map(axes.map((axis, i) => [axis, place[i] ?? indexConst(0)]));
  return {
    ...rest,
    axes: own,
    reduce,
    value: mapIndices(value, (index) => indexSubstitute(index, position, sizes)),
  };
}
