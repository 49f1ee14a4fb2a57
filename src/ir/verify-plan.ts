/**
 * Verifies a plan. All problems are returned, each as a sentence.
 *
 * Checks:
 * - the version; inputs and scalars have distinct names; ranks and defaults are those of their dtypes;
 * - every input and output has at most one buffer, and what buffers and steps name is there;
 * - what is bound or copied lies inside its buffer, from offsets that are aligned;
 * - a step has a buffer for each binding, at least one workgroup or none in all, no more values than scalars;
 * - scalars that no step sets are scalars of the plan;
 * - inputs are never written, and no dispatch binds a buffer twice that it writes, which WebGPU forbids;
 * - temporaries are written before they are read, and every output that has elements is written.
 *
 * Not checked: what the WGSL computes, and whether it says the bindings and the entry point that the plan says.
 */
import { elementCount, MAX_RANK, storageBytes } from "./dtype.ts";
import type { Graph } from "./graph.ts";
import { isRepresentable } from "./number-text.ts";
import {
  BINDING_ALIGNMENT,
  bufferBytes,
  type Plan,
  type PlanBuffer,
  type PlanKernel,
  type PlanScalar,
  type PlanStep,
  type PlanTensor,
} from "./plan.ts";

export const tensorBytes = (tensor: PlanTensor): number =>
  bufferBytes(elementCount(tensor.shape), storageBytes(tensor.dtype));

/** Bytes of a buffer of the plan, or undefined where it names no tensor of the plan. */
export function planBufferBytes(plan: Plan, buffer: PlanBuffer): number | undefined {
  if (buffer.kind === "temporary") return Math.max(16, buffer.bytes);
  const tensor = (buffer.kind === "input" ? plan.inputs : plan.outputs)[buffer.index];
  return tensor === undefined ? undefined : tensorBytes(tensor);
}

type Report = (message: string) => void;

export function verifyPlan(plan: Plan): readonly string[] {
  const problems: string[] = [];
  const report: Report = (message) => void problems.push(message);
  if ((plan.version as number) !== 1) report(`version ${plan.version} is not 1`);
  verifyInterface(plan, report);
  const sizes = plan.buffers.map((buffer) => planBufferBytes(plan, buffer));
  for (const [index, size] of sizes.entries())
    if (size === undefined) report(`buffer ${index} names no tensor`);
  const written = new Set<number>();
  const scalars = new Map(plan.scalars.map(({ name, dtype }) => [name, dtype]));
  const context = { plan, sizes: sizes.map((size) => size ?? -1), scalars, written, report };
  for (const [index, step] of plan.steps.entries())
    if (step.kind === "copy") verifyCopy(step, `step ${index}`, context);
    else verifyDispatch(step, `step ${index}`, context);
  const filled = new Set([...written].flatMap((at) => outputOf(plan.buffers[at])));
  for (const [index, output] of plan.outputs.entries())
    if (elementCount(output.shape) > 0 && !filled.has(index)) report(`output ${index} is never written`);
  return problems;
}

const outputOf = (buffer: PlanBuffer | undefined): readonly number[] =>
  buffer?.kind === "output" ? [buffer.index] : [];

function verifyInterface({ inputs, scalars, outputs, buffers }: Plan, report: Report): void {
  const names = [...inputs, ...scalars].map(({ name }) => name);
  for (const name of repeated(names)) report(`two inputs are called ${name}`);
  for (const { name, shape } of [...inputs, ...outputs]) {
    if (shape.length > MAX_RANK) report(`${name} has rank ${shape.length}, more than ${MAX_RANK}`);
    if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0))
      report(`${name} has a length that is none`);
  }
  for (const { name, dtype, default: standard } of scalars)
    if (standard !== undefined && !isRepresentable(standard, dtype))
      report(`the default ${standard} of ${name} is no ${dtype}`);
  const places = buffers.flatMap((b) => (b.kind === "temporary" ? [] : [`${b.kind} ${b.index}`]));
  for (const place of repeated(places)) report(`${place} has two buffers`);
}

function repeated(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(names.filter((name) => seen.has(name) || !seen.add(name)));
}

interface Context {
  readonly plan: Plan;
  /** By buffer; -1 where there is none. */
  readonly sizes: readonly number[];
  readonly scalars: ReadonlyMap<string, string>;
  /** Buffers that earlier steps have written. */
  readonly written: Set<number>;
  readonly report: Report;
}

function verifyRead(buffer: number, at: string, { plan, written, report }: Context): void {
  if (plan.buffers[buffer]?.kind !== "input" && !written.has(buffer))
    report(`${at}: reads buffer ${buffer} before anything is written to it`);
}

type CopyStep = Extract<PlanStep, { readonly kind: "copy" }>;
type DispatchStep = Extract<PlanStep, { readonly kind: "dispatch" }>;

function verifyCopy({ from, to, bytes }: CopyStep, at: string, context: Context): void {
  const { plan, sizes, written, report } = context;
  for (const buffer of [from, to])
    if (bytes > (sizes[buffer] ?? -1)) report(`${at}: ${bytes} bytes exceed buffer ${buffer}`);
  if (bytes % 4 !== 0) report(`${at}: ${bytes} bytes are no multiple of 4`);
  if (from === to) report(`${at}: copies buffer ${to} to itself`);
  if (plan.buffers[to]?.kind === "input") report(`${at}: writes an input`);
  verifyRead(from, at, context);
  written.add(to);
}

