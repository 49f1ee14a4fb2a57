/**
 * Into how many pieces the rows are cut where workgroups walk them and carry sums over columns along (split-columns.ts).
 *
 * A piece is a chain of rows, one after the other, and its sums are written and read once more: few long pieces leave the
 * device idle, many short ones move more. Every length of a piece is judged by both, also lengths that leave the last piece
 * shorter than the others. The best is held against rows and columns in kernels of their own, by modelled time.
 */
import type { DeviceProfile } from "../../ir/profile.ts";
import { CACHE_SPEED } from "../../ir/stage-view.ts";
import { canRepeat } from "./fusion-cost.ts";

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
/** The same where the sums are applied to the rows: pieces that every workgroup adds up are a chain before all that it does. */
const WORTH_APPLIED = 1 / 4;
/** What the shorter last piece costs: a row is compared with the end before it is stored and added. */
const UNEVEN = 1.01;

export interface Walk {
  readonly rows: number;
  readonly rowBytes: number;
  /** Columns side by side that fill a memory sector. */
  readonly sector: number;
  /** Sums over the rows that are carried. */
  readonly columns: number;
  /** Tensors of the rows' size that the program reads and writes, and those that the sums read. */
  readonly tensors: number;
  readonly readByColumns: number;
  /**
   * What becomes of the sums: nothing that is as large as the rows; statements over all rows read them (`applied`); or these need
   * other reductions besides, of the sums or over the rows (`further`).
   */
  readonly use: "none" | "applied" | "further";
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
  profile: DeviceProfile,
  forcedShare: number | undefined,
): ColumnCut | undefined {
  const { rows, isEven } = walk;
  const { usefulWorkgroups } = profile;
  const timeOf = (cut: ColumnCut): number => (1 + partialShare(walk, cut)) * slowness(walk, profile, cut);
  const fewest = forcedShare === undefined ? FEWEST_ROWS : 2;
  let [best, withinShare]: (ColumnCut | undefined)[] = [];
  for (let length = fewest; length <= Math.min(MOST_ROWS, rows - 1); length++) {
    const pieces = Math.ceil(rows / length);
    if (isEven && pieces * length !== rows) continue;
    const cut = { pieces, length };
    if (best === undefined || timeOf(cut) <= timeOf(best)) best = cut;
    const isCheap = partialShare(walk, cut) <= (forcedShare ?? MAX_PARTIAL_SHARE);
    if (!isCheap || pieces < FULL_ENOUGH * usefulWorkgroups) continue;
    if (withinShare === undefined || timeOf(cut) <= timeOf(withinShare)) withinShare = cut;
  }
  const chosen = withinShare ?? best;
  if (chosen === undefined || forcedShare !== undefined) return chosen;
  const savedUs = apartUs(walk, profile) - walkUs(walk, profile, chosen);
  return savedUs < (walk.use === "none" ? WORTH : WORTH_APPLIED) * profile.launchUs ? undefined : chosen;
}

/** What partial columns, written and read, move over what the whole tensors do. */
const partialShare = ({ rows, columns, tensors }: Walk, { pieces }: ColumnCut): number =>
  (columns * pieces * 2) / (tensors * rows);

/** Time of the walk over that of a full device that moves as much. */
const slowness = (
  { rows }: Walk,
  { usefulWorkgroups }: DeviceProfile,
  { pieces, length }: ColumnCut,
): number => (length * Math.max(pieces, usefulWorkgroups) * (pieces * length === rows ? 1 : UNEVEN)) / rows;

/** Time to move all whole tensors once. */
const wholeUs = ({ tensors, rows, rowBytes }: Walk, { copyGBps }: DeviceProfile): number =>
  (tensors * rows * rowBytes) / (copyGBps * 1e3);

/**
 * The kernel that walks and what follows it: a kernel that adds up the pieces, or one that applies the sums to the rows, whose
 * workgroups add up the pieces of their columns where these are few enough.
 */
function walkUs(walk: Walk, profile: DeviceProfile, cut: ColumnCut): number {
  const { columns, sector, tensors, readByColumns, use } = walk;
  const [whole, partial, slow] = [
    wholeUs(walk, profile),
    partialShare(walk, cut),
    slowness(walk, profile, cut),
  ];
  const two = 2 * profile.launchUs;
  if (use !== "applied") return (1 + partial) * slow * whole + two;
  const movedUs = (slow * (readByColumns / tensors) + partial + 1) * whole;
  const { pieces, length } = cut;
  if (!canRepeat(profile, { terms: pieces, sums: 1, points: pieces * length }))
    return movedUs + two + profile.launchUs;
  const repeatedBytes = 4 * sector * columns * pieces * profile.usefulWorkgroups;
  return movedUs + two + repeatedBytes / (CACHE_SPEED * profile.copyGBps * 1e3);
}

/**
 * A kernel for the rows and one for the columns. So many of these are taken together as fill a memory sector: where they are
 * few, most of the device is idle, or they are cut into pieces, at the price of a launch. Columns that stay on the chip are
 * read once to be summed and scaled.
 */
function apartUs(walk: Walk, profile: DeviceProfile): number {
  const { rows, rowBytes, sector, tensors, readByColumns, use } = walk;
  const whole = wholeUs(walk, profile);
  const read = (readByColumns / tensors) * whole;
  const share = Math.min(1, rowBytes / (4 * sector * profile.usefulWorkgroups));
  const isKept = 4 * rows * sector <= profile.onChipBytes;
  const two = 2 * profile.launchUs;
  // What else the sums are reduced to takes kernels of its own, walked or not: only what is read is compared.
  if (use === "further") return (isKept && share >= FULL_ENOUGH ? 0 : read) + whole + two;
  const inPieces = (use === "none" ? 1 : 2) * read + whole + profile.launchUs + two;
  if (use === "none") return Math.min(inPieces, whole + read / share + two);
  return isKept ? Math.min(inPieces, read + whole / share + two) : inPieces;
}
