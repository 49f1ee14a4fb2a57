import { describe, expect, test } from "vitest";
import { compileGraph, lowerToIndex, optimizeGraph } from "../../../src/compile.ts";
import { argmax, f32, trace, type TracedTensor } from "../../../src/index.ts";
import { checkProgram } from "../../support/check-program.ts";
import { profileNamed } from "../../support/pipeline-golden.ts";

const PROFILE = profileNamed("nvidia");

function statementsOf(f: (x: TracedTensor) => TracedTensor): {
  reductions: number;
  terms: number;
  kernels: number;
} {
  const { graph } = trace(f, [f32(48, 40)]);
  const { axes, statements } = lowerToIndex(optimizeGraph(graph), { profile: PROFILE, check: true });
  const sizes = new Map(axes.map(({ name, size }) => [name, size]));
  const reduced = statements.filter((s) => s.reduce !== undefined);
  const lengths = reduced.map(({ reduce }) =>
    (reduce?.axes ?? []).reduce((n, axis) => n * (sizes.get(axis) ?? 0), 1),
  );
  return {
    reductions: reduced.length,
    terms: lengths.reduce((a, b) => a + b, 0),
    kernels: compileGraph(graph, { profile: PROFILE }).kernels.length,
  };
}

test("a sum of a broadcast reduces nothing, and one of something that is broadcast in part the rest of it", () => {
  expect(statementsOf((x) => x.broadcastTo([64, 48, 40]).sum({ axis: 0 }))).toEqual({
    reductions: 0,
    terms: 0,
    kernels: 1,
  });
  expect(
    statementsOf((x) =>
      x
        .broadcastTo([64, 48, 40])
        .exp()
        .sum({ axis: [0, 2] }),
    ).terms,
  ).toBe(40);
});

test("a reduction of one element is that element, wherever it stands", () => {
  const single = (x: TracedTensor): TracedTensor => x.reshape([1, 48, 1, 40]);
  expect(statementsOf((x) => single(x).max({ axis: [0, 2] }))).toEqual({
    reductions: 0,
    terms: 0,
    kernels: 1,
  });
  expect(statementsOf((x) => argmax(single(x), { axis: 2 }).add(1)).reductions).toBe(0);
  expect(statementsOf((x) => single(x).sub(single(x).mean({ axis: [0, 1, 2], keepdims: true })))).toEqual({
    reductions: 1,
    terms: 48,
    kernels: 1,
  });
});

test("reductions over axes of length 1 and without them are one", () => {
  const both = (x: TracedTensor): TracedTensor => {
    const single = x.exp().reshape([48, 1, 40]);
    return single.sum({ axis: 2 }).mul(single.sum({ axis: [1, 2], keepdims: true }).reshape([48, 1]));
  };
  expect(statementsOf(both).reductions).toBe(1);
});

test("a reduction over no elements is a constant, and what has no elements is not read", () => {
  const { graph } = trace(
    (x: TracedTensor, y: TracedTensor) => y.add(x.exp().sum({ axis: 1 })).mul(x.prod()),
    [f32(6, 0), f32(6)],
    { parameterNames: ["x", "y"], locate: false },
  );
  const { kernels } = compileGraph(graph, { profile: PROFILE, check: true });
  expect(kernels.map(({ kernel }) => kernel.bindings.map((b) => b.name))).toEqual([["y", "out0"]]);
});

test("sums of sums are one reduction", () => {
  expect(statementsOf((x) => x.sum({ axis: 1 }).sum({ axis: 0 }))).toMatchObject({
    reductions: 1,
    terms: 48 * 40,
  });
  expect(statementsOf((x) => x.sum({ axis: 0, keepdims: true }).exp().sum()).reductions).toBe(2);
});

test("their numbers are the oracle's, nan and infinities included", async () => {
  const f = (x: TracedTensor): readonly TracedTensor[] => [
    x.broadcastTo([64, 6, 10]).sum({ axis: 0 }),
    x
      .broadcastTo([64, 6, 10])
      .exp()
      .sum({ axis: [0, 2] }),
    x.broadcastTo([3, 6, 10]).max({ axis: [0, 1] }),
    x.sum({ axis: 1 }).sum({ axis: 0 }),
    x.prod({ axis: 0 }).prod({ axis: 0 }),
  ];
  const { graph } = trace(f, [f32(6, 10)], { parameterNames: ["x"], locate: false });
  const plain = Float64Array.from({ length: 60 }, (_, i) => Math.fround(Math.sin(i)));
  const odd = plain.slice();
  odd.set([Infinity, Number.NaN, -Infinity], 17);
  for (const x of [plain, odd])
    expect(
      (await checkProgram({ graph, inputs: new Map([["x", x]]) }, { profile: PROFILE })).failures,
    ).toEqual([]);
});

describe.each(["sum", "max", "prod"] as const)("a %s of what another has left stays apart", (fn) => {
  const rowsOf = (x: TracedTensor): TracedTensor => x[fn]({ axis: 1, keepdims: true }).broadcastTo([8, 8]);
  test.each<[string, (x: TracedTensor) => TracedTensor]>([
    [
      "if it is repeated along the axis that was reduced",
      (x) => x.add(rowsOf(x)[fn]({ axis: 0, keepdims: true })),
    ],
    ["if it is reduced along that axis again", (x) => x.add(rowsOf(x)[fn]())],
    [
      "if it is repeated along an axis of its own",
      (x) => {
        const repeated = rowsOf(x).broadcastTo([3, 8, 8]);
        return repeated[fn]({ axis: [0, 2] });
      },
    ],
  ])("%s", async (_, f) => {
    const { graph } = trace(f, [f32(8, 8)], { parameterNames: ["x"], locate: false });
    const x = Float64Array.from({ length: 64 }, (_, i) => Math.fround(1 + Math.sin(i) / 8));
    for (const profile of [PROFILE, profileNamed("swiftshader")])
      expect((await checkProgram({ graph, inputs: new Map([["x", x]]) }, { profile })).failures).toEqual([]);
  });
});
