/**
 * Checks a plan against a device before any GPU work.
 *
 * Ensures: sizes, bindings, grids and features fit the device (else a typed error that names both sides); the plan makes
 * sense (verify-plan.ts; else `CompilerBug`).
 */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { CompilerBug, fail } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanBuffer, PlanKernel } from "../ir/plan.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { planBufferBytes, verifyPlan } from "../ir/verify-plan.ts";
import { formatBytes, tooLarge } from "./runtime-errors.ts";

/** Features that a kernel may name and a profile has. */
const DEVICE_FEATURES: readonly string[] = [
  "subgroups",
  "subgroup-size-control",
  "subgroup_id",
  "shader-f16",
];

/** What a plan is held against. */
export type DeviceBounds = Pick<DeviceProfile, "limits" | "features">;

export function checkPlan(plan: Plan, profile: DeviceBounds): void {
  const problems = verifyPlan(plan);
  if (problems.length > 0) throw new CompilerBug(`the plan of @${plan.name} is broken`, problems);
  checkPlanFits(plan, profile);
}

/** The same of a plan that is known to make sense. */
export function checkPlanFits(plan: Plan, profile: DeviceBounds): void {
  for (const buffer of plan.buffers) checkBufferSize(plan, buffer, profile);
  for (const kernel of plan.kernels) checkKernel(kernel, profile);
  const most = profile.limits.maxComputeWorkgroupsPerDimension;
  for (const step of plan.steps)
    if (step.kind === "dispatch" && Math.max(...step.workgroups) > most)
      throw tooLarge(
        `kernel "${plan.kernels[step.kernel]?.name ?? ""}" runs ${step.workgroups.join(" x ")} workgroups, but this device takes at most ${most} per dimension`,
        "compile the program for the profile of this device, or work in smaller pieces",
      );
}

export function describeBuffer(plan: Plan, buffer: PlanBuffer): string {
  if (buffer.kind === "temporary") return `a temporary of @${plan.name}`;
  const tensor = (buffer.kind === "input" ? plan.inputs : plan.outputs)[buffer.index];
  const type = tensor === undefined ? "" : `, ${tensor.dtype}[${tensor.shape.join(",")}]`;
  return `${buffer.kind === "input" ? "input" : "result"} "${tensor?.name ?? ""}" of @${plan.name}${type}`;
}

function checkBufferSize(plan: Plan, buffer: PlanBuffer, { limits }: DeviceBounds): void {
  const bytes = planBufferBytes(plan, buffer) ?? 0;
  const most = limits.maxBufferSize;
  if (bytes > most)
    throw tooLarge(
      `${describeBuffer(plan, buffer)} needs ${formatBytes(bytes)}, but a buffer on this device has at most ${formatBytes(most)}`,
      "work in smaller pieces",
    );
}

/** What a kernel needs of a device whatever the sizes of its tensors. */
export function checkKernelFits(kernel: PlanKernel, profile: DeviceBounds): void {
  const most = profile.limits.maxStorageBuffersPerShaderStage;
  if (kernel.bindings.length > most)
    throw tooLarge(
      `kernel "${kernel.name}" binds ${kernel.bindings.length} buffers, but this device takes at most ${most}`,
      "compile the program for the profile of this device",
    );
  const missing = kernel.features.filter(
    (name) => DEVICE_FEATURES.includes(name) && !profile.features.includes(name),
  );
  if (missing.length > 0)
    fail("gpu-error", `kernel "${kernel.name}" needs ${missing.join(" and ")}, which this device lacks`, {
      span: captureCallSite(),
      help: "compile the program for the profile of this device: compile with device.profile",
    });
}

function checkKernel(kernel: PlanKernel, profile: DeviceBounds): void {
  checkKernelFits(kernel, profile);
  const widest = Math.max(0, ...kernel.bindings.map(({ bytes }) => bytes));
  const reach = profile.limits.maxStorageBufferBindingSize;
  if (widest > reach)
    throw tooLarge(
      `kernel "${kernel.name}" needs ${formatBytes(widest)} of a buffer at once, but this device binds at most ${formatBytes(reach)}`,
      "compile the program for the profile of this device",
    );
}
