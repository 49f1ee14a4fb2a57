/** The kernels of calibration, and the buffers and pipelines to time them. */
import { BUFFER_USAGE, COMPUTE_STAGE } from "./gpu-flags.ts";
import { timeCommands } from "./stopwatch.ts";

export type CalibrationKernel = "copy" | "tick" | "barrier";
export const COPY_KERNEL = "copy";
/** A dispatch that does next to nothing, but waits for the one before: both write the same word. */
export const TICK_KERNEL = "tick";
export const BARRIER_KERNEL = "barrier";

export interface CalibrationRig {
  /** Size of the buffers that are copied. */
  readonly bytes: number;
  /** Milliseconds since some moment. */
  readonly now: () => number;
  /** Milliseconds from the submit of the dispatches to their completion. */
  readonly time: (work: {
    readonly kernel: CalibrationKernel;
    readonly dispatches: number;
    /** Vectors to copy, or barriers. */
    readonly amount: number;
    readonly workgroups: number;
  }) => Promise<number>;
  readonly destroy: () => void;
}

/** The loops end at a uniform's value: no compiler can shorten them. */
const WGSL = `
struct Work { amount: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> work: Work;
var<workgroup> shared_words: array<f32, 256>;

@compute @workgroup_size(256)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) count: vec3u) {
  for (var i = id.x; i < work.amount; i += count.x * 256u) { y[i] = x[i]; }
}

@compute @workgroup_size(1)
fn tick() { y[0].x += x[0].x; y[0].y = f32(work.amount); }

@compute @workgroup_size(256)
fn barrier(@builtin(local_invocation_index) lane: u32) {
  shared_words[lane] = x[lane].x;
  var sum = 0.0;
  for (var i = 0u; i < work.amount; i++) {
    workgroupBarrier();
    sum += shared_words[(lane + i) & 255u];
  }
  y[lane].x = sum;
}
`;

const KERNELS: readonly CalibrationKernel[] = ["copy", "tick", "barrier"];
const UNIFORM_BYTES = 16;

/** Null where the device refuses: it has other problems than its profile. */
export async function createRig(gpu: GPUDevice, bytes: number): Promise<CalibrationRig | null> {
  const { storage, copyDst, uniform } = BUFFER_USAGE;
  gpu.pushErrorScope("validation");
  gpu.pushErrorScope("out-of-memory");
  const sources = [bytes, bytes].map((size) => gpu.createBuffer({ size, usage: storage }));
  const work = gpu.createBuffer({ size: UNIFORM_BYTES, usage: uniform | copyDst });
  const buffers = [...sources, work];
  const types: readonly GPUBufferBindingType[] = ["read-only-storage", "storage", "uniform"];
  const layout = gpu.createBindGroupLayout({
    entries: types.map((type, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type } })),
  });
  const group = gpu.createBindGroup({
    layout,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const module = gpu.createShaderModule({ label: "calibration", code: WGSL });
  const pipelineLayout = gpu.createPipelineLayout({ bindGroupLayouts: [layout] });
  const compiling = KERNELS.map((entryPoint) =>
    gpu.createComputePipelineAsync({ layout: pipelineLayout, compute: { module, entryPoint } }),
  );
  const scopes = [gpu.popErrorScope(), gpu.popErrorScope()];
  const destroy = (): void => {
    for (const buffer of buffers) buffer.destroy();
  };
  const [errors, pipelines] = await Promise.all([
    Promise.all(scopes).catch(() => ["lost"]),
    Promise.all(compiling).catch(() => null),
  ]);
  if (pipelines === null || errors.some((error) => error !== null)) {
    destroy();
    return null;
  }
  const byKernel = new Map(pipelines.map((pipeline, index) => [KERNELS[index], pipeline]));
  const time: CalibrationRig["time"] = async ({ kernel, dispatches, amount, workgroups }) => {
    const pipeline = byKernel.get(kernel);
    gpu.queue.writeBuffer(work, 0, Uint32Array.of(amount, 0, 0, 0));
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    if (pipeline !== undefined) pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(workgroups);
    pass.end();
    return timeCommands(gpu, encoder.finish(), () => performance.now());
  };
  return { bytes, now: () => performance.now(), time, destroy };
}
