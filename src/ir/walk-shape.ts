/**
 * The loops of one walk over a row, as lowering writes them and as the choice of a schedule has to count them.
 *
 * Long sums are added in blocks, blocks of blocks, and so on: a block of some `CHAIN` terms has an accumulator of its own, and
 * so have some `CHAIN` blocks. A chain of additions of equal numbers loses up to a third of a half ulp for each link, always
 * in the same direction, so that one long chain of block sums is as bad as one of terms. Measured over 16 M equal or sorted
 * f32, in half ulp of the sum: 315 with blocks of 128 terms and one chain over these, 33 with 128, 128 and 16, at most 3 with
 * eights.
 *
 * Innermost loops are short enough to be unrolled, which pays for the loops around them on devices that run on the CPU (a sum on
 * SwiftShader takes as long as in one loop, with fours around the eights a quarter longer).
 */

/** Additions of a block. */
export const CHAIN = 8;
/** States of several components cost ten times an addition to merge: their innermost blocks are longer. */
export const STATE_CHAIN = 64;
/**
 * Turns of an innermost block where a turn takes several steps (lower/walk-row.ts) and adds these up by themselves: more than
 * `CHAIN`, for the loop is not unrolled, and starting and merging a block's accumulators costs as much as some turns of it.
 */
export const CHAIN_OF_TURNS = 16;
/** Loops of so many times the trips of a block are left whole. */
const NEARLY = 2;

/** One axis of the row, as one lane walks it. */
export interface AxisWalk {
  /** Whole steps, in which every lane takes part. */
  readonly trips: number;
  /** Lanes that take one step more; 0 for none. */
  readonly tailLanes: number;
}

/** Nested loops over consecutive steps from `base` on, the outermost first. */
export interface BlockLoops {
  readonly base: number;
  readonly trips: readonly number[];
}

/** Whether so many terms are a block that has an accumulator of its own. */
export const isBlock = (terms: number, chain: number): boolean => terms > chain / 2;

/**
 * The loops over the steps of an axis, each of which adds `inside` terms. Blocks are even where there is a divisor near
 * `chain`, else a rest follows; without chains of additions (`chain` infinite) it is one loop.
 */
export function blockLoops(trips: number, inside: number, chain: number): readonly BlockLoops[] {
  const isOwn = isBlock(inside, chain);
  const wanted = isOwn ? CHAIN : Math.floor(chain / inside);
  if (trips <= NEARLY * wanted) return [{ base: 0, trips: [trips] }];
  const size = chooseBlock(trips, wanted);
  const count = Math.floor(trips / size);
  const blocks = blockLoops(count, size * inside, chain).map((loops) => ({
    base: loops.base * size,
    trips: [...loops.trips, size],
  }));
  const done = count * size;
  return done === trips ? blocks : [...blocks, { base: done, trips: [trips - done] }];
}

/** The divisor of `trips` that is nearest to `wanted`, within half and twice of it, or else `wanted`. */
function chooseBlock(trips: number, wanted: number): number {
  let best: number | undefined;
  const apart = (size: number): number => Math.abs(Math.log(size / wanted));
  for (let size = Math.max(2, Math.ceil(wanted / 2)); size <= 2 * wanted; size++)
    if (trips % size === 0 && (best === undefined || apart(size) < apart(best))) best = size;
  return best ?? wanted;
}

/** Terms of a step of the axes before these. */
export const termsInside = (axes: readonly AxisWalk[]): number =>
  axes.reduce((n, { trips, tailLanes }) => n * (trips + Math.min(1, tailLanes)), 1);

/**
 * Turns of all loops of one walk, whatever its accumulators. The test that ends a loop counts as a turn, as it does for the
 * devices that count; a loop of one trip is none.
 */
export const countWalkTurns = (axes: readonly AxisWalk[]): number =>
  Math.max(...[CHAIN, STATE_CHAIN, Infinity].map((chain) => turnsOf(axes, chain)));

function turnsOf(axes: readonly AxisWalk[], chain: number): number {
  const [axis, ...rest] = axes;
  if (axis === undefined) return 0;
  const inside = turnsOf(rest, chain);
  const walked = blockLoops(axis.trips, termsInside(rest), chain).reduce(
    (turns, loops) => turns + loops.trips.reduceRight((within, trips) => loopTurns(trips, within), inside),
    0,
  );
  return walked + (axis.tailLanes > 0 ? inside : 0);
}

/** Turns of a loop whose body takes `inside` turns. */
export const loopTurns = (trips: number, inside: number): number =>
  trips <= 1 ? trips * inside : trips * (inside + 1) + 1;
