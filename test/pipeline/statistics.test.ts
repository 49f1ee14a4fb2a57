/**
 * Statistics of statistics: random ones under plans of different kinds, and the norms that are made of them, which take two
 * kernels: one for the statistics of the large tensor, one whose workgroups finish these for themselves and apply them.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import { f32, norm, softmax, trace, type TracedTensor } from "../../src/index.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { findProfile, type DeviceProfile, type ProfileName } from "../../src/ir/profile.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram, type ProgramCheckOptions } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { randomStatistics } from "../support/random-statistics.ts";

const SEED = Number(process.env["TENSORWEFT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

function profileOf(name: ProfileName): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
}

const base = profileOf("default");
/** Launches cost so much that everything is repeated that can be; memory is so slow that everything is cut into pieces. */
const forced: DeviceProfile = {
  ...base,
  barrierUs: 0,
  launchUs: 1000,
  copyGBps: 1e-6,
  usefulWorkgroups: 64,
  onChipBytes: 64,
};
const fewLanes = { ...base.limits, maxComputeInvocationsPerWorkgroup: 8 };

const PLANS: Readonly<Record<string, ProgramCheckOptions>> = {
  default: { profile: base },
  nvidia: { profile: profileOf("nvidia") },
  "stages over pieces": { profile: forced, shortestPiece: 2 },
  // Stages of more points than the workgroup has lanes.
  "few lanes": { profile: { ...forced, limits: fewLanes }, shortestPiece: 2 },
  // So few workgroups fill the device that each takes several blocks, small ones at that.
  "blocks in turns": {
    profile: { ...base, barrierUs: 0, launchUs: 1000, usefulWorkgroups: 0.25, limits: fewLanes },
  },
  "a device in software": { profile: { ...forced, software: true, launchUs: 1e6 }, shortestPiece: 2 },
};

/** Checks random programs; gives how many kernels had stages, these left values in workgroup memory, and took turns. */
async function checkStatistics(
  count: number,
  options: ProgramCheckOptions,
): Promise<{ staged: number; arrays: number; turns: number }> {
  console.log(`${String(count)} random programs, TENSORWEFT_SEED=${String(SEED)}`);
  const seen = { staged: 0, arrays: 0, turns: 0 };
  await fc.assert(
    fc.asyncProperty(randomStatistics(), async (program) => {
      for (const { group, kernel, schedule } of compileGraph(program.graph, options).kernels) {
        if (group.stages.length > 0) seen.staged++;
        if (kernel.shared.length > 0) seen.arrays++;
        if (schedule.turns !== null) seen.turns++;
        // A workgroup has one coordinate of a pinned axis, so no vector runs along it.
        expect(group.pinnedAxes).not.toContain(schedule.vectorAxis);
      }
      const { failures } = await checkProgram(program, options);
      expect(failures, printGraph(program.graph)).toEqual([]);
    }),
    { numRuns: count, seed: SEED },
  );
  return seen;
}

test.each(Object.entries(PLANS))("random statistics: %s", async (plan, options) => {
  // Software devices reduce whole rows in one lane, which the interpreter takes long for.
  const { staged, arrays, turns } = await checkStatistics(options.profile.software ? 6 : 25, options);
  expect(staged).toBeGreaterThan(2);
  expect(arrays).toBeGreaterThan(0);
  if (plan === "blocks in turns") expect(turns).toBeGreaterThan(2);
});

describeGpu("on a device", () => {
  test("random statistics, with stages over pieces", async () => {
    using device = await openDevice({ backend: "webgpu" });
    const { limits, features, subgroups } = device.profile;
    const { staged } = await checkStatistics(4, {
      profile: { ...forced, limits, features, subgroups },
      device,
      shortestPiece: 2,
      interpretKernels: false,
    });
    expect(staged).toBeGreaterThan(0);
  });
});

type Norm = (x: TracedTensor) => TracedTensor;
/** Global response norm, without its gain and bias, over images whose axes lie as said. */
const responseNorm =
  (image: readonly number[], channels: number): Norm =>
  (x) => {
    const norms = norm(x, { axis: image, keepdims: true });
    return x.mul(norms.div(norms.mean({ axis: channels, keepdims: true }).add(1e-6))).add(x);
  };
const NORMS: Readonly<Record<string, readonly [Norm, readonly (readonly number[])[]]>> = {
  "global response norm, channels last": [
    responseNorm([1, 2], 3),
    [
      [8, 28, 28, 96],
      [32, 14, 14, 384],
      [1, 56, 56, 96],
    ],
  ],
  "global response norm, channels first": [
    responseNorm([2, 3], 1),
    [
      [8, 96, 28, 28],
      [32, 384, 14, 14],
      [1, 64, 56, 56],
    ],
  ],
  "softmax over the means of channels": [
    (x) => x.mul(softmax(x.mean({ axis: [1, 2], keepdims: true }), { axis: -1 })),
    [
      [8, 28, 28, 96],
      [4, 56, 56, 64],
    ],
  ],
};
const NAMES: readonly ProfileName[] = ["default", "nvidia", "apple", "intel"];

test.each(NAMES)("norms of norms take two kernels on %s", (name) => {
  const profile = profileOf(name);
  for (const [label, [fn, shapes]] of Object.entries(NORMS))
    for (const shape of shapes) {
      const { graph } = trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false });
      const { kernels, bytes } = explainCompiled(compileGraph(graph, { profile }), profile);
      expect([kernels.length, bytes.moved / bytes.floor < 1.55], `${label} ${shape.join("x")}`).toEqual([
        2,
        true,
      ]);
    }
});
