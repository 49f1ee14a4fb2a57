// Made by weft build of ./norms.ts (tensorweft 0.1.0, profile default).
// Do not edit: change the source and build again.

import { defineKernel as $defineKernel, sizedPlan as $sizedPlan, type DynamicPlan as $DynamicPlan, type Plan as $Plan, type Tensor } from "tensorweft/runtime";

// kernel k0
//   t5: ./norms.ts:11:69
//   t6: ./norms.ts:11:59
//   t8: ./norms.ts:11:59
const $wgsl0 = /* wgsl */ `@group(0) @binding(0) var<storage, read> b_v: array<vec4<f32>, 2>;
@group(0) @binding(1) var<storage, read> b_g: array<f32, 2>;
@group(0) @binding(2) var<storage, read_write> b_out0: array<vec4<f32>, 2>;

@compute @workgroup_size(2)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let wg = min(wid.x, 0u);
  var v_cache0_0 = vec4<f32>(0.0f);
  var v_acc0 = vec4<f32>(0.0f);
  let v_v0 = b_v[lane];
  v_cache0_0 = v_v0;
  let v_x0 = v_v0 * v_v0;
  v_acc0 = v_acc0 + v_x0;
  let v_r0 = (v_acc0.x + v_acc0.y) + (v_acc0.z + v_acc0.w);
  let v_s0 = inverseSqrt(v_r0);
  let v_v1 = b_g[lane];
  let v_c0 = v_cache0_0;
  let v_x1 = (v_c0 * vec4<f32>(v_v1)) * vec4<f32>(v_s0);
  b_out0[lane] = v_x1;
}
`;

// weightNorm: O=2, I=2, K=2
const $weightNorm0: $Plan = {
  version: 1,
  name: "weightNorm",
  inputs: [{ name: "v", dtype: "f32", shape: [2, 2, 2] }, { name: "g", dtype: "f32", shape: [2, 1, 1] }],
  scalars: [],
  outputs: [{ name: "out", dtype: "f32", shape: [2, 2, 2] }],
  buffers: [{ kind: "input", index: 0 }, { kind: "input", index: 1 }, { kind: "output", index: 0 }],
  steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1, 2], workgroups: [1, 1, 1] }],
  kernels: [
    { wgsl: $wgsl0, name: "k0", entryPoint: "main", bindings: [{ access: "read", bytes: 32 }, { access: "read", bytes: 16 }, { access: "read_write", bytes: 32 }], scalars: [], features: [] },
  ],
};

// kernel k0
//   t5: ./norms.ts:11:69
//   t6: ./norms.ts:11:59
//   t8: ./norms.ts:11:59
const $wgsl1 = /* wgsl */ `@group(0) @binding(0) var<storage, read> b_v: array<vec2<u32>, 2>;
@group(0) @binding(1) var<storage, read> b_g: array<u32, 1>;
@group(0) @binding(2) var<storage, read_write> b_out0: array<vec2<u32>, 2>;

fn tw_f16_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return sign | 0x7e00u; }
  if (magnitude >= 0x477ff000u) { return sign | 0x7c00u; }
  if (magnitude < 0x38800000u) { return sign | u32(round(bitcast<f32>(magnitude) * 16777216.0f)); }
  let even = (magnitude >> 13u) & 1u;
  return sign | (((magnitude + 0xfffu + even) >> 13u) - 0x1c000u);
}

@compute @workgroup_size(2)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let wg = min(wid.x, 0u);
  var v_cache0_0 = vec4<f32>(0.0f);
  var v_acc0 = vec4<f32>(0.0f);
  let p_v0 = b_v[lane];
  let v_v0 = vec4<f32>(unpack2x16float(p_v0.x), unpack2x16float(p_v0.y));
  v_cache0_0 = v_v0;
  let v_x0 = v_v0 * v_v0;
  v_acc0 = v_acc0 + v_x0;
  let v_r0 = (v_acc0.x + v_acc0.y) + (v_acc0.z + v_acc0.w);
  let v_s0 = inverseSqrt(v_r0);
  let p_v1 = b_g[lane >> 1u];
  let v_v1 = unpack2x16float((p_v1 >> ((lane % 2u) * 16u))).x;
  let v_c0 = v_cache0_0;
  let v_x1 = (v_c0 * vec4<f32>(v_v1)) * vec4<f32>(v_s0);
  {
    let stored = v_x1;
    b_out0[lane] = vec2<u32>(tw_f16_bits(stored.x) | (tw_f16_bits(stored.y) << 16u), tw_f16_bits(stored.z) | (tw_f16_bits(stored.w) << 16u));
  }
}
`;

