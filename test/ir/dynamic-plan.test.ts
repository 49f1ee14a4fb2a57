/** Plans for a size, and the text of kernels that many sizes share. */
import { expect, test } from "vitest";
import { type DynamicPlan, planAt } from "../../src/ir/dynamic-plan.ts";
import { parseKernel } from "../../src/ir/parse-kernel.ts";
import { printKernel } from "../../src/ir/print-kernel.ts";

/** Rows of 3, two to a workgroup, and two workgroups side by side; the kernel also reads a table of 5. */
const DYNAMIC: DynamicPlan = {
  plan: {
    version: 1,
    name: "f",
    inputs: [
      { name: "x", dtype: "f32", shape: [101, 3] },
      { name: "w", dtype: "f32", shape: [5] },
    ],
    scalars: [],
    outputs: [{ name: "y", dtype: "f16", shape: [1, 202] }],
    buffers: [
      { kind: "input", index: 0 },
      { kind: "input", index: 1 },
      { kind: "output", index: 0 },
      { kind: "temporary", bytes: 1616 },
      { kind: "temporary", bytes: 32 },
    ],
    kernels: [
      {
        name: "k",
        wgsl: "",
        entryPoint: "main",
        bindings: [
          { access: "read", bytes: 1216 },
          { access: "read", bytes: 32 },
          { access: "read_write", bytes: 1616 },
        ],
        scalars: [{ name: "size", dtype: "u32" }],
        features: [],
      },
    ],
    steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1, 3], workgroups: [102, 1, 1] }],
  },
  least: 1,
  most: 1000,
  inputs: [[1, 0], [0]],
  outputs: [[0, 2]],
  temporaries: [0, 0, 0, 16, 0],
  bindings: [[12, 0, 16]],
  steps: [{ steps: 1, perWorkgroup: 2, others: 2 }],
  mostWorkgroups: 10,
};

test("shapes, bytes, workgroups and the scalar of a dispatch follow the size", () => {
  const plan = planAt(DYNAMIC, 7);
  expect(plan.inputs.map(({ shape }) => shape)).toEqual([[7, 3], [5]]);
  expect(plan.outputs.map(({ shape }) => shape)).toEqual([[1, 14]]);
  expect(plan.buffers.slice(3)).toEqual([
    { kind: "temporary", bytes: 112 },
    { kind: "temporary", bytes: 32 },
  ]);
  expect(plan.kernels[0]?.bindings.map(({ bytes }) => bytes)).toEqual([96, 32, 112]);
  expect(plan.steps).toMatchObject([{ workgroups: [8, 1, 1], values: [7] }]);
  // 12 workgroups, of which one dimension takes 10.
  expect(planAt(DYNAMIC, 11).steps).toMatchObject([{ workgroups: [6, 2, 1], values: [11] }]);
  expect(() => planAt(DYNAMIC, 1001)).toThrow("no plan for the size 1001");
});

test("kernels and bindings that are open say so in their text", () => {
  const text = `kernel @double size=64 count=1000 grid=[1000,1,1] open {
  binding %x: f32[64000] width=1 read open
  binding %y: f32[64000] width=1 read_write open
  scalar %size: u32
  let %i = ((workgroup * 64) + lane)
  if lt(%i, uniform %size) {
    load %v: f32 = %x[%i]
    store %y[%i] = add(%v, %v)
  }
}
`;
  const kernel = parseKernel(text);
  expect([kernel.isOpen, kernel.bindings.map(({ isOpen }) => isOpen)]).toEqual([true, [true, true]]);
  expect(printKernel(kernel)).toBe(text);
});
