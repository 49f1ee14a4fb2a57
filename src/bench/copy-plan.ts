/**
 * The ceiling that kernels are held to: a vec4 copy, as a plan like any other. Which form is quickest differs (it depends
 * on the device how many vectors an invocation should take), so there are several and the benchmark takes the best.
 */
import type { Plan, PlanKernel } from "../ir/plan.ts";
import type { DeviceLimits } from "../ir/profile.ts";

export interface CopyForm {
  readonly workgroupSize: number;
  readonly vectorsPerInvocation: number;
}

export const COPY_FORMS: readonly CopyForm[] = [
  { workgroupSize: 256, vectorsPerInvocation: 1 },
  { workgroupSize: 256, vectorsPerInvocation: 4 },
  { workgroupSize: 128, vectorsPerInvocation: 1 },
  { workgroupSize: 128, vectorsPerInvocation: 4 },
  { workgroupSize: 64, vectorsPerInvocation: 1 },
];

const VECTOR_BYTES = 16;

/** Copies half of `bytes`: as many are read and written as `bytes` says, rounded up to whole vectors. */
export function planCopy(
  bytes: number,
  form: CopyForm,
  limits: Pick<DeviceLimits, "maxComputeWorkgroupsPerDimension">,
): Plan {
  const vectors = Math.max(1, Math.ceil(bytes / 2 / VECTOR_BYTES));
  const perWorkgroup = form.workgroupSize * form.vectorsPerInvocation;
  const needed = Math.ceil(vectors / perWorkgroup);
  const columns = Math.min(needed, limits.maxComputeWorkgroupsPerDimension);
  const rows = Math.ceil(needed / columns);
  const size = vectors * VECTOR_BYTES;
  const kernel: PlanKernel = {
    name: "copy",
    wgsl: copyText(vectors, columns, form),
    entryPoint: "main",
    bindings: [
      { access: "read", bytes: size },
      { access: "read_write", bytes: size },
    ],
    scalars: [],
    features: [],
  };
  const shape = [vectors * 4];
  return {
    version: 1,
    name: "copy",
    inputs: [{ name: "x", dtype: "f32", shape }],
    scalars: [],
    outputs: [{ name: "y", dtype: "f32", shape }],
    buffers: [
      { kind: "input", index: 0 },
      { kind: "output", index: 0 },
    ],
    kernels: [kernel],
    steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1], workgroups: [columns, rows, 1] }],
  };
}

/**
 * An invocation's vectors lie a workgroup apart, so that neighbours always touch neighbours. Sizes are literals, there is no
 * loop, and nothing is guarded where workgroups come out even: a ceiling may not be lower than what generated kernels get.
 */
function copyText(vectors: number, columns: number, form: CopyForm): string {
  const { workgroupSize, vectorsPerInvocation } = form;
  const perWorkgroup = workgroupSize * vectorsPerInvocation;
  const isEven = columns * perWorkgroup === vectors;
  const group = isEven ? `min(group.x, ${columns - 1}u)` : `(group.y * ${columns}u + group.x)`;
  const copies = Array.from({ length: vectorsPerInvocation }, (_, k) => {
    const i = k === 0 ? "i" : `i + ${k * workgroupSize}u`;
    return isEven ? `  y[${i}] = x[${i}];` : `  if (${i} < ${vectors}u) { y[${i}] = x[${i}]; }`;
  });
  return `@group(0) @binding(0) var<storage, read> x: array<vec4f, ${vectors}>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f, ${vectors}>;

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = ${group} * ${perWorkgroup}u + lane;
${copies.join("\n")}
}
`;
}
