/**
 * Collapses axes that always travel together: if every index expression uses i and j only as a multiple of
 * `size(j)*i + j`, and every statement has both or neither (both kept or both reduced), then one axis serves.
 *
 * Requires: aligned axes.
 * Ensures:  same values; fewer axes. Reads of computed values lose the collapsed position.
 *
 *     axes i=64 j=3 k=3                          axes i=64 j=9
 *     n[i] = sum(j,k) v[9*i + 3*j + k]     =>    n[i] = sum(j) v[9*i + j]
 */
import {
  coefficientOf,
  indexAxes,
  indexAxis,
  indexConst,
  indexSubstitute,
  isAxisTerm,
  plainAxis,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import { axisSizes, mapIndices, mapScalar, visitScalar, type IndexProgram } from "../../ir/index-notation.ts";

export function collapseAxes(program: IndexProgram): IndexProgram {
  let current = program;
  for (;;) {
    const pairs = findPairs(current);
    if (pairs.size === 0) return current;
    current = collapse(current, pairs);
  }
}

const signature = (axes: readonly string[], a: string, b: string): string =>
  `${String(axes.includes(a))},${String(axes.includes(b))}`;

/** Disjoint pairs outer -> inner that can be collapsed now. */
function findPairs(program: IndexProgram): Map<string, string> {
  const sizes = axisSizes(program);
  const partner = new Map<string, string | null>(); // inner -> outer; null when two uses disagree
  const propose = (inner: string, outer: string | null): void => {
    const known = partner.get(inner);
    partner.set(inner, known === undefined || known === outer ? outer : null);
  };
  const visitIndex = (index: IndexExpr): void => {
    for (const term of index.terms) {
      if (!isAxisTerm(term)) {
        for (const axis of indexAxes(term.of)) propose(axis, null);
        for (const axis of indexAxes(term.of)) blocked.add(axis);
        continue;
      }
      const stride = term.coefficient * (sizes.get(term.axis) ?? 0);
      const outer = index.terms.find((t) => isAxisTerm(t) && t.coefficient === stride);
      propose(term.axis, outer !== undefined && isAxisTerm(outer) ? outer.axis : null);
    }
  };
  const blocked = new Set<string>();
  const visitStatements = statementVisitor(program, visitIndex, blocked);
  visitStatements();
  const used = new Set<string>();
  const pairs = new Map<string, string>();
  for (const [inner, outer] of partner) {
    if (outer === null || blocked.has(inner) || blocked.has(outer) || used.has(inner) || used.has(outer))
      continue;
    if (!travelTogether(program, outer, inner, sizes)) continue;
    used.add(inner).add(outer);
    pairs.set(outer, inner);
  }
  return pairs;
}

/** Visits every linear index; axes read as anything but themselves at a computed value are blocked. */
function statementVisitor(
  program: IndexProgram,
  visitIndex: (i: IndexExpr) => void,
  blocked: Set<string>,
): () => void {
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  return () => {
    for (const statement of program.statements) {
      visitScalar(statement.value, (e) => {
        if (e.kind === "tensor" || e.kind === "index") visitIndex(e.index);
        if (e.kind === "guard") for (const bound of e.bounds) visitIndex(bound.index);
        if (e.kind !== "value") return;
        byName.get(e.statement)?.axes.forEach((axis, position) => {
          const index = e.index[position] ?? indexConst(0);
          if (plainAxis(index) === axis) return;
          blocked.add(axis);
          indexAxes(index, blocked);
        });
      });
    }
    for (const store of program.stores) visitIndex(store.index);
  };
}

/** Every statement has both axes side by side or neither, and every index that has one has the other in proportion. */
function travelTogether(
  program: IndexProgram,
  outer: string,
  inner: string,
  sizes: ReadonlyMap<string, number>,
): boolean {
  const inProportion = (index: IndexExpr): boolean =>
    coefficientOf(index, outer) === coefficientOf(index, inner) * (sizes.get(inner) ?? 0);
  const together = (axes: readonly string[]): boolean =>
    signature(axes, outer, inner) !== "true,false" && signature(axes, outer, inner) !== "false,true";
  for (const statement of program.statements) {
    if (!together(statement.axes) || !together(statement.reduce?.axes ?? [])) return false;
    let fine = true;
    visitScalar(statement.value, (e) => {
      if (e.kind === "tensor" || e.kind === "index") fine &&= inProportion(e.index);
      if (e.kind === "guard") fine &&= e.bounds.every((b) => inProportion(b.index));
    });
    if (!fine) return false;
  }
  return program.stores.every((store) => inProportion(store.index));
}

/** The inner axis takes over the product of the sizes; the outer one disappears. */
function collapse(program: IndexProgram, pairs: ReadonlyMap<string, string>): IndexProgram {
  const sizes = new Map(axisSizes(program));
  for (const [outer, inner] of pairs) {
    sizes.set(inner, (sizes.get(inner) ?? 0) * (sizes.get(outer) ?? 0));
    sizes.delete(outer);
  }
  // size(inner) * outer + inner becomes the new inner axis: the outer terms vanish, the inner keep their coefficients.
  const gone = new Map([...pairs.keys()].map((outer) => [outer, indexConst(0)]));
  const edit = (index: IndexExpr): IndexExpr => indexSubstitute(index, gone, sizes);
  const keep = (axes: readonly string[]): string[] => axes.filter((axis) => !pairs.has(axis));
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  return {
    ...program,
    axes: program.axes
      .filter((a) => !pairs.has(a.name))
      .map((a) => ({ name: a.name, size: sizes.get(a.name) ?? a.size })),
    statements: program.statements.map((s) => ({
      ...s,
      axes: keep(s.axes),
      reduce: s.reduce === undefined ? undefined : { ...s.reduce, axes: keep(s.reduce.axes) },
      value: mapIndices(
        mapScalar(s.value, (e) => {
          if (e.kind !== "value") return e;
          const axes = byName.get(e.statement)?.axes ?? [];
          return { ...e, index: e.index.filter((_, position) => !pairs.has(axes[position] ?? "")) };
        }),
        edit,
      ),
    })),
    stores: program.stores.map((s) => ({ ...s, index: edit(s.index) })),
  };
}

export const isIdentityRead = (index: readonly IndexExpr[], axes: readonly string[]): boolean =>
  index.length === axes.length && index.every((at, position) => plainAxis(at) === axes[position]);

/** The index of a read that takes every axis as itself. */
export const identityIndex = (axes: readonly string[]): IndexExpr[] => axes.map((axis) => indexAxis(axis));
