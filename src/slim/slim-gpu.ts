/** A GPUDevice under watch: what goes wrong on it is caught where it was asked for, and its loss is known. */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import { deviceLost, gpuError, outOfMemory } from "../runtime/runtime-errors.ts";

/** Known when the GPU has said what came of the work; never rejects. */
export type Fault = Promise<TensorweftError | null>;

export class SlimGpu {
  readonly device: GPUDevice;
  #loss: TensorweftError | null = null;

  constructor(device: GPUDevice) {
    this.device = device;
    void device.lost.then(({ message }) => {
      this.lose(deviceLost(message));
    });
  }

  get loss(): TensorweftError | null {
    return this.#loss;
  }

  /** False where it was lost before. */
  lose(loss: TensorweftError): boolean {
    if (this.#loss !== null) return false;
    this.#loss = loss;
    return true;
  }

  throwIfLost(): void {
    if (this.#loss !== null) throw this.#loss;
  }

  /** Does something on the GPU under error scopes. */
  watch<R>(what: string, bytes: number, act: () => R): { readonly result: R; readonly fault: Fault } {
    const gpu = this.device;
    gpu.pushErrorScope("out-of-memory");
    gpu.pushErrorScope("validation");
    try {
      return { result: act(), fault: this.#pop(what, bytes) };
    } catch (error) {
      void this.#pop(what, bytes); // scopes are a stack: they must go, whatever happens
      throw error;
    }
  }

  async #pop(what: string, bytes: number): Promise<TensorweftError | null> {
    const gpu = this.device;
    const popped = [gpu.popErrorScope(), gpu.popErrorScope()];
    try {
      const [invalid, memory] = await Promise.all(popped);
      if (memory !== null && memory !== undefined) return outOfMemory(what, { bytes });
      if (invalid === null || invalid === undefined) return null;
      return gpuError(`${what}: ${invalid.message.split("\n")[0] ?? ""}`, [], invalid);
    } catch {
      return this.#loss ?? deviceLost("while work was under way");
    }
  }
}
