/** Plans written by hand for the runtime's tests, so that they need no stage of the compiler. */
import type { DType } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { bufferBytes, type Plan, type PlanKernel, type PlanTensor } from "../../src/ir/plan.ts";

const f32 = (name: string, shape: readonly number[]): PlanTensor => ({ name, dtype: "f32", shape });

interface Scaling {
  readonly count: number;
  /** Kernel name; kernels with equal texts share a pipeline whatever they are called. */
  readonly name?: string;
  readonly body?: string;
}

/** y = x * factor + offset, both scalars of the call; the offset defaults to 0. */
export function scalePlan({ count, name = "scale", body = "x[i] * u.factor + u.offset" }: Scaling): Plan {
  const bytes = bufferBytes(count, 4);
  const wgsl = `
struct Uniforms { factor: f32, offset: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32, ${bytes / 4}>;
@group(0) @binding(1) var<storage, read_write> y: array<f32, ${bytes / 4}>;
@group(0) @binding(2) var<uniform> u: Uniforms;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i < ${count}u) { y[i] = ${body}; }
}`;
  const scalars = [
    { name: "factor", dtype: "f32" },
    { name: "offset", dtype: "f32" },
  ] as const;
  const kernel: PlanKernel = {
    name,
    wgsl,
    entryPoint: "main",
    bindings: [
      { access: "read", bytes },
      { access: "read_write", bytes },
    ],
    scalars,
    features: [],
  };
  return {
    version: 1,
    name: "scale",
    inputs: [f32("x", [count])],
    scalars: [scalars[0], { ...scalars[1], default: 0 }],
    outputs: [f32("y", [count])],
    buffers: [
      { kind: "input", index: 0 },
      { kind: "output", index: 0 },
    ],
    kernels: [kernel],
    steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1], workgroups: [Math.ceil(count / 64), 1, 1] }],
  };
}

/** y = x / sum of its row: one kernel stores the sums in a temporary, one divides; `copy` returns x again. */
export function rowSharePlan(rows: number, columns: number, copy = false): Plan {
  const size = rows * columns;
  const sumKernel: PlanKernel = {
    name: "row_sum",
    wgsl: `
@group(0) @binding(0) var<storage, read> x: array<f32, ${size}>;
@group(0) @binding(1) var<storage, read_write> s: array<f32, ${rows}>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u) {
  var total = 0.0;
  for (var k = 0u; k < ${columns}u; k++) { total += x[id.x * ${columns}u + k]; }
  s[id.x] = total;
}`,
    entryPoint: "main",
    bindings: [
      { access: "read", bytes: size * 4 },
      { access: "read_write", bytes: rows * 4 },
    ],
    scalars: [],
    features: [],
  };
  const divideKernel: PlanKernel = {
    name: "divide",
    wgsl: `
@group(0) @binding(0) var<storage, read> x: array<f32, ${size}>;
@group(0) @binding(1) var<storage, read> s: array<f32, ${rows}>;
@group(0) @binding(2) var<storage, read_write> y: array<f32, ${size}>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u) { y[id.x] = x[id.x] / s[id.x / ${columns}u]; }`,
    entryPoint: "main",
    bindings: [
      { access: "read", bytes: size * 4 },
      { access: "read", bytes: rows * 4 },
      { access: "read_write", bytes: size * 4 },
    ],
    scalars: [],
    features: [],
  };
  const type = f32("x", [rows, columns]);
  return {
    version: 1,
    name: "rowShare",
    inputs: [type],
    scalars: [],
    outputs: [f32("y", [rows, columns]), ...(copy ? [f32("again", [rows, columns])] : [])],
    buffers: [
      { kind: "input", index: 0 },
      { kind: "temporary", bytes: bufferBytes(rows, 4) },
      { kind: "output", index: 0 },
      ...(copy ? [{ kind: "output", index: 1 } as const] : []),
    ],
    kernels: [sumKernel, divideKernel],
    steps: [
      { kind: "dispatch", kernel: 0, buffers: [0, 1], workgroups: [rows, 1, 1] },
      ...(copy ? [{ kind: "copy", from: 0, to: 3, bytes: bufferBytes(size, 4) } as const] : []),
      { kind: "dispatch", kernel: 1, buffers: [0, 1, 2], workgroups: [size, 1, 1] },
    ],
  };
}

/** y = 2 * (2 * x), by way of a temporary of the same size. */
export function twicePlan(count: number): Plan {
  const { kernels, ...plan } = scalePlan({ count, name: "double", body: "x[i] * 2" });
  const [kernel] = kernels;
  if (kernel === undefined) throw new Error("scalePlan has no kernel");
  const workgroups = [Math.ceil(count / 64), 1, 1] as const;
  return {
    ...plan,
    name: "twice",
    scalars: [],
    buffers: [...plan.buffers, { kind: "temporary", bytes: bufferBytes(count, 4) }],
    kernels: [{ ...kernel, scalars: [], wgsl: kernel.wgsl.replace(/^.*(?:Uniforms).*$/gm, "") }],
    steps: [
      { kind: "dispatch", kernel: 0, buffers: [0, 2], workgroups },
      { kind: "dispatch", kernel: 0, buffers: [2, 1], workgroups },
    ],
  };
}

/** Returns its input: no kernel at all. */
export function identityPlan(dtype: DType, shape: readonly number[], bytes: number): Plan {
  return {
    version: 1,
    name: "identity",
    inputs: [{ name: "x", dtype, shape }],
    scalars: [],
    outputs: [{ name: "y", dtype, shape }],
    buffers: [
      { kind: "input", index: 0 },
      { kind: "output", index: 0 },
    ],
    kernels: [],
    steps: [{ kind: "copy", from: 0, to: 1, bytes }],
  };
}

/** The graph of `scalePlan`. */
export function scaleGraph(count: number): Graph {
  const type = { dtype: "f32", shape: [count] } as const;
  const scalar = { dtype: "f32", shape: [] } as const;
  const one = { dtype: "f32", shape: [1] } as const;
  return {
    name: "scale",
    nodes: [
      { op: "param", name: "x", type },
      { op: "scalar", name: "factor", type: scalar },
      { op: "scalar", name: "offset", type: scalar, default: 0 },
      { op: "reshape", arg: 1, type: one },
      { op: "broadcast", arg: 3, type },
      { op: "reshape", arg: 2, type: one },
      { op: "broadcast", arg: 5, type },
      { op: "map", fn: "mul", args: [0, 4], type },
      { op: "map", fn: "add", args: [7, 6], type },
    ],
    results: [{ name: "y", node: 8 }],
  };
}

/** The same plan with its first kernel's text replaced. */
export const withWgsl = (plan: Plan, wgsl: string): Plan => ({
  ...plan,
  kernels: plan.kernels.map((kernel, index) => (index === 0 ? { ...kernel, wgsl } : kernel)),
});
