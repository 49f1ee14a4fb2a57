/** Kernels that are compiled before anybody calls: what the last run used, found by name. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Device, f32, jit, openDevice, type OpenDeviceOptions, type TracedTensor } from "tensorweft";
import type { EntryContent } from "../../src/cache/entry.ts";
import { PlanCache } from "../../src/cache/plan-cache.ts";
import type { StoredLevel } from "../../src/cache/stored-level.ts";
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

/** A place that counts how often lists are written. */
function countLists(): { readonly level: StoredLevel; readonly saved: (readonly string[])[] } {
  const saved: (readonly string[])[] = [];
  const level: StoredLevel = {
    place: "nowhere",
    problem: null,
    counts: { writes: 0, failedWrites: 0, dropped: 0, evicted: 0 },
    ready: Promise.resolve(),
    read: () => null,
    write: () => undefined,
    drop: () => undefined,
    saveList: (_name, keys) => void saved.push(keys),
    loadList: () => Promise.resolve(["no entry"]),
    flush: () => Promise.resolve(),
    close: () => undefined,
  };
  return { level, saved };
}

describe("the list of what is used", () => {
  const lookFor = (cache: PlanCache, key: string): void => {
    cache.findKept({
      key,
      tuned: { size: 0, find: () => undefined },
      accept: (content): content is EntryContent => "plan" in content,
    });
  };

  test("is written once for calls in a row, behind them, and before the place is closed", async () => {
    const { level, saved } = countLists();
    const cache = new PlanCache("build", level);
    lookFor(cache, "before the list");
    expect(await cache.startList("app", "tensorweft")).toEqual([]);
    for (const key of ["a", "b", "a", "c"]) lookFor(cache, key);
    expect(saved).toEqual([]);
    await Promise.resolve();
    expect(saved).toEqual([["a", "b", "c"]]);
    lookFor(cache, "a");
    await Promise.resolve();
    expect(saved).toHaveLength(1);
    lookFor(cache, "d");
    await cache.flush();
    expect(saved).toHaveLength(2);
    lookFor(cache, "e");
    cache.close();
    await Promise.resolve();
    expect(saved.slice(2)).toEqual([["a", "b", "c", "d", "e"]]);
  });
});

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
