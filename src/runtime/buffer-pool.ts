/**
 * Buffers by size class, reused as soon as nobody holds them.
 *
 * A buffer may go to its next user while work of the last one is still running: the queue keeps the order of submits.
 * It may not while a call that needs it waits for its kernels, so buffers count their holders (tensors, waiting calls).
 *
 * Ensures: idle buffers take at most `maxIdleBytes`; the longest idle ones are destroyed first. Contents of a reused
 * buffer are those of its last user.
 */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import type { Counters } from "./counters.ts";
import type { MemoryPressure } from "./memory-pressure.ts";
import { formatBytes, outOfMemory, tooLarge } from "./runtime-errors.ts";

export interface PooledBuffer {
  /** Unique on its device: names the buffer in keys of bind groups. */
  readonly id: number;
  /** Another one once an allocation that failed was repeated; see `isAwaited`. */
  buffer: GPUBuffer;
  /** Byte at which the elements start: 0 in buffers of the pool. */
  readonly offset: number;
  /** Size of the buffer: that of its class, at least what was asked for. Of a foreign one: of the elements, in whole words. */
  readonly bytes: number;
  /** False for buffers that the caller brought. */
  readonly owned: boolean;
  /** No result may be put there. */
  readonly readOnly: boolean;
  /** Kernels can bind it as it is; else they read a copy. */
  readonly isBindable: boolean;
  holders: number;
  /** What came of allocating it, until that is known. Never rejects. */
  allocation: Promise<TensorweftError | null> | null;
  /** Nothing may be done with the buffer while `allocation` is not known. */
  readonly isAwaited: boolean;
  /** Why the buffer cannot be used. */
  failure: TensorweftError | null;
  /** Number of the last submit whose commands use it; see `CommandRecorder`. */
  lastSubmit: number;
}

export interface PoolSettings {
  readonly usage: number;
  readonly maxBufferSize: number;
  readonly maxIdleBytes: number;
  /** Told before a buffer is destroyed, while commands that use it may still be recorded. */
  readonly beforeDestroy?: (buffer: PooledBuffer) => void;
  /** Told when it is known whether there is memory for a buffer that is awaited. */
  readonly afterAllocation?: () => void;
  /** Shared by all pools of a device. */
  readonly pressure: MemoryPressure;
}

/** Whether users of the buffer must wait: it is not known yet if there is memory for it. */
export const isPending = ({ isAwaited, allocation }: PooledBuffer): boolean =>
  isAwaited && allocation !== null;

const SMALLEST = 256;
const MEBI = 2 ** 20;

