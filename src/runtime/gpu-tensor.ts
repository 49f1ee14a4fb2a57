/** A tensor in a buffer of a WebGPU device, and the way its elements come back to the host. */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import { type DType, elementCount } from "../ir/dtype.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import type { Device, Tensor, TypedArray } from "./device.ts";
import { firstLine } from "./device-health.ts";
import type { BufferHold, GpuCore } from "./gpu-core.ts";
import { MAP_READ } from "./gpu-flags.ts";
import type { Outcome } from "./outcome.ts";
import { disposedTensor, gpuError } from "./runtime-errors.ts";
import { fromGpuBytes, gpuByteLength, presentData } from "./tensor-data.ts";

export interface GpuTensorContent {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly label: string;
  /** Held once for the tensor. */
  readonly buffer: PooledBuffer;
  readonly outcome: Outcome;
}

/** The tensors, known to be of a WebGPU device because a check has said so. */
export const asGpuTensors = (tensors: readonly Tensor[]): readonly GpuTensor[] =>
  tensors.filter((tensor) => tensor instanceof GpuTensor);

export class GpuTensor implements Tensor {
  readonly device: Device;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly label: string;
  /** That of the last call which fills the tensor: a bound call sets it. */
  outcome: Outcome;
  readonly #core: GpuCore;
  readonly #hold: BufferHold;

  constructor(device: Device, core: GpuCore, content: GpuTensorContent) {
    this.device = device;
    this.dtype = content.dtype;
    this.shape = content.shape;
    this.label = content.label;
    this.outcome = content.outcome;
    this.#core = core;
    this.#hold = core.adopt(this, content.buffer);
  }

  get disposed(): boolean {
    return this.#hold.released;
  }

  /** Throws when the tensor was disposed. */
  get buffer(): PooledBuffer {
    if (this.#hold.released) throw disposedTensor(this.label);
    return this.#hold.buffer;
  }

  get byteOffset(): number {
    return this.#hold.buffer.offset;
  }

  async read(): Promise<TypedArray> {
    const { buffer } = this;
    this.#core.health.throwIfLost();
    const count = elementCount(this.shape);
    // Held until the copy is submitted, since the caller may dispose the tensor without awaiting the read.
    this.#core.storage.retain(buffer);
    const bytes = await readBuffer(this.#core, this, buffer, gpuByteLength(this.dtype, count));
    return presentData(this.dtype, fromGpuBytes(this.dtype, count, bytes));
  }

  async gpuBuffer(): Promise<GPUBuffer> {
    const { buffer } = this;
    this.#core.health.throwIfLost();
    await this.outcome.submitted;
    if (this.outcome.failure !== null) throw this.outcome.failure;
    return buffer.buffer;
  }

  async takeGpuBuffer(): Promise<GPUBuffer> {
    const { buffer } = this;
    const taken = await this.gpuBuffer();
    if (this.disposed) throw disposedTensor(this.label); // meanwhile
    // Its new owner may write or destroy it at once.
    this.#core.submitUsersOf(buffer);
    this.#core.storage.giveAway(buffer);
    this.dispose();
    return taken;
  }

  dispose(): void {
    this.#core.drop(this.#hold);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Copies `byteLength` bytes to the host as they are when all calls made so far are done, and gives up one hold on
 * `buffer` when the copy is submitted.
 */
async function readBuffer(
  core: GpuCore,
  tensor: GpuTensor,
  buffer: PooledBuffer,
  byteLength: number,
): Promise<ArrayBuffer> {
  const { outcome } = tensor;
  core.submitUsersOf(buffer);
  let serial = 0;
  const startCopy = (): Promise<ArrayBuffer> => {
    try {
      const failure = core.health.loss ?? outcome.failure;
      if (failure !== null) return Promise.reject(failure);
      core.submitUsersOf(buffer);
      serial = core.health.lastSerial;
      return copyToHost(core, buffer, byteLength, tensor.label);
    } finally {
      core.storage.release(buffer);
    }
  };
  // In its turn among the calls: a later one may write the buffer again, and one before it may fill a foreign buffer by way
  // of another tensor.
  const reading = outcome.isWaiting || !buffer.owned ? enqueueRead(core, buffer, startCopy) : startCopy();
  // Awaited first: the failure of the work says more than that of the copy which it caused.
  const copied = await reading.catch((error: unknown) => error as TensorweftError);
  core.health.throwIfLost();
  const failure =
    (await outcome.settled()) ?? core.health.doubtAbout(outcome.serial) ?? core.health.takeUnreported();
  if (failure !== null) throw failure;
  if (copied instanceof Error) throw copied;
  if (byteLength > 0) core.health.markVerified(serial);
  return copied;
}

function enqueueRead(
  core: GpuCore,
  buffer: PooledBuffer,
  startCopy: () => Promise<ArrayBuffer>,
): Promise<ArrayBuffer> {
  const { promise, resolve, reject } = Promise.withResolvers<ArrayBuffer>();
  core.calls.enqueue({
    isDecided: () => true,
    hold: () => undefined,
    submit: () => {
      resolve(startCopy());
    },
    abandon: (failure) => {
      core.storage.release(buffer);
      reject(failure);
    },
  });
  return promise;
}

async function copyToHost(
  core: GpuCore,
  source: PooledBuffer,
  byteLength: number,
  label: string,
): Promise<ArrayBuffer> {
  if (byteLength === 0) return new ArrayBuffer(0);
  const staging = core.staging.acquire(byteLength, `reading ${label}`);
  core.device.pushErrorScope("validation");
  const encoder = core.device.createCommandEncoder();
  encoder.copyBufferToBuffer(source.buffer, source.offset, staging.buffer, 0, byteLength);
  core.submit(encoder);
  const scope = core.device.popErrorScope();
  const [mapped, checked] = await Promise.allSettled([
    staging.buffer.mapAsync(MAP_READ, 0, byteLength),
    scope,
  ]);
  const invalid = checked.status === "fulfilled" ? checked.value : null;
  if (invalid === null && mapped.status === "fulfilled") {
    const bytes = staging.buffer.getMappedRange(0, byteLength).slice(0);
    staging.buffer.unmap();
    core.staging.release(staging);
    return bytes;
  }
  staging.failed = true; // not to be used again
  core.staging.release(staging);
  // A lost device rejects the map before it resolves `lost`, which comes in a task of its own.
  await new Promise((resolve) => setTimeout(resolve, 0));
  const cause: unknown = invalid ?? (mapped.status === "rejected" ? mapped.reason : null);
  const message = (cause as { readonly message?: string } | null)?.message ?? String(cause);
  throw gpuError(`reading ${label} failed: ${firstLine(message)}`, [], cause);
}
