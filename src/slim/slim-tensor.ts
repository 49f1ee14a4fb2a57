/** A tensor of `tensorweft/runtime`: a buffer of its own, and what may have gone wrong on the way to its elements. */
import { type DType, elementCount, type TensorType } from "../ir/dtype.ts";
import { readBuffer } from "../runtime/read-buffer.ts";
import { disposedTensor, gpuError } from "../runtime/runtime-errors.ts";
import { fromGpuBytes, gpuByteLength, presentData } from "../runtime/tensor-data.ts";
import type { Fault, SlimGpu } from "./slim-gpu.ts";
import type { Device, ElementsOf, Shape, Tensor } from "./types.ts";

export interface TensorState {
  readonly label: string;
  readonly buffer: GPUBuffer | undefined;
  readonly fault: Fault;
}

export class SlimTensor implements Tensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly device: Device;
  readonly label: string;
  readonly fault: Fault;
  readonly #gpu: SlimGpu;
  #buffer: GPUBuffer | undefined;

  constructor(
    device: Device,
    gpu: SlimGpu,
    { dtype, shape }: TensorType,
    { label, buffer, fault }: TensorState,
  ) {
    this.device = device;
    this.#gpu = gpu;
    this.dtype = dtype;
    this.shape = shape;
    this.label = label;
    this.fault = fault;
    this.#buffer = buffer;
  }

  get disposed(): boolean {
    return this.#buffer === undefined;
  }

  get gpuBuffer(): GPUBuffer {
    if (this.#buffer === undefined) throw disposedTensor(this.label);
    return this.#buffer;
  }

  async read(): Promise<ElementsOf<DType>> {
    const { dtype, gpuBuffer } = this;
    const gpu = this.#gpu;
    gpu.throwIfLost();
    const count = elementCount(this.shape);
    // The copy is submitted before anything is awaited, so that dispose() may follow at once.
    const { result: copying, fault } = gpu.watch(`reading ${this.label}`, 0, () =>
      count === 0
        ? Promise.resolve(new ArrayBuffer(0))
        : readBuffer(gpu.device, gpuBuffer, gpuByteLength(dtype, count)),
    );
    const copied = await copying.then(
      (bytes) => bytes,
      (error: unknown) => error,
    );
    const failure = (await this.fault) ?? (await fault);
    if (failure !== null) throw failure;
    if (copied instanceof ArrayBuffer) return presentData(dtype, fromGpuBytes(dtype, count, copied));
    await new Promise((resolve) => setTimeout(resolve)); // whether the device is lost is said a little later
    throw gpu.loss ?? gpuError(`reading ${this.label} failed: ${String(copied)}`, [], copied);
  }

  dispose(): void {
    this.#buffer?.destroy();
    this.#buffer = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
