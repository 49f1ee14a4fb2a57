/**
 * "Did you mean": the candidate that a typing slip most likely turned into `name`.
 *
 * Requires: nothing of the names. Ensures: the nearest candidate within a third of its length (at least one slip), the
 * earliest on a tie, or undefined. Distances are optimal string alignment: insert, delete, replace, swap neighbours.
 */

/** Number of slips between two words; stops early, with a number above `limit`, once `limit` cannot be kept. */
function countSlips(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let twoAbove: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replace, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (twoAbove[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    if (Math.min(...row) > limit) return limit + 1;
    twoAbove = above;
    above = row;
  }
  return above[b.length] ?? limit + 1;
}

// A name longer than this is not a slip of anything, and the table of distances should stay small.
const LONGEST = 64;

/** The nearest of `candidates`, or undefined when none is near. */
export function suggestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > LONGEST) return undefined;
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.length > LONGEST || candidate === name) continue;
    const limit = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    // A different case is the smallest slip of all; one-letter names are otherwise all alike, so nothing is offered.
    const sameButCase = candidate.toLowerCase() === name.toLowerCase();
    if (!sameButCase && Math.min(name.length, candidate.length) < 2) continue;
    const slips = sameButCase ? 0.5 : countSlips(name, candidate, limit);
    if (slips <= limit && slips < fewest) {
      fewest = slips;
      best = candidate;
    }
  }
  return best;
}

/** The help line that goes with `suggestName`. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const suggestion = suggestName(name, candidates);
  return suggestion === undefined ? undefined : `did you mean ${suggestion}?`;
}
