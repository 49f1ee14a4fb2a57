/**
 * Reduction of rows first: a reduction over rows and along them whose operand needs what a reduction along the row gives becomes two,
 * one of each row and one over the rows. The first runs where the row is, in the kernel of what it needs, while the whole reduction
 * would read everything again in another one: a loss is a sum over all elements of what a softmax leaves of each row. An operand made of
 * several results of rows becomes a value as well: one is stored then, and not all of them.
 *
 * Requires: aligned axes; after `mergeReductions`, which does the contrary where no row is needed.
 * Ensures:  the same values; sums and products up to rounding, within the same bound (`sumDepth`).
 *
 *     m[i] = max(j) x[9*i + j]                       u[i] = sum(j) x[9*i + j] - m[i]
 *     y[] = sum(i,j) x[9*i + j] - m[i]       =>      y[] = sum(i) u[i]
 */
import { indexAxis } from "../../ir/index-expr.ts";
import { visitScalar, type IndexProgram, type Statement } from "../../ir/index-notation.ts";
import { isIdentityRead, type StatementsByName } from "../../ir/expand-row.ts";
import { freshName } from "./fresh-name.ts";
import { rowResults } from "./row-results.ts";
import { MONOIDS } from "../../ir/monoids.ts";

/** Statements behind an operand that are looked at. Bounds the pass to linear time. */
const SEARCH_LIMIT = 64;

export function nestReductions(program: IndexProgram): IndexProgram {
  const known = new Map(program.statements.map((s) => [s.name, s]));
  const taken = new Set([...known.keys(), ...program.tensors.map((t) => t.name)]);
  const statements = program.statements.flatMap((statement) => nest(statement, known, taken));
  return statements.length === program.statements.length ? program : { ...program, statements };
}

/** The statement, or what becomes of it: the innermost reduction first. */
function nest(statement: Statement, known: Map<string, Statement>, taken: Set<string>): readonly Statement[] {
  const { axes, reduce } = statement;
  if (reduce === undefined || MONOIDS[reduce.fn].components.length > 1) return [statement];
  const row = rowResults(known, statement.value).length > 1 ? [] : findRow(statement, reduce.axes, known);
  if (row === undefined) return [statement];
  const across = reduce.axes.filter((axis) => !row.includes(axis));
  const points = [...axes, ...across];
  const name = freshName(taken, `${statement.name}_rows`);
  const rows: Statement = {
    ...statement,
    name,
    axes: points,
    reduce: row.length === 0 ? undefined : { ...reduce, axes: row },
    dtype: row.length === 0 ? statement.value.dtype : statement.dtype,
  };
  const total: Statement = {
    ...statement,
    reduce: { ...reduce, axes: across },
    value: {
      kind: "value",
      dtype: rows.dtype,
      statement: name,
      index: points.map((axis) => indexAxis(axis)),
    },
  };
  known.set(name, rows).set(total.name, total);
  return [...nest(rows, known, taken), total];
}

/** The largest row that the operand needs a reduction of, if it has all others in it and leaves axes to reduce across. */
function findRow(
  statement: Statement,
  reduced: readonly string[],
  known: StatementsByName,
): readonly string[] | undefined {
  const rows = reductionsBehind(statement, known)
    .map(({ reduce }) => reduce?.axes ?? [])
    .filter((row) => row.length < reduced.length && row.every((axis) => reduced.includes(axis)));
  const [largest] = [...rows].sort((a, b) => b.length - a.length);
  if (largest === undefined || largest.length === 0) return undefined;
  return rows.every((row) => row.every((axis) => largest.includes(axis))) ? largest : undefined;
}

/** Reductions whose values a statement needs at its own point, itself or through pointwise values. */
export function reductionsBehind(statement: Statement, known: StatementsByName): readonly Statement[] {
  const found: Statement[] = [];
  const seen = new Set([statement]);
  for (const at of seen) {
    if (seen.size > SEARCH_LIMIT) return [];
    visitScalar(at.value, (e) => {
      const read = e.kind === "value" ? known.get(e.statement) : undefined;
      if (e.kind !== "value" || read === undefined || !isIdentityRead(e.index, read.axes)) return;
      if (read.reduce === undefined) seen.add(read);
      else found.push(read);
    });
  }
  return found;
}
