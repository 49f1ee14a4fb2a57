/** Tuning on the device at hand: what is timed, kept and reused. Which schedule wins is the device's business. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { compileGraph, f32, jit, trace, type Device, type TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";
import { canonicalizeGroup } from "../../src/ir/canonical-group.ts";
import { findProfile } from "../../src/ir/profile.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import type { TunedKernel } from "../../src/ir/tuning-record.ts";
import { isolateGroups } from "../../src/passes/index/isolate-groups.ts";
import { tuneGraph } from "../../src/tune.ts";
import { openForTest } from "../runtime/support.ts";
import { describeGpu } from "../support/gpu.ts";

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "weft-tune-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const graphOf = (fn: (x: TracedTensor) => TracedTensor, shape: readonly number[]) =>
  trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false }).graph;
const norm = (x: TracedTensor): TracedTensor => x.div(x.mul(x).sum({ axis: -1, keepdims: true }).sqrt());

describe("records in compilation", () => {
  const profile = findProfile("nvidia");
  if (profile === undefined) throw new Error("there is no profile nvidia");
  const graph = graphOf(norm, [64, 1024]);
  const asked: string[] = [];
  const compileWith = (schedule: KernelSchedule | undefined) => {
    const find = (group: string): Pick<TunedKernel, "schedule"> | undefined => {
      asked.push(group);
      return schedule === undefined ? undefined : { schedule };
    };
    return compileGraph(graph, { profile, check: true, tuned: { size: 1, find } }).kernels[0];
  };
  const [chosen] = compileGraph(graph, { profile, check: true }).kernels;
  if (chosen === undefined) throw new Error("there is no kernel");
  const tuned: KernelSchedule = {
    ...chosen.schedule,
    lanes: [{ axis: "a1", lanes: 32 }],
    vectorAxis: "a1",
    gridAxes: ["a0"],
    rowAxes: ["a1"],
  };

  test("a legal schedule takes the place of the chosen one", () => {
    const kernel = compileWith(tuned);
    expect(kernel?.origin).toBe("tuned");
    expect(kernel?.kernel.workgroupSize).toBe(32);
    expect(kernel?.schedule.rowAxes).toEqual(chosen.schedule.rowAxes); // in the names of the group
    expect(asked.at(-1)).toContain("grid a0");
  });

  test.each<[string, Partial<KernelSchedule>]>([
    ["axes of another group", { gridAxes: ["a7"] }],
    ["axes in other places", { gridAxes: ["a1"], rowAxes: ["a0"] }],
    [
      "more lanes than the device has",
      {
        lanes: [
          { axis: "a0", lanes: 64 },
          { axis: "a1", lanes: 256 },
        ],
      },
    ],
    ["no whole lanes", { lanes: [{ axis: "a1", lanes: 31.5 }] }],
    ["a reduction that leaves partial results", { reduction: "serial" }],
    ["vectors across rows", { vectorAxis: "a0" }],
    ["rows that fill all registers", { lanes: [], reduction: "serial", residency: "registers" }],
  ])("a hostile record changes nothing: %s", (_name, fields) => {
    const kernel = compileWith({ ...tuned, ...fields });
    expect(kernel?.origin).toBe("chosen");
    expect(kernel?.emitted.wgsl).toBe(chosen.emitted.wgsl);
  });

  test("a block in registers comes back whole: what goes through it follows from the group", () => {
    const turned = graphOf((x) => x.add(x.transpose()), [64, 64]);
    const compile = (schedule?: KernelSchedule) => {
      const table = schedule && { size: 1, find: () => ({ schedule }) };
      return compileGraph(turned, { profile, check: true, tuned: table }).kernels[0];
    };
    const record: KernelSchedule = {
      ...(compile()?.schedule ?? chosen.schedule),
      lanes: [{ axis: "a1", lanes: 16 }],
      vectorAxis: "a1",
      vectorWidth: 4,
      gridAxes: ["a1", "a0"],
      tile: { memory: "registers", axis: "a0", steps: 4, through: [] },
    };
    const kernel = compile(record);
    expect(kernel?.origin).toBe("tuned");
    expect(kernel?.schedule.tile).toMatchObject({ memory: "registers", through: ["x[64*j + i]"] });
    for (const vectorWidth of [1, 2] as const)
      expect(compile({ ...record, vectorWidth })?.origin).toBe("chosen");
  });

  test("an empty table is not asked", () => {
    const find = (): undefined => expect.unreachable();
    compileGraph(graph, { profile, tuned: { size: 0, find } });
  });
});

describeGpu("on a device", () => {
  const tune = (cacheFolder: string) => ({ cacheFolder, candidates: 3 });
  const read = async (device: Device, fn: (x: TracedTensor) => TracedTensor, cacheFolder: string) => {
    const jitted = jit(fn, { tune: tune(cacheFolder) });
    const x = device.tensor(
      Float32Array.from({ length: 8 * 64 }, (_, i) => 1 + (i % 5)),
      [8, 64],
    );
    const result = jitted(x);
    return { data: await result.read(), again: await jitted(x).read(), jitted };
  };

  test("the first call tunes, later ones and later processes do not", async () => {
    const cacheFolder = makeFolder();
    const device = await openForTest();
    const first = await read(device, norm, cacheFolder);
    expect(first.data[0]).toBeCloseTo(
      1 / Math.hypot(...Array.from({ length: 64 }, (_, i) => 1 + (i % 5))),
      6,
    );
    expect(first.again).toEqual(first.data);
    expect(first.jitted.counters.traces).toBe(1);
    expect(device.tuning).toMatchObject({ timedKernels: 1, size: 1 });
    const [file, ...others] = readdirSync(cacheFolder);
    expect(others).toEqual([]); // no draft is left

    const later = await openForTest();
    const second = await read(later, norm, cacheFolder);
    expect(later.tuning).toMatchObject({ timedKernels: 0, size: 1 });
    expect(second.data).toEqual(first.data); // the same kernel, bit for bit

    // A device that takes the stored record over compiles by it without `tune`.
    const ready = await openForTest({ tuned: { cacheFolder } });
    expect(ready.tuning.size).toBe(1);
    expect(
      await jit(norm)(
        ready.tensor(
          first.data.map((v) => v),
          [8, 64],
        ),
      ).read(),
    ).toHaveLength(512);

    // Whatever becomes of the file, the next process only tunes again.
    writeFileSync(join(cacheFolder, file ?? ""), "{");
    const afterwards = await openForTest();
    await read(afterwards, norm, cacheFolder);
    expect(afterwards.tuning.timedKernels).toBe(1);
    expect(JSON.parse(readFileSync(join(cacheFolder, file ?? ""), "utf8"))).toMatchObject({
      value: { version: 1 },
    });
  });

  test("a record goes from one device to another by hand", async () => {
    const [device, other] = [await openForTest(), await openForTest()];
    const { reports } = await tuneGraph(device, graphOf(norm, [4, 96]), tune(makeFolder()));
    expect(reports).toMatchObject([{ status: "timed", rejected: 0 }]);
    expect(reports[0]?.candidates).toBeGreaterThan(1);
    const record: unknown = JSON.parse(JSON.stringify(device.tuning.export()));
    expect(other.tuning.import(record)).toBe(1);
    const known = await tuneGraph(other, graphOf(norm, [4, 96]), tune(makeFolder()));
    expect(known.reports).toMatchObject([{ status: "known", schedule: reports[0]?.schedule }]);
    expect(known.compiled.kernels[0]?.origin).toBe("tuned");
    expect(other.tuning.timedKernels).toBe(0);
  });

  test("equal kernels are tuned once, in one program and in the next; progress is told", async () => {
    const device = await openForTest();
    // Each total takes kernels of its own, and later ones do the same work as earlier ones.
    const scale = (x: TracedTensor): TracedTensor => x.div(x.mul(x).sum());
    const graph = graphOf((x) => scale(scale(scale(x))), [4096, 64]);
    const { grouped } = compileGraph(graph, { profile: device.profile });
    const texts = isolateGroups(grouped).map((alone) => canonicalizeGroup(alone.program, alone.group).text);
    const distinct = new Set(texts).size;
    expect(distinct).toBeLessThan(texts.length);
    const fractions: number[] = [];
    const { reports } = await tuneGraph(device, graph, {
      cacheFolder: null,
      candidates: 2,
      onProgress: ({ fraction }) => fractions.push(fraction),
    });
    expect(reports.map((report) => report.status)).toEqual(Array.from({ length: distinct }, () => "timed"));
    expect(device.tuning.timedKernels).toBe(distinct);
    expect(fractions.length).toBeGreaterThan(2 * distinct);
    expect(Math.min(...fractions)).toBe(0);
    expect(Math.max(...fractions)).toBeLessThanOrEqual(1);

    const next = await tuneGraph(
      device,
      graphOf((x) => scale(x), [4096, 64]),
      { cacheFolder: null },
    );
    expect(next.reports.map((report) => report.status)).toContain("known");
    expect(device.tuning.timedKernels).toBeLessThan(distinct + next.reports.length);
  });

  test("kernels of a text program are tuned like others", async () => {
    const device = await openForTest();
    const { share } = loadText("kernel share(x: f32[m, n]) = x / sum(x, axis=1, keepdims=true)", {
      tune: tune(makeFolder()),
    });
    const [result] = share?.([device.tensor([1, 3, 2, 2], [2, 2])]) ?? [];
    expect([...((await result?.read()) ?? [])].map(Number)).toEqual([0.25, 0.75, 0.5, 0.5]);
    expect(device.tuning.timedKernels).toBe(1);
  });
});

test("the CPU has nothing to tune", async () => {
  const device = await openForTest({ backend: "cpu" });
  const result = jit(norm, { tune: true })(device.tensor([3, 4], [1, 2]));
  expect([...(await result.read())].map((v) => v.toFixed(3))).toEqual(["0.600", "0.800"]);
  expect(device.tuning.timedKernels).toBe(0);
});