// weightNorm: O=2, I=2, K=2, dtype=f16
const $weightNorm1: $Plan = {
  version: 1,
  name: "weightNorm",
  inputs: [{ name: "v", dtype: "f16", shape: [2, 2, 2] }, { name: "g", dtype: "f16", shape: [2, 1, 1] }],
  scalars: [],
  outputs: [{ name: "out", dtype: "f16", shape: [2, 2, 2] }],
  buffers: [{ kind: "input", index: 0 }, { kind: "input", index: 1 }, { kind: "output", index: 0 }],
  steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1, 2], workgroups: [1, 1, 1] }],
  kernels: [
    { wgsl: $wgsl1, name: "k0", entryPoint: "main", bindings: [{ access: "read", bytes: 16 }, { access: "read", bytes: 16 }, { access: "read_write", bytes: 16 }], scalars: [], features: [] },
  ],
};

/** `weightNorm` of ./norms.ts:10:27. */
export const weightNorm = /* @__PURE__ */ $defineKernel<{
  (v: Tensor<"f32", readonly [2, 2, 2]>, g: Tensor<"f32", readonly [2, 1, 1]>): Tensor<"f32", readonly [2, 2, 2]>;
  (v: Tensor<"f16", readonly [2, 2, 2]>, g: Tensor<"f16", readonly [2, 1, 1]>): Tensor<"f16", readonly [2, 2, 2]>;
}>("weightNorm", "one", [$weightNorm0, $weightNorm1]);

// kernel k0
//   t5: ./norms.ts:11:69
//   t6: ./norms.ts:11:69
//   t7: ./norms.ts:11:59
//   t11: ./norms.ts:11:59
//   t17: ./norms.ts:11:69
//   t23: ./norms.ts:11:69
//   t25: ./norms.ts:11:69
//   t28: ./norms.ts:18:22
//   t29: ./norms.ts:11:60
const $wgsl2 = /* wgsl */ `@group(0) @binding(0) var<storage, read> b_v: array<vec4<f32>, 2>;
@group(0) @binding(1) var<storage, read> b_dw: array<vec4<f32>, 2>;
@group(0) @binding(2) var<storage, read> b_g: array<f32, 2>;
@group(0) @binding(3) var<storage, read_write> b_out0: array<vec4<f32>, 2>;
@group(0) @binding(4) var<storage, read_write> b_out1: array<f32, 2>;

@compute @workgroup_size(2)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let wg = min(wid.x, 0u);
  var v_cache0_0 = vec4<f32>(0.0f);
  var v_cache1_0 = vec4<f32>(0.0f);
  var v_acc0 = vec4<f32>(0.0f);
  var v_acc1 = vec4<f32>(0.0f);
  let v_v0 = b_v[lane];
  v_cache0_0 = v_v0;
  let v_x0 = v_v0 * v_v0;
  v_acc0 = v_acc0 + v_x0;
  let v_v1 = b_dw[lane];
  v_cache1_0 = v_v1;
  let v_x1 = v_v0 * v_v1;
  v_acc1 = v_acc1 + v_x1;
  let v_r0 = (v_acc0.x + v_acc0.y) + (v_acc0.z + v_acc0.w);
  let v_r1 = (v_acc1.x + v_acc1.y) + (v_acc1.z + v_acc1.w);
  let v_s0 = sqrt(v_r0);
  let v_s1 = inverseSqrt(v_r0);
  let v_s2 = v_s0 == 0.0f;
  let v_v2 = b_g[lane];
  let v_s3 = select(((-((v_s1 * (v_s1 * (v_v2 * v_r1))))) / (select(v_s0, 1.0f, v_s2) * 2.0f)), 0.0f, v_s2);
  let v_s4 = v_s1 * v_r1;
  let v_c0 = v_cache0_0;
  let v_x2 = v_c0 * vec4<f32>(v_s3);
  let v_c1 = v_cache1_0;
  let v_x3 = (v_x2 + v_x2) + (vec4<f32>(v_v2) * (v_c1 * vec4<f32>(v_s1)));
  b_out0[lane] = v_x3;
  b_out1[lane] = v_s4;
}
`;

