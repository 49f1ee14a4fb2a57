/**
 * Which columns share an invocation, and which rows a turn of its walk. That sharing one changes no result is what the random
 * programs of test/pipeline find.
 */
import { describe, expect, test } from "vitest";
import { compileGraph, f32, norm, softmax, trace, variance, type TracedTensor } from "../../src/index.ts";
import type { Compiled } from "../../src/compile.ts";
import { findProfile } from "../../src/ir/profile.ts";

type Program = (x: TracedTensor) => TracedTensor;

const norms: Program = (x) => x.mul(x).sum({ axis: 0 }).sqrt();
const normalized: Program = (x) => x.div(x.abs().max({ axis: 0, keepdims: true }));

const middleNorms: Program = (x) => norm(x, { axis: [0, 2], keepdims: true });
const middle: Program = (x) => x.div(middleNorms(x));

function compile(fn: Program, shape: readonly number[], profileName: string): Compiled {
  const profile = findProfile(profileName);
  if (profile === undefined) throw new Error(`no profile ${profileName}`);
  const { graph } = trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false });
  return compileGraph(graph, { profile, check: true });
}

const farWalksOf = (fn: Program, shape: readonly number[], profile: string): readonly unknown[] =>
  compile(fn, shape, profile).kernels.map(({ schedule }) => [schedule.coarsening, schedule.unroll]);

const coarseningOf = (fn: Program, shape: readonly number[], profile: string): readonly number[] =>
  compile(fn, shape, profile).kernels.map(({ schedule }) => schedule.coarsening);

describe("on the software device", () => {
  test.each<readonly [string, Program, readonly number[], readonly [number, number]]>([
    ["norms of the columns of a large matrix", norms, [8192, 1024], [2, 4]],
    ["rows of which two span many pages", norms, [2048, 4096], [4, 1]],
    ["rows of which four do", norms, [4096, 2048], [2, 2]],
    ["columns that are read again to be scaled", normalized, [4096, 768], [2, 4]],
    [
      "a middle axis, whose exponentials take longer than loads",
      (x) => softmax(x, { axis: 1 }),
      [32, 197, 768],
      [2, 1],
    ],
    ["short runs far apart", middle, [1024, 1024, 7], [4, 1]],
    ["runs that vectors divide", middle, [512, 256, 16], [1, 1]],
    ["rows of less than half a page", norms, [32768, 256], [1, 1]],
    ["a matrix that stays in the caches", norms, [256, 1024], [1, 1]],
    ["rows", (x) => softmax(x, { axis: -1 }), [4096, 1024], [1, 1]],
    ["moments, which take all registers", (x) => variance(x, { axis: 0 }), [8192, 1024], [1, 4]],
    ["columns that vectors do not divide", norms, [8192, 1023], [4, 2]],
  ])("%s", (_, fn, shape, expected) => {
    expect(farWalksOf(fn, shape, "swiftshader")).toEqual([expected]);
  });

  test("as many invocations as a subgroup has, however few columns are left", () => {
    for (const columns of [528, 576, 592, 1024]) {
      const [kernel] = compile(norms, [8192, columns], "swiftshader").kernels;
      if (kernel === undefined) throw new Error("there is no kernel");
      const lanes = kernel.schedule.lanes.reduce((n, l) => n * l.lanes, 1);
      expect(kernel.dispatched.workgroupSize * kernel.schedule.coarsening).toBe(lanes);
      expect(kernel.dispatched.workgroupSize % 4).toBe(0);
    }
  });
});

test.each<readonly [string, readonly number[], string]>([
  ["short runs far apart have a lane for each row", [512, 256, 16], "serial"],
  ["runs of half a kilobyte as well", [256, 64, 128], "serial"],
  ["longer runs are shared", [64, 64, 512], "subgroup"],
  ["short runs side by side are shared", [64, 4, 64], "subgroup"],
])("%s", (_, shape, reduction) => {
  for (const profile of ["swiftshader", "lavapipe"])
    expect(compile(middleNorms, shape, profile).kernels.map(({ schedule }) => schedule.reduction)).toEqual([
      reduction,
    ]);
});

test("subgroups of eight share columns where their rows are few pages, and take runs far apart four at a time", () => {
  const lanesOf = (fn: Program, shape: readonly number[]): readonly unknown[] =>
    compile(fn, shape, "lavapipe").kernels.map(({ schedule }) => [schedule.reduction, schedule.coarsening]);
  expect(lanesOf(norms, [16384, 512])).toEqual([["subgroup", 1]]);
  expect(lanesOf(norms, [8192, 1024])).toEqual([["serial", 4]]);
  expect(lanesOf(middleNorms, [1024, 1024, 7])).toEqual([["serial", 4]]);
  // Runs that wait to be divided are kept, in as many lanes as that takes.
  expect(lanesOf(middle, [1024, 1024, 7])).toEqual([["subgroup", 1]]);
});

test.each(["default", "nvidia", "apple", "intel"])("never on hardware: %s", (profile) => {
  for (const fn of [norms, normalized])
    for (const n of coarseningOf(fn, [8192, 1024], profile)) expect(n).toBe(1);
});
