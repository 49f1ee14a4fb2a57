/**
 * Compiled kernels of one device: one shader module per text, one pipeline per text, entry point and bindings, all
 * compiled in the background and in parallel. A kernel that fails is forgotten, so that a later attempt may succeed.
 */
import type { Note } from "../diagnostics/diagnostic.ts";
import type { PlanKernel } from "../ir/plan.ts";
import type { Counters } from "./counters.ts";
import { firstLine } from "./device-health.ts";
import { COMPUTE_STAGE } from "./gpu-flags.ts";
import { gpuError } from "./runtime-errors.ts";

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroupLayout: GPUBindGroupLayout;
}

interface Layout {
  readonly bindGroup: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #counters: Counters;
  readonly #layouts = new Map<string, Layout>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #kernels = new Map<string, Promise<CompiledKernel>>();
  readonly #dynamicUniforms: boolean;

  /** `dynamicUniforms`: uniform blocks are bound with an offset that is given at the dispatch. */
  constructor(
    device: GPUDevice,
    counters: Counters,
    options: { readonly dynamicUniforms?: boolean | undefined } = {},
  ) {
    this.#device = device;
    this.#counters = counters;
    this.#dynamicUniforms = options.dynamicUniforms ?? false;
  }

  /** Rejects with a `gpu-error` that names the kernel and carries the messages of the WGSL compiler. */
  compile(kernel: PlanKernel): Promise<CompiledKernel> {
    const key = `${layoutKey(kernel)} ${kernel.entryPoint}\n${kernel.wgsl}`;
    const known = this.#kernels.get(key);
    if (known !== undefined) return known;
    const compiling = this.#compile(kernel).catch((error: unknown) => {
      this.#kernels.delete(key);
      this.#modules.delete(kernel.wgsl);
      throw error;
    });
    this.#kernels.set(key, compiling);
    return compiling;
  }

  async #compile(kernel: PlanKernel): Promise<CompiledKernel> {
    // The scope catches what the pipeline's own promise does not report, such as the module's errors.
    this.#device.pushErrorScope("validation");
    const layout = this.#layoutFor(kernel);
    const module = this.#moduleFor(kernel);
    this.#counters.pipelines += 1;
    const compiling = this.#device.createComputePipelineAsync({
      label: kernel.name,
      layout: layout.pipeline,
      compute: { module, entryPoint: kernel.entryPoint },
    });
    const scope = this.#device.popErrorScope();
    const [pipeline, error] = await Promise.allSettled([compiling, scope]);
    if (pipeline.status === "fulfilled")
      return { pipeline: pipeline.value, bindGroupLayout: layout.bindGroup };
    const uncaught = error.status === "fulfilled" ? error.value : null;
    throw await describeFailure(kernel, module, uncaught ?? pipeline.reason);
  }

  #moduleFor(kernel: PlanKernel): GPUShaderModule {
    const known = this.#modules.get(kernel.wgsl);
    if (known !== undefined) return known;
    this.#counters.shaderModules += 1;
    const module = this.#device.createShaderModule({ label: kernel.name, code: kernel.wgsl });
    this.#modules.set(kernel.wgsl, module);
    return module;
  }

  /** Explicit layouts: kernels with equal bindings share them, and an unused binding is not dropped. */
  #layoutFor(kernel: PlanKernel): Layout {
    const key = layoutKey(kernel);
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const types: GPUBufferBindingType[] = kernel.bindings.map(({ access }) =>
      access === "read" ? "read-only-storage" : "storage",
    );
    if (kernel.scalars.length > 0) types.push("uniform");
    const bindGroup = this.#device.createBindGroupLayout({
      entries: types.map((type, binding) => ({
        binding,
        visibility: COMPUTE_STAGE,
        buffer: { type, hasDynamicOffset: type === "uniform" && this.#dynamicUniforms },
      })),
    });
    const pipeline = this.#device.createPipelineLayout({ bindGroupLayouts: [bindGroup] });
    const layout = { bindGroup, pipeline };
    this.#layouts.set(key, layout);
    return layout;
  }
}

const layoutKey = (kernel: PlanKernel): string =>
  kernel.bindings.map(({ access }) => (access === "read" ? "r" : "w")).join("") +
  (kernel.scalars.length > 0 ? "u" : "");

async function describeFailure(kernel: PlanKernel, module: GPUShaderModule, cause: unknown): Promise<Error> {
  const info = await module.getCompilationInfo().catch(() => null);
  const errors = (info?.messages ?? []).filter(({ type }) => type === "error");
  const notes = errors.map((error): Note => ({
    message: error.message,
    span: {
      file: `${kernel.name}.wgsl`,
      line: error.lineNum,
      column: error.linePos,
      length: Math.max(1, error.length),
    },
  }));
  const causeText = cause instanceof Error || isGpuError(cause) ? firstLine(cause.message) : String(cause);
  const texts = errors.map(({ lineNum, linePos, message }) => `${lineNum}:${linePos}: ${firstLine(message)}`);
  const summary = texts.length > 0 ? texts.slice(0, 3).join("; ") : causeText;
  return gpuError(`kernel "${kernel.name}" does not compile: ${summary}`, notes, cause);
}

const isGpuError = (value: unknown): value is GPUError =>
  typeof value === "object" && value !== null && "message" in value && typeof value.message === "string";
