import { describe, expect, test } from "vitest";
import type { Plan, PlanKernel, PlanStep } from "../../src/ir/plan.ts";
import { compareInterfaces, verifyPlan } from "../../src/ir/verify-plan.ts";

const kernel: PlanKernel = {
  name: "k",
  wgsl: "",
  entryPoint: "main",
  bindings: [
    { access: "read", bytes: 64 },
    { access: "read_write", bytes: 64 },
  ],
  scalars: [{ name: "eps", dtype: "f32" }],
  features: [],
};
const first = { kind: "dispatch", kernel: 0, buffers: [0, 1], workgroups: [1, 1, 1] } as const;
const second = { ...first, buffers: [1, 2] } as const;

/** x -> temporary -> y, 16 elements each. */
const good: Plan = {
  version: 1,
  name: "f",
  inputs: [{ name: "x", dtype: "f32", shape: [16] }],
  scalars: [{ name: "eps", dtype: "f32", default: 0.5 }],
  outputs: [{ name: "y", dtype: "f32", shape: [16] }],
  buffers: [
    { kind: "input", index: 0 },
    { kind: "temporary", bytes: 64 },
    { kind: "output", index: 0 },
  ],
  kernels: [kernel],
  steps: [first, second],
};

const withSteps = (...steps: readonly PlanStep[]): Plan => ({ ...good, steps });
const copy = (from: number, to: number, bytes: number): PlanStep => ({ kind: "copy", from, to, bytes });

test("a sound plan has no problems", () => {
  expect(verifyPlan(good)).toEqual([]);
  expect(verifyPlan(withSteps(copy(0, 2, 64)))).toEqual([]);
});

describe("one fault at a time", () => {
  const faults: Readonly<Record<string, readonly [plan: Plan, problem: string]>> = {
    version: [{ ...good, version: 2 as 1 }, "version 2 is not 1"],
    "equal names": [
      { ...good, scalars: [...good.scalars, { name: "x", dtype: "f32" }] },
      "two inputs are called x",
    ],
    rank: [
      { ...good, inputs: [{ name: "x", dtype: "f32", shape: [16, 1, 1, 1, 1, 1, 1, 1, 1] }] },
      "x has rank 9, more than 8",
    ],
    default: [
      { ...good, scalars: [{ name: "eps", dtype: "f32", default: 0.1 }] },
      "the default 0.1 of eps is no f32",
    ],
    "a buffer of no tensor": [
      { ...good, buffers: [...good.buffers, { kind: "input", index: 7 }] },
      "buffer 3 names no tensor",
    ],
    "two buffers of a tensor": [
      { ...good, buffers: [...good.buffers, { kind: "output", index: 0 }] },
      "output 0 has two buffers",
    ],
    "no kernel": [withSteps(first, { ...second, kernel: 4 }), "step 1: there is no kernel 4"],
    "no buffer": [
      withSteps(first, { ...second, buffers: [9, 2] }),
      "step 1: binding 0 needs 64 bytes from 0, its buffer has -1",
    ],
    "too few buffers": [withSteps(first, { ...second, buffers: [1] }), "step 1: 1 buffers for 2 bindings"],
    "a small buffer": [
      { ...good, outputs: [{ name: "y", dtype: "f32", shape: [8] }] },
      "step 1: binding 1 needs 64 bytes from 0, its buffer has 32",
    ],
    offset: [
      withSteps(first, { ...second, offsets: [4, 0] }),
      "step 1: binding 0 starts at 4, no multiple of 256",
    ],
    offsets: [withSteps(first, { ...second, offsets: [0] }), "step 1: 1 offsets for 2 bindings"],
    values: [withSteps(first, { ...second, values: [1, 2] }), "step 1: 2 values for 1 scalars of the kernel"],
    scalar: [{ ...good, scalars: [{ name: "eps", dtype: "i32" }] }, "step 0: there is no scalar f32 eps"],
    "an input that is written": [withSteps(first, second, copy(2, 0, 64)), "step 2: writes an input"],
    "an input that is bound for writing": [
      withSteps(first, second, { ...first, buffers: [1, 0] }),
      "step 2: binding 1 writes an input",
    ],
    "a buffer twice": [
      withSteps(first, second, { ...first, buffers: [1, 1] }),
      "step 2: buffer 1 is written and bound twice",
    ],
    "a read of nothing": [withSteps(second), "step 0: reads buffer 1 before anything is written to it"],
    "a result that nobody writes": [withSteps(first), "output 0 is never written"],
    "a copy that is too long": [withSteps(first, copy(1, 2, 68)), "step 1: 68 bytes exceed buffer 1"],
    "a copy of parts of words": [withSteps(first, copy(1, 2, 62)), "step 1: 62 bytes are no multiple of 4"],
    "a copy to itself": [withSteps(first, second, copy(2, 2, 64)), "step 2: copies buffer 2 to itself"],
  };
  test.each(Object.entries(faults))("%s", (_, [plan, problem]) => {
    expect(verifyPlan(plan)).toContain(problem);
  });
});

describe("interfaces", () => {
  const others: Readonly<Record<string, Plan>> = {
    name: { ...good, name: "g" },
    "an input's name": { ...good, inputs: [{ name: "z", dtype: "f32", shape: [16] }] },
    "an input's dtype": { ...good, inputs: [{ name: "x", dtype: "i32", shape: [16] }] },
    "an input's shape": { ...good, inputs: [{ name: "x", dtype: "f32", shape: [4, 4] }] },
    "one more input": { ...good, inputs: [...good.inputs, ...good.inputs] },
    "a default": { ...good, scalars: [{ name: "eps", dtype: "f32", default: 0.25 }] },
    "no default": { ...good, scalars: [{ name: "eps", dtype: "f32" }] },
    "a result's shape": { ...good, outputs: [{ name: "y", dtype: "f32", shape: [15] }] },
    "no result": { ...good, outputs: [] },
  };
  test.each(Object.entries(others))("differ in %s", (_, plan) => {
    expect(compareInterfaces(plan, good)).toHaveLength(1);
  });

  test("0 and -0 are different defaults", () => {
    const plan = (value: number): Plan => ({
      ...good,
      scalars: [{ name: "eps", dtype: "f32", default: value }],
    });
    expect(compareInterfaces(plan(-0), plan(0))).toHaveLength(1);
    expect(compareInterfaces(plan(Number.NaN), plan(Number.NaN))).toEqual([]);
  });
});
