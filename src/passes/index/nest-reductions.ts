/**
 * Reduction of rows first: a reduction over rows and along them whose operand needs what a reduction along the row gives becomes two,
 * one of each row and one over the rows. The first runs where the row is, in the kernel of what it needs, while the whole reduction
 * would read everything again in another one: a loss is a sum over all elements of what a softmax leaves of each row. So does a reduction
 * of what another one reads row by row: the rows are read once for both. An operand made of several results of rows becomes a value as
 * well: one is stored then, and not all of them.
 *
 * Requires: aligned axes; after `mergeReductions`, which does the contrary where no row is needed.
 * Ensures:  the same values; sums and products up to rounding, within the same bound (`sumDepth`).
 *
 *     m[i] = max(j) x[9*i + j]                       u[i] = sum(j) x[9*i + j] - m[i]
 *     y[] = sum(i,j) x[9*i + j] - m[i]       =>      y[] = sum(i) u[i]
 */
import { indexAxis } from "../../ir/index-expr.ts";
import { axisSizes, visitScalar, type IndexProgram, type Statement } from "../../ir/index-notation.ts";
import { isIdentityRead, type StatementsByName } from "../../ir/expand-row.ts";
import { fitsOnChip } from "../../ir/on-chip.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { product } from "./fusion-context.ts";
import { rowResults } from "./row-results.ts";
import { findRowsBeside, longestRow, waitsFor, type RowBeside } from "./rows-beside.ts";
import { MONOIDS } from "../../ir/monoids.ts";

/** Statements behind an operand that are looked at. Bounds the pass to linear time. */
const SEARCH_LIMIT = 64;

interface Nesting {
  readonly program: IndexProgram;
  readonly profile: DeviceProfile;
  readonly known: Map<string, Statement>;
  readonly taken: Set<string>;
  readonly rowBeside: (statement: Statement) => RowBeside | undefined;
  /** Statements of the program that have been dealt with. */
  readonly done: Set<string>;
}

export function nestReductions(program: IndexProgram, profile: DeviceProfile): IndexProgram {
  const nesting: Nesting = {
    program,
    profile,
    known: new Map(program.statements.map((s) => [s.name, s])),
    taken: takenNames(program),
    rowBeside: findRowsBeside(program),
    done: new Set(),
  };
  const statements = program.statements.flatMap((statement) => {
    if (nesting.done.has(statement.name)) return [];
    nesting.done.add(statement.name);
    return nest(nesting, statement);
  });
  return statements.every((s, i) => s === program.statements[i]) ? program : { ...program, statements };
}

/** The statement, or what becomes of it: the innermost reduction first. */
function nest(nesting: Nesting, statement: Statement): readonly Statement[] {
  const { known, taken, rowBeside } = nesting;
  const { axes, reduce } = statement;
  if (reduce === undefined || MONOIDS[reduce.fn].components.length > 1) return [statement];
  const behind =
    rowResults(known, statement.value).length > 1 ? [] : findRow(nesting, statement, reduce.axes, known);
  const beside = behind === undefined ? rowBeside(statement) : undefined;
  const row = behind ?? beside?.axes;
  if (row === undefined) return [statement];
  const across = reduce.axes.filter((axis) => !row.includes(axis));
  const total = (rows: Statement): Statement => ({
    ...statement,
    reduce: { ...reduce, axes: across },
    value: {
      kind: "value",
      dtype: rows.dtype,
      statement: rows.name,
      index: rows.axes.map((axis) => indexAxis(axis)),
    },
  });
  const same = beside?.same;
  if (same !== undefined) {
    known.set(statement.name, total(same));
    // It reduces the same operand, so it can stand here as well as later.
    const before = nesting.done.has(same.name) ? [] : nest(nesting, same);
    nesting.done.add(same.name);
    return [...before, total(same)];
  }
  const name = freshName(taken, `${statement.name}_rows`);
  const rows: Statement = {
    ...statement,
    name,
    axes: [...axes, ...across],
    reduce: row.length === 0 ? undefined : { ...reduce, axes: row },
    dtype: row.length === 0 ? statement.value.dtype : statement.dtype,
  };
  known.set(name, rows).set(statement.name, total(rows));
  return [...nest(nesting, rows), total(rows)];
}

/**
 * The row that the operand needs a reduction of, if that leaves axes to reduce across: the largest of rows within rows. Of rows that
 * cross, one, where the chip does not hold everything: the results of the others come from other kernels, and a sum over all of it
 * would be one workgroup's.
 */
function findRow(
  { program, profile }: Nesting,
  statement: Statement,
  reduced: readonly string[],
  known: StatementsByName,
): readonly string[] | undefined {
  const isOfRow = ({ axes, reduce }: Statement): boolean =>
    reduced.every((axis) => axes.includes(axis) || reduce?.axes.includes(axis) === true);
  const behind = reductionsBehind(statement, known);
  const rows = behind
    .filter(isOfRow)
    .map(({ reduce }) => reduce?.axes ?? [])
    .filter((row) => row.length < reduced.length && row.every((axis) => reduced.includes(axis)));
  const isWithin = (row: readonly string[], other: readonly string[]): boolean =>
    row.length < other.length && row.every((axis) => other.includes(axis));
  const widest = rows.filter((row) => row.length > 0 && !rows.some((other) => isWithin(row, other)));
  const chosen = widest.length < 2 ? widest[0] : longestRow(program, statement, widest);
  if (chosen === undefined) return undefined;
  // What needs more of the rows than their own results comes after the kernel that reduces them.
  const isOwn = ({ reduce }: Statement): boolean =>
    reduce?.axes.every((axis) => chosen.includes(axis)) === true;
  const own = behind.filter(isOwn);
  const isLater = behind.some((other) => !isOwn(other) && own.some((row) => waitsFor(other, row, known)));
  const isHeld = fitsOnChip(4 * product(reduced, axisSizes(program)), profile);
  return isHeld && (isLater || widest.length > 1) ? undefined : chosen;
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
