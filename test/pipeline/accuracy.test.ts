/**
 * Reductions keep their accuracy whatever schedule adds them up: the short form of `npm run bench -- accuracy`, on fewer
 * elements, added up by as few lanes as any legal schedule has, in one kernel.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { DATA, OPERATIONS } from "../../bench/accuracy-cases.ts";
import { compileGraph, type CompileOptions } from "../../src/compile.ts";
import { f32, trace } from "../../src/index.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";

const LENGTH = 2 ** 17;
/** Ones are exact in any order; what is left differs from these in little. */
const NAMES = ["sorted", "alternating signs", "mean 1e4 + noise", "tenths", "a huge one among small ones"];
/**
 * Of a chain that a huge number starts, each link may lose the same part of its ulp. One lane with one number at a time has no
 * other chains beside it; the schedules that are chosen have 16 and more.
 */
const allowedFor = (name: string): number => (name.startsWith("a huge one") ? 2 : 1);

/** Chains that a row is dealt to: elements in one access times lanes that share it. */
const chainsOf = ({ vectorWidth, lanes, rowAxes }: KernelSchedule): number =>
  vectorWidth * lanes.reduce((n, l) => (rowAxes.includes(l.axis) ? n * l.lanes : n), 1);

/** The schedule with the longest chains. */
const longestChains: CompileOptions["schedule"] = (chosen, _group, { enumerate }) =>
  enumerate().reduce((a, b) => (chainsOf(b) < chainsOf(a) ? b : a), chosen);

describeGpu("on a device", () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ backend: "webgpu" });
  });
  afterAll(() => {
    device.dispose();
  });

  test.each(OPERATIONS.map((operation) => [operation.name, operation] as const))(
    "%s",
    async (_, operation) => {
      const shape = operation.shape(LENGTH);
      const { graph } = trace((x) => operation.run(x), [f32(...shape)], { locate: false });
      // Rows that fill the device are not cut into pieces.
      const profile = { ...device.profile, usefulWorkgroups: 1e-3 };
      const compiled = compileGraph(graph, { profile, schedule: longestChains, check: true });
      const program = device.load(compiled);
      for (const name of NAMES) {
        const data = DATA[name]?.(LENGTH) ?? new Float32Array(0);
        using x = device.tensor(data, shape);
        const [result] = program.run([x], {});
        const values = await result?.read();
        result?.dispose();
        expect(operation.judge(data, Float64Array.from(values ?? [])), name).toBeLessThanOrEqual(
          allowedFor(name),
        );
      }
    },
  );

  test("chains of additions are as long as a row, or as the device runs loops", () => {
    const { graph } = trace((x) => x.sum(), [f32(LENGTH)], { locate: false });
    const profile = { ...device.profile, usefulWorkgroups: 1e-3 };
    const { kernels } = compileGraph(graph, { profile, schedule: longestChains });
    const chains = kernels.map(({ schedule }) => chainsOf(schedule));
    expect(chains).toEqual(device.profile.maxLoopTurns === null ? [1] : [4]);
  });
});
