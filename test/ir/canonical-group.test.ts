/** Names of groups: the same for equal work in different programs, another for other shapes, dtypes or formulas. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { f16, f32, trace, type TracedTensor } from "../../src/index.ts";
import { canonicalizeGroup } from "../../src/ir/canonical-group.ts";
import type { TensorType } from "../../src/ir/dtype.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { isolateGroups } from "../../src/passes/index/isolate-groups.ts";

const profile = findProfile("default");
if (profile === undefined) throw new Error("there is no profile default");

const textsOf = (
  fn: (...tensors: TracedTensor[]) => TracedTensor | readonly TracedTensor[],
  ...types: readonly TensorType[]
): readonly string[] => {
  const { graph } = trace(fn, types, { locate: false });
  const { grouped } = compileGraph(graph, { profile });
  return isolateGroups(grouped).map(({ program, group }) => canonicalizeGroup(program, group).text);
};
const norm = (x: TracedTensor): TracedTensor => x.div(x.mul(x).sum({ axis: -1, keepdims: true }).sqrt());

test("the text of a norm", () => {
  expect(textsOf(norm, f32(8, 64))).toEqual([
    [
      "index group {",
      "  axes a0=8 a1=64",
      "  input x0: f32[8,64]",
      "  output x1: f32[8,64]",
      "  s0[a0]: f32 = sum(a1) x0[64*a0 + a1] * x0[64*a0 + a1]",
      "  s1[a0]: f32 = rsqrt(s0[a0])",
      "  s2[a0,a1]: f32 = x0[64*a0 + a1] * s1[a0]",
      "  store s2 -> x1[64*a0 + a1]",
      "}",
      "grid a0",
    ].join("\n"),
  ]);
});

test("equal groups of different programs have one text", () => {
  const [alone] = textsOf(norm, f32(8, 64));
  const beside = textsOf((a, x) => [a.exp(), norm(x)], f32(3), f32(8, 64));
  expect(beside).toContain(alone);
});

test("other shapes, dtypes and formulas have other texts", () => {
  const texts = [
    ...textsOf(norm, f32(8, 64)),
    ...textsOf(norm, f32(8, 65)),
    ...textsOf(norm, f16(8, 64)),
    ...textsOf((x) => x.div(x.mul(x).sum({ axis: 0, keepdims: true }).sqrt()), f32(8, 64)),
    ...textsOf((x) => x.div(x.abs().sum({ axis: -1, keepdims: true }).sqrt()), f32(8, 64)),
  ];
  expect(new Set(texts).size).toBe(5);
});
