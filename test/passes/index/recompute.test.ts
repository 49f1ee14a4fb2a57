import { expect, test } from "vitest";
import { compileGraph, type Compiled } from "../../../src/compile.ts";
import { f32, gelu, layerNorm, trace, type TracedTensor } from "../../../src/index.ts";
import type { ProfileName } from "../../../src/ir/profile.ts";
import { profileNamed } from "../../support/pipeline-golden.ts";

type Layer = (x: TracedTensor, weight: TracedTensor, bias: TracedTensor) => TracedTensor;

function compileLayers(
  layer: Layer,
  count: number,
  [rows, length]: [number, number],
  name: ProfileName,
): Compiled {
  const { graph } = trace(
    (x, ...p) =>
      Array.from({ length: count }).reduce<TracedTensor>(
        (y, _, i) => layer(y, at(p, 2 * i), at(p, 2 * i + 1)),
        x,
      ),
    [f32(rows, length), ...Array.from({ length: 2 * count }, () => f32(length))],
  );
  return compileGraph(graph, { profile: profileNamed(name) });
}

function at<T>(list: readonly T[], i: number): T {
  const found = list[i];
  if (found === undefined) throw new Error(`no element ${String(i)}`);
  return found;
}

const norm: Layer = (x, weight, bias) => layerNorm(x, { normalizedShape: [x.shape[1] ?? 0], weight, bias });
const residual: Layer = (x, weight, bias) => x.add(gelu(norm(x, weight, bias).mul(weight).add(bias)));

/** Calls of ndtr on one row element: texts of all loops are counted, and each loop walks the row once. */
const countNdtr = ({ kernels }: Compiled): number =>
  kernels.reduce((sum, { emitted }) => sum + (emitted.wgsl.match(/(?<!fn )tw_ndtr_x4\(/g) ?? []).length, 0);

test("on a CPU a chain of residual blocks computes each ndtr once, since walks over a row compute anew what they need", () => {
  for (const count of [2, 6, 12]) {
    const compiled = compileLayers(residual, count, [64, 256], "swiftshader");
    expect(countNdtr(compiled)).toBe(count);
    expect(compiled.kernels).toHaveLength(count);
  }
});

test("what is cheaper to repeat than to store stays in one kernel", () => {
  expect(compileLayers(norm, 2, [64, 256], "swiftshader").kernels).toHaveLength(1);
  expect(compileLayers(residual, 1, [64, 256], "swiftshader").kernels).toHaveLength(1);
});

test("hardware keeps rows in registers: as many blocks share a kernel as it binds buffers for", () => {
  expect(compileLayers(residual, 6, [64, 256], "nvidia").kernels).toHaveLength(1);
});

test("equal layers share a text, whatever their tensors are called: twelve blocks are three kernels to compile", () => {
  const { plan, kernels } = compileLayers(residual, 12, [64, 256], "swiftshader");
  expect(kernels).toHaveLength(12);
  expect(plan.kernels).toHaveLength(3);
  expect(plan.steps).toHaveLength(12);
  const bound = plan.steps.map((step) => (step.kind === "dispatch" ? step.buffers.join() : ""));
  expect(new Set(bound).size).toBe(12);
});
