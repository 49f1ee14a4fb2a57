/** A tensor in a buffer of a WebGPU device. */
import { type DType, elementCount } from "../ir/dtype.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import type { Device, Tensor, TypedArray } from "./device.ts";
import type { BufferHold, GpuCore } from "./gpu-core.ts";
import type { Outcome } from "./outcome.ts";
import { readToHost } from "./read-to-host.ts";
import { disposedTensor } from "./runtime-errors.ts";
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
    const { outcome, label } = this;
    const byteLength = gpuByteLength(this.dtype, count);
    const bytes = await readToHost(this.#core, { buffer, outcome, label, byteLength });
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
