/** The cache as programs see it: devices one after another over one folder. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type CacheOptions,
  type Device,
  f32,
  jit,
  openDevice,
  type Tensor,
  type TracedTensor,
} from "tensorweft";
import { printEntryFile } from "../../src/cache/entry-file.ts";
import { readAnyEntry } from "../../src/cache/entry.ts";
import type { Plan } from "../../src/ir/plan.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { printPlan } from "../../src/ir/read-plan.ts";
import { loadText } from "../../src/text.ts";
import { describeGpu } from "../support/gpu.ts";
import { filesIn, newFolder, nodeModules } from "./support.ts";

async function open(cache: boolean | CacheOptions): Promise<Device> {
  const device = await openDevice({ backend: "webgpu", cache });
  onTestFinished(() => {
    device.dispose();
  });
  return device;
}

const countersOf = (device: Device) => {
  if (device.cache === null) throw new Error("the device has no cache");
  return device.cache.counters;
};

const scale = (x: TracedTensor): TracedTensor => x.div(x.mul(x).sum().sqrt());

/** What the program makes of 3, 4: 0.6, 0.8. */
async function run(device: Device): Promise<readonly number[]> {
  const result: Tensor = jit(scale)(device.tensor([3, 4]));
  return Array.from((await result.read()) as Float32Array, (x) => Math.round(x * 1e5) / 1e5);
}

/** A schedule that is legal for nothing: compilation goes on as if there were none. */
const ILLEGAL: KernelSchedule = {
  lanes: [],
  coarsening: 1,
  unroll: 1,
  vectorWidth: 1,
  vectorAxis: null,
  residency: "registers",
  pairing: "one-walk",
  reduction: "serial",
  gridAxes: [],
  walkAxes: [],
  helperAxes: [],
  rowAxes: [],
  tile: null,
  stages: [],
  turns: null,
};

describeGpu("compiled plans", () => {
  test("are found by the next device, which compiles nothing", async () => {
    const folder = newFolder();
    const first = await open({ folder });
    expect(await run(first)).toEqual([0.6, 0.8]);
    expect(countersOf(first)).toMatchObject({ compiles: 1, storedHits: 0, memoryHits: 0, writes: 1 });
    const second = await open({ folder });
    expect(await run(second)).toEqual([0.6, 0.8]);
    expect(countersOf(second)).toMatchObject({
      compiles: 0,
      storedHits: 1,
      memoryHits: 0,
      writes: 0,
      dropped: 0,
    });
    expect(second.cache?.place).toBe(folder);
  });

  test("are found in memory by another function that is the same program", async () => {
    const device = await open({ folder: newFolder() });
    await run(device);
    await run(device);
    expect(countersOf(device)).toMatchObject({ compiles: 1, memoryHits: 1, storedHits: 0 });
  });

  test("of another shape, dtype or name are others", async () => {
    const device = await open({ folder: newFolder() });
    for (const shape of [[2], [1, 2], [3]]) await jit(scale, { device }).compile(f32(...shape));
    await jit(scale, { device, name: "other" }).compile(f32(2));
    expect(countersOf(device)).toMatchObject({ compiles: 4, writes: 4 });
  });

  test("serve text programs", async () => {
    const folder = newFolder();
    for (const hits of [0, 1]) {
      const device = await open({ folder });
      const { twice } = loadText("kernel twice(x: f32[N]) -> f32[N] { x * 2.0 }", { device });
      const [y] = twice?.([device.tensor([1, 2])]) ?? [];
      expect([...((await y?.read()) as Float32Array)]).toEqual([2, 4]);
      expect(countersOf(device)).toMatchObject({ compiles: 1 - hits, storedHits: hits });
    }
  });

  test("are neither kept nor found with cache: false", async () => {
    const device = await open(false);
    await run(device);
    await run(device);
    expect(countersOf(device)).toMatchObject({ compiles: 2, memoryHits: 0, storedHits: 0, writes: 0 });
    expect(device.cache?.place).toBeNull();
  });

  test("are left aside where somebody watches the passes", async () => {
    const folder = newFolder();
    await run(await open({ folder }));
    const device = await open({ folder });
    const stages: string[] = [];
    await jit(scale, { device, dump: (stage) => stages.push(stage) }).compile(f32(2));
    expect(stages).toContain("materialize");
    expect(countersOf(device)).toMatchObject({ compiles: 1, storedHits: 0 });
  });

  test("hold what the tuning table has said, and are right for who hears the same", async () => {
    const folder = newFolder();
    const tuned = await open({ folder });
    const far = { group: "a group of another program", defaultUs: 1, us: 1 };
    const schedule = ILLEGAL;
    tuned.tuning.add({ ...far, schedule });
    await run(tuned); // asks for its own group and finds nothing
    const asked = [...(entriesIn(folder)[0]?.answers.keys() ?? [])];
    expect(asked).toHaveLength(1);

    const same = await open({ folder });
    same.tuning.add({ ...far, group: "a third one", schedule });
    await run(same);
    expect(countersOf(same)).toMatchObject({ compiles: 0, storedHits: 1 });

    const knows = await open({ folder });
    knows.tuning.add({ ...far, group: asked[0] ?? "", schedule });
    await run(knows);
    expect(countersOf(knows)).toMatchObject({ compiles: 1, storedHits: 0, writes: 1 });
  });
});

