/**
 * Commands on their way to the queue. A call outside a batch is submitted as soon as it is recorded; inside `batch`, all
 * calls share one encoder and, as far as copies allow, one pass and one submit.
 *
 * Each submit has a number. A buffer that remembers the number of the last submit it takes part in can be told apart
 * from one whose commands have all left: before the host writes or destroys it, `flush` must have been called.
 *
 * Ensures: commands reach the queue in the order of their calls; after `batch` nothing is left behind, also when the
 *          function throws. Every recorded call is told once that it was submitted.
 */
import type { Counters } from "./counters.ts";

export interface RecordedCall {
  /** The commands were submitted; `scope` is the error scope around the submit, which `calls` calls share. */
  wasSubmitted(scope: Promise<GPUError | null> | null, calls: number): void;
}

export interface BufferStart {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

export class CommandRecorder {
  readonly #device: GPUDevice;
  readonly #counters: Counters;
  /** Uploads what the recorded commands read and the host still holds. */
  readonly #beforeSubmit: () => void;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  /** The pass's pipeline: setting it again costs more than all else of a dispatch. */
  #pipeline: GPUComputePipeline | null = null;
  #calls: RecordedCall[] = [];
  #isScoped = false;
  #depth = 0;
  #pending = 1;

  constructor(device: GPUDevice, counters: Counters, beforeSubmit: () => void) {
    this.#device = device;
    this.#counters = counters;
    this.#beforeSubmit = beforeSubmit;
  }

  /** Number of the submit that commands recorded now will be part of. */
  get pending(): number {
    return this.#pending;
  }

  /** Runs `act`; calls that it makes leave in one submit when it is done. Batches nest: the outermost submits. */
  batch<R>(act: () => R): R {
    this.#depth += 1;
    try {
      return act();
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.flush();
    }
  }

  dispatch(
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    offsets: readonly number[] | null,
    workgroups: readonly [number, number, number],
  ): void {
    const pass = (this.#pass ??= this.#open().beginComputePass());
    if (this.#pipeline !== pipeline) {
      pass.setPipeline(pipeline);
      this.#pipeline = pipeline;
    }
    if (offsets === null) pass.setBindGroup(0, group);
    else pass.setBindGroup(0, group, offsets);
    pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    this.#counters.dispatches += 1;
  }

  copy(from: BufferStart, to: BufferStart, bytes: number): void {
    this.#endPass(); // copies stand outside of passes
    this.#open().copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, bytes);
  }

  /** All commands of a call are recorded: submits them unless a batch is open. `isScoped` asks for an error scope. */
  finishCall(call: RecordedCall, isScoped: boolean): void {
    this.#calls.push(call);
    this.#isScoped ||= isScoped;
    if (this.#depth === 0) this.flush();
  }

  /** Submits what is recorded; a batch that is open goes on with a submit of its own. */
  flush(): void {
    const [encoder, calls] = [this.#encoder, this.#calls];
    if (encoder === null && calls.length === 0) return;
    this.#endPass();
    const scope = encoder === null ? null : this.#submit(encoder);
    this.#encoder = null;
    this.#calls = [];
    this.#isScoped = false;
    this.#pending += 1;
    for (const call of calls) call.wasSubmitted(scope, calls.length);
  }

  /** Submits the commands that no call has finished yet, alone and in an error scope. */
  flushScoped(): Promise<GPUError | null> {
    const encoder = this.#open();
    this.#endPass();
    this.#beforeSubmit();
    const scope = this.#submitScoped(encoder);
    this.#encoder = null;
    this.#pending += 1;
    return scope;
  }

  /** Throws away what is recorded, for a device that is gone; the calls find out that it is when told. */
  discard(): void {
    const calls = this.#calls;
    this.#encoder = this.#pass = this.#pipeline = null;
    this.#calls = [];
    for (const call of calls) call.wasSubmitted(null, calls.length);
  }

  #submit(encoder: GPUCommandEncoder): Promise<GPUError | null> | null {
    this.#beforeSubmit();
    if (this.#isScoped) return this.#submitScoped(encoder);
    this.#device.queue.submit([encoder.finish()]);
    this.#counters.submits += 1;
    return null;
  }

  #submitScoped(encoder: GPUCommandEncoder): Promise<GPUError | null> {
    this.#device.pushErrorScope("validation");
    this.#device.queue.submit([encoder.finish()]);
    this.#counters.submits += 1;
    return this.#device.popErrorScope();
  }

  #open(): GPUCommandEncoder {
    return (this.#encoder ??= this.#device.createCommandEncoder());
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
    this.#pipeline = null;
  }
}
