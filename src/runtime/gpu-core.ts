/**
 * What the parts of one WebGPU device share: pools, pipelines, counters, health, and the queue of calls.
 */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import type { Counters } from "./counters.ts";
import { newCounters } from "./counters.ts";
import { BufferPool, type PooledBuffer } from "./buffer-pool.ts";
import { CallQueue } from "./call-queue.ts";
import { CommandRecorder } from "./command-recorder.ts";
import { DeviceHealth, firstLine } from "./device-health.ts";
import { BUFFER_USAGE } from "./gpu-flags.ts";
import { MemoryPressure } from "./memory-pressure.ts";
import { PipelineCache } from "./pipeline-cache.ts";
import { gpuError } from "./runtime-errors.ts";
import { UniformArenas } from "./uniform-arena.ts";

/** A tensor's hold on its buffer, apart from the tensor so that the tensor can be collected. */
export interface BufferHold {
  readonly buffer: PooledBuffer;
  released: boolean;
}

/** Default bound of idle buffers: enough for the working set of a step, small beside a GPU's memory. */
const MAX_IDLE_BYTES = 256 * 2 ** 20;
const MAX_IDLE_STAGING_BYTES = 64 * 2 ** 20;

export interface CoreOptions {
  /** The caller brought the GPUDevice: it may be shared, and it is not ours to destroy. */
  readonly isShared: boolean;
  readonly maxPooledBytes?: number | undefined;
}

export class GpuCore {
  readonly device: GPUDevice;
  readonly isShared: boolean;
  readonly counters: Counters = newCounters();
  readonly health: DeviceHealth;
  readonly pressure = new MemoryPressure();
  /** Buffers of tensors and temporaries. */
  readonly storage: BufferPool;
  /** Buffers that reads are copied to. */
  readonly staging: BufferPool;
  readonly pipelines: PipelineCache;
  readonly uniforms: UniformArenas;
  readonly recorder: CommandRecorder;
  readonly calls = new CallQueue();
  #lastId = 0;
  /** Ids of buffers that the caller brought, by offset: wrapping a range again must not look like a new buffer. */
  readonly #foreignIds = new WeakMap<GPUBuffer, Map<number, number>>();
  #tensors = 0;
  readonly #collected = new FinalizationRegistry<BufferHold>((hold) => {
    this.drop(hold);
  });

  constructor(device: GPUDevice, options: CoreOptions) {
    this.device = device;
    this.isShared = options.isShared;
    this.health = new DeviceHealth(device, options.isShared, (loss) => {
      this.abandon(loss);
    });
    this.uniforms = new UniformArenas(device, this.counters);
    this.recorder = new CommandRecorder(device, this.counters, () => {
      this.uniforms.upload();
    });
    const nextId = (): number => this.newId();
    const afterAllocation = (): void => {
      this.drainCalls();
    };
    const { pressure } = this;
    const { maxBufferSize } = device.limits;
    const { storage, copySrc, copyDst, mapRead } = BUFFER_USAGE;
    this.storage = new BufferPool(
      device,
      this.counters,
      {
        usage: storage | copySrc | copyDst,
        maxBufferSize,
        maxIdleBytes: options.maxPooledBytes ?? MAX_IDLE_BYTES,
        beforeDestroy: (buffer) => {
          this.submitUsersOf(buffer);
        },
        afterAllocation,
        pressure,
      },
      nextId,
    );
    this.staging = new BufferPool(
      device,
      this.counters,
      {
        usage: mapRead | copyDst,
        maxBufferSize,
        maxIdleBytes: MAX_IDLE_STAGING_BYTES,
        afterAllocation,
        pressure,
      },
      nextId,
    );
    this.pipelines = new PipelineCache(device, this.counters, { dynamicUniforms: true });
  }

  get tensors(): number {
    return this.#tensors;
  }

  newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  idOf(foreign: GPUBuffer, offset: number): number {
    const ids = this.#foreignIds.get(foreign) ?? new Map<number, number>();
    const id = ids.get(offset) ?? this.newId();
    this.#foreignIds.set(foreign, ids.set(offset, id));
    return id;
  }

  /** Takes over the caller's hold on `buffer` for `tensor`: given back by `drop`, or when the tensor is collected. */
  adopt(tensor: object, buffer: PooledBuffer): BufferHold {
    const hold: BufferHold = { buffer, released: false };
    this.#tensors += 1;
    this.#collected.register(tensor, hold, hold);
    return hold;
  }

  drop(hold: BufferHold): void {
    if (hold.released) return;
    hold.released = true;
    this.#tensors -= 1;
    this.#collected.unregister(hold);
    this.storage.release(hold.buffer);
  }

  /** Submits the recorded commands if some of them use the buffer: now the host may write, read or destroy it. */
  submitUsersOf(buffer: PooledBuffer): void {
    // A foreign buffer may be that of several tensors.
    if (!buffer.owned || buffer.lastSubmit === this.recorder.pending) this.recorder.flush();
  }

  /** Writes at once; what comes back is known later and never rejects, null where nothing can go wrong. */
  write(buffer: PooledBuffer, bytes: Uint8Array<ArrayBuffer>): Promise<TensorweftError | null> | null {
    this.submitUsersOf(buffer);
    const { allocation } = buffer;
    // A buffer without memory refuses the write, which must not be taken for the failure of others.
    if (allocation !== null) this.device.pushErrorScope("validation");
    this.device.queue.writeBuffer(buffer.buffer, 0, bytes);
    this.counters.writeBuffers += 1;
    if (allocation === null) return null;
    const scope = this.device.popErrorScope().catch(() => null);
    return Promise.all([allocation, scope]).then(([failure, error]) => {
      if (failure !== null || error === null) return failure;
      return gpuError(`an upload failed: ${firstLine(error.message)}`, [], error);
    });
  }

  /** Submits all calls that need no longer wait, together. */
  drainCalls(): void {
    this.recorder.batch(() => {
      this.calls.drain();
    });
  }

  /** Fails all calls that are not submitted. */
  abandon(failure: TensorweftError): void {
    this.calls.abandon(failure);
    this.recorder.discard();
  }

  submit(encoder: GPUCommandEncoder): void {
    this.device.queue.submit([encoder.finish()]);
    this.counters.submits += 1;
  }
}