// weightNormBackward: O=2, I=2, K=2
const $weightNormBackward0: $Plan = {
  version: 1,
  name: "weightNormBackward",
  inputs: [{ name: "v", dtype: "f32", shape: [2, 2, 2] }, { name: "g", dtype: "f32", shape: [2, 1, 1] }, { name: "dw", dtype: "f32", shape: [2, 2, 2] }],
  scalars: [],
  outputs: [{ name: "dv", dtype: "f32", shape: [2, 2, 2] }, { name: "dg", dtype: "f32", shape: [2, 1, 1] }],
  buffers: [{ kind: "input", index: 0 }, { kind: "input", index: 1 }, { kind: "input", index: 2 }, { kind: "output", index: 0 }, { kind: "output", index: 1 }],
  steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 2, 1, 3, 4], workgroups: [1, 1, 1] }],
  kernels: [
    { wgsl: $wgsl2, name: "k0", entryPoint: "main", bindings: [{ access: "read", bytes: 32 }, { access: "read", bytes: 32 }, { access: "read", bytes: 16 }, { access: "read_write", bytes: 32 }, { access: "read_write", bytes: 16 }], scalars: [], features: [] },
  ],
};

/** `weightNormBackward` of ./norms.ts:15:35. */
export const weightNormBackward = /* @__PURE__ */ $defineKernel<{
  (v: Tensor<"f32", readonly [2, 2, 2]>, g: Tensor<"f32", readonly [2, 1, 1]>, dw: Tensor<"f32", readonly [2, 2, 2]>): { readonly dv: Tensor<"f32", readonly [2, 2, 2]>; readonly dg: Tensor<"f32", readonly [2, 1, 1]> };
}>("weightNormBackward", ["dv","dg"], [$weightNormBackward0]);

// kernel k0
//   t4: ./norms.ts:8:60
//   t10: ./norms.ts:24:66
//   t15: ./norms.ts:24:65
const $wgsl3 = /* wgsl */ `struct Scalars {
  s_eps: f32,
  s_size: u32,
}
@group(0) @binding(0) var<storage, read> b_x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b_weight: array<vec4<f32>, 1>;
@group(0) @binding(2) var<storage, read_write> b_out0: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> scalars: Scalars;

@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let wg = wid.y * groups.x + wid.x;
  let v_lane0 = lane;
  let v_i0 = (wg * 16u) + v_lane0;
  let v_i1 = min(v_i0, (scalars.s_size - 1u));
  let v_inside0 = v_i0 < scalars.s_size;
  var v_cache0_0 = vec4<f32>(0.0f);
  var v_acc0 = vec4<f32>(0.0f);
  let v_v0 = b_x[v_i1];
  v_cache0_0 = v_v0;
  let v_x0 = v_v0 * v_v0;
  v_acc0 = v_acc0 + v_x0;
  let v_r0 = (v_acc0.x + v_acc0.y) + (v_acc0.z + v_acc0.w);
  let v_s0 = inverseSqrt(((v_r0 * 0.25f) + scalars.s_eps));
  let v_c0 = v_cache0_0;
  let v_v1 = b_weight[0u];
  let v_x1 = (v_c0 * vec4<f32>(v_s0)) * v_v1;
  if (v_inside0) {
    b_out0[v_i1] = v_x1;
  }
}
`;

