/**
 * A plan on a WebGPU device. Loading starts the compilation of all kernels; each call then becomes one command buffer:
 * scalars written where they changed, all dispatches in as few passes as copies allow, one submit.
 *
 * A call before the kernels are ready waits in the device's queue; its results exist at once.
 */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { Plan, PlanStep } from "../ir/plan.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import { bindScalars, checkInputs } from "./call-arguments.ts";
import type { Call } from "./call-queue.ts";
import { describeBuffer, tensorBytes } from "./check-plan.ts";
import type { Device, LoadedProgram, Tensor } from "./device.ts";
import { firstLine } from "./device-health.ts";
import type { GpuCore } from "./gpu-core.ts";
import { GpuTensor } from "./gpu-tensor.ts";
import { LruCache } from "./lru-cache.ts";
import { Outcome } from "./outcome.ts";
import type { CompiledKernel } from "./pipeline-cache.ts";
import { gpuError } from "./runtime-errors.ts";
import { blockKey, createBlock, type UniformBlock, writeBlock } from "./uniform-block.ts";

type Dispatch = Extract<PlanStep, { readonly kind: "dispatch" }>;

/** Sets of buffers per dispatch whose bind groups are kept: training loops alternate between few. */
const BIND_GROUPS_PER_DISPATCH = 8;

export class GpuProgram implements LoadedProgram {
  readonly device: Device;
  readonly ready: Promise<void>;
  readonly #core: GpuCore;
  readonly #plan: Plan;
  /** One per kernel of the plan; null while they are being compiled. */
  #kernels: readonly CompiledKernel[] | null = null;
  #failure: TensorweftError | null = null;
  readonly #blocks = new Map<string, UniformBlock>();
  readonly #bindGroups: LruCache<GPUBindGroup>;
  #hasRun = false;

  /** The plan has been checked against the device. */
  constructor(device: Device, core: GpuCore, plan: Plan) {
    this.device = device;
    this.#core = core;
    this.#plan = plan;
    this.#bindGroups = new LruCache(Math.max(32, plan.steps.length * BIND_GROUPS_PER_DISPATCH));
    this.ready = this.#load();
    // Reads report the failure as well, so nobody is obliged to await `ready`.
    this.ready.catch(() => undefined);
  }

  async #load(): Promise<void> {
    try {
      const kernels = await Promise.all(
        this.#plan.kernels.map((kernel) => this.#core.pipelines.compile(kernel)),
      );
      for (const { scalars } of this.#plan.kernels) {
        const key = blockKey(scalars);
        if (scalars.length > 0 && !this.#blocks.has(key))
          this.#blocks.set(key, createBlock(this.#core, scalars, this.#plan.scalars));
      }
      this.#kernels = kernels;
    } catch (error) {
      this.#failure = this.#core.health.loss ?? (error as TensorweftError);
      throw this.#failure;
    } finally {
      this.#core.calls.drain();
    }
  }