const entriesIn = (folder: string) =>
  filesIn(folder).map((file) => {
    const text = readFileSync(join(folder, file), "utf8");
    return readAnyEntry(text.slice(text.indexOf("\n") + 1));
  });

/** Replaces the plan of the only entry, checksum and all: as somebody would who knows the format. */
function replacePlan(folder: string, change: (plan: Plan) => Plan): void {
  const file = join(folder, filesIn(folder)[0] ?? "");
  const text = readFileSync(file, "utf8");
  const body = text.slice(text.indexOf("\n") + 1);
  const entry = readAnyEntry(body);
  if (entry === null || !("plan" in entry.content)) throw new Error("there is no plan");
  const plan = printPlan(change(entry.content.plan));
  const forged = body.slice(0, body.indexOf(',"plan":')) + `,"plan":${plan}}\n`;
  writeFileSync(file, printEntryFile(nodeModules(), forged));
}

describeGpu("a forged entry is dropped and compiled again:", () => {
  const forgeries: Readonly<Record<string, (plan: Plan) => Plan>> = {
    "another input": (plan) => ({ ...plan, inputs: [{ name: "y", dtype: "f32", shape: [2] }] }),
    "a larger input": (plan) => ({ ...plan, inputs: plan.inputs.map((t) => ({ ...t, shape: [1 << 20] })) }),
    "another dtype": (plan) => ({
      ...plan,
      inputs: plan.inputs.map((t) => ({ ...t, dtype: "i32" as const })),
    }),
    "a larger result": (plan) => ({
      ...plan,
      outputs: plan.outputs.map((t) => ({ ...t, shape: [1 << 20] })),
    }),
    "another name": (plan) => ({ ...plan, name: "other" }),
    "a scalar": (plan) => ({ ...plan, scalars: [{ name: "eps", dtype: "f32" }] }),
    "a buffer out of range": (plan) => ({
      ...plan,
      steps: plan.steps.map((s) => (s.kind === "dispatch" ? { ...s, buffers: [7, 8] } : s)),
    }),
    "no steps": (plan) => ({ ...plan, steps: [] }),
    "no kernels": (plan) => ({ ...plan, kernels: [] }),
    "bindings beyond the buffer": (plan) => ({
      ...plan,
      kernels: plan.kernels.map((k) => ({
        ...k,
        bindings: k.bindings.map((b) => ({ ...b, bytes: 1 << 20 })),
      })),
    }),
    "a huge temporary": (plan) => ({
      ...plan,
      buffers: [...plan.buffers, { kind: "temporary", bytes: 2 ** 50 }],
    }),
    "more workgroups than the device takes": (plan) => ({
      ...plan,
      steps: plan.steps.map((s) =>
        s.kind === "dispatch" ? { ...s, workgroups: [1 << 20, 1, 1] as const } : s,
      ),
    }),
    "a feature that the device lacks": (plan) => ({
      ...plan,
      kernels: plan.kernels.map((k) => ({ ...k, features: ["shader-f16", "subgroups"] })),
    }),
  };

  test.each(Object.keys(forgeries))("%s", async (name) => {
    const folder = newFolder();
    await run(await open({ folder }));
    replacePlan(folder, forgeries[name] ?? ((plan) => plan));
    const device = await open({ folder });
    // SwiftShader has subgroups and no shader-f16; elsewhere this one plan may be sound.
    if (name === "a feature that the device lacks" && device.profile.features.includes("shader-f16")) return;
    expect(await run(device)).toEqual([0.6, 0.8]);
    expect(countersOf(device)).toMatchObject({ compiles: 1, storedHits: 0, dropped: 1, writes: 1 });
    const next = await open({ folder });
    expect(await run(next)).toEqual([0.6, 0.8]);
    expect(countersOf(next)).toMatchObject({ compiles: 0, storedHits: 1, dropped: 0 });
  });

  test("WGSL that does not compile, behind a sound checksum", async () => {
    const folder = newFolder();
    await run(await open({ folder }));
    replacePlan(folder, (plan) => ({
      ...plan,
      kernels: plan.kernels.map((kernel) => ({ ...kernel, wgsl: kernel.wgsl.replace("fn main", "fn niam") })),
    }));
    const device = await open({ folder });
    expect(await run(device)).toEqual([0.6, 0.8]);
    expect(countersOf(device)).toMatchObject({ compiles: 1, storedHits: 1, dropped: 1, writes: 1 });
    expect(await run(device)).toEqual([0.6, 0.8]);
    const next = await open({ folder });
    expect(await run(next)).toEqual([0.6, 0.8]);
    expect(countersOf(next)).toMatchObject({ compiles: 0, storedHits: 1, dropped: 0 });
  });

  test("WGSL that does not compile, with other buffers: its reads fail, and the next program is right", async () => {
    const folder = newFolder();
    await run(await open({ folder }));
    replacePlan(folder, (plan) => ({
      ...plan,
      buffers: [...plan.buffers, { kind: "temporary", bytes: 64 }],
      kernels: plan.kernels.map((kernel) => ({ ...kernel, wgsl: "no WGSL" })),
    }));
    const device = await open({ folder });
    await expect(run(device)).rejects.toThrow("does not compile");
    expect(countersOf(device)).toMatchObject({ dropped: 1, writes: 1 });
    expect(await run(device)).toEqual([0.6, 0.8]);
  });

  test("the sound entry of another program, in this one's place", async () => {
    const folder = newFolder();
    await run(await open({ folder }));
    const file = join(folder, filesIn(folder)[0] ?? "");
    const elsewhere = newFolder();
    await jit(scale, { device: await open({ folder: elsewhere }), name: "other" }).compile(f32(2));
    writeFileSync(file, readFileSync(join(elsewhere, filesIn(elsewhere)[0] ?? "")));
    const device = await open({ folder });
    expect(await run(device)).toEqual([0.6, 0.8]);
    expect(countersOf(device)).toMatchObject({ compiles: 1, storedHits: 0, dropped: 1 });
  });
});

describe("the CPU", () => {
  test("has no cache: graphs are interpreted", async () => {
    const device = await openDevice({ backend: "cpu" });
    expect(device.cache).toBeNull();
    expect(await run(device)).toEqual([0.6, 0.8]);
  });
});
