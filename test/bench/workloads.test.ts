/** Every workload compiles for every kind of device, and its figures make sense. */
import { expect, test } from "vitest";
import { explainWorkload } from "../../src/bench/explain-workload.ts";
import { printShape } from "../../src/bench/workload.ts";
import { WORKLOADS } from "../../src/bench/workloads.ts";
import { compileGraph } from "../../src/compile.ts";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";

const labels = WORKLOADS.map(({ name, shape }) => `${name} ${printShape(shape)}`);

test("workloads are told apart by name and shape", () => {
  expect(new Set(labels).size).toBe(labels.length);
});

test("a quick shape has the rank of the full one and fewer elements", () => {
  const size = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);
  for (const { shape, quickShape } of WORKLOADS) {
    expect(quickShape).toHaveLength(shape.length);
    expect(size(quickShape)).toBeLessThan(size(shape));
  }
});

for (const profileName of PROFILE_NAMES)
  test(`all compile for ${profileName}, and move no less than their floor`, () => {
    const profile = findProfile(profileName);
    if (profile === undefined) throw new Error(`no profile ${profileName}`);
    for (const { name, lower, quickShape } of WORKLOADS) {
      const graph = lower(quickShape);
      compileGraph(graph, { profile, check: true });
      const { fused, unfused } = explainWorkload(graph, profile);
      expect(fused.dispatches, name).toBeGreaterThan(0);
      // More kernels are fine (a long reduction is split), more traffic is not: partials stay within 5 %.
      expect(fused.bytesMoved, name).toBeLessThanOrEqual(unfused.bytesMoved * 1.05);
      expect(fused.bytesMoved, name).toBeGreaterThanOrEqual(fused.bytesFloor);
      expect(fused.bytesFloor, name).toBe(unfused.bytesFloor);
    }
  });
