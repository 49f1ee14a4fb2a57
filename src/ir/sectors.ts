/** Memory sectors: what hardware fetches at least, however little of it is wanted. */
import { storageBytes, type DType } from "./dtype.ts";
import type { DeviceProfile } from "./profile.ts";

export const SECTOR_BYTES = 32;

/** Elements that fill a sector: 8 of f32, 16 of the floats that are stored in 16 bits. */
export const elementsPerSector = (dtype: DType): number => SECTOR_BYTES / storageBytes(dtype);

/** Elements of a run that wastes at most a third of the sectors that it touches, wherever it starts: more than three of them. */
export const longRun = (sector: number): number => Math.max(26, 3 * sector + 1);

/** Fewer elements than this share of those of the largest access do not matter for how many are taken side by side. */
const LARGE = 1 / 2;

/** Elements that are touched in all, and how they lie in memory. */
export interface Touched {
  readonly dtype: DType;
  readonly elements: number;
}

/**
 * Elements side by side that fill sectors of all large tensors that a kernel touches: those of the narrowest. What fills a sector of 16
 * bits fills two of 32. CPUs fetch no sectors: what is judged by them there is judged alike for all dtypes.
 */
export function sectorOfLarge(
  touched: readonly Touched[],
  { software }: Pick<DeviceProfile, "software">,
): number {
  if (software) return elementsPerSector("f32");
  const most = touched.reduce((n, { elements }) => Math.max(n, elements), 0);
  return touched.reduce(
    (n, { dtype, elements }) => (elements >= LARGE * most ? Math.max(n, elementsPerSector(dtype)) : n),
    elementsPerSector("f32"),
  );
}
