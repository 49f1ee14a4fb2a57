/** A program bound to its tensors: bind groups and temporaries are made at the first call and kept. */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { fail, type TensorweftError } from "../diagnostics/diagnostic.ts";
import { BINDING_ALIGNMENT, type Plan } from "../ir/plan.ts";
import type { BoundSteps, ChosenBuffers, ReadyPlan } from "./bound-steps.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import { bindScalars, checkInputs, checkOutputs } from "./call-arguments.ts";
import type { BoundCall, Device, Tensor } from "./device.ts";
import { canReplace } from "./donate.ts";
import { isSameRange, overlaps } from "./foreign-buffer.ts";
import { type CallBuffers, type CallTarget, GpuCall } from "./gpu-call.ts";
import type { GpuCore } from "./gpu-core.ts";
import { asGpuTensors, type GpuTensor } from "./gpu-tensor.ts";
import { Outcome } from "./outcome.ts";
import { disposedCall } from "./runtime-errors.ts";

/** The steps to record, and whether they have been recorded before. */
export interface ChosenSteps {
  readonly steps: BoundSteps;
  readonly isRepeat: boolean;
}

/** What a bound call needs of its program. */
export interface BindableProgram extends Omit<CallTarget, "record" | "chooseBuffers"> {
  readonly device: Device;
  readonly core: GpuCore;
  readonly plan: Plan;
  /** A buffer for each of the plan's; temporaries and copies are taken from the pool and added to `temporaries`. */
  chooseFor(buffers: CallBuffers, temporaries: PooledBuffer[]): ChosenBuffers;
  /** Records the call; `choose` gives the steps, and makes them where there are none. */
  recordOn(call: GpuCall, choose: (ready: ReadyPlan) => ChosenSteps): void;
  /** Makes bind groups in an error scope that the call waits for. */
  bindNew(call: GpuCall, ready: ReadyPlan, chosen: ChosenBuffers): BoundSteps;
}

export class BoundGpuCall implements BoundCall, CallTarget {
  readonly #program: BindableProgram;
  readonly #inputs: readonly GpuTensor[];
  readonly #outputs: readonly GpuTensor[];
  readonly #inputBuffers: readonly PooledBuffer[];
  readonly #outputBuffers: readonly PooledBuffer[];
  #values: readonly number[];
  #scalars: Readonly<Record<string, number>>;
  #steps: BoundSteps | null = null;
  /** Known before the steps where memory is waited for. */
  #chosen: ChosenBuffers | null = null;
  #temporaries: PooledBuffer[] = [];
  #disposed = false;

  constructor(
    program: BindableProgram,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    scalars: Readonly<Record<string, number>>,
  ) {
    const { plan, device, core } = program;
    checkInputs(plan, device, inputs);
    checkOutputs(plan, device, outputs);
    this.#program = program;
    this.#inputs = asGpuTensors(inputs);
    this.#outputs = asGpuTensors(outputs);
    this.#inputBuffers = this.#inputs.map(({ buffer }) => buffer);
    this.#outputBuffers = this.#outputs.map(({ buffer }) => buffer);
    this.#checkAliases();
    this.#scalars = scalars;
    this.#values = bindScalars(plan, scalars);
    for (const buffer of this.#held()) core.storage.retain(buffer);
  }

  run(scalars?: Readonly<Record<string, number>>): void {
    const { core, plan } = this.#program;
    core.health.throwIfLost();
    if (this.#disposed) throw disposedCall(plan.name);
    checkInputs(plan, this.#program.device, this.#inputs);
    checkOutputs(plan, this.#program.device, this.#outputs);
    if (scalars !== undefined) {
      const merged = { ...this.#scalars, ...scalars };
      this.#values = bindScalars(plan, merged);
      this.#scalars = merged;
    }
    const outcome = Outcome.waiting();
    const inputOutcomes = this.#inputs.map((input) => input.outcome);
    for (const output of this.#outputs) output.outcome = outcome;
    const [inputs, outputs] = [this.#inputBuffers, this.#outputBuffers];
    core.calls.enqueue(
      new GpuCall(core, this, { inputs, inputOutcomes, outputs, outcome, values: this.#values }),
    );
  }

  get failure(): TensorweftError | null {
    return this.#program.failure;
  }

  isDecided(): boolean {
    return this.#program.isDecided();
  }

  chooseBuffers({ content, temporaries }: GpuCall): ChosenBuffers {
    // Disposed while the call waited for its kernels: nobody else gives them back.
    if (this.#disposed) return this.#program.chooseFor(content, temporaries);
    // An allocation that failed is tried again by the next call.
    if (this.#temporaries.some(({ failure }) => failure !== null)) this.#releaseTemporaries();
    try {
      return (this.#chosen ??= this.#program.chooseFor(content, this.#temporaries));
    } catch (error) {
      this.#releaseTemporaries();
      throw error;
    }
  }

  record(call: GpuCall, chosen: ChosenBuffers): void {
    const isKept = chosen === this.#chosen; // unless it was disposed while the call waited
    this.#program.recordOn(call, (ready) => {
      if (!isKept) return { steps: this.#program.bindNew(call, ready, chosen), isRepeat: false };
      const isRepeat = this.#steps !== null;
      return { steps: (this.#steps ??= this.#program.bindNew(call, ready, chosen)), isRepeat };
    });
  }

  #releaseTemporaries(): void {
    for (const buffer of this.#temporaries) this.#program.core.storage.release(buffer);
    this.#temporaries = [];
    this.#chosen = null;
    this.#steps = null;
  }

  describeFailure(error: GPUError, isAlone: boolean): TensorweftError {
    return this.#program.describeFailure(error, isAlone);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#held()) this.#program.core.storage.release(buffer);
    this.#releaseTemporaries();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #held(): readonly PooledBuffer[] {
    return [...this.#inputBuffers, ...this.#outputBuffers];
  }

  /** What cannot be bound for reading and writing in one dispatch is refused here or, where it can be, copied at each call. */
  #checkAliases(): void {
    const { plan } = this.#program;
    for (const [output, buffer] of this.#outputBuffers.entries()) {
      const result = `result ${plan.outputs[output]?.name ?? ""} of @${plan.name}`;
      checkWritable(result, buffer);
      if (this.#outputBuffers.some((other, index) => index < output && overlaps(other, buffer)))
        refuse(
          `two results of @${plan.name} share memory: ${result} is one of them`,
          "bind each result to memory of its own",
        );
      for (const [input, other] of this.#inputBuffers.entries()) {
        if (!overlaps(other, buffer)) continue;
        const name = plan.inputs[input]?.name ?? "";
        if (!isSameRange(other, buffer))
          refuse(
            `${result} is bound to memory that input ${name} covers in part`,
            "bind the result to memory of its own",
          );
        if (!canReplace(plan, input, output))
          refuse(
            `${result} is bound to the tensor of input ${name}, which is still read when the result is written`,
            "bind the result to another tensor",
          );
      }
    }
  }
}

function checkWritable(result: string, { readOnly, isBindable, offset }: PooledBuffer): void {
  if (readOnly)
    refuse(`${result} is bound to a tensor that was wrapped as read-only`, "bind it to another tensor");
  if (!isBindable)
    refuse(
      `${result} is bound to a range of a buffer that kernels cannot write: it starts at byte ${offset}, or its last bytes do not fill 16`,
      `let the range start at a multiple of ${BINDING_ALIGNMENT} bytes and the buffer hold its size rounded up to 16`,
    );
}

function refuse(message: string, help: string): never {
  return fail("wrong-argument", message, { span: captureCallSite(), help });
}
