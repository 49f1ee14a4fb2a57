/** Plans for many sizes in the cache: found, held to the function, and dropped where they are not its own. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Device, jit, openDevice, type TracedTensor } from "tensorweft";
import { printEntry, readAnyEntry, type EntryContent } from "../../src/cache/entry.ts";
import { printEntryFile } from "../../src/cache/entry-file.ts";
import type { DynamicPlan } from "../../src/ir/dynamic-plan.ts";
import { readDynamicPlanValue } from "../../src/ir/read-dynamic-plan.ts";
import { printPlan } from "../../src/ir/read-plan.ts";
import { verifyDynamicPlan } from "../../src/ir/verify-dynamic-plan.ts";
import { describeGpu } from "../support/gpu.ts";
import { filesIn, newFolder, nodeModules } from "./support.ts";

async function open(folder: string): Promise<Device> {
  const device = await openDevice({ backend: "webgpu", cache: { folder } });
  onTestFinished(() => {
    device.dispose();
  });
  return device;
}

const center = (x: TracedTensor): TracedTensor => x.sub(x.mean({ axis: 1, keepdims: true })).mul(2);

/** Rows of 1, 2, 3, ... for each size. */
async function run(device: Device, sizes: readonly number[], warnings: string[] = []) {
  const f = jit(center, { dynamic: { x: [0] }, warn: (text) => warnings.push(text) });
  const results: number[][] = [];
  for (const size of sizes) {
    const x = device.tensor(
      Float32Array.from({ length: 2 * size }, (_, i) => i + 1),
      [size, 2],
    );
    results.push([...((await f(x).read()) as Float32Array)]);
  }
  return results;
}
const EXPECTED = [
  [-1, 1, -1, 1],
  [-1, 1, -1, 1, -1, 1],
];

/** The only entry of a folder, with the content that somebody put there who knows the format. */
function forge(folder: string, change: (content: EntryContent) => EntryContent): void {
  const file = join(folder, filesIn(folder)[0] ?? "");
  const text = readFileSync(file, "utf8");
  const entry = readAnyEntry(text.slice(text.indexOf("\n") + 1));
  if (entry === null) throw new Error("there is no entry");
  const forged = printEntry(entry.key, { ...entry, content: change(entry.content) });
  writeFileSync(file, printEntryFile(nodeModules(), forged));
}

const changePlan =
  (change: (dynamic: DynamicPlan) => DynamicPlan) =>
  (content: EntryContent): EntryContent => {
    if (!("dynamic" in content)) throw new Error("the entry is for one size");
    return { dynamic: change(content.dynamic) };
  };

type Forgery = (dynamic: DynamicPlan) => DynamicPlan;
const FORGERIES: Readonly<Record<string, Forgery>> = {
  "a range that begins elsewhere": (d) => ({ ...d, least: 2 }),
  "a range that ends later": (d) => ({ ...d, most: 1e9 }),
  "an empty range": (d) => ({ ...d, most: 0 }),
  "another grid": (d) => ({ ...d, mostWorkgroups: 7 }),
  "inputs that do not grow": (d) => ({ ...d, inputs: [[0, 0]] }),
  "results that grow along two dimensions": (d) => ({ ...d, outputs: [[1, 1]] }),
  "no growth of bindings": (d) => ({ ...d, bindings: d.bindings.map((row) => row.map(() => 0)) }),
  "too few bindings": (d) => ({ ...d, bindings: [] }),
  "too few buffers": (d) => ({ ...d, temporaries: [] }),
  "too few steps": (d) => ({ ...d, steps: [] }),
  "steps without workgroups": (d) => ({ ...d, steps: [{ steps: 1, perWorkgroup: 0, others: 1 }] }),
  "more workgroups than the device takes": (d) => ({
    ...d,
    steps: [{ steps: 1, perWorkgroup: 1, others: 1e12 }],
  }),
  "another input": (d) => ({
    ...d,
    plan: { ...d.plan, inputs: [{ name: "y", dtype: "f32", shape: [1021, 2] }] },
  }),
  "a copy": (d) => ({
    ...d,
    plan: { ...d.plan, steps: [...d.plan.steps, { kind: "copy", from: 0, to: 1, bytes: 16 }] },
    steps: [...d.steps, null],
  }),
};

