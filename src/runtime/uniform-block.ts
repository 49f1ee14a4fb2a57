/** The scalars of a kernel as a uniform block: 4 bytes each, in order, padded to 16. */
import type { ScalarParam } from "../ir/kernel.ts";
import type { Plan } from "../ir/plan.ts";

/** A block that a plan needs. */
export interface BlockRequest {
  readonly layout: readonly ScalarParam[];
  /** What the last scalars are; the others are the call's. */
  readonly values: readonly number[];
}

/** Blocks of equal layout and values are one in each call. `blockOf` has the position for each step, or -1. */
export function listBlocks({ kernels, steps }: Plan): {
  readonly requests: readonly BlockRequest[];
  readonly blockOf: readonly number[];
} {
  const requests: BlockRequest[] = [];
  const known = new Map<string, number>();
  const blockOf = steps.map((step) => {
    const layout = step.kind === "dispatch" ? (kernels[step.kernel]?.scalars ?? []) : [];
    if (step.kind !== "dispatch" || layout.length === 0) return -1;
    const values = step.values ?? [];
    const key = `${layout.map(({ name, dtype }) => `${dtype} ${name}`).join(",")} ${values.join(",")}`;
    const position = known.get(key) ?? requests.push({ layout, values }) - 1;
    known.set(key, position);
    return position;
  });
  return { requests, blockOf };
}

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
