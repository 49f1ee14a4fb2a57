/** The scalars of a kernel as a uniform block: 4 bytes each, in order, padded to 16. */
import type { ScalarParam } from "../ir/kernel.ts";

/** All blocks of equal layout hold the same values in one call. */
export const blockKey = (layout: readonly ScalarParam[]): string =>
  layout.map(({ name, dtype }) => `${dtype} ${name}`).join(",");

export const blockBytes = (layout: readonly ScalarParam[]): number =>
  Math.ceil((layout.length * 4) / 16) * 16;

/** Writes the block at `offset` of `view`. */
export function writeBlock(
  view: DataView,
  offset: number,
  layout: readonly ScalarParam[],
  values: readonly number[],
): void {
  let at = offset;
  for (const [index, { dtype }] of layout.entries()) {
    const value = values[index] ?? Number.NaN;
    // All GPUs that WebGPU runs on are little-endian, and so is WGSL's memory layout.
    if (dtype === "f32") view.setFloat32(at, value, true);
    else if (dtype === "bool") view.setUint32(at, value !== 0 ? 1 : 0, true);
    else if (dtype === "i32") view.setInt32(at, value, true);
    else view.setUint32(at, value, true);
    at += 4;
  }
}

export function packBlock(
  layout: readonly ScalarParam[],
  values: readonly number[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(blockBytes(layout));
  writeBlock(new DataView(bytes.buffer), 0, layout, values);
  return bytes;
}
