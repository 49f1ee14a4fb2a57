/**
 * Plans made ready to be recorded many times: benchmark, race and tuner run every plan, whoever wrote it, through here, on
 * the same buffers and with the same number of passes.
 *
 * Requires: plans that fit the device.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanTensor } from "../ir/plan.ts";
import { tensorBytes } from "../ir/verify-plan.ts";
import { newCounters } from "./counters.ts";
import { BUFFER_USAGE } from "./gpu-flags.ts";
import { type CompiledKernel, PipelineCache } from "./pipeline-cache.ts";
import { listBlocks, packBlock } from "./uniform-block.ts";
import { fillTensor } from "./fill-tensor.ts";

/** Data that stays in a GPU's last-level cache would look faster than memory: 50 MB there, and a wide margin. */
const ROTATED_BYTES = 256 * 2 ** 20;
const MOST_SETS = 64;

/** Inputs and outputs of one execution, in the order of the plan. Plans with equal interfaces share them. */
export interface BufferSet {
  readonly inputs: readonly GPUBuffer[];
  readonly outputs: readonly GPUBuffer[];
}

/** A plan with its pipelines, temporaries, and bind groups per set of buffers. */
export interface PreparedPlan {
  readonly hasCopies: boolean;
  /** Records one execution on the set (modulo their number): one pass unless the plan copies. */
  readonly record: (
    encoder: GPUCommandEncoder,
    executions: number,
    writes?: GPUComputePassTimestampWrites,
  ) => void;
  readonly destroy: () => void;
}

/** Bytes of all tensors that a caller sees. */
export const interfaceBytes = ({ inputs, outputs }: Plan): number =>
  [...inputs, ...outputs].reduce((bytes, tensor) => bytes + tensorBytes(tensor), 0);

/** Software devices read main memory through caches that kernels thrash anyway, and copies of data cost them dearly. */
export const countSets = (software: boolean, bytes: number): number =>
  software ? 1 : Math.max(1, Math.min(MOST_SETS, Math.ceil(ROTATED_BYTES / bytes)));

/** Buffers for `count` executions that share no memory; their inputs hold the same numbers. */
export function createBufferSets(gpu: GPUDevice, plan: Plan, count: number): readonly BufferSet[] {
  const { storage, copySrc, copyDst } = BUFFER_USAGE;
  const create = (tensor: PlanTensor): GPUBuffer =>
    gpu.createBuffer({ label: tensor.name, size: tensorBytes(tensor), usage: storage | copySrc | copyDst });
  const sets = Array.from({ length: count }, () => ({
    inputs: plan.inputs.map(create),
    outputs: plan.outputs.map(create),
  }));
  for (const [index, tensor] of plan.inputs.entries()) {
    const data = fillTensor(tensor, index);
    for (const { inputs } of sets) gpu.queue.writeBuffer(present(inputs[index]), 0, data);
  }
  return sets;
}

export function destroyBufferSets(sets: readonly BufferSet[]): void {
  for (const { inputs, outputs } of sets) for (const buffer of [...inputs, ...outputs]) buffer.destroy();
}

export async function preparePlan(
  gpu: GPUDevice,
  plan: Plan,
  sets: readonly BufferSet[],
): Promise<PreparedPlan> {
  const cache = new PipelineCache(gpu, newCounters());
  const kernels = await Promise.all(plan.kernels.map((kernel) => cache.compile(kernel)));
  const { storage, copySrc, copyDst, uniform } = BUFFER_USAGE;
  const owned: GPUBuffer[] = [];
  const createOwned = (size: number, usage: number): GPUBuffer => {
    const buffer = gpu.createBuffer({ size, usage });
    owned.push(buffer);
    return buffer;
  };
  const temporaries = plan.buffers.map((buffer) =>
    buffer.kind === "temporary" ? createOwned(buffer.bytes, storage | copySrc | copyDst) : undefined,
  );
  const { requests, blockOf } = listBlocks(plan);
  const made = requests.map(({ layout, values }) => {
    const ofCall = layout.slice(0, layout.length - values.length);
    const defaults = ofCall.map(({ name }) => plan.scalars.find((s) => s.name === name)?.default ?? 1);
    const data = packBlock(layout, [...defaults, ...values]);
    const block = createOwned(data.byteLength, uniform | copyDst);
    gpu.queue.writeBuffer(block, 0, data);
    return block;
  });
  const blocks = blockOf.map((position) => made[position]);
  const buffersOf = (set: BufferSet): readonly GPUBuffer[] =>
    plan.buffers.map((buffer, index) => {
      if (buffer.kind === "temporary") return present(temporaries[index]);
      return present((buffer.kind === "input" ? set.inputs : set.outputs)[buffer.index]);
    });
  const bound = sets.map((set) => bindSteps(gpu, plan, kernels, buffersOf(set), blocks));
  return {
    hasCopies: plan.steps.some(({ kind }) => kind === "copy"),
    record: (encoder, executions, writes) => {
      recordSteps(encoder, bound, executions, writes);
    },
    destroy: () => {
      for (const buffer of owned) buffer.destroy();
    },
  };
}

type BoundStep =
  | {
      readonly kind: "dispatch";
      readonly pipeline: GPUComputePipeline;
      readonly group: GPUBindGroup;
      readonly workgroups: readonly [number, number, number];
    }
  | { readonly kind: "copy"; readonly from: GPUBuffer; readonly to: GPUBuffer; readonly bytes: number };

function bindSteps(
  gpu: GPUDevice,
  plan: Plan,
  kernels: readonly CompiledKernel[],
  buffers: readonly GPUBuffer[],
  blocks: readonly (GPUBuffer | undefined)[],
): readonly BoundStep[] {
  return plan.steps.map((step, position): BoundStep => {
    if (step.kind === "copy")
      return {
        kind: "copy",
        from: present(buffers[step.from]),
        to: present(buffers[step.to]),
        bytes: step.bytes,
      };
    const { pipeline, bindGroupLayout } = present(kernels[step.kernel]);
    const { bindings } = present(plan.kernels[step.kernel]);
    const resources: GPUBufferBinding[] = step.buffers.map((buffer, index) => ({
      buffer: present(buffers[buffer]),
      offset: step.offsets?.[index] ?? 0,
      size: Math.ceil(present(bindings[index]).bytes / 4) * 4,
    }));
    const block = blocks[position];
    if (block !== undefined) resources.push({ buffer: block });
    const group = gpu.createBindGroup({
      layout: bindGroupLayout,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    return { kind: "dispatch", pipeline, group, workgroups: step.workgroups };
  });
}

/** Executions follow each other in one pass, set after set; copies stand outside of passes. */
function recordSteps(
  encoder: GPUCommandEncoder,
  bound: readonly (readonly BoundStep[])[],
  executions: number,
  writes: GPUComputePassTimestampWrites | undefined,
): void {
  let pass: GPUComputePassEncoder | null = null;
  for (let execution = 0; execution < executions; execution++) {
    for (const step of present(bound[execution % bound.length])) {
      if (step.kind === "copy") {
        pass?.end();
        pass = null;
        encoder.copyBufferToBuffer(step.from, 0, step.to, 0, step.bytes);
        continue;
      }
      pass ??= encoder.beginComputePass(writes === undefined ? {} : { timestampWrites: writes });
      pass.setPipeline(step.pipeline);
      pass.setBindGroup(0, step.group);
      pass.dispatchWorkgroups(...step.workgroups);
    }
  }
  pass?.end();
}

/** For positions in plans, which the compiler made consistent. */
function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined)
    throw new CompilerBug("a position of a plan is out of range", []);
  return value;
}
