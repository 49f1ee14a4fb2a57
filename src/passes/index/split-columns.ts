/**
 * Cuts the rows of a program into pieces where rows and columns of the same data are both reduced (the shape of a layer
 * norm's gradient): a workgroup then walks the rows of a piece, reduces each, and carries what it adds to the columns
 * along. Every workgroup owns its partial columns; a second kernel adds them up.
 *
 *     m[i] = sum(j) x[8*i + j]                         m[ia,ib] = sum(j) x[32*ia + 8*ib + j]
 *     c[j] = sum(i) x[8*i + j] * m[i]          =>      c_part[ia,j] = sum(ib) x[32*ia + 8*ib + j] * m[ia, ib]
 *                                                      c[j] = sum(ia) c_part[ia, j]
 *
 * Requires: aligned, collapsed axes.
 * Ensures:  same values up to the order of additions. Pieces are equal, and partial columns stay within a twentieth of
 *           the traffic; without such a number of pieces nothing changes.
 */
import { elementCount } from "../../ir/dtype.ts";
import {
  coefficientOf,
  indexAdd,
  indexAxes,
  indexAxis,
  indexScale,
  indexSubstitute,
  plainAxis,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  mapIndices,
  mapScalar,
  visitScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
  type StoredTensor,
} from "../../ir/index-notation.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { expandRow } from "./pair-reductions.ts";

/** Longest row whose columns a workgroup carries in registers. */
export const MAX_CARRIED_ROW = 8192;
/** Partial columns, written and read, may cost this share of the whole tensors that the program reads and writes. */
const MAX_PARTIAL_SHARE = 0.045;
/** Rows of a piece at least: a piece of few rows carries more than it reads. */
const FEWEST_ROWS = 4;
/** Pieces must fill this share of the device. */
const FULL_ENOUGH = 0.75;
/** Rows of a piece at most: a carried sum is one chain of additions. */
const MOST_ROWS = 128;

interface Cut {
  readonly axis: string;
  readonly outer: string;
  readonly inner: string;
  readonly pieces: number;
  readonly length: number;
}

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
  const cut =
    first === undefined
      ? undefined
      : chooseCut(program, profile, sizes, columns, first, options.partialShare ?? MAX_PARTIAL_SHARE);
  if (cut === undefined || !readsByName(program, cut.axis)) return program;
  return applyCut(program, sizes, new Set(columns.map((c) => c.name)), cut);
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
  const fullReads = (s: Statement): ReadonlySet<string> => {
    const known = reads.get(s.name);
    if (known !== undefined) return known;
    const points = product([...s.axes, ...(s.reduce?.axes ?? [])], sizes);
    const tensors = new Set<string>();
    visitScalar(expandRow({ statements }, s.value, new Set(s.reduce?.axes ?? [])) ?? s.value, (e) => {
      if (e.kind === "tensor" && product(indexAxes(e.index), sizes) === points) tensors.add(e.tensor);
    });
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
    if (!rows.some((r) => [...fullReads(r)].some((tensor) => fullReads(column).has(tensor)))) continue;
    if (rows.some((r) => dependsOn(statements, r, column.name))) continue;
    return reductions.filter(
      (c) =>
        isSum(c) && sameSet(c.axes, column.axes) && sameSet(c.reduce?.axes ?? [], column.reduce?.axes ?? []),
    );
  }
  return [];
}

const isSum = (s: Statement): boolean => s.reduce?.fn === "sum" || s.reduce?.fn === "prod";

function dependsOn(statements: ReadonlyMap<string, Statement>, from: Statement, target: string): boolean {
  const pending = [from];
  const seen = new Set<string>();
  for (let s = pending.pop(); s !== undefined; s = pending.pop()) {
    visitScalar(s.value, (e) => {
      const producer = e.kind === "value" ? statements.get(e.statement) : undefined;
      if (producer === undefined || seen.has(producer.name)) return;
      seen.add(producer.name);
      pending.push(producer);
    });
  }
  return seen.has(target);
}

