/**
 * A plan on one device: its temporaries and its uniform blocks. Calls are submitted one by one, so the queue
 * keeps them in order, and they can share temporaries and blocks.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Plan } from "../ir/plan.ts";
import { checkPlanFits } from "../runtime/check-plan.ts";
import { BUFFER_USAGE } from "../runtime/gpu-flags.ts";
import { blockBytes, listBlocks, packBlock } from "../runtime/uniform-block.ts";
import type { Fault, SlimGpu } from "./slim-gpu.ts";
import type { SlimKernels } from "./slim-kernels.ts";

export class SlimProgram {
  readonly #gpu: SlimGpu;
  readonly #plan: Plan;
  readonly #kernels: SlimKernels;
  readonly #blocks: ReturnType<typeof listBlocks>;
  #owned: readonly GPUBuffer[] | null = null;

  constructor(gpu: SlimGpu, plan: Plan, kernels: SlimKernels) {
    const { limits, features } = gpu.device;
    checkPlanFits(plan, { limits, features: [...features] });
    this.#gpu = gpu;
    this.#plan = plan;
    this.#kernels = kernels;
    this.#blocks = listBlocks(plan);
  }

  /** Why its kernels do not compile. */
  get fault(): Fault {
    return this.#kernels.fault;
  }

  /** Encodes and submits one call. */
  submit(inputs: readonly GPUBuffer[], outputs: readonly GPUBuffer[], values: readonly number[]): void {
    const plan = this.#plan;
    const gpu = this.#gpu.device;
    const { kernels } = this.#kernels;
    const owned = (this.#owned ??= this.#allocate());
    this.#writeBlocks(owned, values);
    let position = this.#blocks.requests.length;
    const buffers = plan.buffers.map((buffer) => {
      if (buffer.kind === "temporary") return owned[position++];
      return (buffer.kind === "input" ? inputs : outputs)[buffer.index];
    });
    const encoder = gpu.createCommandEncoder({ label: plan.name });
    let pass: GPUComputePassEncoder | undefined;
    for (const [index, step] of plan.steps.entries()) {
      if (step.kind === "copy") {
        pass?.end();
        pass = undefined;
        encoder.copyBufferToBuffer(present(buffers[step.from]), 0, present(buffers[step.to]), 0, step.bytes);
        continue;
      }
      const { pipeline, layout } = present(kernels[step.kernel]);
      const { bindings } = present(plan.kernels[step.kernel]);
      const resources: GPUBufferBinding[] = step.buffers.map((buffer, i) => ({
        buffer: present(buffers[buffer]),
        offset: step.offsets?.[i] ?? 0,
        size: Math.ceil(present(bindings[i]).bytes / 4) * 4,
      }));
      const block = owned[this.#blocks.blockOf[index] ?? -1];
      if (block !== undefined) resources.push({ buffer: block });
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      pass ??= encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, gpu.createBindGroup({ layout, entries }));
      pass.dispatchWorkgroups(...step.workgroups);
    }
    pass?.end();
    gpu.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const buffer of this.#owned ?? []) buffer.destroy();
  }

  /** The uniform blocks, then the temporaries in the order of the plan. */
  #allocate(): readonly GPUBuffer[] {
    const gpu = this.#gpu.device;
    const { storage, copySrc, copyDst, uniform } = BUFFER_USAGE;
    const blocks = this.#blocks.requests.map(({ layout }) =>
      gpu.createBuffer({ size: blockBytes(layout), usage: uniform | copyDst }),
    );
    const temporaries = this.#plan.buffers.flatMap((buffer) =>
      buffer.kind === "temporary"
        ? [gpu.createBuffer({ size: Math.max(16, buffer.bytes), usage: storage | copySrc | copyDst })]
        : [],
    );
    return [...blocks, ...temporaries];
  }

  /** Scalars of the call by name, then those of the step. */
  #writeBlocks(owned: readonly GPUBuffer[], values: readonly number[]): void {
    const { scalars } = this.#plan;
    for (const [index, { layout, values: fixed }] of this.#blocks.requests.entries()) {
      const ofCall = layout
        .slice(0, layout.length - fixed.length)
        .map(({ name }) => values[scalars.findIndex((scalar) => scalar.name === name)] ?? Number.NaN);
      this.#gpu.device.queue.writeBuffer(present(owned[index]), 0, packBlock(layout, [...ofCall, ...fixed]));
    }
  }
}

/** For positions in plans, which the build has verified. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw new CompilerBug("a position of a plan is out of range", []);
  return value;
}
