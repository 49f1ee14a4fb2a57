/**
 * Ranges of buffers that somebody else owns, as tensors: what they must be like, and what WebGPU forbids of them.
 *
 * A range can be bound to a kernel where its offset is a multiple of the device's alignment and the padding that vector
 * loads may touch lies in the buffer too. Others are copied on the GPU at each call that reads them, and cannot be results.
 */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { elementCount, printType, storageBytes, type TensorType } from "../ir/dtype.ts";
import { BINDING_ALIGNMENT, bufferBytes } from "../ir/plan.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import type { WrapOptions } from "./device.ts";
import { BUFFER_USAGE } from "./gpu-flags.ts";
import { gpuByteLength } from "./tensor-data.ts";

/**
 * A hold on the range that a tensor of `type` takes. `idOf` names equal ranges equally: bind groups are kept by name.
 *
 * @throws {TensorweftError} where the range is not in the buffer, its offset is not whole words, or the buffer lacks a usage
 */
export function holdForeign(
  buffer: GPUBuffer,
  type: TensorType,
  { offset = 0, readOnly = false }: WrapOptions,
  idOf: (buffer: GPUBuffer, offset: number) => number,
): PooledBuffer {
  const label = `wrapped tensor ${printType(type)}`;
  const count = elementCount(type.shape);
  const bytes = gpuByteLength(type.dtype, count);
  checkRange(buffer, label, offset, bytes);
  checkUsage(buffer, label);
  const padded = bufferBytes(count, storageBytes(type.dtype));
  return {
    id: idOf(buffer, offset),
    buffer,
    offset,
    bytes,
    owned: false,
    readOnly,
    isBindable: offset % BINDING_ALIGNMENT === 0 && offset + padded <= buffer.size,
    holders: 1,
    allocation: null,
    isAwaited: false,
    failure: null,
    lastSubmit: 0,
  };
}

function checkRange(buffer: GPUBuffer, label: string, offset: number, bytes: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % 4 !== 0)
    fail("wrong-argument", `${label} starts at byte ${offset} of its buffer`, {
      span: captureCallSite(),
      help: "start at a multiple of 4: WebGPU copies and binds whole words",
    });
  if (offset + bytes > buffer.size) {
    const start = offset === 0 ? "" : ` from byte ${offset} on`;
    fail("wrong-argument", `${label} needs ${bytes} bytes${start}, but the buffer has ${buffer.size}`, {
      span: captureCallSite(),
      help: "make the buffer that large, or the shape smaller",
    });
  }
}

function checkUsage(buffer: GPUBuffer, label: string): void {
  const { storage, copySrc } = BUFFER_USAGE;
  if ((buffer.usage & storage) !== 0 && (buffer.usage & copySrc) !== 0) return;
  fail("wrong-argument", `the buffer of ${label} lacks the usage that kernels and reads need`, {
    span: captureCallSite(),
    help: "create it with GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC",
  });
}

/** What a binding of the range may cover: kernels bind whole vectors. */
const endOf = ({ offset, bytes }: PooledBuffer): number => offset + Math.ceil(bytes / 16) * 16;

export const isSameRange = (a: PooledBuffer, b: PooledBuffer): boolean =>
  a === b || (a.buffer === b.buffer && a.offset === b.offset);

export const overlaps = (a: PooledBuffer, b: PooledBuffer): boolean =>
  a === b || (a.buffer === b.buffer && a.offset < endOf(b) && b.offset < endOf(a));

/**
 * Whether kernels read a copy of the input: it cannot be bound, or a result lies elsewhere in its buffer, which WebGPU does not
 * let one dispatch bind for reading and for writing. Where both are one range, the plan has been found to allow it.
 */
export const needsCopy = (input: PooledBuffer, outputs: readonly PooledBuffer[]): boolean =>
  !input.isBindable ||
  outputs.some((output) => output.buffer === input.buffer && !isSameRange(input, output));
