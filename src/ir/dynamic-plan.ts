/**
 * A plan for every size of a dynamic dimension: the kernels are the same, and what depends on the size (shapes, bytes,
 * workgroups, one scalar of each dispatch) is proportional to it. Plain JSON, as the plan is.
 *
 * Ensures: `planAt` gives a plan as if it had been compiled for that size, with the kernels of all the others.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanStep, PlanTensor } from "./plan.ts";

/** How a dispatch follows the size. */
export interface StepGrowth {
  /** Steps along the open axis for each unit of the size: what the kernel's last scalar counts. */
  readonly steps: number;
  /** Steps that a workgroup takes. */
  readonly perWorkgroup: number;
  /** Workgroups side by side for the same steps. */
  readonly others: number;
}

export interface DynamicPlan {
  /** At some size. */
  readonly plan: Plan;
  /** The sizes that the kernels are right for, both included. */
  readonly least: number;
  readonly most: number;
  /** For each dimension of each input and output, its length per unit of the size; 0 where it does not depend on it. */
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
  /** Bytes per unit of the size, for each buffer of the plan that is a temporary, and for each binding of each kernel; 0: fixed. */
  readonly temporaries: readonly number[];
  readonly bindings: readonly (readonly number[])[];
  /** For each step; null where it does not depend on the size. */
  readonly steps: readonly (StepGrowth | null)[];
  /** Of the device that the kernels were compiled for. */
  readonly mostWorkgroups: number;
}

/** More workgroups than one dimension takes are folded to two, as evenly as can be. */
export function foldGrid(count: number, most: number): readonly [number, number, number] {
  if (count <= most) return [count, 1, 1];
  const rows = Math.ceil(count / most);
  return [Math.ceil(count / rows), rows, 1];
}

export const isInRange = ({ least, most }: DynamicPlan, size: number): boolean =>
  Number.isInteger(size) && size >= least && size <= most;

/** Requires: a size in range. */
export function planAt(dynamic: DynamicPlan, size: number): Plan {
  if (!isInRange(dynamic, size)) throw new CompilerBug(`no plan for the size ${String(size)}`, []);
  const { plan } = dynamic;
  const bytesAt = (fixed: number, perUnit: number): number =>
    perUnit === 0 ? fixed : Math.max(16, Math.ceil((perUnit * size) / 16) * 16);
  return {
    ...plan,
    inputs: plan.inputs.map((tensor, i) => tensorAt(tensor, dynamic.inputs[i] ?? [], size)),
    outputs: plan.outputs.map((tensor, i) => tensorAt(tensor, dynamic.outputs[i] ?? [], size)),
    buffers: plan.buffers.map((buffer, i) =>
      buffer.kind === "temporary"
        ? { ...buffer, bytes: bytesAt(buffer.bytes, dynamic.temporaries[i] ?? 0) }
        : buffer,
    ),
    kernels: plan.kernels.map((kernel, k) => ({
      ...kernel,
      bindings: kernel.bindings.map((binding, b) => ({
        ...binding,
        bytes: bytesAt(binding.bytes, dynamic.bindings[k]?.[b] ?? 0),
      })),
    })),
    steps: plan.steps.map((step, i) => stepAt(step, dynamic.steps[i] ?? null, size, dynamic.mostWorkgroups)),
  };
}

const tensorAt = (tensor: PlanTensor, perUnit: readonly number[], size: number): PlanTensor => ({
  ...tensor,
  shape: tensor.shape.map((length, d) => (perUnit[d] ?? 0) * size || length),
});

function stepAt(step: PlanStep, growth: StepGrowth | null, size: number, most: number): PlanStep {
  if (growth === null || step.kind !== "dispatch") return step;
  const steps = growth.steps * size;
  const workgroups = Math.ceil(steps / growth.perWorkgroup) * growth.others;
  return { ...step, workgroups: foldGrid(workgroups, most), values: [steps] };
}