  run(inputs: readonly Tensor[], scalars: Readonly<Record<string, number>> = {}): Tensor[] {
    this.#core.health.throwIfLost();
    checkInputs(this.#plan, this.device, inputs);
    const values = bindScalars(this.#plan, scalars);
    const sources = inputs.filter((input) => input instanceof GpuTensor);
    const outcome = Outcome.waiting();
    const buffers = this.#plan.outputs.map((output, index) =>
      this.#core.storage.acquire(tensorBytes(output), describeBuffer(this.#plan, { kind: "output", index })),
    );
    const results = this.#plan.outputs.map((output, index) => {
      const label = `result "${output.name}" of @${this.#plan.name}, ${printType(output)}`;
      const buffer = present(buffers[index]);
      return new GpuTensor(this.device, this.#core, { ...output, label, buffer, outcome });
    });
    this.#enqueue({
      inputs: sources.map(({ buffer }) => buffer),
      inputOutcomes: sources.map((source) => source.outcome),
      outputs: buffers,
      outcome,
      values,
    });
    return results;
  }

  #enqueue(call: GpuCall): void {
    const { storage } = this.#core;
    const held = [...call.inputs, ...call.outputs];
    // The caller may dispose tensors while the call waits.
    for (const buffer of held) storage.retain(buffer);
    const letGo = (): void => {
      for (const buffer of held) storage.release(buffer);
    };
    const queued: Call = {
      isDecided: () => this.#kernels !== null || this.#failure !== null,
      submit: () => {
        this.#submit(call);
        letGo();
      },
      abandon: (failure) => {
        call.outcome.fail(failure);
        letGo();
      },
    };
    this.#core.calls.enqueue(queued);
  }

  #submit(call: GpuCall): void {
    const { health } = this.#core;
    const inputFailure = call.inputOutcomes
      .map((input) => input.failure ?? health.doubtAbout(input.serial))
      .find((found) => found !== null);
    const failure = health.loss ?? this.#failure ?? inputFailure;
    if (failure !== undefined) {
      call.outcome.fail(failure);
      return;
    }
    try {
      this.#record(call);
    } catch (error) {
      // A queued call has no caller to throw to: its results carry the error.
      call.outcome.fail(error as TensorweftError);
    }
  }

  #record(call: GpuCall): void {
    const { storage, health, device } = this.#core;
    const plan = this.#plan;
    const temporaries: PooledBuffer[] = [];
    const buffers = plan.buffers.map((buffer) => {
      if (buffer.kind === "input") return present(call.inputs[buffer.index]);
      if (buffer.kind === "output") return present(call.outputs[buffer.index]);
      const temporary = storage.acquire(buffer.bytes, describeBuffer(plan, buffer));
      temporaries.push(temporary);
      return temporary;
    });
    const keys = plan.steps.map((step) => (step.kind === "dispatch" ? bindGroupKey(step, buffers) : ""));
    const isRepeat = this.#hasRun && keys.every((key) => key === "" || this.#bindGroups.has(key));
    const isScoped = !(isRepeat && health.trustsRepeats);
    if (isScoped) device.pushErrorScope("validation");
    for (const block of this.#blocks.values()) writeBlock(this.#core, block, call.values);
    this.#encode(buffers, keys);
    const scope = isScoped ? device.popErrorScope() : null;
    for (const temporary of temporaries) storage.release(temporary);
    this.#hasRun = true;
    call.outcome.serial = health.nextSerial();
    call.outcome.markSubmitted(this.#checksOf(call, [...call.outputs, ...temporaries], scope));
  }

  /** All that may still turn out to have gone wrong. */
  #checksOf(
    call: GpuCall,
    buffers: readonly PooledBuffer[],
    scope: Promise<GPUError | null> | null,
  ): readonly Promise<TensorweftError | null>[] {
    const checks: Promise<TensorweftError | null>[] = [];
    for (const { allocation } of buffers) if (allocation !== null) checks.push(allocation);
    for (const input of call.inputOutcomes) {
      const settled = input.settled();
      if (settled instanceof Promise) checks.push(settled);
    }
    if (scope !== null)
      checks.push(
        scope.then(
          (error) => (error === null ? null : this.#describeFailure(error)),
          () => this.#core.health.loss,
        ),
      );
    return checks;
  }

  #describeFailure(error: GPUError): TensorweftError {
    const names = [...new Set(this.#plan.kernels.map(({ name }) => name))];
    const guilty = names.filter((name) => error.message.includes(`"${name}"`));
    const list = (guilty.length > 0 ? guilty : names).map((name) => `"${name}"`).join(", ");
    const label = names.length === 1 || guilty.length === 1 ? "kernel" : "one of the kernels";
    return gpuError(
      `running @${this.#plan.name} failed in ${label} ${list}: ${firstLine(error.message)}`,
      [],
      error,
    );
  }

  #encode(buffers: readonly PooledBuffer[], keys: readonly string[]): void {
    const { device, counters } = this.#core;
    const encoder = device.createCommandEncoder({ label: this.#plan.name });
    let pass: GPUComputePassEncoder | null = null;
    for (const [index, step] of this.#plan.steps.entries()) {
      if (step.kind === "copy") {
        // Copies stand outside of passes.
        pass?.end();
        pass = null;
        const [from, to] = [present(buffers[step.from]), present(buffers[step.to])];
        encoder.copyBufferToBuffer(from.buffer, 0, to.buffer, 0, step.bytes);
        continue;
      }
      pass ??= encoder.beginComputePass();
      pass.setPipeline(present(this.#kernels?.[step.kernel]).pipeline);
      pass.setBindGroup(0, this.#bindGroupFor(step, buffers, keys[index] ?? ""));
      pass.dispatchWorkgroups(...step.workgroups);
      counters.dispatches += 1;
    }
    pass?.end();
    this.#core.submit(encoder);
  }

  #bindGroupFor(step: Dispatch, buffers: readonly PooledBuffer[], key: string): GPUBindGroup {
    const known = this.#bindGroups.get(key);
    if (known !== undefined) return known;
    const { scalars, bindings } = present(this.#plan.kernels[step.kernel]);
    const resources: GPUBufferBinding[] = step.buffers.map((position, index) => ({
      buffer: present(buffers[position]).buffer,
      // Buffers are as large as their size class: the binding ends where the kernel's array does.
      size: Math.ceil(present(bindings[index]).bytes / 4) * 4,
    }));
    if (scalars.length > 0) resources.push({ buffer: present(this.#blocks.get(blockKey(scalars))).buffer });
    const group = this.#core.device.createBindGroup({
      label: present(this.#plan.kernels[step.kernel]).name,
      layout: present(this.#kernels?.[step.kernel]).bindGroupLayout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    this.#core.counters.bindGroups += 1;
    this.#bindGroups.set(key, group);
    return group;
  }
}

interface GpuCall {
  readonly inputs: readonly PooledBuffer[];
  readonly inputOutcomes: readonly Outcome[];
  readonly outputs: readonly PooledBuffer[];
  readonly outcome: Outcome;
  readonly values: readonly number[];
}

const bindGroupKey = (step: Dispatch, buffers: readonly PooledBuffer[]): string =>
  `${String(step.kernel)}:${step.buffers.map((position) => String(buffers[position]?.id)).join(",")}`;

/** For positions that `checkPlan` and `checkInputs` have checked. */
function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined)
    throw new CompilerBug("a position of a plan is out of range", []);
  return value;
}
