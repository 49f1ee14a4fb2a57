/**
 * The scalars of kernels as uniform blocks: 4 bytes each, in order, padded to 16. One buffer per distinct block of a
 * program, written before the submit that reads it: the queue orders writes and submits, so a call that is still
 * running does not see the values of the next.
 */
import type { ScalarParam } from "../ir/kernel.ts";
import type { PlanScalar } from "../ir/plan.ts";
import type { GpuCore } from "./gpu-core.ts";
import { BUFFER_USAGE } from "./gpu-flags.ts";

export interface UniformBlock {
  readonly buffer: GPUBuffer;
  readonly layout: readonly ScalarParam[];
  /** Position of each scalar of the block among those of the program. */
  readonly sources: readonly number[];
  /** The values that the buffer holds. */
  written: readonly number[] | null;
}

export const blockKey = (layout: readonly ScalarParam[]): string =>
  layout.map(({ name, dtype }) => `${dtype} ${name}`).join(",");

export function createBlock(
  core: GpuCore,
  layout: readonly ScalarParam[],
  scalars: readonly PlanScalar[],
): UniformBlock {
  const { uniform, copyDst } = BUFFER_USAGE;
  core.counters.buffersCreated += 1;
  return {
    buffer: core.device.createBuffer({ size: blockBytes(layout), usage: uniform | copyDst }),
    layout,
    sources: layout.map(({ name }) => scalars.findIndex((scalar) => scalar.name === name)),
    written: null,
  };
}

/** Writes the values of a call, unless they are what the buffer already holds. */
export function writeBlock(core: GpuCore, block: UniformBlock, values: readonly number[]): void {
  const wanted = block.sources.map((source) => values[source] ?? Number.NaN);
  if (wanted.every((value, index) => Object.is(value, block.written?.[index]))) return;
  core.write(block.buffer, packBlock(block.layout, wanted));
  block.written = wanted;
}

export function packBlock(
  layout: readonly ScalarParam[],
  values: readonly number[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(blockBytes(layout));
  const view = new DataView(bytes.buffer);
  for (const [index, { dtype }] of layout.entries()) {
    const value = values[index] ?? Number.NaN;
    // All GPUs that WebGPU runs on are little-endian, and so is WGSL's memory layout.
    if (dtype === "f32") view.setFloat32(index * 4, value, true);
    else if (dtype === "bool") view.setUint32(index * 4, value !== 0 ? 1 : 0, true);
    else if (dtype === "i32") view.setInt32(index * 4, value, true);
    else view.setUint32(index * 4, value, true);
  }
  return bytes;
}

const blockBytes = (layout: readonly ScalarParam[]): number => Math.ceil((layout.length * 4) / 16) * 16;
