/** The way of a tensor's elements back to the host. */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import { isPending, type PooledBuffer } from "./buffer-pool.ts";
import type { Call } from "./call-queue.ts";
import { firstLine } from "./device-health.ts";
import type { GpuCore } from "./gpu-core.ts";
import { MAP_READ } from "./gpu-flags.ts";
import type { Outcome } from "./outcome.ts";
import { gpuError } from "./runtime-errors.ts";

interface Source {
  readonly buffer: PooledBuffer;
  readonly outcome: Outcome;
  /** Of the tensor, for messages. */
  readonly label: string;
  readonly byteLength: number;
}

/** Copies the bytes to the host as they are when all calls made so far are done. */
export async function readToHost(core: GpuCore, source: Source): Promise<ArrayBuffer> {
  const { outcome, byteLength } = source;
  const read = new HostRead(core, source);
  read.start();
  // Awaited first: the failure of the work says more than that of the copy which it caused.
  const copied = await read.copied.catch((error: unknown) => error as TensorweftError);
  core.health.throwIfLost();
  const failure =
    (await outcome.settled()) ?? core.health.doubtAbout(outcome.serial) ?? core.health.takeUnreported();
  if (failure !== null) throw failure;
  if (copied instanceof Error) throw copied;
  if (byteLength > 0) core.health.markVerified(read.serial);
  return copied;
}

class HostRead implements Call {
  /** Rejects with a `TensorweftError`. */
  readonly copied: Promise<ArrayBuffer>;
  /** Number of the last call before the copy. */
  serial = 0;
  readonly #core: GpuCore;
  readonly #source: Source;
  readonly #result = Promise.withResolvers<ArrayBuffer>();
  #staging: PooledBuffer | null = null;

  constructor(core: GpuCore, source: Source) {
    this.#core = core;
    this.#source = source;
    this.copied = this.#result.promise;
  }

  start(): void {
    const { calls, storage } = this.#core;
    const { buffer, outcome } = this.#source;
    // Held until the copy is submitted, since the caller may dispose the tensor without awaiting the read.
    storage.retain(buffer);
    this.#core.submitUsersOf(buffer);
    // In its turn among the calls: a later one may write the buffer again, and one before it may fill a foreign buffer by
    // way of another tensor. Where no call before it matters, only memory may be waited for.
    if (!outcome.isWaiting && buffer.owned && this.isReady()) this.submit();
    else calls.enqueue(this);
  }

  isReady(): boolean {
    const { byteLength, label, outcome } = this.#source;
    if (byteLength === 0 || outcome.failure !== null || this.#core.health.loss !== null) return true;
    this.#staging ??= this.#core.staging.acquire(byteLength, `reading ${label}`);
    return !isPending(this.#staging);
  }

  /** Its buffers are held from the start. */
  hold(): void {
    return undefined;
  }

  submit(): void {
    const { buffer, outcome } = this.#source;
    const failure = this.#core.health.loss ?? outcome.failure ?? this.#staging?.failure ?? null;
    if (failure !== null) {
      this.abandon(failure);
      return;
    }
    this.#core.submitUsersOf(buffer);
    this.serial = this.#core.health.lastSerial;
    this.#result.resolve(
      this.#staging === null ? new ArrayBuffer(0) : copyToHost(this.#core, this.#source, this.#staging),
    );
    this.#core.storage.release(buffer);
  }

  abandon(failure: TensorweftError): void {
    if (this.#staging !== null) this.#core.staging.release(this.#staging);
    this.#core.storage.release(this.#source.buffer);
    this.#result.reject(failure);
  }
}

/** Gives up the hold on `staging`. */
async function copyToHost(
  core: GpuCore,
  { buffer, byteLength, label }: Source,
  staging: PooledBuffer,
): Promise<ArrayBuffer> {
  core.device.pushErrorScope("validation");
  const encoder = core.device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer.buffer, buffer.offset, staging.buffer, 0, byteLength);
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
  const lack = (await staging.allocation) ?? staging.failure;
  const cause: unknown = invalid ?? (mapped.status === "rejected" ? mapped.reason : null);
  const message = (cause as { readonly message?: string } | null)?.message ?? String(cause);
  const failure = lack ?? gpuError(`reading ${label} failed: ${firstLine(message)}`, [], cause);
  staging.failure = failure; // not to be used again
  core.staging.release(staging);
  // A lost device rejects the map before it resolves `lost`, which comes in a task of its own.
  await new Promise((resolve) => setTimeout(resolve, 0));
  throw failure;
}
