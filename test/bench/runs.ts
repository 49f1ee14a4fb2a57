/** Runs of the benchmark with made-up figures. */
import type { BenchmarkRun, WorkloadMeasurement } from "../../src/bench/measurement.ts";

export function madeUpWorkload(name: string, fusedUs: number): WorkloadMeasurement {
  const traffic = { dispatches: 1, bytesMoved: 2048, bytesFloor: 1024, sectors: 1, occupancy: 0.5 };
  const timing = (us: number): WorkloadMeasurement["copy"] => ({
    us: { median: us, iqr: us / 10 },
    rounds: [us, us, us],
  });
  return {
    name,
    shape: "8x16",
    fused: { ...traffic, time: timing(fusedUs) },
    unfused: { ...traffic, dispatches: 3, bytesMoved: 4096, time: timing(fusedUs * 3) },
    copy: timing(80),
    speedup: 3,
    copyFraction: 80 / fusedUs,
    saved: 0.9,
    hostUs: { median: 12.5, iqr: 1 },
    compileMs: { cold: 4.25, warm: 1.5 },
    pipelineMs: 20,
    cachedMs: { memory: 0.25, disk: null },
  };
}

export const madeUpRun = (workloads: readonly WorkloadMeasurement[]): BenchmarkRun => ({
  version: 1,
  device: { profile: "nvidia", description: "A <fast> GPU & more", software: false },
  clock: "timestamp-query",
  rounds: 3,
  workloads,
  failures: [{ name: "broken", shape: "1", message: 'kernel "k" <does> not compile' }],
});
