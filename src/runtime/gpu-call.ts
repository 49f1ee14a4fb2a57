/** One call of a program on WebGPU, from the caller's `run` to the end of the checks of what was submitted. */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import type { ChosenBuffers } from "./bound-steps.ts";
import { isPending, type PooledBuffer } from "./buffer-pool.ts";
import type { Call } from "./call-queue.ts";
import type { RecordedCall } from "./command-recorder.ts";
import type { GpuCore } from "./gpu-core.ts";
import type { Outcome } from "./outcome.ts";

/** What runs a call: a program, with buffers that are the call's own or those of a `BoundCall`. */
export interface CallTarget {
  /** Whether it is known if the kernels compile. */
  isDecided(): boolean;
  /** The buffers of the call; those that are its own are added to its temporaries. */
  chooseBuffers(call: GpuCall): ChosenBuffers;
  /** Records the call's commands on these buffers and gives it to the recorder; throws when it cannot. */
  record(call: GpuCall, chosen: ChosenBuffers): void;
  /** Set when the kernels do not compile. */
  readonly failure: TensorweftError | null;
  /** `isAlone`: no other call was in the submit that failed. */
  describeFailure(error: GPUError, isAlone: boolean): TensorweftError;
}

export interface CallBuffers {
  readonly inputs: readonly PooledBuffer[];
  readonly outputs: readonly PooledBuffer[];
}

export interface CallContent extends CallBuffers {
  readonly inputOutcomes: readonly Outcome[];
  /** That of all results. */
  readonly outcome: Outcome;
  /** Of all scalars of the program. */
  readonly values: readonly number[];
}

const NO_CHECKS: readonly Promise<TensorweftError | null>[] = [];

export class GpuCall implements Call, RecordedCall {
  readonly content: CallContent;
  /** Buffers that are given back when the call has been recorded. */
  readonly temporaries: PooledBuffer[] = [];
  readonly #core: GpuCore;
  readonly #target: CallTarget;
  #isHolding = false;
  /** Known when the call is the first in the queue and its kernels are decided. */
  #chosen: ChosenBuffers | null = null;
  /** Why there are none. */
  #refusal: TensorweftError | null = null;
  /** Those chosen are held while memory for them is being found. */
  #isHoldingChosen = false;
  #checks: Promise<TensorweftError | null>[] | null = null;
  /** Errors of bind groups made for this call. */
  #bindScope: Promise<GPUError | null> | null = null;

  constructor(core: GpuCore, target: CallTarget, content: CallContent) {
    this.#core = core;
    this.#target = target;
    this.content = content;
  }

  isReady(): boolean {
    if (!this.#target.isDecided()) return false;
    if (this.#target.failure !== null || this.#core.health.loss !== null) return true;
    try {
      this.#chosen ??= this.#target.chooseBuffers(this);
    } catch (error) {
      this.#refusal = error as TensorweftError; // for the results: a queued call has no caller to throw to
      return true;
    }
    const { buffers } = this.#chosen;
    if (!buffers.some(isPending)) return true;
    if (!this.#isHoldingChosen) for (const buffer of buffers) this.#core.storage.retain(buffer);
    this.#isHoldingChosen = true;
    return false;
  }

  hold(): void {
    const { inputs, outputs } = this.content;
    for (const buffer of inputs) this.#core.storage.retain(buffer);
    for (const buffer of outputs) this.#core.storage.retain(buffer);
    this.#isHolding = true;
  }

  submit(): void {
    const failure = this.#findFailure();
    if (failure !== null) this.content.outcome.fail(failure);
    else if (this.#chosen !== null)
      try {
        this.#target.record(this, this.#chosen);
      } catch (error) {
        this.content.outcome.fail(error as TensorweftError);
      }
    this.#letGo();
  }

  abandon(failure: TensorweftError): void {
    this.content.outcome.fail(failure);
    this.#letGo();
  }

  /** Something else that may turn out to have gone wrong. */
  await(check: Promise<TensorweftError | null>): void {
    (this.#checks ??= []).push(check);
  }

  awaitBinding(scope: Promise<GPUError | null>): void {
    this.#bindScope = scope;
  }

  wasSubmitted(scope: Promise<GPUError | null> | null, calls: number): void {
    const { health } = this.#core;
    const { outcome, inputOutcomes } = this.content;
    if (health.loss !== null) {
      outcome.fail(health.loss);
      return;
    }
    outcome.serial = health.nextSerial();
    for (const input of inputOutcomes) {
      const settled = input.settled();
      if (settled instanceof Promise) this.await(settled);
    }
    // That of the bind groups first: the submit fails because of them.
    if (this.#bindScope !== null) this.await(this.#resultOf(this.#bindScope, true));
    if (scope !== null) this.await(this.#resultOf(scope, calls === 1));
    outcome.markSubmitted(this.#checks ?? NO_CHECKS);
  }

  #resultOf(scope: Promise<GPUError | null>, isAlone: boolean): Promise<TensorweftError | null> {
    return scope.then(
      (error) => (error === null ? null : this.#target.describeFailure(error, isAlone)),
      () => this.#core.health.loss,
    );
  }

  #findFailure(): TensorweftError | null {
    const { health } = this.#core;
    const failure = health.loss ?? this.#target.failure;
    if (failure !== null) return failure;
    for (const input of this.content.inputOutcomes) {
      const found = input.failure ?? health.doubtAbout(input.serial);
      if (found !== null) return found;
    }
    for (const buffer of this.#chosen?.buffers ?? []) if (buffer.failure !== null) return buffer.failure;
    return this.#refusal;
  }

  #letGo(): void {
    const { storage } = this.#core;
    for (const buffer of this.temporaries) storage.release(buffer);
    this.temporaries.length = 0;
    if (this.#isHoldingChosen) for (const buffer of this.#chosen?.buffers ?? []) storage.release(buffer);
    this.#isHoldingChosen = false;
    if (!this.#isHolding) return;
    this.#isHolding = false;
    const { inputs, outputs } = this.content;
    for (const buffer of inputs) storage.release(buffer);
    for (const buffer of outputs) storage.release(buffer);
  }
}
