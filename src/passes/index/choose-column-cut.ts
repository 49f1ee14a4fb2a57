/**
 * Into how many pieces the rows are cut where workgroups walk them and carry sums over columns along (split-columns.ts).
 *
 * A piece is a chain of rows, one after the other, and its sums are written and read once more: few long pieces leave the
 * device idle, many short ones move more. Every length of a piece is judged by both, also lengths that leave the last piece
 * shorter than the others.
 */
import type { DeviceProfile } from "../../ir/profile.ts";

/** Partial columns, written and read, may cost this share of the whole tensors that the program reads and writes. */
const MAX_PARTIAL_SHARE = 0.048;
/** Pieces that stay within it must fill this share of the device; where none do, the device is filled whatever it costs. */
const FULL_ENOUGH = 0.75;
/** Rows of a piece at least: a piece of few rows carries more than it reads. */
const FEWEST_ROWS = 4;
/** Rows of a piece at most: a carried sum is one chain of additions. */
const MOST_ROWS = 128;
/** Time that a walk must save, as a share of a launch: less is lost between launches. */
const WORTH = 1 / 16;
/** Where the sums are applied to the rows, a kernel may have to add them up that reducing the columns apart would not need. */
const WORTH_APPLIED = 1 / 4;
/** Columns side by side that fill a memory sector. */
const SECTOR = 8;
/** What the shorter last piece costs: a row is compared with the end before it is stored and added. */
const UNEVEN = 1.01;

export interface Walk {
  readonly rows: number;
  readonly rowBytes: number;
  /** Sums over the rows that are carried. */
  readonly columns: number;
  /** Tensors of the rows' size that the program reads and writes, and those that the sums read. */
  readonly tensors: number;
  readonly readByColumns: number;
  /** A sum is read by statements over all rows. */
  readonly isApplied: boolean;
  /** Only pieces of one length will do. */
  readonly isEven: boolean;
}

export interface ColumnCut {
  readonly pieces: number;
  readonly length: number;
}

/**
 * The best cut, or undefined where rows and columns are better reduced apart. `forcedShare`: partial columns may cost this share
 * of the traffic, and whether that is worth it is not asked.
 */
export function chooseColumnCut(
  walk: Walk,
  { usefulWorkgroups, copyGBps, launchUs, onChipBytes }: DeviceProfile,
  forcedShare: number | undefined,
): ColumnCut | undefined {
  const { rows, rowBytes, columns, tensors, readByColumns, isApplied, isEven } = walk;
  const shareOf = (pieces: number): number => (columns * pieces * 2) / (tensors * rows);
  /** Modelled time over that of a full device which moves every tensor once. */
  const timeOf = ({ pieces, length }: ColumnCut): number =>
    ((1 + shareOf(pieces)) *
      (length * Math.max(pieces, usefulWorkgroups)) *
      (pieces * length === rows ? 1 : UNEVEN)) /
    rows;
  const fewest = forcedShare === undefined ? FEWEST_ROWS : 2;
  let [best, withinShare]: (ColumnCut | undefined)[] = [];
  for (let length = fewest; length <= Math.min(MOST_ROWS, rows - 1); length++) {
    const pieces = Math.ceil(rows / length);
    if (isEven && pieces * length !== rows) continue;
    const cut = { pieces, length };
    if (best === undefined || timeOf(cut) <= timeOf(best)) best = cut;
    if (shareOf(pieces) > (forcedShare ?? MAX_PARTIAL_SHARE) || pieces < FULL_ENOUGH * usefulWorkgroups)
      continue;
    if (withinShare === undefined || timeOf(cut) <= timeOf(withinShare)) withinShare = cut;
  }
  const chosen = withinShare ?? best;
  if (chosen === undefined || forcedShare !== undefined) return chosen;
  // Columns that stay on the chip, and are enough to fill the device, are read once to be summed and used.
  const isReadAnyway =
    isApplied &&
    4 * rows * SECTOR <= onChipBytes &&
    rowBytes / (4 * SECTOR) >= FULL_ENOUGH * usefulWorkgroups;
  const apart = 1 + (isReadAnyway ? 0 : readByColumns / tensors);
  const wholeUs = (tensors * rows * rowBytes) / (copyGBps * 1e3);
  const savedUs = (apart - timeOf(chosen)) * wholeUs;
  return savedUs < (isApplied ? WORTH_APPLIED : WORTH) * launchUs ? undefined : chosen;
}