function verifyDispatch(step: DispatchStep, at: string, context: Context): void {
  const { plan, report, written } = context;
  const kernel = plan.kernels[step.kernel];
  if (kernel === undefined) {
    report(`${at}: there is no kernel ${step.kernel}`);
    return;
  }
  if (step.buffers.length !== kernel.bindings.length)
    report(`${at}: ${step.buffers.length} buffers for ${kernel.bindings.length} bindings`);
  if (step.offsets !== undefined && step.offsets.length !== kernel.bindings.length)
    report(`${at}: ${step.offsets.length} offsets for ${kernel.bindings.length} bindings`);
  verifyScalars(step, kernel, at, context);
  for (const [position, binding] of kernel.bindings.entries()) {
    verifyBinding(step, position, binding, at, context);
    if (binding.access === "read") verifyRead(step.buffers[position] ?? -1, at, context);
  }
  for (const [position, binding] of kernel.bindings.entries())
    if (binding.access === "read_write") written.add(step.buffers[position] ?? -1);
}

function verifyScalars(
  { values = [] }: DispatchStep,
  { scalars }: PlanKernel,
  at: string,
  { scalars: known, report }: Context,
): void {
  if (values.length > scalars.length)
    report(`${at}: ${values.length} values for ${scalars.length} scalars of the kernel`);
  for (const { name, dtype } of scalars.slice(0, Math.max(0, scalars.length - values.length)))
    if (known.get(name) !== dtype) report(`${at}: there is no scalar ${dtype} ${name}`);
}

function verifyBinding(
  step: DispatchStep,
  position: number,
  binding: PlanKernel["bindings"][number],
  at: string,
  { plan, sizes, report }: Context,
): void {
  const buffer = step.buffers[position] ?? -1;
  const bytes = sizes[buffer] ?? -1;
  const offset = step.offsets?.[position] ?? 0;
  if (offset + binding.bytes > bytes)
    report(`${at}: binding ${position} needs ${binding.bytes} bytes from ${offset}, its buffer has ${bytes}`);
  if (binding.bytes === 0) report(`${at}: binding ${position} has no bytes`);
  if (offset < 0 || offset % BINDING_ALIGNMENT !== 0)
    report(`${at}: binding ${position} starts at ${offset}, no multiple of ${BINDING_ALIGNMENT}`);
  if (binding.access !== "read_write") return;
  if (plan.buffers[buffer]?.kind === "input") report(`${at}: binding ${position} writes an input`);
  if (step.buffers.indexOf(buffer) !== step.buffers.lastIndexOf(buffer))
    report(`${at}: buffer ${buffer} is written and bound twice`);
}

/** What callers see of a plan. */
export type PlanInterface = Pick<Plan, "name" | "inputs" | "scalars" | "outputs">;

/** The interface of every plan for the graph. */
export function interfaceOf(graph: Graph): PlanInterface {
  const typeOf = (node: number): Omit<PlanTensor, "name"> => {
    const { dtype, shape } = graph.nodes[node]?.type ?? { dtype: "f32" as const, shape: [] };
    return { dtype, shape };
  };
  return {
    name: graph.name,
    inputs: graph.nodes.flatMap((n, id) => (n.op === "param" ? [{ name: n.name, ...typeOf(id) }] : [])),
    scalars: graph.nodes.flatMap((n) =>
      n.op === "scalar" ? [scalarOf(n.name, n.type.dtype, n.default)] : [],
    ),
    outputs: graph.results.map(({ name, node }) => ({ name, ...typeOf(node) })),
  };
}

const scalarOf = (name: string, dtype: PlanTensor["dtype"], standard: number | undefined): PlanScalar => ({
  name,
  dtype: dtype === "f16" || dtype === "bf16" ? "f32" : dtype,
  ...(standard === undefined ? {} : { default: standard }),
});

/** How the plan's interface differs from another one; nothing where a caller can take one for the other. */
export function compareInterfaces(plan: PlanInterface, wanted: PlanInterface): readonly string[] {
  const problems: string[] = [];
  if (plan.name !== wanted.name) problems.push(`the plan is called ${plan.name}, not ${wanted.name}`);
  for (const role of ["inputs", "scalars", "outputs"] as const) {
    const [found, expected] = [plan[role], wanted[role]].map((list) => list.map(describe).join(", "));
    if (found !== expected) problems.push(`its ${role} are (${found}), not (${expected})`);
  }
  return problems;
}

const describe = (one: PlanTensor | PlanScalar): string => {
  const name = JSON.stringify(one.name);
  if ("shape" in one) return `${name}: ${one.dtype}[${one.shape.join(",")}]`;
  const standard = one.default ?? Number.NaN;
  if (one.default === undefined) return `${name}: ${one.dtype}`;
  return `${name}: ${one.dtype} = ${Object.is(standard, -0) ? "-0" : String(standard)}`;
};
