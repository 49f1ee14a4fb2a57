/**
 * Compiled kernels of one device: one shader module and one pipeline per text, entry point and bindings, all compiled in
 * the background and in parallel. A kernel that fails is forgotten, so that a later attempt may succeed.
 *
 * WebGPU frees a pipeline when nothing refers to it. Programs refer to theirs for as long as they live; the cache, which
 * shares them between programs, refers to the `MOST_KERNELS` used last, and lets go earlier of those whose programs have all
 * been released. Layouts are few: one per pattern of read and written bindings.
 */
import type { Note } from "../diagnostics/diagnostic.ts";
import type { PlanKernel } from "../ir/plan.ts";
import type { Counters } from "./counters.ts";
import { firstLine } from "./device-health.ts";
import { COMPUTE_STAGE } from "./gpu-flags.ts";
import { LruCache } from "./lru-cache.ts";
import { gpuError } from "./runtime-errors.ts";

/** A model has tens of kernels; one compiled pipeline takes some 10 to 100 kB of a driver's memory. */
export const MOST_KERNELS = 512;

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroupLayout: GPUBindGroupLayout;
}

/** Stands for a program among the users of its kernels: the cache must not keep programs alive. */
export type KernelUser = object;

interface Entry {
  readonly compiled: Promise<CompiledKernel>;
  readonly users: Set<KernelUser>;
}

interface Layout {
  readonly bindGroup: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #counters: Counters;
  readonly #layouts = new Map<string, Layout>();
  readonly #kernels: LruCache<Entry>;
  readonly #dynamicUniforms: boolean;

  /** `dynamicUniforms`: uniform blocks are bound with an offset that is given at the dispatch. */
  constructor(
    device: GPUDevice,
    counters: Counters,
    options: { readonly dynamicUniforms?: boolean | undefined; readonly capacity?: number | undefined } = {},
  ) {
    this.#kernels = new LruCache(options.capacity ?? MOST_KERNELS);
    this.#device = device;
    this.#counters = counters;
    this.#dynamicUniforms = options.dynamicUniforms ?? false;
  }

  /** Kernels that are kept for programs to come. */
  get size(): number {
    return this.#kernels.size;
  }

  /** Rejects with a `gpu-error` that names the kernel and carries the messages of the WGSL compiler. */
  compile(kernel: PlanKernel, user?: KernelUser): Promise<CompiledKernel> {
    const key = `${layoutKey(kernel)} ${kernel.entryPoint}\n${kernel.wgsl}`;
    const known = this.#kernels.get(key);
    const entry = known ?? { compiled: this.#compile(kernel), users: new Set() };
    if (user !== undefined) entry.users.add(user);
    if (known !== undefined) return known.compiled;
    this.#kernels.set(key, entry);
    entry.compiled.catch(() => {
      this.#kernels.delete(key);
    });
    return entry.compiled;
  }

  /** Lets go of the kernels that nobody but `user` uses. */
  release(user: KernelUser): void {
    for (const [key, { users }] of this.#kernels.entries())
      if (users.delete(user) && users.size === 0) this.#kernels.delete(key);
  }

  async #compile(kernel: PlanKernel): Promise<CompiledKernel> {
    // The scope catches what the pipeline's own promise does not report, such as the module's errors.
    this.#device.pushErrorScope("validation");
    const layout = this.#layoutFor(kernel);
    this.#counters.shaderModules += 1;
    const module = this.#device.createShaderModule({ label: kernel.name, code: kernel.wgsl });
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
