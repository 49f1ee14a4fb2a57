/**
 * Statistics of statistics: reductions whose values are reduced further, over axes that they have, before they come back to
 * something as large as what was reduced. Nothing can run in one kernel with both ends, so the kernel at the far end runs
 * anyway, and finishes what it needs of the reduction in its stages: cutting it into pieces costs no launch.
 */
import { valuesRead, type IndexProgram, type Statement } from "../../ir/index-notation.ts";

/** Statements on the way from a reduction to a large reader that are looked at. Bounds the pass to linear time. */
const SEARCH_LIMIT = 64;

export type Readers = ReadonlyMap<string, readonly Statement[]>;

/** Statement -> the statements that read it. */
export function findReaders(program: IndexProgram): Readers {
  const readers = new Map<string, Statement[]>();
  for (const statement of program.statements)
    for (const name of new Set(valuesRead(statement))) {
      const list = readers.get(name);
      if (list === undefined) readers.set(name, [statement]);
      else list.push(statement);
    }
  return readers;
}

/** Whether a statement as large as what is reduced depends on the reduction through another one over one of its axes. */
export function isAppliedAcross(
  readers: Readers,
  { name, axes, reduce }: Statement,
  sizes: ReadonlyMap<string, number>,
): boolean {
  const count = (all: readonly string[]): number => all.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);
  const points = count([...axes, ...(reduce?.axes ?? [])]);
  const seen = new Set<string>();
  const pending = [{ name, across: false }];
  for (let at = pending.pop(); at !== undefined && seen.size <= SEARCH_LIMIT; at = pending.pop()) {
    for (const reader of readers.get(at.name) ?? []) {
      const across = at.across || (reader.reduce?.axes.some((axis) => axes.includes(axis)) ?? false);
      if (across && reader.reduce === undefined && count(reader.axes) >= points) return true;
      const key = `${reader.name} ${String(across)}`;
      if (!seen.has(key)) pending.push({ name: reader.name, across });
      seen.add(key);
    }
  }
  return false;
}

/**
 * Whether a reduction is of rows that workgroups walk (split-columns.ts), and so has to be of whole ones: what it is read by is
 * summed over some of its axes, for pieces along the others, of which there are enough.
 *
 *     m[ia,ib] = sum(j) x[..]       c_part[ia,j] = sum(ib) x[..] / m[ia,ib]
 */
export function isWalked(
  readers: Readers,
  { name, axes, reduce }: Statement,
  isEnough: (pieces: readonly string[]) => boolean,
): boolean {
  const seen = new Set<string>([name]);
  for (const at of seen) {
    if (seen.size > SEARCH_LIMIT) return false;
    for (const reader of readers.get(at) ?? []) {
      const summed = reader.reduce?.axes ?? [];
      const pieces = axes.filter((axis) => !summed.includes(axis));
      const isPart =
        summed.every((axis) => axes.includes(axis)) && pieces.every((axis) => reader.axes.includes(axis));
      const isCarried = reduce?.axes.every((axis) => reader.axes.includes(axis)) === true;
      if (summed.length > 0 && pieces.length > 0 && isPart && isCarried) return isEnough(pieces);
      if (reader.reduce === undefined) seen.add(reader.name);
    }
  }
  return false;
}
