/**
 * A plan on one device: its pipelines, its temporaries and its uniform blocks. Calls are submitted one by one, so the queue
 * keeps them in order, and they can share temporaries and blocks.
 */
import { CompilerBug, type TensorweftError } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanKernel } from "../ir/plan.ts";
import { checkPlanFits } from "../runtime/check-plan.ts";
import { BUFFER_USAGE, COMPUTE_STAGE } from "../runtime/gpu-flags.ts";
import { gpuError } from "../runtime/runtime-errors.ts";
import { blockBytes, listBlocks, packBlock } from "../runtime/uniform-block.ts";
import type { Fault, SlimGpu } from "./slim-gpu.ts";

interface Loaded {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class SlimProgram {
  readonly #gpu: SlimGpu;
  readonly #plan: Plan;
  readonly #blocks: ReturnType<typeof listBlocks>;
  #kernels: readonly Loaded[] | null = null;
  #owned: readonly GPUBuffer[] | null = null;
  #fault: Fault = Promise.resolve(null);

  constructor(gpu: SlimGpu, plan: Plan) {
    const { limits, features } = gpu.device;
    checkPlanFits(plan, { limits, features: [...features] });
    this.#gpu = gpu;
    this.#plan = plan;
    this.#blocks = listBlocks(plan);
  }

  /** Why its kernels do not compile. */
  get fault(): Fault {
    return this.#fault;
  }

  /** Compiles in the background. Rejects where a kernel does not compile. */
  async prepare(): Promise<void> {
    if (this.#kernels === null) {
      const { device } = this.#gpu;
      const { result, fault } = this.#gpu.watch(`@${this.#plan.name}`, 0, () =>
        this.#plan.kernels.map((kernel) => {
          const { layout, descriptor } = describePipeline(device, kernel);
          return { layout, compiling: device.createComputePipelineAsync(descriptor) };
        }),
      );
      const made = await Promise.allSettled(result.map(({ compiling }) => compiling));
      const failure = await fault;
      const kernels = made.map((one, i): Loaded => {
        const layout = result[i]?.layout;
        if (one.status === "fulfilled" && layout !== undefined) return { pipeline: one.value, layout };
        throw failure ?? this.#gpu.loss ?? this.#notCompiled(one.status === "rejected" ? one.reason : "");
      });
      if (failure !== null) throw failure;
      this.#kernels ??= kernels;
    }
    const failure = await this.#fault;
    if (failure !== null) throw failure;
  }

  #notCompiled(reason: unknown): TensorweftError {
    return gpuError(`a kernel of @${this.#plan.name} does not compile: ${String(reason)}`, [], reason);
  }

  /** Encodes and submits one call. */
  submit(inputs: readonly GPUBuffer[], outputs: readonly GPUBuffer[], values: readonly number[]): void {
    const plan = this.#plan;
    const gpu = this.#gpu.device;
    const kernels = (this.#kernels ??= this.#compileNow());
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

  #compileNow(): readonly Loaded[] {
    const gpu = this.#gpu.device;
    const { result, fault } = this.#gpu.watch(`compiling @${this.#plan.name}`, 0, () =>
      this.#plan.kernels.map((kernel): Loaded => {
        const { layout, descriptor } = describePipeline(gpu, kernel);
        return { layout, pipeline: gpu.createComputePipeline(descriptor) };
      }),
    );
    this.#fault = fault;
    return result;
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

/** An explicit layout: one of WebGPU's own making would drop bindings that a kernel does not use. */
function describePipeline(
  gpu: GPUDevice,
  { name, wgsl, entryPoint, bindings, scalars }: PlanKernel,
): { readonly layout: GPUBindGroupLayout; readonly descriptor: GPUComputePipelineDescriptor } {
  const types = bindings.map(({ access }): GPUBufferBindingType =>
    access === "read" ? "read-only-storage" : "storage",
  );
  if (scalars.length > 0) types.push("uniform");
  const layout = gpu.createBindGroupLayout({
    entries: types.map((type, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type } })),
  });
  const module = gpu.createShaderModule({ label: name, code: wgsl });
  const descriptor = {
    label: name,
    layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint },
  };
  return { layout, descriptor };
}

/** For positions in plans, which the build has verified. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw new CompilerBug("a position of a plan is out of range", []);
  return value;
}