// rmsNorm: B=dynamic, D=4 (1 to 4095)
const $rmsNorm0: $DynamicPlan = {
  least: 1,
  most: 4095,
  inputs: [[1, 0], [0]],
  outputs: [[1, 0]],
  temporaries: [16, 0, 16],
  bindings: [[16, 0, 16]],
  steps: [{ steps: 1, perWorkgroup: 16, others: 1 }],
  mostWorkgroups: 65535,
  plan: {
    version: 1,
    name: "rmsNorm",
    inputs: [{ name: "x", dtype: "f32", shape: [1021, 4] }, { name: "weight", dtype: "f32", shape: [4] }],
    scalars: [{ name: "eps", dtype: "f32", default: 9.999999974752427e-7 }],
    outputs: [{ name: "out", dtype: "f32", shape: [1021, 4] }],
    buffers: [{ kind: "input", index: 0 }, { kind: "input", index: 1 }, { kind: "output", index: 0 }],
    steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1, 2], workgroups: [64, 1, 1] }],
    kernels: [
      { wgsl: $wgsl3, name: "k0", entryPoint: "main", bindings: [{ access: "read", bytes: 16336 }, { access: "read", bytes: 16 }, { access: "read_write", bytes: 16336 }], scalars: [{ name: "eps", dtype: "f32" }, { name: "size", dtype: "u32" }], features: [] },
    ],
  },
};

// kernel k0
//   t4: ./norms.ts:8:60
//   t10: ./norms.ts:24:66
//   t15: ./norms.ts:24:65
const $wgsl4 = /* wgsl */ `struct Scalars {
  s_eps: f32,
  s_size: u32,
}
@group(0) @binding(0) var<storage, read> b_x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b_weight: array<vec4<f32>, 1>;
@group(0) @binding(2) var<storage, read_write> b_out0: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> scalars: Scalars;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let wg = wid.y * groups.x + wid.x;
  let v_lane0 = lane;
  let v_i0 = (wg * 128u) + v_lane0;
  let v_i1 = min(v_i0, (scalars.s_size - 1u));
  let v_inside0 = v_i0 < scalars.s_size;
  var v_cache0_0 = vec4<f32>(0.0f);
  var v_acc0 = vec4<f32>(0.0f);
  let v_v0 = b_x[v_i1];
  v_cache0_0 = v_v0;
  let v_x0 = v_v0 * v_v0;
  v_acc0 = v_acc0 + v_x0;
  let v_r0 = (v_acc0.x + v_acc0.y) + (v_acc0.z + v_acc0.w);
  let v_s0 = inverseSqrt(((v_r0 * 0.25f) + scalars.s_eps));
  let v_c0 = v_cache0_0;
  let v_v1 = b_weight[0u];
  let v_x1 = (v_c0 * vec4<f32>(v_s0)) * v_v1;
  if (v_inside0) {
    b_out0[v_i1] = v_x1;
  }
}
`;

// rmsNorm: B=dynamic, D=4 (4096 to 8388607)
const $rmsNorm1: $DynamicPlan = {
  least: 4096,
  most: 8388607,
  inputs: [[1, 0], [0]],
  outputs: [[1, 0]],
  temporaries: [16, 0, 16],
  bindings: [[16, 0, 16]],
  steps: [{ steps: 1, perWorkgroup: 128, others: 1 }],
  mostWorkgroups: 65535,
  plan: {
    version: 1,
    name: "rmsNorm",
    inputs: [{ name: "x", dtype: "f32", shape: [65521, 4] }, { name: "weight", dtype: "f32", shape: [4] }],
    scalars: [{ name: "eps", dtype: "f32", default: 9.999999974752427e-7 }],
    outputs: [{ name: "out", dtype: "f32", shape: [65521, 4] }],
    buffers: [{ kind: "input", index: 0 }, { kind: "input", index: 1 }, { kind: "output", index: 0 }],
    steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1, 2], workgroups: [512, 1, 1] }],
    kernels: [
      { wgsl: $wgsl4, name: "k0", entryPoint: "main", bindings: [{ access: "read", bytes: 1048336 }, { access: "read", bytes: 16 }, { access: "read_write", bytes: 1048336 }], scalars: [{ name: "eps", dtype: "f32" }, { name: "size", dtype: "u32" }], features: [] },
    ],
  },
};

/** `rmsNorm` of ./norms.ts:23:24. */
export const rmsNorm = /* @__PURE__ */ $defineKernel<{
  (x: Tensor<"f32", readonly [number, 4]>, weight: Tensor<"f32", readonly [4]>, scalars?: { readonly eps?: number }): Tensor<"f32", readonly [number, 4]>;
}>("rmsNorm", "one", [$sizedPlan($rmsNorm0), $sizedPlan($rmsNorm1)]);
