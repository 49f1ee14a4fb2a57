/**
 * Whether a GPU device still works, and which results an error casts doubt on.
 *
 * Calls that do something for the first time run in an error scope, which names them exactly. Calls that repeat what has
 * worked run without one (a scope costs about as much as the call); should one fail all the same, WebGPU reports an
 * "uncaptured" error that names no call. Then every call that was submitted since the last successful read is doubtful,
 * and its results fail. On a GPUDevice that others share, uncaptured errors may be theirs: there, every call has a scope.
 */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import { deviceLost, gpuError } from "./runtime-errors.ts";

interface Doubt {
  readonly from: number;
  readonly to: number;
  readonly failure: TensorweftError;
}

export class DeviceHealth {
  /** False where every call must have its own error scope. */
  readonly trustsRepeats: boolean;
  readonly #device: GPUDevice;
  #loss: TensorweftError | null = null;
  readonly #lost = Promise.withResolvers<TensorweftError>();
  #unreported: TensorweftError | null = null;
  /** Keeps what the promise of the loss refers to weakly. */
  readonly #whenLost: { readonly health: DeviceHealth; readonly onLoss: (loss: TensorweftError) => void };
  readonly #doubts: Doubt[] = [];
  #lastSerial = 0;
  #verifiedSerial = 0;

  constructor(device: GPUDevice, isShared: boolean, onLoss: (loss: TensorweftError) => void) {
    this.#device = device;
    this.trustsRepeats = !isShared;
    if (!isShared) device.addEventListener("uncapturederror", this.#onUncaptured);
    // Weakly, because `lost` stays pending for as long as a shared device lives, which may be longer than ours.
    this.#whenLost = { health: this, onLoss };
    const weak = new WeakRef(this.#whenLost);
    void device.lost.then((info) => {
      const known = weak.deref();
      if (known === undefined || known.health.#loss !== null) return;
      const reason = info.message === "" ? info.reason : firstLine(info.message);
      known.onLoss(known.health.lose(deviceLost(reason)));
    });
  }

  get lastSerial(): number {
    return this.#lastSerial;
  }

  /** Numbers a call that is being submitted. */
  nextSerial(): number {
    this.#lastSerial += 1;
    return this.#lastSerial;
  }

  /** A read that was submitted when `serial` was the last call has succeeded, and with it all before it. */
  markVerified(serial: number): void {
    this.#verifiedSerial = Math.max(this.#verifiedSerial, serial);
  }

  doubtAbout(serial: number): TensorweftError | null {
    if (serial === 0) return null;
    return this.#doubts.find(({ from, to }) => from <= serial && serial <= to)?.failure ?? null;
  }

  /** An uncaptured error that no read has reported so far. */
  takeUnreported(): TensorweftError | null {
    const failure = this.#unreported;
    this.#unreported = null;
    return failure;
  }

  get loss(): TensorweftError | null {
    return this.#loss;
  }

  /** Resolves with the loss. */
  get lost(): Promise<TensorweftError> {
    return this.#lost.promise;
  }

  throwIfLost(): void {
    if (this.#loss !== null) throw this.#loss;
  }

  lose(loss: TensorweftError): TensorweftError {
    this.#loss ??= loss;
    this.#lost.resolve(this.#loss);
    this.#device.removeEventListener("uncapturederror", this.#onUncaptured);
    return this.#loss;
  }

  readonly #onUncaptured = (event: Event): void => {
    const { error } = event as GPUUncapturedErrorEvent;
    const failure = gpuError(`the GPU device reports an error: ${firstLine(error.message)}`, [], error);
    this.#unreported ??= failure;
    const from = this.#verifiedSerial + 1;
    const latest = this.#doubts.at(-1);
    // Contiguous doubts are one, so that a device that keeps failing does not grow the list.
    if (latest?.to === from - 1) this.#doubts[this.#doubts.length - 1] = { ...latest, to: this.#lastSerial };
    else if (this.#lastSerial >= from) this.#doubts.push({ from, to: this.#lastSerial, failure });
    this.#verifiedSerial = this.#lastSerial;
  };
}

export const firstLine = (message: string): string => message.trim().split("\n", 1)[0] ?? "";
