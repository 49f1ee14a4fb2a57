/**
 * A plan on a WebGPU device. Loading starts the compilation of all kernels; each call is then recorded into one pass, as
 * far as copies allow, and submitted at once or with its batch. A call with buffers that an earlier one had, which is
 * what a pool gives to repeated calls, makes no objects but its encoder and its results.
 *
 * A call before the kernels are ready waits in the device's queue; its results exist at once. So do calls of a program that
 * is still being tuned: only its kernels and steps are not yet known.
 */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { Plan } from "../ir/plan.ts";
import { tensorBytes } from "../ir/verify-plan.ts";
import { type BindableProgram, BoundGpuCall, type ChosenSteps } from "./bound-call.ts";
import {
  bindSteps,
  type BoundSteps,
  type ChosenBuffers,
  present,
  type ReadyPlan,
  recordSteps,
  type StagedInput,
} from "./bound-steps.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import { bindScalars, checkInputs } from "./call-arguments.ts";
import { describeBuffer } from "./check-plan.ts";
import type { BoundCall, Device, LoadedProgram, Program, RunOptions, Tensor } from "./device.ts";
import { assignDonations } from "./donate.ts";
import { needsCopy } from "./foreign-buffer.ts";
import { type CallBuffers, GpuCall } from "./gpu-call.ts";
import type { GpuCore } from "./gpu-core.ts";
import { asGpuTensors, GpuTensor } from "./gpu-tensor.ts";
import { LruCache } from "./lru-cache.ts";
import { Outcome } from "./outcome.ts";
import type { KernelUser } from "./pipeline-cache.ts";
import { describeCallFailure, describeStepFailure, locateKernelFailure } from "./program-failures.ts";
import { listBlocks } from "./uniform-block.ts";

/** Sets of buffers whose bind groups are kept: as many as a batch of many calls has, fewer where plans are long. */
const MOST_BUFFER_SETS = 128;
const MOST_BIND_GROUPS = 4096;

export class GpuProgram implements LoadedProgram, BindableProgram {
  readonly device: Device;
  readonly ready: Promise<void>;
  readonly plan: Plan;
  readonly core: GpuCore;
  /** Null while the kernels are being compiled. */
  #compiled: ReadyPlan | null = null;
  #failure: TensorweftError | null = null;
  /** By the ids of the buffers. */
  readonly #bound: LruCache<BoundSteps>;
  /** The ones used last, found without their key. */
  #latest: BoundSteps | null = null;
  #hasRun = false;
  /** Stands for this program among the users of its kernels. */
  readonly #user: KernelUser = {};
  #isReleased = false;
  /** Each step has a submit and an error scope of its own. */
  readonly #isWatched: boolean;
  /** What the outputs take, and what messages call them. */
  readonly #outputs: readonly OutputSlot[];
  /** What messages call the plan's buffers. */
  readonly #purposes: readonly string[];
  #donations: { readonly donated: readonly number[]; readonly inputOf: readonly number[] } | null = null;

