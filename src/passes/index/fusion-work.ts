/**
 * What a candidate group computes, priced in bytes of copying (op-cost.ts). Only devices that run on the CPU pay for it: there
 * every walk over a row computes anew what it needs of it, so that a chain of norms in one kernel would compute its whole
 * history in each walk, where a kernel of its own reads it back for the price of a load.
 */
import { product, type FusionContext, type Members } from "./fusion-context.ts";

/** `walks`: of reductions and of row values that leave, the walk over the row that they are part of. */
export function countWork(
  { facts: known, sizes }: FusionContext,
  { facts, inside, grid }: Members,
  walks: ReadonlyMap<string, number>,
): number {
  const computedIn = new Map<string, Set<number>>();
  let bytes = 0;
  for (const { statement, identity, work } of [...facts].reverse()) {
    const own = walks.get(statement.name);
    const readersWalks = computedIn.get(statement.name) ?? [];
    const isReduction = statement.reduce !== undefined;
    const at = new Set([...(own === undefined ? [] : [own]), ...(isReduction ? [] : readersWalks)]);
    const points = product([...statement.axes, ...(statement.reduce?.axes ?? [])], sizes);
    bytes += work * points * Math.max(1, at.size);
    for (const name of identity) {
      const isRow = known.get(name)?.statement.axes.some((axis) => !grid.includes(axis)) === true;
      if (!inside.has(name) || !isRow) continue;
      const walksOf = computedIn.get(name) ?? new Set();
      for (const walk of at) walksOf.add(walk);
      computedIn.set(name, walksOf);
    }
  }
  return bytes;
}
