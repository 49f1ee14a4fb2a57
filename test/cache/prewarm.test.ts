/** Kernels that are compiled before anybody calls: what the last run used, found by name. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Device, f32, jit, openDevice, type OpenDeviceOptions, type TracedTensor } from "tensorweft";
import { describeGpu } from "../support/gpu.ts";
import { filesIn, newFolder } from "./support.ts";

async function open(folder: string, prewarm: OpenDeviceOptions["prewarm"]): Promise<Device> {
  const device = await openDevice({ backend: "webgpu", cache: { folder }, prewarm });
  onTestFinished(() => {
    device.dispose();
  });
  return device;
}

const compile = (device: Device, factor: number): Promise<void> =>
  jit((x: TracedTensor) => x.mul(factor), { device }).compile(f32(4));

describeGpu("prewarming", () => {
  test("compiles what the last run used, and no more", async () => {
    const folder = newFolder();
    const first = await open(folder, "app");
    expect(await first.prewarmed).toBe(0);
    for (const factor of [2, 3, 4]) await compile(first, factor);

    const second = await open(folder, "app");
    expect(await second.prewarmed).toBe(3);
    expect(second.counters.pipelines).toBe(3);
    await compile(second, 3);
    expect(second.counters.pipelines).toBe(3);
    expect(second.cache?.counters).toMatchObject({ compiles: 0, storedHits: 1 });

    const third = await open(folder, "app");
    expect(await third.prewarmed).toBe(1); // the second run used one
    await compile(third, 3);
    expect(third.counters.pipelines).toBe(1);
  });

  test("knows programs apart by name, and does nothing unless asked", async () => {
    const folder = newFolder();
    await compile(await open(folder, "app"), 2);
    for (const prewarm of ["other", true, false, undefined])
      expect(await (await open(folder, prewarm)).prewarmed).toBe(0);
    const silent = newFolder();
    await compile(await open(silent, undefined), 2);
    expect(filesIn(silent)).toHaveLength(1); // the entry, no list
  });

  test("passes over entries that are gone or damaged, and lists that are none", async () => {
    const folder = newFolder();
    const first = await open(folder, "app");
    for (const factor of [2, 3]) await compile(first, factor);
    const [entry = "", other = "", list = ""] = filesIn(folder);
    expect([entry, other, list].map((name) => name.slice(-5))).toEqual([".plan", ".plan", ".list"]);
    writeFileSync(join(folder, entry), "damaged");
    expect(await (await open(folder, "app")).prewarmed).toBe(1);
    const second = await open(folder, "app");
    await compile(second, 2);
    writeFileSync(join(folder, list), "no list");
    expect(await (await open(folder, "app")).prewarmed).toBe(0);
  });
});
