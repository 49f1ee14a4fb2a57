/** Rows that stand beside a reduction over more: what reduces along them reads what it reads, so both may do so at once. */
import { coefficientOf, indexAxes, readKey, type IndexExpr } from "../../ir/index-expr.ts";
import { axisSizes, readsIn, type IndexProgram, type Statement } from "../../ir/index-notation.ts";
import { expandRow, type StatementsByName } from "../../ir/expand-row.ts";
import { printScalarExpr } from "../../ir/print-index.ts";
import { product } from "./fusion-context.ts";
import { needs } from "./needs.ts";
import { pairReductions } from "./pair-reductions.ts";

/** Rows of fewer elements leave so many results that reading these costs what reading the rows again does. */
const SHORTEST_ROW = 8;
/** Statements behind a reduction that are looked at. */
const SEARCH_LIMIT = 64;

export interface RowBeside {
  readonly axes: readonly string[];
  /** The other reduction, where it reduces the same operand by the same operation. */
  readonly same: Statement | undefined;
}

/**
 * For a reduction, the row of another one over the same points, if both read a tensor at these and neither waits for the other: first
 * one of the same operand by the same operation, then the longest, then the one that lies together in memory. None for reductions
 * that share their walk with another one over the same axes.
 */
export function findRowsBeside(program: IndexProgram): (statement: Statement) => RowBeside | undefined {
  const sizes = axisSizes(program);
  const known = new Map(program.statements.map((s) => [s.name, s]));
  const ofSpace = new Map<string, Statement[]>();
  for (const statement of program.statements) {
    if (statement.reduce === undefined) continue;
    const space = spaceOf(statement).join();
    ofSpace.set(space, [...(ofSpace.get(space) ?? []), statement]);
  }
  if ([...ofSpace.values()].every((reductions) => reductions.length < 2)) return () => undefined;
  const paired = new Set(pairReductions(program).flatMap(({ first, second }) => [first, second]));
  return (statement) => {
    const reduced = statement.reduce?.axes ?? [];
    if (paired.has(statement.name)) return undefined;
    const reads = wholeReads(statement, known);
    const rows = (ofSpace.get(spaceOf(statement).join()) ?? []).flatMap((other) => {
      const axes = other.reduce?.axes ?? [];
      const isPart = axes.length < reduced.length && axes.every((axis) => reduced.includes(axis));
      if (!isPart || product(axes, sizes) < SHORTEST_ROW) return [];
      const shared = [...wholeReads(other, known)].find(([key]) => reads.has(key))?.[1];
      if (shared === undefined || waitsFor(other, statement, known) || waitsFor(statement, other, known))
        return [];
      const row = { axes, same: isSame(statement, other) ? other : undefined };
      return [{ ...row, length: product(axes, sizes), stride: strideAlong(shared, axes) }];
    });
    const isGiven = ({ same }: RowBeside): number => (same === undefined ? 0 : 1);
    return rows.sort((a, b) => isGiven(b) - isGiven(a) || longestFirst(a, b))[0];
  };
}

/** Of rows of what a reduction reads the longest; of these the one that lies together in memory. */
export function longestRow(
  program: IndexProgram,
  statement: Statement,
  rows: readonly (readonly string[])[],
): readonly string[] | undefined {
  const sizes = axisSizes(program);
  const [read] = wholeReads(statement, new Map(program.statements.map((s) => [s.name, s]))).values();
  return rows
    .map((axes) => ({ axes, length: product(axes, sizes), stride: read ? strideAlong(read, axes) : 0 }))
    .sort(longestFirst)[0]?.axes;
}

interface RowOrder {
  readonly length: number;
  readonly stride: number;
}

const longestFirst = (a: RowOrder, b: RowOrder): number => b.length - a.length || a.stride - b.stride;

const strideAlong = (read: IndexExpr, axes: readonly string[]): number =>
  Math.min(...axes.map((axis) => Math.abs(coefficientOf(read, axis))));

const isSame = (a: Statement, b: Statement): boolean =>
  a.reduce?.fn === b.reduce?.fn &&
  a.dtype === b.dtype &&
  printScalarExpr(a.value) === printScalarExpr(b.value);

/** Where a reduction reads tensors at each of its points. */
function wholeReads(statement: Statement, known: StatementsByName): ReadonlyMap<string, IndexExpr> {
  const row = new Set(statement.reduce?.axes ?? []);
  const value = expandRow(known, statement.value, row) ?? statement.value;
  const isWhole = (axes: ReadonlySet<string>): boolean => spaceOf(statement).every((axis) => axes.has(axis));
  return new Map(
    readsIn(value).flatMap(({ read: { tensor, index } }) =>
      isWhole(indexAxes(index)) ? [[readKey(tensor, index), index] as const] : [],
    ),
  );
}

/** All axes of a reduction, in one order for all that have the same ones. */
const spaceOf = ({ axes, reduce }: Statement): readonly string[] => [...axes, ...(reduce?.axes ?? [])].sort();

/** Whether a statement needs another one, or takes long to tell. */
export const waitsFor = (statement: Statement, other: Statement, known: StatementsByName): boolean =>
  needs(known, statement.value, ({ name }) => name === other.name, SEARCH_LIMIT);
