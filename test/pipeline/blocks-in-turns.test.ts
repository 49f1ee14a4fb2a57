/**
 * Kernels whose workgroups all need the same few sums (of pieces that an earlier kernel has left) find these once, and then
 * take several blocks of points: they read little of the pieces again.
 */
import { expect, test } from "vitest";
import { compileGraph, type CompileOptions } from "../../src/compile.ts";
import { f32, layerNorm, normalize, softmax, trace, weightNorm, type TracedTensor } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { viewGroup } from "../../src/ir/group-view.ts";
import { findProfile, type DeviceProfile, type ProfileName } from "../../src/ir/profile.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { randomInputs } from "../support/random-values.ts";

function profileOf(name: ProfileName): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
}

type Norm = (x: TracedTensor) => TracedTensor;
const graphOf = (fn: Norm, shape: readonly number[]): Graph =>
  trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false }).graph;

/** The last block of a turn is full in some of them and not in others. */
const PROGRAMS: readonly (readonly [string, Norm, readonly number[]])[] = [
  ["odd columns", (x) => normalize(x, { axis: 0 }), [640, 7]],
  ["columns that are vectors", (x) => normalize(x, { axis: 0 }), [512, 16]],
  ["a whole tensor", (x) => normalize(x, { axis: [0, 1] }), [30, 30]],
  ["rows that are cut", (x) => softmax(x), [2, 1000]],
  ["moments", (x) => layerNorm(x), [3, 1024]],
];

/** What is cut into pieces where memory is so slow. */
const cut = (profile: DeviceProfile): CompileOptions => ({
  profile: {
    ...profile,
    launchUs: 0,
    copyGBps: 1e-3,
    onChipBytes: 64,
    usefulWorkgroups: 8,
    limits: profile.software ? profile.limits : { ...profile.limits, maxComputeInvocationsPerWorkgroup: 16 },
  },
  shortestPiece: 2,
});

/** As `cut` has it, and three blocks in turn wherever workgroups repeat a reduction; and the names of these kernels. */
function inTurns(
  graph: Graph,
  profile: DeviceProfile,
): { options: CompileOptions; names: readonly string[] } {
  const { grouped, kernels } = compileGraph(graph, cut(profile));
  const axes = new Map<string, string>();
  for (const { group } of kernels) {
    const [axis] = viewGroup(grouped, group).helperAxes;
    if (axis !== undefined && group.stages.length === 0) axes.set(group.name, axis);
  }
  const schedule: CompileOptions["schedule"] = (chosen, group) => {
    const axis = axes.get(group.name);
    return axis === undefined ? chosen : { ...chosen, turns: { axis, count: 3 } };
  };
  return { options: { ...cut(profile), schedule }, names: [...axes.keys()] };
}

test.each(["default", "nvidia", "swiftshader"] as const)("what blocks in turn compute, %s", async (name) => {
  let kernels = 0;
  for (const [label, fn, shape] of PROGRAMS) {
    const graph = graphOf(fn, shape);
    const { options, names } = inTurns(graph, profileOf(name));
    kernels += names.length;
    const { failures } = await checkProgram({ graph, inputs: randomInputs(graph, 7) }, options);
    expect(failures, label).toEqual([]);
  }
  expect(kernels).toBeGreaterThan(1);
});

describeGpu("on a device", () => {
  test("what blocks in turn compute", async () => {
    using device = await openDevice({ backend: "webgpu" });
    for (const [label, fn, shape] of PROGRAMS) {
      const graph = graphOf(fn, shape);
      const { options } = inTurns(graph, device.profile);
      const run = { ...options, device, interpretKernels: false };
      const { failures } = await checkProgram({ graph, inputs: randomInputs(graph, 7) }, run);
      expect(failures, label).toEqual([]);
    }
  });
});

test("each workgroup reads fewer pieces than it scales elements, by far", () => {
  const { graph } = trace(
    (v: TracedTensor, g: TracedTensor) => weightNorm(v, g, { dim: 2 }),
    [f32(1024, 1024, 7), f32(1, 1, 7)],
  );
  for (const name of ["default", "nvidia", "swiftshader"] as const) {
    const { kernels } = compileGraph(graph, { profile: profileOf(name) });
    expect(kernels, name).toHaveLength(2);
    const [pieces, scaled] = kernels.map(({ kernel }) => kernel);
    const repeated = (scaled?.workgroupCount ?? 0) * 7 * ((pieces?.workgroupCount ?? 0) + 1);
    expect(repeated, name).toBeLessThan((1024 * 1024 * 7) / 3);
  }
});
