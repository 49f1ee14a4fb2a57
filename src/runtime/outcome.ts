/**
 * What is known of the work that fills a tensor: whether it has been submitted, and whether it went well. Work is
 * submitted before anybody knows that it is sound, so reads wait for `settled()` before they trust what they copied.
 *
 * Ensures: a failure of the work behind an input is the failure of every result computed from it.
 */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";

export class Outcome {
  #failure: TensorweftError | null = null;
  #checks: Promise<void> | null = null;
  #isWaiting = false;
  /** Made when somebody asks: most calls are submitted before anyone can. */
  #submitted: PromiseWithResolvers<void> | null = null;
  /** Number of the call in the order of submits; uploads are 0. See `DeviceHealth`. */
  serial = 0;

  static waiting(): Outcome {
    const outcome = new Outcome();
    outcome.#isWaiting = true;
    return outcome;
  }

  get failure(): TensorweftError | null {
    return this.#failure;
  }

  /** The work waits for its kernels or for the end of its batch. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** A promise while the work is not submitted yet. */
  get submitted(): Promise<void> | null {
    if (!this.#isWaiting) return null;
    this.#submitted ??= Promise.withResolvers();
    return this.#submitted.promise;
  }

  /** A promise of the failure while checks are under way, else what is known. */
  settled(): Promise<TensorweftError | null> | TensorweftError | null {
    return this.#checks?.then(() => this.#failure) ?? this.#failure;
  }

  /** The work was submitted; `checks` may still find that it failed. None of them may reject. */
  markSubmitted(checks: readonly Promise<TensorweftError | null>[]): void {
    if (checks.length > 0)
      this.#checks = Promise.all(checks).then((found) => {
        this.#failure ??= found.find((failure) => failure !== null) ?? null;
        this.#checks = null;
      });
    this.#endWait();
  }

  fail(failure: TensorweftError): void {
    this.#failure ??= failure;
    this.#endWait();
  }

  #endWait(): void {
    this.#isWaiting = false;
    this.#submitted?.resolve();
    this.#submitted = null;
  }
}
