/**
 * Cuts the rows of a program into pieces where rows and columns of the same data are both reduced (the shape of a layer
 * norm's gradient): a workgroup then walks the rows of a piece, reduces each, and carries what it adds to the columns
 * along. Every workgroup owns its partial columns; a second kernel adds them up.
 *
 *     m[i] = sum(j) x[8*i + j]                         m[ia,ib] = sum(j) x[32*ia + 8*ib + j]
 *     c[j] = sum(i) x[8*i + j] * m[i]          =>      c_part[ia,j] = sum(ib) x[32*ia + 8*ib + j] * m[ia, ib]
 *                                                      c[j] = sum(ia) c_part[ia, j]
 *
 * Where no number of pieces suits the device that divides the rows, the last piece is shorter: what lies past its end is
 * its last row once more, `x[8*min(4*ia + ib, 61) + j]`, which is not stored again and adds nothing to the columns.
 *
 * Requires: aligned, collapsed axes.
 * Ensures:  same values up to the order of additions. How many pieces there are, if any, is `chooseColumnCut`'s to say.
 */
import { elementCount } from "../../ir/dtype.ts";
import { coefficientOf, indexAxes, plainAxis } from "../../ir/index-expr.ts";
import {
  valuesRead,
  visitScalar,
  type IndexProgram,
  type Statement,
  type StoredTensor,
} from "../../ir/index-notation.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { sectorOfLarge } from "../../ir/sectors.ts";
import { expandRow } from "../../ir/expand-row.ts";
import { chooseColumnCut, type Walk } from "./choose-column-cut.ts";
import { cutRows, type RowCut } from "./cut-rows.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { needs } from "./needs.ts";

/** Longest row whose columns a workgroup carries in registers. */
export const MAX_CARRIED_ROW = 8192;

export interface ColumnOptions {
  /** Partial columns may cost this share of the traffic. Tests make it large to walk small programs. */
  readonly partialShare?: number | undefined;
}

export function splitColumns(
  program: IndexProgram,
  profile: DeviceProfile,
  options: ColumnOptions = {},
): IndexProgram {
  if (profile.software) return program; // a row is one lane's there: it has no registers for whole columns
  const sizes = new Map(program.axes.map((a) => [a.name, a.size]));
  const columns = findColumns(program, sizes);
  const [first] = columns;
  const cut = first === undefined ? undefined : findCut(program, profile, sizes, columns, first, options);
  if (cut === undefined || !readsByName(program, cut.axis)) return program;
  return cutRows(program, new Set(columns.map((c) => c.name)), cut);
}

function findCut(
  program: IndexProgram,
  profile: DeviceProfile,
  sizes: ReadonlyMap<string, number>,
  columns: readonly Statement[],
  first: Statement,
  { partialShare }: ColumnOptions,
): RowCut | undefined {
  const [axis = ""] = first.reduce?.axes ?? [];
  const [rows, length] = [sizes.get(axis) ?? 1, product(first.axes, sizes)];
  if (length > MAX_CARRIED_ROW) return undefined;
  const isFull = (t: StoredTensor): boolean => elementCount(t.shape) === rows * length;
  const full = program.tensors.filter(isFull);
  const read = new Set(columns.flatMap((c) => [...fullReads(program, sizes, c)]));
  // What else is reduced over the rows would count what lies past the end.
  const isEven = program.statements.some((s) => s.reduce?.axes.includes(axis) && !columns.includes(s));
  const use = findUse(program, columns, [axis, ...first.axes], isEven);
  const chosen = chooseColumnCut(
    {
      rows,
      rowBytes: 4 * length,
      sector: sectorOfLarge(
        full.map(({ dtype }) => ({ dtype, elements: rows * length })),
        profile,
      ),
      columns: columns.length,
      tensors: full.length,
      readByColumns: read.size,
      use,
      isEven,
    },
    profile,
    partialShare,
  );
  if (chosen === undefined) return undefined;
  const taken = takenNames(program);
  const fresh = (suffix: string): string => freshName(taken, `${axis}${suffix}`);
  const outer = fresh("a");
  // Statements over all rows can add up the pieces themselves, if they do not run along the same axis.
  const total = use === "applied" ? fresh("c") : outer;
  return { axis, rows, outer, inner: fresh("b"), total, ...chosen };
}