  /** The plan has been checked against the device. */
  constructor(device: Device, core: GpuCore, plan: Plan, others: Omit<Program, "plan" | "graph"> = {}) {
    this.device = device;
    this.core = core;
    this.plan = plan;
    this.#isWatched = others.debug === true;
    const sets = Math.floor(MOST_BIND_GROUPS / Math.max(1, plan.steps.length));
    this.#bound = new LruCache(Math.min(MOST_BUFFER_SETS, Math.max(8, sets)));
    this.#outputs = plan.outputs.map((output, index) => ({
      type: output,
      bytes: tensorBytes(output),
      label: `result "${output.name}" of @${plan.name}, ${printType(output)}`,
      purpose: describeBuffer(plan, { kind: "output", index }),
    }));
    this.#purposes = plan.buffers.map((buffer) => describeBuffer(plan, buffer));
    this.ready = this.#load(others);
    // Reads report the failure as well, so nobody is obliged to await `ready`.
    this.ready.catch(() => undefined);
  }

  async #load({ tuned, renew }: Pick<Program, "tuned" | "renew">): Promise<void> {
    const { core } = this;
    try {
      const wanted = (await tuned?.catch(() => undefined)) ?? this.plan;
      const { plan, kernels } = await this.#compile(wanted).catch((error: unknown) => {
        const again = core.health.loss === null ? renew?.() : undefined;
        // Calls that wait have buffers for the plan that they know.
        if (again === undefined || printBuffers(again) !== printBuffers(this.plan)) throw error;
        return this.#compile(again);
      });
      const { requests, blockOf } = listBlocks(plan);
      const blocks = core.uniforms.createBlocks(requests, plan.scalars);
      this.#compiled = { plan, kernels, blocks, blockOf };
    } catch (error) {
      this.#failure = core.health.loss ?? (error as TensorweftError);
      throw this.#failure;
    } finally {
      core.drainCalls();
    }
  }

  async #compile(plan: Plan): Promise<Pick<ReadyPlan, "plan" | "kernels">> {
    const { pipelines } = this.core;
    const kernels = await Promise.all(
      plan.kernels.map((kernel, position) =>
        pipelines.compile(kernel, this.#user).catch((error: unknown) => {
          throw locateKernelFailure(plan, position, error as TensorweftError);
        }),
      ),
    );
    if (this.#isReleased) pipelines.release(this.#user); // meanwhile
    return { plan, kernels };
  }

  get failure(): TensorweftError | null {
    return this.#failure;
  }

  isDecided(): boolean {
    return this.#compiled !== null || this.#failure !== null;
  }

  run(
    inputs: readonly Tensor[],
    scalars: Readonly<Record<string, number>> = {},
    { donate }: RunOptions = {},
  ): Tensor[] {
    const { core } = this;
    core.health.throwIfLost();
    checkInputs(this.plan, this.device, inputs);
    const values = bindScalars(this.plan, scalars);
    const sources = asGpuTensors(inputs);
    const inputBuffers = sources.map((source) => source.buffer);
    const outcome = Outcome.waiting();
    const inputOf = donate === undefined ? undefined : this.#replacedInputs(donate);
    const outputs = this.#outputs.map((slot, index) => {
      const buffer = reusable(sources, inputBuffers, inputOf?.[index] ?? -1);
      if (buffer === null) return core.storage.acquire(slot.bytes, slot.purpose);
      core.storage.retain(buffer);
      return buffer;
    });
    const results = this.#outputs.map(({ type, label }, index) => {
      const { dtype, shape } = type;
      const buffer = present(outputs[index]);
      return new GpuTensor(this.device, core, { dtype, shape, label, buffer, outcome });
    });
    const inputOutcomes = sources.map((source) => source.outcome);
    core.calls.enqueue(
      new GpuCall(core, this, { inputs: inputBuffers, inputOutcomes, outputs, outcome, values }),
    );
    for (const position of donate ?? []) inputs[position]?.dispose();
    return results;
  }

  bind(
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    scalars: Readonly<Record<string, number>> = {},
  ): BoundCall {
    this.core.health.throwIfLost();
    return new BoundGpuCall(this, inputs, outputs, scalars);
  }

  release(): void {
    this.#isReleased = true;
    this.core.pipelines.release(this.#user);
  }

  /** Memoised: the positions are those of the function that calls. */
  #replacedInputs(donated: readonly number[]): readonly number[] {
    if (this.#donations?.donated !== donated)
      this.#donations = { donated, inputOf: assignDonations(this.plan, donated) };
    return this.#donations.inputOf;
  }

  chooseBuffers({ content, temporaries }: GpuCall): ChosenBuffers {
    return this.chooseFor(content, temporaries);
  }

  record(call: GpuCall, chosen: ChosenBuffers): void {
    this.recordOn(call, (ready) => this.#findSteps(call, ready, chosen));
  }

  recordOn(call: GpuCall, choose: (ready: ReadyPlan) => ChosenSteps): void {
    const { core } = this;
    const ready = present(this.#compiled);
    const { steps, isRepeat } = choose(ready);
    recordSteps(
      core,
      ready.blocks,
      steps,
      call.content.values,
      this.#isWatched
        ? (step, scope) => {
            this.#watched(call, ready, step, scope);
          }
        : undefined,
    );
    for (const { allocation } of steps.buffers) if (allocation !== null) call.await(allocation);
    const isScoped = !(isRepeat && this.#hasRun && core.health.trustsRepeats);
    this.#hasRun = true;
    core.recorder.finishCall(call, isScoped);
  }

  chooseFor({ inputs, outputs }: CallBuffers, temporaries: PooledBuffer[]): ChosenBuffers {
    const staged: StagedInput[] = [];
    const acquire = (bytes: number, purpose: string): PooledBuffer => {
      const temporary = this.core.storage.acquire(bytes, purpose);
      temporaries.push(temporary);
      return temporary;
    };
    const buffers = this.plan.buffers.map((buffer, index) => {
      if (buffer.kind === "temporary") return acquire(buffer.bytes, present(this.#purposes[index]));
      if (buffer.kind === "output") return present(outputs[buffer.index]);
      const input = present(inputs[buffer.index]);
      if (!needsCopy(input, outputs)) return input;
      const bytes = tensorBytes(present(this.plan.inputs[buffer.index]));
      const copy = acquire(bytes, `a copy of ${present(this.#purposes[index])}`);
      staged.push({ from: input, to: copy });
      return copy;
    });
    return { buffers, staged };
  }

  #findSteps(call: GpuCall, ready: ReadyPlan, chosen: ChosenBuffers): ChosenSteps {
    if (this.#latest !== null && isSameSet(this.#latest, chosen))
      return { steps: this.#latest, isRepeat: true };
    let key = "";
    for (const { id } of chosen.buffers) key += `${String(id)},`;
    for (const { from, to } of chosen.staged) key += `${String(from.id)}>${String(to.id)},`;
    const known = this.#bound.get(key);
    const steps = known ?? this.bindNew(call, ready, chosen);
    if (known === undefined) this.#bound.set(key, steps);
    this.#latest = steps;
    return { steps, isRepeat: known !== undefined };
  }

  bindNew(call: GpuCall, ready: ReadyPlan, chosen: ChosenBuffers): BoundSteps {
    const { device } = this.core;
    if (this.#isWatched)
      return bindSteps(this.core, ready, chosen, (step, create) => {
        device.pushErrorScope("validation");
        const group = create();
        this.#watched(call, ready, step, device.popErrorScope());
        return group;
      });
    device.pushErrorScope("validation");
    const steps = bindSteps(this.core, ready, chosen);
    call.awaitBinding(device.popErrorScope());
    return steps;
  }

  describeFailure(error: GPUError, isAlone: boolean): TensorweftError {
    return describeCallFailure(this.plan, error, isAlone);
  }

  /** What comes of a step that was watched. */
  #watched(call: GpuCall, { plan }: ReadyPlan, step: number, scope: Promise<GPUError | null>): void {
    call.await(
      scope.then(
        (error) => (error === null ? null : describeStepFailure(plan, step, error)),
        () => this.core.health.loss,
      ),
    );
  }
}

const printBuffers = ({ buffers }: Plan): string => JSON.stringify(buffers);

interface OutputSlot {
  readonly type: Plan["outputs"][number];
  readonly bytes: number;
  readonly label: string;
  readonly purpose: string;
}

const isSameSet = (known: ChosenBuffers, chosen: ChosenBuffers): boolean =>
  known.staged.length === chosen.staged.length &&
  known.buffers.every((buffer, index) => buffer === chosen.buffers[index]) &&
  known.staged.every(({ from, to }, i) => from === chosen.staged[i]?.from && to === chosen.staged[i].to);

/**
 * The buffer of the donated input, unless somebody else holds it: a read that waits, a call that waits, a second input of
 * this call (a tensor may be wrapped around the same GPUBuffer), or the caller who brought it.
 */
function reusable(
  sources: readonly GpuTensor[],
  buffers: readonly PooledBuffer[],
  input: number,
): PooledBuffer | null {
  const buffer = buffers[input];
  if (buffer === undefined || sources[input] === undefined) return null;
  const isOnlyInput = buffers.every((other, index) => index === input || other.buffer !== buffer.buffer);
  return buffer.owned && buffer.holders === 1 && buffer.failure === null && isOnlyInput ? buffer : null;
}
