/** A program bound to its tensors: bind groups and temporaries are made at the first call and kept. */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { fail, type TensorweftError } from "../diagnostics/diagnostic.ts";
import type { Plan } from "../ir/plan.ts";
import type { BoundSteps, ReadyPlan } from "./bound-steps.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import { bindScalars, checkInputs, checkOutputs } from "./call-arguments.ts";
import type { BoundCall, Device, Tensor } from "./device.ts";
import { canReplace } from "./donate.ts";
import { type CallTarget, GpuCall } from "./gpu-call.ts";
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
export interface BindableProgram extends Omit<CallTarget, "record"> {
  readonly device: Device;
  readonly core: GpuCore;
  readonly plan: Plan;
  /** A buffer for each of the plan's; those of temporaries are taken from the pool and added to `temporaries`. */
  chooseBuffers(
    inputs: readonly PooledBuffer[],
    outputs: readonly PooledBuffer[],
    temporaries: PooledBuffer[],
  ): readonly PooledBuffer[];
  /** Records the call; `choose` gives the steps, and makes them where there are none. */
  recordOn(call: GpuCall, choose: (ready: ReadyPlan) => ChosenSteps): void;
  /** Makes bind groups in an error scope that the call waits for. */
  bindNew(call: GpuCall, ready: ReadyPlan, buffers: readonly PooledBuffer[]): BoundSteps;
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

  record(call: GpuCall): void {
    this.#program.recordOn(call, (ready) => {
      const isRepeat = this.#steps !== null;
      return { steps: (this.#steps ??= this.#makeSteps(call, ready)), isRepeat };
    });
    if (this.#disposed) this.#releaseTemporaries(); // while it waited for its kernels
  }

  #makeSteps(call: GpuCall, ready: ReadyPlan): BoundSteps {
    const { inputs, outputs } = call.content;
    const buffers = this.#program.chooseBuffers(inputs, outputs, this.#temporaries);
    return this.#program.bindNew(call, ready, buffers);
  }

  #releaseTemporaries(): void {
    for (const buffer of this.#temporaries) this.#program.core.storage.release(buffer);
    this.#temporaries = [];
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

  #checkAliases(): void {
    const { plan } = this.#program;
    for (const [output, buffer] of this.#outputBuffers.entries()) {
      const name = plan.outputs[output]?.name ?? "";
      if (this.#outputBuffers.indexOf(buffer) !== output)
        fail(
          "wrong-argument",
          `two results of @${plan.name} are bound to one tensor: ${name} is one of them`,
          {
            span: captureCallSite(),
            help: "bind each result to a tensor of its own",
          },
        );
      for (const [input, other] of this.#inputBuffers.entries())
        if (other === buffer && !canReplace(plan, input, output))
          fail(
            "wrong-argument",
            `result ${name} of @${plan.name} is bound to the tensor of input ${plan.inputs[input]?.name ?? ""}, which is still read when the result is written`,
            { span: captureCallSite(), help: "bind the result to another tensor" },
          );
    }
  }
}
