/**
 * Checks a plan against a device before any GPU work.
 *
 * Ensures: sizes, bindings, grids and features fit the device (else a typed error that names both sides); positions are
 * in range, bindings are aligned and fit their buffers, inputs are never written, and no dispatch binds a buffer it writes twice, which
 * WebGPU forbids (else `CompilerBug`).
 */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { CompilerBug, fail } from "../diagnostics/diagnostic.ts";
import { elementCount, storageBytes } from "../ir/dtype.ts";
import {
  BINDING_ALIGNMENT,
  bufferBytes,
  type Plan,
  type PlanBuffer,
  type PlanKernel,
  type PlanTensor,
} from "../ir/plan.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { formatBytes, tooLarge } from "./runtime-errors.ts";

/** Device features that a kernel may name. Others in `PlanKernel.features` are language features: the compiler of WGSL knows. */
const DEVICE_FEATURES: readonly string[] = ["subgroups", "shader-f16"];

export const tensorBytes = (tensor: PlanTensor): number =>
  bufferBytes(elementCount(tensor.shape), storageBytes(tensor.dtype));

export function checkPlan(plan: Plan, profile: DeviceProfile): void {
  const problems = findProblems(plan);
  if (problems.length > 0) throw new CompilerBug(`the plan of @${plan.name} is broken`, problems);
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

/** Bytes of a buffer of the plan, or undefined where it names no tensor of the plan. */
export function planBufferBytes(plan: Plan, buffer: PlanBuffer): number | undefined {
  if (buffer.kind === "temporary") return Math.max(16, buffer.bytes);
  const tensor = (buffer.kind === "input" ? plan.inputs : plan.outputs)[buffer.index];
  return tensor === undefined ? undefined : tensorBytes(tensor);
}

export function describeBuffer(plan: Plan, buffer: PlanBuffer): string {
  if (buffer.kind === "temporary") return `a temporary of @${plan.name}`;
  const tensor = (buffer.kind === "input" ? plan.inputs : plan.outputs)[buffer.index];
  const type = tensor === undefined ? "" : `, ${tensor.dtype}[${tensor.shape.join(",")}]`;
  return `${buffer.kind === "input" ? "input" : "result"} "${tensor?.name ?? ""}" of @${plan.name}${type}`;
}

function checkBufferSize(plan: Plan, buffer: PlanBuffer, { limits }: DeviceProfile): void {
  const bytes = planBufferBytes(plan, buffer) ?? 0;
  const most = limits.maxBufferSize;
  if (bytes > most)
    throw tooLarge(
      `${describeBuffer(plan, buffer)} needs ${formatBytes(bytes)}, but a buffer on this device has at most ${formatBytes(most)}`,
      "work in smaller pieces",
    );
}

function checkKernel(kernel: PlanKernel, profile: DeviceProfile): void {
  const most = profile.limits.maxStorageBuffersPerShaderStage;
  if (kernel.bindings.length > most)
    throw tooLarge(
      `kernel "${kernel.name}" binds ${kernel.bindings.length} buffers, but this device takes at most ${most}`,
      "compile the program for the profile of this device",
    );
  const widest = Math.max(0, ...kernel.bindings.map(({ bytes }) => bytes));
  const reach = profile.limits.maxStorageBufferBindingSize;
  if (widest > reach)
    throw tooLarge(
      `kernel "${kernel.name}" needs ${formatBytes(widest)} of a buffer at once, but this device binds at most ${formatBytes(reach)}`,
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

function findProblems(plan: Plan): readonly string[] {
  const problems: string[] = [];
  const report = (message: string): void => void problems.push(message);
  if ((plan.version as number) !== 1) report(`version ${plan.version} is not 1`);
  const sizes = plan.buffers.map((buffer) => planBufferBytes(plan, buffer));
  for (const [index, size] of sizes.entries())
    if (size === undefined) report(`buffer ${index} names no tensor`);
  for (const [index, step] of plan.steps.entries()) {
    const at = `step ${index}`;
    if (step.kind === "copy") {
      for (const buffer of [step.from, step.to])
        if (step.bytes > (sizes[buffer] ?? -1)) report(`${at}: ${step.bytes} bytes exceed buffer ${buffer}`);
      if (step.from === step.to) report(`${at}: copies buffer ${step.to} to itself`);
      if (plan.buffers[step.to]?.kind === "input") report(`${at}: writes an input`);
      continue;
    }
    const kernel = plan.kernels[step.kernel];
    if (kernel === undefined) {
      report(`${at}: there is no kernel ${step.kernel}`);
      continue;
    }
    if (step.buffers.length !== kernel.bindings.length)
      report(`${at}: ${step.buffers.length} buffers for ${kernel.bindings.length} bindings`);
    for (const [position, binding] of kernel.bindings.entries()) {
      const buffer = step.buffers[position] ?? -1;
      const bytes = sizes[buffer] ?? -1;
      const offset = step.offsets?.[position] ?? 0;
      if (offset + binding.bytes > bytes)
        report(
          `${at}: binding ${position} needs ${binding.bytes} bytes from ${offset}, its buffer has ${bytes}`,
        );
      if (offset < 0 || offset % BINDING_ALIGNMENT !== 0)
        report(`${at}: binding ${position} starts at ${offset}, no multiple of ${BINDING_ALIGNMENT}`);
      if (binding.access !== "read_write") continue;
      if (plan.buffers[buffer]?.kind === "input") report(`${at}: binding ${position} writes an input`);
      if (step.buffers.indexOf(buffer) !== step.buffers.lastIndexOf(buffer))
        report(`${at}: buffer ${buffer} is written and bound twice`);
    }
  }
  return problems;
}
