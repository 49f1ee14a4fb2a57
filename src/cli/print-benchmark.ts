/** Benchmarks as tables on the terminal. */
import type { ExplainedWorkload } from "../bench/explain-workload.ts";
import type { BenchmarkRun, WorkloadMeasurement } from "../bench/measurement.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { printBytes } from "../ir/print-bytes.ts";
import { type Column, printTable } from "./print-table.ts";

const columnsOf = (numbers: readonly string[]): readonly Column[] => [
  { title: "workload" },
  { title: "shape" },
  ...numbers.map((title): Column => ({ title, align: "right" })),
];

const ratio = (bytes: number, floor: number): string => (floor === 0 ? "-" : (bytes / floor).toFixed(2));

export interface ExplainedRow extends ExplainedWorkload {
  readonly name: string;
  readonly shape: string;
}

/** The table of `--explain`. */
export function printExplained(rows: readonly ExplainedRow[], profile: DeviceProfile): readonly string[] {
  const columns = ["kernels", "unfused", "floor", "moved/floor", "unfused", "sectors", "occupancy"];
  return [
    ...printTable(
      columnsOf(columns),
      rows.map(({ name, shape, fused, unfused }) => [
        name,
        shape,
        String(fused.dispatches),
        String(unfused.dispatches),
        printBytes(fused.bytesFloor),
        ratio(fused.bytesMoved, fused.bytesFloor),
        ratio(unfused.bytesMoved, unfused.bytesFloor),
        fused.sectors.toFixed(2),
        fused.occupancy.toFixed(2),
      ]),
    ),
    "",
    `for ${profile.name}; unfused: one kernel per op; sectors: 32-byte sectors touched over the least (1 = coalesced);`,
    "occupancy: workgroups over those that fill the device (over one for each 4 KiB that the kernel moves, where these are",
    "fewer), of the kernel that does so least",
  ];
}

const time = (us: number): string => {
  if (us >= 100_000) return `${(us / 1000).toFixed(0)} ms`;
  return us >= 1000 ? `${(us / 1000).toFixed(2)} ms` : `${us.toFixed(1)} us`;
};

const printMs = (ms: number | null): string => (ms === null ? "-" : ms.toFixed(1));

const measuredRow = (w: WorkloadMeasurement): readonly string[] => [
  w.name,
  w.shape,
  `${String(w.fused.dispatches)}/${String(w.unfused.dispatches)}`,
  ratio(w.fused.bytesMoved, w.fused.bytesFloor),
  time(w.fused.time.us.median),
  `${((100 * w.fused.time.us.iqr) / w.fused.time.us.median).toFixed(0)}%`,
  time(w.unfused.time.us.median),
  time(w.copy.us.median),
  `${w.speedup.toFixed(2)}x`,
  `${(100 * w.copyFraction).toFixed(0)}%`,
  w.saved === null ? "-" : `${(100 * w.saved).toFixed(0)}%`,
  time(w.hostUs.median),
  `${[w.compileMs.cold, w.compileMs.warm, w.cachedMs.disk, w.cachedMs.memory].map(printMs).join("/")} ms`,
];

/** The table of a run. */
export function printMeasured({
  device,
  clock,
  rounds,
  workloads,
  failures,
}: BenchmarkRun): readonly string[] {
  const columns = [
    "kernels",
    "moved/floor",
    "fused",
    "iqr",
    "unfused",
    "copy",
    "speedup",
    "of copy",
    "saved",
    "host",
    "compile",
  ];
  return [
    ...printTable(columnsOf(columns), workloads.map(measuredRow)),
    "",
    `${device.description}, profile ${device.profile}; ${String(rounds)} rounds, ${clock === "host" ? "host clock" : "timestamp queries"};`,
    "kernels: fused/unfused (one per op); copy: vec4 copy of the floor's bytes; saved: time saved over what the bytes saved",
    "take at the copy's speed; host: what a call keeps the host; compile: cold/again/from disk/from memory",
    ...failures.map(({ name, shape, message }) => `not measured: ${name} ${shape}: ${message}`),
  ];
}
