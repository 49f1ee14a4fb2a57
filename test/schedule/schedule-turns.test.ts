/**
 * Loops that the device would not run to their end: no kernel that is compiled for such a device has them, whatever schedule
 * is asked for; and what is counted of a schedule is no less than what the kernel does.
 */
import { expect, test } from "vitest";
import { legalize } from "../../src/codegen/wgsl/emit-wgsl.ts";
import { compileGraph, type CompileOptions } from "../../src/compile.ts";
import { f32, layerNorm, normalize, norm, softmax, std, trace, type TracedTensor } from "../../src/index.ts";
import { countTurns } from "../../src/ir/count-turns.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { viewGroup } from "../../src/ir/group-view.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { countScheduleTurns } from "../../src/schedule/schedule-turns.ts";
import { verifySchedule } from "../../src/schedule/verify-schedule.ts";
import { describeGpu } from "../support/gpu.ts";

type Unary = (x: TracedTensor) => TracedTensor | readonly TracedTensor[];

const profileNamed = (name: string): DeviceProfile => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
};
const lavapipe = profileNamed("lavapipe");
const LIMIT = lavapipe.maxLoopTurns ?? 0;

const graphOf = (fn: Unary, shape: readonly number[]): Graph =>
  trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false }).graph;

const PROGRAMS: readonly (readonly [string, Unary, readonly number[]])[] = [
  ["columns", (x) => x.sum({ axis: 0 }), [1037, 12]],
  ["rows", (x) => softmax(x), [6, 2059]],
  ["rows of two axes", (x) => normalize(x, { axis: [0, 2] }), [257, 4, 6]],
  ["layer norm", (x) => layerNorm(x, { eps: 1e-5 }), [16, 1024]],
  ["statistics of statistics", (x) => norm(norm(x, { axis: 0 })).mul(x), [700, 40]],
  ["rows and columns", (x) => [x.sum({ axis: 0 }), x.sub(x.mean({ axis: 1, keepdims: true }))], [512, 24]],
  ["columns from pieces", (x) => normalize(x, { axis: 0 }), [20_000, 7]],
  ["transposed", (x) => x.add(x.transpose()), [48, 48]],
];

test.each(PROGRAMS)("what is counted of a schedule is an upper bound: %s", (_, fn, shape) => {
  const graph = graphOf(fn, shape);
  let compared = 0;
  for (const name of ["nvidia", "default", "swiftshader", "lavapipe"]) {
    const profile = profileNamed(name);
    let draws = 1;
    for (let draw = 0; draw < draws; draw++) {
      const schedule: CompileOptions["schedule"] = (chosen, _group, space) => {
        const all = space.candidates();
        draws = Math.max(draws, all.length);
        return all[draw] ?? chosen;
      };
      const { grouped, kernels } = compileGraph(graph, { profile, schedule, check: true });
      for (const { group, schedule, kernel } of kernels) {
        const counted = countScheduleTurns(
          viewGroup(grouped, group, { pairing: schedule.pairing }),
          schedule,
        );
        expect(countTurns(kernel), JSON.stringify(schedule)).toBeLessThanOrEqual(counted);
        expect(countTurns(legalize(kernel, profile))).toBeLessThanOrEqual(counted);
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(10);
});

const LONG: readonly (readonly [string, Unary, readonly number[]])[] = [
  ["columns", (x) => x.sum({ axis: 0 }), [300_000, 32]],
  ["few odd columns", (x) => std(x, { axis: 0 }), [1_000_003, 3]],
  ["everything", (x) => x.sum(), [16_777_216]],
  ["rows that are read again", (x) => softmax(x), [4, 1_048_576]],
  ["more such rows than fill the device", (x) => layerNorm(x), [8, 4_194_304]],
  ["columns that are read again", (x) => softmax(x, { axis: 0 }), [300_000, 64]],
  ["odd rows", (x) => std(x, { axis: 1 }), [3, 5_000_011]],
  ["a middle axis", (x) => normalize(x, { axis: 1 }), [4, 200_000, 8]],
];

test.each(LONG)("loops end where they should on lavapipe: %s", (_, fn, shape) => {
  const { kernels } = compileGraph(graphOf(fn, shape), { profile: lavapipe, check: true });
  for (const { kernel } of kernels) expect(countTurns(kernel)).toBeLessThanOrEqual(LIMIT);
});

test("no schedule beyond the limit is legal, in the space, or a candidate", () => {
  const { grouped, kernels } = compileGraph(
    graphOf((x) => x.sum({ axis: 0 }), [300_000, 32]),
    {
      profile: lavapipe,
      schedule: (chosen, _group, space) => {
        expect(space.enumerate().length).toBeGreaterThan(3);
        return chosen;
      },
    },
  );
  const [only] = kernels;
  if (only === undefined) throw new Error("there is no kernel");
  const view = viewGroup(grouped, only.group);
  const [column = ""] = view.gridAxes;
  const serial = {
    ...only.schedule,
    lanes: [{ axis: column, lanes: 4 }],
    reduction: "serial",
  } as const;
  expect(verifySchedule(view, serial, lavapipe).join()).toContain(
    "turns of loops, the device ends them after 65535",
  );
  expect(verifySchedule(view, serial, { ...lavapipe, maxLoopTurns: null })).toEqual([]);
});

describeGpu("on a device", () => {
  test("all of 300,000 long columns is added, in one walk and in two", async () => {
    using device = await openDevice({ backend: "webgpu" });
    const shape = [300_000, 8];
    using ones = device.tensor(new Float32Array(2_400_000).fill(1), shape);
    // The second walk begins where the device has counted the first.
    const deviations: Unary = (x) =>
      x
        .sub(x.mean({ axis: 0, keepdims: true }))
        .abs()
        .add(1)
        .sum({ axis: 0 });
    for (const fn of [(x: TracedTensor) => x.sum({ axis: 0 }), deviations]) {
      const compiled = compileGraph(graphOf(fn, shape), { profile: device.profile, check: true });
      const [result] = device.load(compiled).run([ones], {});
      const sums = await result?.read();
      result?.dispose();
      expect([...(sums ?? [])]).toEqual(Array.from({ length: 8 }, () => 300_000));
    }
  });
});
