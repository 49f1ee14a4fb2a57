import { describe, expect, test } from "vitest";
import { compileGraph, lowerToIndex, optimizeGraph } from "../../../src/compile.ts";
import { f32, trace, type TracedTensor } from "../../../src/index.ts";
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
