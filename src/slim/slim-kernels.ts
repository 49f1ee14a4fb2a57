/** The kernels of a plan on one device: compiled in the background, or by the first call. Plans for many sizes share them. */
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanKernel } from "../ir/plan.ts";
import { checkKernelFits } from "../runtime/check-plan.ts";
import { COMPUTE_STAGE } from "../runtime/gpu-flags.ts";
import { gpuError } from "../runtime/runtime-errors.ts";
import type { Fault, SlimGpu } from "./slim-gpu.ts";

export interface LoadedKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class SlimKernels {
  readonly #gpu: SlimGpu;
  readonly #plan: Plan;
  #kernels: readonly LoadedKernel[] | null = null;
  #fault: Fault = Promise.resolve(null);

  constructor(gpu: SlimGpu, plan: Plan) {
    const { limits, features } = gpu.device;
    for (const kernel of plan.kernels) checkKernelFits(kernel, { limits, features: [...features] });
    this.#gpu = gpu;
    this.#plan = plan;
  }

  /** Why they do not compile. */
  get fault(): Fault {
    return this.#fault;
  }

  get kernels(): readonly LoadedKernel[] {
    return (this.#kernels ??= this.#compileNow());
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
      const kernels = made.map((one, i): LoadedKernel => {
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

  #compileNow(): readonly LoadedKernel[] {
    const gpu = this.#gpu.device;
    const { result, fault } = this.#gpu.watch(`compiling @${this.#plan.name}`, 0, () =>
      this.#plan.kernels.map((kernel): LoadedKernel => {
        const { layout, descriptor } = describePipeline(gpu, kernel);
        return { layout, pipeline: gpu.createComputePipeline(descriptor) };
      }),
    );
    this.#fault = fault;
    return result;
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
