/**
 * Reduction over zero elements: it is the identity of its operation, 0 for a sum, 1 for a product, false for `any`, true for
 * `all`. Whoever reads it reads that constant, so that no kernel binds a tensor that has no bytes.
 *
 * Requires: axes of size 0 only where a reduction reduces them; no reduction over them that has no value (the front ends refuse
 *           a maximum of nothing).
 * Ensures:  the same values; axes have size 1 or more. Reductions that are stored keep their name, others are gone.
 *
 *     axes a0=5 a1=0 a2=5
 *     p[a0] = prod(a1) x[a1]
 *     y[a2] = p[a2] + z[a2]            =>      y[a2] = 1 + z[a2]
 */
import { mapScalar, type IndexProgram, type ScalarExpr, type Statement } from "../../ir/index-notation.ts";
import { monoidOf } from "../../ir/monoids.ts";
import { dropDead } from "./inline-reads.ts";

export function foldEmptyReductions(program: IndexProgram): IndexProgram {
  const empty = new Set(program.axes.filter(({ size }) => size === 0).map(({ name }) => name));
  if (empty.size === 0) return program;
  const folded = new Map(program.statements.flatMap((s) => foldOne(s, empty)));
  const fold = (e: ScalarExpr): ScalarExpr => (e.kind === "value" ? (folded.get(e.statement) ?? e) : e);
  return dropDead({
    ...program,
    axes: program.axes.filter(({ name }) => !empty.has(name)),
    statements: program.statements.map((statement): Statement => {
      const constant = folded.get(statement.name);
      return constant === undefined
        ? { ...statement, value: mapScalar(statement.value, fold) }
        : { ...statement, reduce: undefined, value: constant };
    }),
  });
}

/** The name of a reduction over nothing, and what it gives. */
function foldOne(
  { name, dtype, reduce }: Statement,
  empty: ReadonlySet<string>,
): readonly (readonly [string, ScalarExpr])[] {
  if (reduce?.axes.some((axis) => empty.has(axis)) !== true) return [];
  const { identity } = monoidOf(reduce.fn);
  return identity === null ? [] : [[name, { kind: "const", dtype, value: identity }]];
}
