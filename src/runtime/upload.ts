/** Bytes on their way from the host to a buffer that may yet turn out to have no memory. */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import { isPending, type PooledBuffer } from "./buffer-pool.ts";
import type { Call } from "./call-queue.ts";
import type { GpuCore } from "./gpu-core.ts";
import { Outcome } from "./outcome.ts";

/** Copies on the host of what waits; beyond, uploads go at once, and fail where there is no memory. */
const MOST_HELD_BYTES = 256 * 2 ** 20;

export class Uploads {
  readonly #core: GpuCore;
  #heldBytes = 0;

  constructor(core: GpuCore) {
    this.#core = core;
  }

  /** Whether it is worth keeping a copy of the bytes until there is memory: where more can be had. */
  mayWait(bytes: number): boolean {
    const { pressure } = this.#core;
    return (pressure.isShort || pressure.idleBytes > 0) && this.#heldBytes + bytes <= MOST_HELD_BYTES;
  }

  /** Writes to a buffer that was just acquired. The caller may change the bytes afterwards. */
  start(buffer: PooledBuffer, bytes: Uint8Array<ArrayBuffer>): Outcome {
    const core = this.#core;
    if (!isPending(buffer)) {
      const outcome = new Outcome();
      const checks = [buffer.allocation, bytes.length === 0 ? null : core.write(buffer, bytes)];
      outcome.markSubmitted(checks.filter((check) => check !== null));
      return outcome;
    }
    const outcome = Outcome.waiting();
    const copy = bytes.slice();
    this.#heldBytes += copy.length;
    core.calls.enqueue(
      new Upload(core, { buffer, bytes: copy, outcome }, () => {
        this.#heldBytes -= copy.length;
      }),
    );
    return outcome;
  }
}

interface UploadContent {
  readonly buffer: PooledBuffer;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly outcome: Outcome;
}

class Upload implements Call {
  readonly #core: GpuCore;
  readonly #content: UploadContent;
  readonly #onEnd: () => void;

  constructor(core: GpuCore, content: UploadContent, onEnd: () => void) {
    this.#core = core;
    this.#content = content;
    this.#onEnd = onEnd;
  }

  isReady(): boolean {
    return !isPending(this.#content.buffer);
  }

  hold(): void {
    this.#core.storage.retain(this.#content.buffer);
  }

  submit(): void {
    const { buffer, bytes, outcome } = this.#content;
    const failure = this.#core.health.loss ?? buffer.failure;
    if (failure === null) {
      if (bytes.length > 0) void this.#core.write(buffer, bytes); // there is memory, so nothing can go wrong
      outcome.markSubmitted([]);
    } else outcome.fail(failure);
    this.#letGo();
  }

  abandon(failure: TensorweftError): void {
    this.#content.outcome.fail(failure);
    this.#letGo();
  }

  #letGo(): void {
    this.#core.storage.release(this.#content.buffer);
    this.#onEnd();
  }
}
