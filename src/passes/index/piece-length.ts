/** How long the pieces are that an axis is cut into, from how many are wanted. */
import type { DeviceProfile } from "../../ir/profile.ts";

/** So many times the wanted number of pieces are better than a last piece that needs a guard. */
export const MANY_PIECES = 8;
/** Elements that the lanes of a workgroup, of a subgroup, and of a memory sector take. */
const ROUND_LENGTHS = [256, 32, 8];
/** Pieces are at least so many times as long as what they are rounded to. */
const LEAST_ROUNDED = 12;

export interface Cutting {
  readonly size: number;
  readonly wanted: number;
  readonly most: number;
  /** Neighbours along the axis are neighbours in memory. */
  readonly isContiguous: boolean;
}

/**
 * Where the last piece is shorter than the others anyway, these are as long as whole memory sectors, so that all start at one,
 * or as whole turns of a workgroup's lanes where that makes few pieces more.
 */
function roundLength(profile: DeviceProfile, { size, isContiguous }: Cutting, length: number): number {
  const unit = ROUND_LENGTHS.find((one) => length >= LEAST_ROUNDED * one);
  if (profile.software || !isContiguous || size % length === 0 || unit === undefined) return length;
  return length - (length % unit);
}

/** Equal pieces where the axis has a divisor near the wanted number; else the last is shorter. */
export const pieceLength = (profile: DeviceProfile, cutting: Cutting): number =>
  roundLength(profile, cutting, Math.ceil(cutting.size / choosePieces(cutting)));

/** A divisor near the wanted number of pieces, or a larger one rather than a last piece that needs a guard. */
function choosePieces({ size, wanted, most }: Cutting): number {
  for (const limit of [2 * wanted, MANY_PIECES * wanted]) {
    for (let pieces = wanted; pieces <= Math.min(most, limit); pieces++)
      if (size % pieces === 0) return pieces;
  }
  return wanted;
}
