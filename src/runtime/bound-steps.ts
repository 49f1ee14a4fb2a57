/** The steps of a plan over one set of buffers: bind groups made once, and recorded at every call. */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanStep } from "../ir/plan.ts";
import type { PooledBuffer } from "./buffer-pool.ts";
import type { BufferStart } from "./command-recorder.ts";
import type { GpuCore } from "./gpu-core.ts";
import type { CompiledKernel } from "./pipeline-cache.ts";
import type { UniformBlock } from "./uniform-arena.ts";

type Dispatch = Extract<PlanStep, { readonly kind: "dispatch" }>;

/** A plan with its kernels compiled. */
export interface ReadyPlan {
  readonly plan: Plan;
  /** One per kernel of the plan. */
  readonly kernels: readonly CompiledKernel[];
  readonly blocks: readonly UniformBlock[];
  /** Position in `blocks` for each step, or -1. */
  readonly blockOf: readonly number[];
}

export type BoundStep =
  | {
      readonly kind: "dispatch";
      readonly pipeline: GPUComputePipeline;
      readonly group: GPUBindGroup;
      /** Position of the step's block of scalars, or -1. */
      readonly block: number;
      readonly workgroups: readonly [number, number, number];
    }
  | { readonly kind: "copy"; readonly from: BufferStart; readonly to: BufferStart; readonly bytes: number };

/** An input that kernels read as a copy, made anew at each call. */
export interface StagedInput {
  readonly from: PooledBuffer;
  readonly to: PooledBuffer;
}

export interface ChosenBuffers {
  /** One per buffer of the plan; in place of staged inputs, their copies. */
  readonly buffers: readonly PooledBuffer[];
  readonly staged: readonly StagedInput[];
}

export interface BoundSteps extends ChosenBuffers {
  readonly steps: readonly BoundStep[];
}

/** Makes the bind groups, each `within` what the caller does around it. Their errors go to the error scope that is open. */
export function bindSteps(
  core: GpuCore,
  ready: ReadyPlan,
  chosen: ChosenBuffers,
  within: (step: number, create: () => GPUBindGroup) => GPUBindGroup = (_, create) => create(),
): BoundSteps {
  const { buffers, staged } = chosen;
  const steps = ready.plan.steps.map((step, index): BoundStep => {
    if (step.kind === "copy") {
      const [from, to] = [present(buffers[step.from]), present(buffers[step.to])];
      // What lies behind a range of a foreign buffer is not ours to write.
      return { kind: "copy", from, to, bytes: Math.min(step.bytes, from.bytes, to.bytes) };
    }
    return {
      kind: "dispatch",
      pipeline: present(ready.kernels[step.kernel]).pipeline,
      group: within(index, () => createGroup(core, ready, step, index, buffers)),
      block: present(ready.blockOf[index]),
      workgroups: step.workgroups,
    };
  });
  return { buffers, staged, steps };
}

function createGroup(
  core: GpuCore,
  ready: ReadyPlan,
  step: Dispatch,
  position: number,
  buffers: readonly PooledBuffer[],
): GPUBindGroup {
  const kernel = present(ready.plan.kernels[step.kernel]);
  const resources: GPUBufferBinding[] = step.buffers.map((buffer, index) => ({
    buffer: present(buffers[buffer]).buffer,
    offset: present(buffers[buffer]).offset + (step.offsets?.[index] ?? 0),
    // Buffers are as large as their size class: the binding ends where the kernel's array does.
    size: Math.ceil(present(kernel.bindings[index]).bytes / 4) * 4,
  }));
  const block = ready.blocks[present(ready.blockOf[position])];
  if (block !== undefined) resources.push({ buffer: block.arena.buffer, size: block.bytes });
  core.counters.bindGroups += 1;
  return core.device.createBindGroup({
    label: kernel.name,
    layout: present(ready.kernels[step.kernel]).bindGroupLayout,
    entries: resources.map((resource, binding) => ({ binding, resource })),
  });
}

/** Records one execution into the open submit; where the steps are watched, each has a submit and a scope of its own. */
export function recordSteps(
  core: GpuCore,
  blocks: readonly UniformBlock[],
  { steps, buffers, staged }: BoundSteps,
  values: readonly number[],
  watch?: (step: number, scope: Promise<GPUError | null>) => void,
): void {
  const { recorder } = core;
  if (watch !== undefined) recorder.flush();
  if (blocks.some(({ arena }) => !arena.hasRoom(blocks.length, recorder.pending))) recorder.flush();
  const submit = recorder.pending;
  const offsets = blocks.map((block) => [block.arena.place(block, values, submit)]);
  for (const { from, to } of staged) {
    recorder.copy(from, to, from.bytes);
    from.lastSubmit = submit;
  }
  if (watch !== undefined && staged.length > 0) watch(-1, recorder.flushScoped());
  for (let index = 0; index < steps.length; index++) {
    const step = present(steps[index]);
    if (step.kind === "copy") recorder.copy(step.from, step.to, step.bytes);
    else recorder.dispatch(step.pipeline, step.group, offsets[step.block] ?? null, step.workgroups);
    if (watch !== undefined) watch(index, recorder.flushScoped());
  }
  for (const buffer of buffers) buffer.lastSubmit = submit;
}

/** For positions that `checkPlan` and `checkInputs` have checked. */
export function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined)
    throw new CompilerBug("a position of a plan is out of range", []);
  return value;
}
