/**
 * Verifies a plan for many sizes. All problems are returned, each as a sentence.
 *
 * Checks:
 * - the range of sizes; that what grows is described for every tensor, buffer, binding and step of the plan;
 * - that a tensor grows along one dimension at most, and a binding as its buffer does;
 * - that nothing but dispatches with one value follows the size;
 * - the plans at both ends of the range (verify-plan.ts): what is proportional to the size is right between them.
 */
import { storageBytes } from "./dtype.ts";
import { type DynamicPlan, planAt, type StepGrowth } from "./dynamic-plan.ts";
import type { Plan, PlanStep, PlanTensor } from "./plan.ts";
import { verifyPlan } from "./verify-plan.ts";

type Report = (message: string) => void;

export function verifyDynamicPlan(dynamic: DynamicPlan): readonly string[] {
  const problems: string[] = [];
  const report: Report = (message) => void problems.push(message);
  const { plan, least, most, mostWorkgroups } = dynamic;
  if (![least, most, mostWorkgroups].every(Number.isSafeInteger) || least < 1 || most < least)
    report(`there is no size from ${least} to ${most}`);
  if (mostWorkgroups < 1) report(`a grid has at most ${mostWorkgroups} workgroups`);
  verifyTensors("input", plan.inputs, dynamic.inputs, report);
  verifyTensors("output", plan.outputs, dynamic.outputs, report);
  if (dynamic.temporaries.length !== plan.buffers.length)
    report(`${dynamic.temporaries.length} growths for ${plan.buffers.length} buffers`);
  verifyBindings(dynamic, report);
  if (dynamic.steps.length !== plan.steps.length)
    report(`${dynamic.steps.length} growths for ${plan.steps.length} steps`);
  for (const [index, step] of plan.steps.entries())
    verifyStep(step, dynamic.steps[index] ?? null, `step ${index}`, dynamic, report);
  if (problems.length > 0) return problems;
  return [least, most].flatMap((size) =>
    verifyPlan(planAt(dynamic, size)).map((problem) => `at size ${size}: ${problem}`),
  );
}

function verifyTensors(
  role: string,
  tensors: readonly PlanTensor[],
  growths: readonly (readonly number[])[],
  report: Report,
): void {
  if (growths.length !== tensors.length) report(`${growths.length} growths for ${tensors.length} ${role}s`);
  for (const [index, { shape }] of tensors.entries()) {
    const growth = growths[index] ?? [];
    if (growth.length !== shape.length) report(`${role} ${index} has ${growth.length} growths for its shape`);
    if (growth.filter((factor) => factor > 0).length > 1)
      report(`${role} ${index} grows along two dimensions`);
  }
}

function verifyBindings({ plan, bindings }: DynamicPlan, report: Report): void {
  if (bindings.length !== plan.kernels.length)
    report(`${bindings.length} growths for ${plan.kernels.length} kernels`);
  for (const [index, kernel] of plan.kernels.entries())
    if (bindings[index]?.length !== kernel.bindings.length)
      report(`kernel ${index} has ${kernel.bindings.length} bindings, but not as many growths`);
}

function verifyStep(
  step: PlanStep,
  growth: StepGrowth | null,
  at: string,
  dynamic: DynamicPlan,
  report: Report,
): void {
  if (step.kind === "copy") {
    report(`${at}: copies bytes that do not follow the size`);
    return;
  }
  if (growth !== null) {
    const { steps, perWorkgroup, others } = growth;
    if (![steps, perWorkgroup, others].every(Number.isSafeInteger) || steps < 1 || perWorkgroup < 1)
      report(`${at}: ${steps} steps, ${perWorkgroup} in a workgroup`);
    if (step.offsets !== undefined || (step.values ?? [0]).length !== 1)
      report(`${at}: more than its size is given`);
    if ((dynamic.plan.kernels[step.kernel]?.scalars.length ?? 0) < 1)
      report(`${at}: its kernel takes no size`);
  }
  for (const [position, buffer] of step.buffers.entries()) {
    const [bound, held] = [dynamic.bindings[step.kernel]?.[position], bufferGrowth(dynamic, buffer)];
    if (bound !== held) report(`${at}: binding ${position} grows by ${bound}, its buffer by ${held}`);
  }
}

/** Bytes per unit of the size. */
function bufferGrowth({ plan, inputs, outputs, temporaries }: DynamicPlan, index: number): number {
  const buffer = plan.buffers[index];
  if (buffer === undefined) return Number.NaN;
  if (buffer.kind === "temporary") return temporaries[index] ?? Number.NaN;
  const [tensors, growths]: readonly [Plan["inputs"], DynamicPlan["inputs"]] =
    buffer.kind === "input" ? [plan.inputs, inputs] : [plan.outputs, outputs];
  const tensor = tensors[buffer.index];
  const growth = growths[buffer.index] ?? [];
  if (tensor === undefined || growth.every((factor) => factor === 0)) return 0;
  const elements = tensor.shape.reduce((product, length, d) => product * ((growth[d] ?? 0) || length), 1);
  return elements * storageBytes(tensor.dtype);
}
