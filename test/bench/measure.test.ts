/** Measuring on a device: the copy copies, what is measured is finite, and both clocks serve. No time is asserted. */
import { expect, test } from "vitest";
import { readBuffer } from "../../src/runtime/read-buffer.ts";
import { COPY_FORMS, planCopy } from "../../src/bench/copy-plan.ts";
import { measureWorkload, savedShare } from "../../src/bench/measure-workload.ts";
import { createBufferSets, destroyBufferSets, preparePlan } from "../../src/runtime/prepare-plan.ts";
import { createHostStopwatch, createStopwatch } from "../../src/runtime/stopwatch.ts";
import { WORKLOADS } from "../../src/bench/workloads.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";

test("time saved is held against the copy of the bytes saved, round by round", () => {
  // Two floors saved: a copy of 100 us each time, but in the last round, when everything took twice as long.
  const rounds = { fused: [100, 100, 200], unfused: [260, 260, 520], copy: [100, 100, 200] };
  const share = (fused: number, unfused: number): number | null =>
    savedShare({ bytesMoved: fused, bytesFloor: 1000 }, { bytesMoved: unfused }, rounds);
  expect(share(1000, 3000)).toBeCloseTo(0.8, 10);
  expect(share(1000, 1005)).toBeNull();
  expect(share(1000, 900)).toBeNull();
  expect(savedShare({ bytesMoved: 0, bytesFloor: 0 }, { bytesMoved: 10 }, rounds)).toBeNull();
});

describeGpu("benchmark", (gpu) => {
  const now = (): number => performance.now();

  test("every form of the copy copies every byte", async () => {
    const { device } = gpu();
    for (const form of COPY_FORMS)
      for (const vectors of [1, 63, 1000, 20_001]) {
        const plan = planCopy(vectors * 32, form, device.limits);
        const sets = createBufferSets(device, plan, 1);
        const prepared = await preparePlan(device, plan, sets);
        const encoder = device.createCommandEncoder();
        prepared.record(encoder, 1);
        device.queue.submit([encoder.finish()]);
        const [set] = sets;
        const [input, output] = [set?.inputs[0], set?.outputs[0]];
        if (input === undefined || output === undefined) throw new Error("the copy has no buffers");
        const copied = new Uint32Array(await readBuffer(device, output, vectors * 16));
        expect(copied).toEqual(new Uint32Array(await readBuffer(device, input, vectors * 16)));
        destroyBufferSets(sets);
      }
  });

  test("a copy too large for one row of workgroups takes several", () => {
    const plan = planCopy(
      2 ** 20,
      { workgroupSize: 64, vectorsPerInvocation: 1 },
      { maxComputeWorkgroupsPerDimension: 100 },
    );
    expect(plan.steps).toMatchObject([{ workgroups: [100, 6, 1] }]);
  });

  for (const [clock, create] of [
    ["the device's clock", createStopwatch],
    ["the host's clock", createHostStopwatch],
  ] as const)
    test(`a workload is measured by ${clock}`, async () => {
      const { device: gpuDevice } = gpu();
      const device = await openDevice({ gpuDevice });
      const stopwatch = create(gpuDevice, now);
      const workload = WORKLOADS.find(({ name }) => name === "softmax");
      if (workload === undefined) throw new Error("no softmax among the workloads");
      const measured = await measureWorkload(
        { name: "softmax", shape: "small", graph: workload.lower([16, 64]) },
        {
          device,
          gpu: gpuDevice,
          stopwatch,
          now,
          rounds: 2,
          copyForm: { workgroupSize: 64, vectorsPerInvocation: 1 },
        },
      );
      expect(measured.fused.time.rounds).toHaveLength(2);
      expect(measured.fused.dispatches).toBeLessThan(measured.unfused.dispatches);
      // Ratios are left alone: after a stall of the machine a sample this small may be shorter than a tick of the clock.
      for (const median of [
        measured.fused.time.us.median,
        measured.unfused.time.us.median,
        measured.hostUs.median,
      ]) {
        expect(Number.isFinite(median)).toBe(true);
        expect(median).toBeGreaterThanOrEqual(0);
      }
      stopwatch.destroy();
      device.dispose();
    });
});
