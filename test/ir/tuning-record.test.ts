/** Records from anywhere: what has the right form is taken, all else is as if it were not there. */
import { expect, test } from "vitest";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { readTuningRecord, type TunedKernel, type TuningRecord } from "../../src/ir/tuning-record.ts";
import { TuningTable } from "../../src/runtime/tuning-table.ts";

const SCHEDULE: KernelSchedule = {
  lanes: [
    { axis: "a0", lanes: 8 },
    { axis: "a1", lanes: 4 },
  ],
  coarsening: 1,
  unroll: 1,
  vectorWidth: 4,
  vectorAxis: "a1",
  residency: "registers",
  pairing: "two-walks",
  reduction: "subgroup",
  gridAxes: ["a0"],
  walkAxes: [],
  helperAxes: [],
  rowAxes: ["a1"],
  tile: null,
  stages: [{ lanesPerPoint: 4, fastAxis: "a1", reduction: "tree" }],
  turns: { axis: "a0", count: 2 },
};
const KERNEL: TunedKernel = { group: "index group {}", schedule: SCHEDULE, defaultUs: 20, us: 10 };
const RECORD: TuningRecord = { version: 1, device: "d", kernels: [KERNEL] };

test("a record comes back from its JSON", () => {
  expect(readTuningRecord(JSON.parse(JSON.stringify(RECORD)))).toEqual(RECORD);
});

test("what is no record is none", () => {
  for (const value of [null, undefined, 1, "x", [], {}, { ...RECORD, version: 2 }, { ...RECORD, device: 1 }])
    expect(readTuningRecord(value)).toBeNull();
  expect(readTuningRecord({ ...RECORD, kernels: {} })).toBeNull();
});

const WITHOUT_FORM: readonly unknown[] = [
  null,
  "kernel",
  { ...KERNEL, group: 1 },
  { ...KERNEL, group: "x".repeat(1e6) },
  { ...KERNEL, us: "10" },
  { ...KERNEL, us: Number.NaN },
  { ...KERNEL, defaultUs: -1 },
  { ...KERNEL, schedule: null },
  ...[
    { lanes: "a0" },
    { lanes: [{ axis: "a0" }] },
    { lanes: [{ axis: 0, lanes: 8 }] },
    { lanes: Array.from({ length: 1000 }, () => ({ axis: "a0", lanes: 1 })) },
    { vectorWidth: 3 },
    { vectorWidth: "4" },
    { vectorAxis: 1 },
    { residency: "disk" },
    { pairing: null },
    { reduction: "atomics" },
    { gridAxes: [1] },
    { rowAxes: undefined },
    { tile: undefined },
    { tile: { memory: "workgroup", axis: "a0", steps: "2" } },
    { tile: { memory: "disk", axis: "a0", steps: 2 } },
    { tile: { axis: "a0", steps: 2 } },
  ].map((fields) => ({ ...KERNEL, schedule: { ...SCHEDULE, ...fields } })),
];

test("kernels without the right form are left out, the others stay", () => {
  for (const kernel of WITHOUT_FORM)
    expect(readTuningRecord({ ...RECORD, kernels: [kernel, KERNEL] })?.kernels).toEqual([KERNEL]);
});

test("no other field of a foreign object gets through", () => {
  const extra: unknown = {
    ...RECORD,
    kernels: [{ ...KERNEL, schedule: { ...SCHEDULE, toString: "x" }, more: 1 }],
  };
  expect(readTuningRecord(extra)).toEqual(RECORD);
});

test("a table takes records of its own device, and keeps what it knows already", () => {
  const table = new TuningTable("d");
  expect(table.import({ ...RECORD, device: "other" })).toBe(0);
  expect(table.import("nonsense")).toBe(0);
  expect(table.size).toBe(0);
  expect(table.import(RECORD)).toBe(1);
  expect(table.import({ ...RECORD, kernels: [{ ...KERNEL, us: 1 }] })).toBe(0);
  expect(table.find(KERNEL.group)).toEqual(KERNEL);
  expect(table.timedKernels).toBe(0);
  expect(table.export()).toEqual(RECORD);
  table.add({ ...KERNEL, us: 5 });
  expect(table.find(KERNEL.group)?.us).toBe(5);
  expect(table.timedKernels).toBe(1);
});

test("a table holds a thousand kernels, the latest", () => {
  const table = new TuningTable("d");
  for (let i = 0; i < 1100; i++) table.add({ ...KERNEL, group: String(i) });
  expect(table.size).toBe(1000);
  expect(table.find("99")).toBeUndefined();
  expect(table.find("100")).toBeDefined();
});
