/**
 * Calls in the order they were made. A call whose kernels are still being compiled, or whose memory is not known to be
 * there, holds up those behind it, because they may use its results; with nothing to wait for, a call goes to the GPU at once.
 */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";

export interface Call {
  /**
   * Whether it can be submitted: it is known if its kernels compile and if there is memory for it. Asked only of the first in
   * the queue, which may take buffers for it.
   */
  isReady(): boolean;
  /** It must wait: from now on it keeps its buffers, since the caller may dispose their tensors. */
  hold(): void;
  /** Submits the work, or fails its results where kernels do not compile or memory is lacking. */
  submit(): void;
  /** Fails the results. */
  abandon(failure: TensorweftError): void;
}

export class CallQueue {
  #waiting: Call[] = [];
  #next = 0;

  enqueue(call: Call): void {
    if (this.#next === this.#waiting.length && call.isReady()) {
      call.submit();
      return;
    }
    call.hold();
    this.#waiting.push(call);
  }

  /** Submits all calls up to the first that must wait. */
  drain(): void {
    for (let call = this.#waiting[this.#next]; call?.isReady() === true; call = this.#waiting[this.#next]) {
      this.#next += 1;
      call.submit();
    }
    if (this.#next < this.#waiting.length) return;
    this.#waiting = [];
    this.#next = 0;
  }

  /** Fails all calls that wait. */
  abandon(failure: TensorweftError): void {
    const waiting = this.#waiting.slice(this.#next);
    this.#waiting = [];
    this.#next = 0;
    for (const call of waiting) call.abandon(failure);
  }
}