/** What becomes of the columns' sums; `isShared`: other reductions run over the rows' axis. */
function findUse(
  program: IndexProgram,
  columns: readonly Statement[],
  axes: readonly string[],
  isShared: boolean,
): Walk["use"] {
  const behind = new Set<string>();
  const names = new Set(columns.map((c) => c.name));
  let [isApplied, isReduced] = [false, isShared];
  for (const s of program.statements) {
    if (!valuesRead(s).some((name) => names.has(name) || behind.has(name))) continue;
    behind.add(s.name);
    if (s.reduce !== undefined) isReduced = true;
    else if (axes.every((axis) => s.axes.includes(axis))) isApplied = true;
  }
  return !isApplied ? "none" : isReduced ? "further" : "applied";
}

const product = (axes: Iterable<string>, sizes: ReadonlyMap<string, number>): number => {
  let n = 1;
  for (const axis of axes) n *= sizes.get(axis) ?? 1;
  return n;
};

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((axis) => b.includes(axis));

/** Sums over rows' axis of data whose rows are reduced, too. All returned have the same axes. */
function findColumns(program: IndexProgram, sizes: ReadonlyMap<string, number>): readonly Statement[] {
  const statements = new Map(program.statements.map((s) => [s.name, s]));
  const reads = new Map<string, ReadonlySet<string>>();
  const readsOf = (s: Statement): ReadonlySet<string> => {
    const tensors = reads.get(s.name) ?? fullReads(program, sizes, s);
    reads.set(s.name, tensors);
    return tensors;
  };
  const reductions = program.statements.filter(
    (s) => s.reduce !== undefined && s.axes.length === 1 && s.reduce.axes.length === 1,
  );
  for (const column of reductions) {
    if (!isSum(column) || !isSlow(program, column.reduce?.axes[0] ?? "")) continue;
    const rows = reductions.filter(
      (r) =>
        r !== column &&
        sameSet(r.axes, column.reduce?.axes ?? []) &&
        sameSet(r.reduce?.axes ?? [], column.axes),
    );
    if (!rows.some((r) => [...readsOf(r)].some((tensor) => readsOf(column).has(tensor)))) continue;
    if (rows.some((r) => needs(statements, r.value, ({ name }) => name === column.name))) continue;
    return reductions.filter(
      (c) =>
        isSum(c) && sameSet(c.axes, column.axes) && sameSet(c.reduce?.axes ?? [], column.reduce?.axes ?? []),
    );
  }
  return [];
}

/** Tensors of which a reduction reads another element at each of its points. */
function fullReads(
  program: IndexProgram,
  sizes: ReadonlyMap<string, number>,
  s: Statement,
): ReadonlySet<string> {
  const statements = new Map(program.statements.map((other) => [other.name, other]));
  const points = product([...s.axes, ...(s.reduce?.axes ?? [])], sizes);
  const tensors = new Set<string>();
  visitScalar(expandRow(statements, s.value, new Set(s.reduce?.axes ?? [])) ?? s.value, (e) => {
    if (e.kind === "tensor" && product(indexAxes(e.index), sizes) === points) tensors.add(e.tensor);
  });
  return tensors;
}

const isSum = (s: Statement): boolean => s.reduce?.fn === "sum" || s.reduce?.fn === "prod";

/** Columns are carried by the lanes that read a row side by side: the row must be what is contiguous. */
function isSlow(program: IndexProgram, axis: string): boolean {
  let fine = true;
  for (const s of program.statements) {
    visitScalar(s.value, (e) => {
      if (e.kind === "tensor" && coefficientOf(e.index, axis) === 1 && e.index.terms.length > 1) fine = false;
    });
  }
  return fine;
}

/** Every read of a computed value takes the axis as itself. */
function readsByName(program: IndexProgram, axis: string): boolean {
  const statements = new Map(program.statements.map((s) => [s.name, s]));
  let fine = true;
  for (const s of program.statements) {
    visitScalar(s.value, (e) => {
      if (e.kind !== "value") return;
      statements.get(e.statement)?.axes.forEach((own, i) => {
        const index = e.index[i];
        if (index === undefined) return;
        if (own === axis ? plainAxis(index) !== axis : indexAxes(index).has(axis)) fine = false;
      });
    });
  }
  return fine;
}