describeGpu("plans for many sizes", () => {
  test("are found by the next device, and its kernels serve sizes that the first never met", async () => {
    const folder = newFolder();
    expect(await run(await open(folder), [2, 3])).toEqual(EXPECTED);
    const device = await open(folder);
    expect(await run(device, [3, 2])).toEqual(EXPECTED.toReversed());
    expect(device.cache?.counters).toMatchObject({ compiles: 0, storedHits: 1, dropped: 0 });
    expect(device.counters.pipelines).toBe(1);
  });

  test.each(Object.keys(FORGERIES))("forged, they are dropped and compiled again: %s", async (name) => {
    const folder = newFolder();
    await run(await open(folder), [2]);
    forge(folder, changePlan(FORGERIES[name] ?? ((d) => d)));
    const device = await open(folder);
    expect(await run(device, [2, 3])).toEqual(EXPECTED);
    expect(device.cache?.counters).toMatchObject({ compiles: 1, storedHits: 0, dropped: 1, writes: 1 });
  });

  test("whose WGSL does not compile, they are compiled again", async () => {
    const folder = newFolder();
    await run(await open(folder), [2]);
    forge(
      folder,
      changePlan((d) => ({
        ...d,
        plan: { ...d.plan, kernels: d.plan.kernels.map((kernel) => ({ ...kernel, wgsl: "no WGSL" })) },
      })),
    );
    const device = await open(folder);
    expect(await run(device, [2, 3])).toEqual(EXPECTED);
    expect(device.cache?.counters).toMatchObject({ compiles: 1, storedHits: 1, dropped: 1, writes: 1 });
    const next = await open(folder);
    expect(await run(next, [2, 3])).toEqual(EXPECTED);
    expect(next.cache?.counters).toMatchObject({ compiles: 0, storedHits: 1, dropped: 0 });
  });

  test("a refusal in the place of a plan costs a kernel for each size, nothing else", async () => {
    const folder = newFolder();
    await run(await open(folder), [2]);
    forge(folder, () => ({ refusal: { reason: "somebody says so", node: 1 } }));
    const device = await open(folder);
    const warnings: string[] = [];
    expect(await run(device, [2, 3], warnings)).toEqual(EXPECTED);
    expect(device.cache?.counters).toMatchObject({ compiles: 2, storedHits: 1 });
    expect(warnings).toEqual([
      expect.stringMatching(/has kernels for each size: somebody says so \(.*dynamic-plans\.test\.ts:\d+/),
    ]);
  });
});

/** Of `center` on a device with plain limits. */
const SOUND: DynamicPlan = {
  plan: {
    version: 1,
    name: "f",
    inputs: [{ name: "x", dtype: "f32", shape: [1021, 2] }],
    scalars: [],
    outputs: [{ name: "out", dtype: "f32", shape: [1021, 2] }],
    buffers: [
      { kind: "input", index: 0 },
      { kind: "output", index: 0 },
    ],
    kernels: [
      {
        name: "k",
        wgsl: "",
        entryPoint: "main",
        bindings: [
          { access: "read", bytes: 8176 },
          { access: "read_write", bytes: 8176 },
        ],
        scalars: [{ name: "size", dtype: "u32" }],
        features: [],
      },
    ],
    steps: [{ kind: "dispatch", kernel: 0, buffers: [0, 1], workgroups: [16, 1, 1], values: [1021] }],
  },
  least: 1,
  most: 4095,
  inputs: [[1, 0]],
  outputs: [[1, 0]],
  temporaries: [8, 8],
  bindings: [[8, 8]],
  steps: [{ steps: 1, perWorkgroup: 64, others: 1 }],
  mostWorkgroups: 65535,
};

describe("the text of a plan for many sizes", () => {
  const parsed = (): Record<string, unknown> => JSON.parse(printPlan(SOUND)) as Record<string, unknown>;

  test("reads back, and the plan is sound", () => {
    expect(readDynamicPlanValue(parsed())).toEqual(SOUND);
    expect(verifyDynamicPlan(SOUND)).toEqual([]);
    const fixed = { ...parsed(), steps: [null] };
    expect(readDynamicPlanValue(fixed)?.steps).toEqual([null]);
  });

  test.each(Object.keys(SOUND))("without %s is none, nor with something else in its place", (field) => {
    const { [field]: _, ...rest } = parsed();
    expect(readDynamicPlanValue(rest)).toBeNull();
    for (const other of ["text", -1, 0.5, {}, [[-1]], [{}], null])
      expect(readDynamicPlanValue({ ...parsed(), [field]: other }), JSON.stringify(other)).toBeNull();
  });

  test("that is none", () => {
    for (const value of [null, 1, "plan", [], [SOUND]]) expect(readDynamicPlanValue(value)).toBeNull();
  });
});
