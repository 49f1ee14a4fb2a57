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
  indexAxes,
  indexAxis,
  indexConst,
  indexSubstitute,
  isAxisTerm,
  plainAxis,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  visitScalar,
  type IndexProgram,
  type ScalarExpr,
} from "../../ir/index-notation.ts";

export function collapseAxes(program: IndexProgram): IndexProgram {
  let current = program;
  for (;;) {
    const pairs = findPairs(current);
    if (pairs.size === 0) return current;
    current = collapse(current, pairs);
  }
}

/** What an axis is seen with: the same partner in every index, or null once two indices disagree. */
type Partners = Map<string, string | null>;

const propose = (partners: Partners, axis: string, partner: string | null): void => {
  const known = partners.get(axis);
  partners.set(axis, known === undefined || known === partner ? partner : null);
};

/** Disjoint pairs outer -> inner that can be collapsed now. */
function findPairs(program: IndexProgram): Map<string, string> {
  const sizes = axisSizes(program);
  const outerOf: Partners = new Map();
  const innerOf: Partners = new Map();
  const blocked = new Set<string>();
  const visitIndex = (index: IndexExpr): void => {
    const terms = index.terms.filter(isAxisTerm);
    for (const term of index.terms) if (!isAxisTerm(term)) indexAxes(term.of, blocked);
    const outers = new Set<string>();
    for (const { axis, coefficient } of terms) {
      const outer = terms.find((t) => t.coefficient === coefficient * (sizes.get(axis) ?? 0));
      propose(outerOf, axis, outer?.axis ?? null);
      if (outer === undefined) continue;
      propose(innerOf, outer.axis, axis);
      outers.add(outer.axis);
    }
    for (const { axis } of terms) if (!outers.has(axis)) propose(innerOf, axis, null);
  };
  visitIndices(program, visitIndex, blocked);
  const pairs = new Map<string, string>();
  for (const [inner, outer] of outerOf) {
    if (outer === null || innerOf.get(outer) !== inner || blocked.has(inner) || blocked.has(outer)) continue;
    pairs.set(outer, inner);
  }
  return disjoint(keepTravelling(program, pairs));
}

/** Pairs of which every statement keeps both axes, reduces both, or has neither. */
function keepTravelling(program: IndexProgram, pairs: ReadonlyMap<string, string>): Map<string, string> {
  const kept = new Map(pairs);
  const outerOf = new Map([...pairs].map(([outer, inner]) => [inner, outer]));
  for (const statement of program.statements) {
    for (const axes of [statement.axes, statement.reduce?.axes ?? []]) {
      for (const axis of axes) {
        const inner = pairs.get(axis);
        if (inner !== undefined && !axes.includes(inner)) kept.delete(axis);
        const outer = outerOf.get(axis);
        if (outer !== undefined && !axes.includes(outer)) kept.delete(outer);
      }
    }
  }
  return kept;
}

/** Of i -> j and j -> k only one at a time: the other is found again when it has been collapsed. */
function disjoint(pairs: ReadonlyMap<string, string>): Map<string, string> {
  const used = new Set<string>();
  const out = new Map<string, string>();
  for (const [outer, inner] of pairs) {
    if (used.has(inner) || used.has(outer)) continue;
    used.add(inner).add(outer);
    out.set(outer, inner);
  }
  return out;
}

/** Visits every linear index; axes of a computed value that is read as anything but itself are blocked. */
function visitIndices(program: IndexProgram, visitIndex: (i: IndexExpr) => void, blocked: Set<string>): void {
  const byName = new Map(program.statements.map((s) => [s.name, s]));
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
}

/** One axis of the product of the sizes, under the name and at the place of the outer one. */
function collapse(program: IndexProgram, pairs: ReadonlyMap<string, string>): IndexProgram {
  const sizes = new Map(axisSizes(program));
  const nameOf = new Map<string, string>(); // of inner axes
  for (const [outer, inner] of pairs) {
    sizes.set(outer, (sizes.get(outer) ?? 0) * (sizes.get(inner) ?? 0));
    sizes.delete(inner);
    nameOf.set(inner, outer);
  }
  // size(inner) * outer + inner is the new axis: terms of the outer axis vanish, the inner one hands on its coefficient.
  const substitution = new Map(
    [...pairs].flatMap(([outer, inner]) => [
      [outer, indexConst(0)] as const,
      [inner, indexAxis(outer)] as const,
    ]),
  );
  const edit = (index: IndexExpr): IndexExpr => indexSubstitute(index, substitution, sizes);
  const rename = (axes: readonly string[]): string[] =>
    axes.flatMap((axis) => (pairs.has(axis) ? [] : [nameOf.get(axis) ?? axis]));
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  const dropOuter = (e: ScalarExpr): ScalarExpr => {
    if (e.kind !== "value") return e;
    const axes = byName.get(e.statement)?.axes ?? [];
    if (!axes.some((axis) => pairs.has(axis))) return e;
    return { ...e, index: e.index.filter((_, position) => !pairs.has(axes[position] ?? "")) };
  };
  return {
    ...program,
    axes: program.axes
      .filter((a) => sizes.has(a.name))
      .map(({ name, size }) => ({ name, size: sizes.get(name) ?? size })),
    statements: program.statements.map((s) => ({
      ...s,
      axes: rename(s.axes),
      reduce: s.reduce === undefined ? undefined : { ...s.reduce, axes: rename(s.reduce.axes) },
      value: mapIndices(mapScalar(s.value, dropOuter), edit),
    })),
    stores: program.stores.map((s) => ({ ...s, index: edit(s.index) })),
  };
}
