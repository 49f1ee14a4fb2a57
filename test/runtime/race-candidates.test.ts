/** The race of candidates with a stopwatch of our own: who is timed, who drops out, who wins. */
import { expect, test } from "vitest";
import type { Plan } from "../../src/ir/plan.ts";
import { createBufferSets, destroyBufferSets, type PreparedPlan } from "../../src/runtime/prepare-plan.ts";
import { chooseWinner, raceCandidates } from "../../src/runtime/race-candidates.ts";
import { readBuffer } from "../../src/runtime/read-buffer.ts";
import { ratioTo } from "../../src/runtime/statistics.ts";
import type { Stopwatch } from "../../src/runtime/stopwatch.ts";
import { describeGpu } from "../support/gpu.ts";
import { openForTest } from "./support.ts";

test("times below the clock's resolution are equal, not nan", () => {
  expect([ratioTo(0, 0), ratioTo(2, 1), ratioTo(0, 1)]).toEqual([1, 0.5, Infinity]);
});

test("a winner must be faster by more than the noise", () => {
  const steady = [1, 1, 1, 1, 1];
  expect(chooseWinner([steady, [0.9, 0.9, 0.9, 0.9, 0.9]])).toBe(1);
  expect(chooseWinner([steady, [0.99, 0.98, 0.99, 0.98, 0.99]])).toBe(0); // too little to speak of
  expect(chooseWinner([steady, [0.5, 0.9, 0.9, 1.4, 1.5]])).toBe(0); // faster by less than its spread
  expect(chooseWinner([steady, [0.9, 0.9, 0.9, 0.9, 0.9], [0.8, 0.8, 0.8, 0.8, 0.8]])).toBe(2);
  expect(chooseWinner([steady])).toBe(0);
});

const SIZE = 64;
/** A kernel that writes `value` to each element. */
const planOf = (value: string): Plan => ({
  version: 1,
  name: "fill",
  inputs: [],
  scalars: [],
  outputs: [{ name: "y", dtype: "f32", shape: [SIZE] }],
  buffers: [{ kind: "output", index: 0 }],
  kernels: [
    {
      name: "fill",
      wgsl: `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { y[i] = ${value}; }`,
      entryPoint: "main",
      bindings: [{ access: "read_write", bytes: 4 * SIZE }],
      scalars: [],
      features: [],
    },
  ],
  steps: [{ kind: "dispatch", kernel: 0, buffers: [0], workgroups: [1, 1, 1] }],
});

describeGpu("on a device", () => {
  /** Races plans whose times are given; `timed` lists positions by how often they were timed. */
  async function race(values: readonly string[], us: readonly number[]) {
    const device = await openForTest();
    const gpu = device.gpuDevice;
    if (gpu === null) throw new Error("there is no GPUDevice");
    const plans = values.map(planOf);
    const sets = createBufferSets(gpu, planOf("1.0"), 1);
    const admitted: PreparedPlan[] = [];
    const timed = new Map<number, number>();
    const order: number[] = [];
    const stopwatch: Stopwatch = {
      clock: "host",
      time: (plan) => {
        if (!admitted.includes(plan)) admitted.push(plan);
        const position = order[admitted.indexOf(plan)] ?? -1;
        timed.set(position, (timed.get(position) ?? 0) + 1);
        return Promise.resolve(us[position] ?? Number.NaN);
      },
      destroy: () => undefined,
    };
    let next = 0;
    const isRight = async (): Promise<boolean> => {
      const [output] = sets[0]?.outputs ?? [];
      if (output === undefined) return false;
      const data = new Float32Array(await readBuffer(gpu, output, 4 * SIZE));
      while (values[next] === "broken") next++;
      const right = data.every((value) => value === 1);
      if (right) order.push(next);
      next++;
      return right;
    };
    const outcome = await raceCandidates(plans, { gpu, stopwatch, sets, isRight });
    destroyBufferSets(sets);
    return { outcome, timed };
  }

  test("what is wrong or does not compile is never timed, however fast it would be", async () => {
    const { outcome, timed } = await race(["1.0", "2.0", "broken", "1.0 + 0.0"], [4000, 1, 1, 3000]);
    expect(outcome).toEqual({
      best: 3,
      standardUs: 4000,
      bestUs: 3000,
      bestRatio: 0.75,
      rejected: 2,
      ratios: [1, null, null, 0.75],
    });
    expect([...timed.keys()].sort()).toEqual([0, 3]);
  });

  test("results of an earlier plan do not pass for those of one that writes nothing", async () => {
    const { outcome } = await race(["1.0", "y[i]"], [4000, 1]);
    expect(outcome).toMatchObject({ best: 0, rejected: 1 });
  });

  test("a plan that is three times slower drops out; others run at least five times", async () => {
    const { outcome, timed } = await race(["1.0", "0.0 + 1.0", "1.0 * 1.0"], [4000, 50_000, 3900]);
    expect(outcome).toMatchObject({ best: 0, rejected: 0 }); // 2.5 % is no gain
    expect(timed.get(1)).toBeLessThan(5);
    expect(timed.get(2)).toBeGreaterThanOrEqual(5);
    expect(timed.get(0)).toBeGreaterThanOrEqual(5 + 9);
  });

  test("without a right standard there is no race", async () => {
    const { outcome, timed } = await race(["3.0", "1.0"], [1, 1]);
    expect(outcome).toBeNull();
    expect(timed.size).toBe(0);
  });
});