function chooseCut(
  program: IndexProgram,
  profile: DeviceProfile,
  sizes: ReadonlyMap<string, number>,
  columns: readonly Statement[],
  first: Statement,
  partialShare: number,
): Cut | undefined {
  const [axis = ""] = first.reduce?.axes ?? [];
  const [rows, length] = [sizes.get(axis) ?? 1, product(first.axes, sizes)];
  if (length > MAX_CARRIED_ROW) return undefined;
  const bytes = rows * length * 4;
  const isFull = (t: StoredTensor): boolean => elementCount(t.shape) === rows * length;
  const fullBytes = program.tensors.filter(isFull).length * bytes;
  // Read once less, for one finishing kernel that is needed anyway where columns are too few to fill the device.
  if (bytes / (profile.copyGBps * 1e3) < profile.launchUs) return undefined;
  const most = Math.min(
    rows / (partialShare > 1 ? 2 : FEWEST_ROWS),
    (partialShare * fullBytes) / (columns.length * length * 8),
  );
  let pieces = 1;
  for (let p = 2; p <= most; p++) {
    if (rows % p !== 0) continue;
    pieces = p;
    if (p >= profile.usefulWorkgroups && rows / p <= MOST_ROWS) break;
  }
  if (pieces < Math.max(2, FULL_ENOUGH * profile.usefulWorkgroups) || rows / pieces > MOST_ROWS)
    return undefined;
  const taken = new Set([
    ...sizes.keys(),
    ...program.tensors.map((t) => t.name),
    ...program.statements.map((s) => s.name),
  ]);
  const fresh = (suffix: string): string => {
    let name = `${axis}${suffix}`;
    while (taken.has(name)) name += "_";
    return name;
  };
  return { axis, outer: fresh("a"), inner: fresh("b"), pieces, length: rows / pieces };
}

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

function applyCut(
  program: IndexProgram,
  oldSizes: ReadonlyMap<string, number>,
  columns: ReadonlySet<string>,
  cut: Cut,
): IndexProgram {
  const sizes = new Map([...oldSizes, [cut.outer, cut.pieces], [cut.inner, cut.length]] as [
    string,
    number,
  ][]);
  const at = new Map([
    [cut.axis, indexAdd(indexScale(indexAxis(cut.outer), cut.length), indexAxis(cut.inner))],
  ]);
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  const edit = (index: IndexExpr): IndexExpr => indexSubstitute(index, at, sizes);
  const cutAxes = (axes: readonly string[]): string[] =>
    axes.flatMap((a) => (a === cut.axis ? [cut.outer, cut.inner] : a));
  const cutValue = (value: ScalarExpr): ScalarExpr =>
    mapIndices(
      mapScalar(value, (e) => {
        if (e.kind !== "value") return e;
        const axes = byName.get(e.statement)?.axes ?? [];
        return {
          ...e,
          index: e.index.flatMap((index, i) =>
            axes[i] === cut.axis ? [indexAxis(cut.outer), indexAxis(cut.inner)] : index,
          ),
        };
      }),
      edit,
    );
  const statements = program.statements.flatMap((s): Statement[] => {
    const value = cutValue(s.value);
    if (!columns.has(s.name) || s.reduce === undefined) {
      return [
        {
          ...s,
          axes: cutAxes(s.axes),
          reduce: s.reduce && { ...s.reduce, axes: cutAxes(s.reduce.axes) },
          value,
        },
      ];
    }
    const part: Statement = {
      ...s,
      name: `${s.name}_part`,
      axes: [cut.outer, ...s.axes],
      reduce: { fn: s.reduce.fn, axes: [cut.inner] },
      value,
    };
    const index = part.axes.map((axis) => indexAxis(axis));
    const total: Statement = {
      ...s,
      reduce: { fn: s.reduce.fn, axes: [cut.outer] },
      value: { kind: "value", dtype: s.dtype, statement: part.name, index },
    };
    return [part, total];
  });
  const axes = program.axes.flatMap((a) =>
    a.name === cut.axis
      ? [
          { name: cut.outer, size: cut.pieces },
          { name: cut.inner, size: cut.length },
        ]
      : a,
  );
  return {
    ...program,
    axes,
    statements,
    stores: program.stores.map((s) => ({ ...s, index: edit(s.index) })),
  };
}
