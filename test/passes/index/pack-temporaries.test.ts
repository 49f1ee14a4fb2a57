import { expect, test } from "vitest";
import { compileGraph, type Compiled } from "../../../src/compile.ts";
import { f32, trace, type TracedTensor } from "../../../src/index.ts";
import { indexAxis } from "../../../src/ir/index-expr.ts";
import { verifyIndexProgram } from "../../../src/ir/verify-index.ts";
import { checkProgram } from "../../support/check-program.ts";
import { profileNamed } from "../../support/pipeline-golden.ts";

const PROFILE = { ...profileNamed("default"), onChipBytes: 64, launchUs: 1000, usefulWorkgroups: 4096 };
const limited = (most: number): typeof PROFILE => ({
  ...PROFILE,
  limits: { ...PROFILE.limits, maxStorageBuffersPerShaderStage: most },
});

/** Nine statistics of columns, all of which one kernel applies: eleven buffers where each has its own. */
function applyStatistics(x: TracedTensor): TracedTensor {
  let result = x;
  for (let power = 1; power <= 9; power++)
    result = result.mul(x.mul(power).sin().sum({ axis: 0, keepdims: true })).add(power);
  return result;
}
const graph = trace(applyStatistics, [f32(300, 20)], { parameterNames: ["x"], locate: false }).graph;
const compile = (most: number): Compiled => compileGraph(graph, { profile: limited(most), check: true });
const temporaries = ({ grouped }: Compiled): readonly string[] =>
  grouped.program.tensors.filter((t) => t.role === "temporary").map((t) => t.name);

test("statistics share one buffer where the device binds few, and take no more kernels", () => {
  const [wide, narrow] = [compile(16), compile(8)];
  expect(temporaries(wide)).toHaveLength(9);
  expect(temporaries(narrow)).toHaveLength(1);
  expect(narrow.kernels).toHaveLength(wide.kernels.length);
  expect(verifyIndexProgram(narrow.grouped.program)).toEqual([]);
  const pack = narrow.grouped.program.tensors.find((t) => t.role === "temporary");
  // 20 numbers each; parts start at whole sectors.
  expect(pack?.shape).toEqual([8 * 24 + 20]);
});

test("the numbers are the oracle's", async () => {
  const x = Float64Array.from({ length: 300 * 20 }, (_, i) => Math.fround(Math.sin(i) / 64));
  const { failures } = await checkProgram({ graph, inputs: new Map([["x", x]]) }, { profile: limited(8) });
  expect(failures).toEqual([]);
});

test("a program whose parts overlap, or leave a gap within themselves, is refused", () => {
  const { program } = compile(8).grouped;
  const [first, second] = program.stores.filter((s) => s.tensor.startsWith("tmp_"));
  if (first === undefined || second === undefined) throw new Error("nothing is packed");
  const stores = program.stores.map((s) => (s === second ? { ...s, index: first.index } : s));
  expect(verifyIndexProgram({ ...program, stores })).toEqual([
    `store of ${second.statement} to ${first.tensor} overlaps another`,
  ]);
});

test("a store along an axis that is none is reported like any other mistake", () => {
  const { program } = compile(8).grouped;
  const [first, ...others] = program.stores;
  if (first === undefined) throw new Error("nothing is stored");
  const stores = [{ ...first, index: indexAxis("nowhere") }, ...others];
  expect(verifyIndexProgram({ ...program, stores })).toEqual([
    `store of ${first.statement} to ${first.tensor} uses axes that it does not have`,
  ]);
});
