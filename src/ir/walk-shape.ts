/**
 * The loops of one walk over a row, as lowering writes them and as the choice of a schedule has to count them.
 *
 * Long sums are added in blocks: a loop of more than `BLOCK` trips is split in two. So the error of a sum grows with the
 * logarithm of its length.
 */
export const BLOCK = 128;

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
  readonly outer: number;
  readonly inner: number;
}

/** Blocks of at most `BLOCK` trips: an even split where there is a divisor near it, else blocks and a rest. */
export function splitTrips(trips: number, whole: boolean): readonly BlockLoops[] {
  if (whole || trips <= BLOCK) return [{ base: 0, outer: 1, inner: trips }];
  for (let inner = BLOCK; inner >= BLOCK / 4; inner--) {
    if (trips % inner === 0) return [{ base: 0, outer: trips / inner, inner }];
  }
  const outer = Math.floor(trips / BLOCK);
  const done = outer * BLOCK;
  return [
    { base: 0, outer, inner: BLOCK },
    { base: done, outer: 1, inner: trips - done },
  ];
}

/**
 * Turns of all loops of one walk. The test that ends a loop counts as a turn, as it does for the devices that count; a loop
 * of one trip is none.
 */
export function countWalkTurns(axes: readonly AxisWalk[], whole: boolean, depth = 0): number {
  const axis = axes[depth];
  if (axis === undefined) return 0;
  const inside = countWalkTurns(axes, whole, depth + 1);
  const walked = splitTrips(axis.trips, whole).reduce(
    (turns, { outer, inner }) => turns + loopTurns(outer, loopTurns(inner, inside)),
    0,
  );
  return walked + (axis.tailLanes > 0 ? inside : 0);
}

/** Turns of a loop whose body takes `inside` turns. */
export const loopTurns = (trips: number, inside: number): number =>
  trips <= 1 ? trips * inside : trips * (inside + 1) + 1;