/** Four classes per octave up to 1 MiB (at most a quarter is wasted), whole MiB above, where sizes repeat exactly. */
export function sizeClass(bytes: number): number {
  if (bytes <= SMALLEST) return SMALLEST;
  if (bytes > MEBI) return Math.ceil(bytes / MEBI) * MEBI;
  const octave = 2 ** Math.floor(Math.log2(bytes));
  return Math.ceil(bytes / (octave / 4)) * (octave / 4);
}

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #counters: Counters;
  readonly #settings: PoolSettings;
  readonly #nextId: () => number;
  readonly #live = new Set<PooledBuffer>();
  /** Idle buffers, longest idle first. */
  readonly #idle = new Set<PooledBuffer>();
  /** The same by size, last one in first out; entries that are no longer idle are skipped. */
  readonly #idleBySize = new Map<number, PooledBuffer[]>();
  #liveBytes = 0;
  #idleBytes = 0;

  constructor(device: GPUDevice, counters: Counters, settings: PoolSettings, nextId: () => number) {
    this.#device = device;
    this.#counters = counters;
    this.#settings = settings;
    this.#nextId = nextId;
    settings.pressure.add(this);
  }

  get usage(): { readonly buffers: number; readonly bytes: number; readonly idleBytes: number } {
    return { buffers: this.#live.size, bytes: this.#liveBytes, idleBytes: this.#idleBytes };
  }

  /**
   * A buffer of at least `bytes`, held once by the caller. `what` it is for goes into error messages. Callers that cannot
   * wait get one to use at once, whose allocation is not repeated.
   */
  acquire(bytes: number, what: string, canWait = true): PooledBuffer {
    const { maxBufferSize } = this.#settings;
    if (bytes > maxBufferSize)
      throw tooLarge(
        `${what} needs ${formatBytes(bytes)}, but buffers of this device hold at most ${formatBytes(maxBufferSize)}`,
        "work in smaller pieces, or open a device with higher limits",
      );
    const size = Math.min(sizeClass(bytes), Math.floor(maxBufferSize / 4) * 4);
    const found = this.#takeIdle(size, canWait) ?? this.#create(size, what, canWait);
    found.holders = 1;
    this.#live.add(found);
    this.#liveBytes += found.bytes;
    return found;
  }

  retain(buffer: PooledBuffer): void {
    buffer.holders += 1;
  }

  /** Gives up one hold; the last one makes the buffer idle. */
  release(buffer: PooledBuffer): void {
    buffer.holders -= 1;
    if (buffer.holders > 0 || !this.#live.delete(buffer)) return;
    this.#liveBytes -= buffer.bytes;
    if (buffer.failure !== null) {
      this.#destroy(buffer);
      return;
    }
    this.#idle.add(buffer);
    this.#idleBytes += buffer.bytes;
    const sameSize = this.#idleBySize.get(buffer.bytes);
    if (sameSize === undefined) this.#idleBySize.set(buffer.bytes, [buffer]);
    else sameSize.push(buffer);
    this.#shrink(this.#settings.maxIdleBytes);
  }

  /** Leaves the buffer to the caller, who destroys it: the last hold that is given up leaves it alone. */
  giveAway(buffer: PooledBuffer): void {
    if (this.#live.delete(buffer)) this.#liveBytes -= buffer.bytes;
  }

  /** Destroys all idle buffers. */
  trim(): void {
    this.#shrink(0);
    this.#idleBySize.clear();
  }

  /** Destroys all buffers, held or not. */
  destroy(): void {
    this.trim();
    for (const { buffer } of this.#live) buffer.destroy();
    this.#live.clear();
    this.#liveBytes = 0;
  }

  #takeIdle(size: number, canWait: boolean): PooledBuffer | undefined {
    const candidates = this.#idleBySize.get(size) ?? [];
    for (let next = candidates.pop(); next !== undefined; next = candidates.pop()) {
      if (!this.#idle.has(next)) continue;
      if (!canWait && isPending(next)) {
        candidates.push(next);
        return undefined;
      }
      this.#idle.delete(next);
      this.#idleBytes -= next.bytes;
      return next;
    }
    return undefined;
  }

  #shrink(toBytes: number): void {
    for (const oldest of this.#idle) {
      if (this.#idleBytes <= toBytes) return;
      this.#idle.delete(oldest);
      this.#idleBytes -= oldest.bytes;
      this.#destroy(oldest);
      // Buffers of a size that is no longer asked for would otherwise stay listed for good.
      const sameSize = this.#idleBySize.get(oldest.bytes);
      if (sameSize?.[0] === oldest) sameSize.shift();
    }
  }

  #destroy(buffer: PooledBuffer): void {
    this.#settings.beforeDestroy?.(buffer);
    buffer.buffer.destroy();
  }

  #create(size: number, what: string, canWait: boolean): PooledBuffer {
    const { pressure } = this.#settings;
    pressure.makeRoom(size);
    const { buffer, scope } = this.#allocate(size);
    const created: PooledBuffer = {
      id: this.#nextId(),
      buffer,
      offset: 0,
      bytes: size,
      owned: true,
      readOnly: false,
      isBindable: true,
      holders: 0,
      allocation: null,
      isAwaited: canWait && pressure.isDoubtful(size),
      failure: null,
      lastSubmit: 0,
    };
    created.allocation = this.#settle(created, scope, what);
    return created;
  }

  #allocate(size: number): { readonly buffer: GPUBuffer; readonly scope: Promise<GPUError | null> } {
    this.#device.pushErrorScope("out-of-memory");
    const buffer = this.#device.createBuffer({ size, usage: this.#settings.usage });
    this.#counters.buffersCreated += 1;
    // Where the device is lost, reads report that.
    return { buffer, scope: this.#device.popErrorScope().catch(() => null) };
  }

  /** Finds out whether there was memory for the buffer; if not, and nobody uses it yet, makes room and tries once more. */
  async #settle(
    created: PooledBuffer,
    scope: Promise<GPUError | null>,
    what: string,
  ): Promise<TensorweftError | null> {
    const { pressure, afterAllocation } = this.#settings;
    const { bytes, isAwaited } = created;
    let error = await scope;
    if (error !== null) {
      pressure.noteFailure();
      const freed = pressure.idleBytes;
      pressure.trim();
      if (isAwaited && this.#live.has(created)) {
        created.buffer.destroy();
        const again = this.#allocate(bytes);
        created.buffer = again.buffer;
        error = await again.scope;
      }
      if (error !== null)
        created.failure = outOfMemory(what, { bytes, freed, inUse: pressure.bytesInUse - bytes });
    }
    if (error === null) pressure.noteSuccess();
    created.allocation = null;
    if (isAwaited) afterAllocation?.();
    return created.failure;
  }
}
