/** Runs the benchmark: opens a device made for measuring, takes every subject in turn, and keeps going when one fails. */
import { CompilerBug, openDevice } from "../index.ts";
import type { Graph } from "../ir/graph.ts";
import type { Device } from "../runtime/device.ts";
import { chooseCopyForm, type MeasureContext, measureWorkload } from "./measure-workload.ts";
import { type BenchmarkRun, MEASUREMENT_VERSION, type WorkloadMeasurement } from "./measurement.ts";
import { createStopwatch, type HostClock, type Stopwatch } from "../runtime/stopwatch.ts";

/** One graph to measure. */
export interface Subject {
  readonly name: string;
  readonly shape: string;
  readonly lower: () => Graph;
}

export interface BenchmarkOptions {
  readonly rounds: number;
  readonly now: HostClock;
  /** Told before each subject. */
  readonly onStart?: ((subject: Subject, index: number) => void) | undefined;
}

/** Dawn rounds timestamps to 65.536 us unless told not to: as long as a small kernel. */
const DAWN_OPTIONS = ["disable-dawn-features=timestamp_quantization"];

export interface OpenedBench {
  readonly device: Device;
  readonly gpu: GPUDevice;
  readonly stopwatch: Stopwatch;
  readonly dispose: () => void;
}

/** @throws {TensorweftError} where there is no adapter */
export async function openBench(now: HostClock): Promise<OpenedBench> {
  const device = await openDevice({ backend: "webgpu", dawnOptions: DAWN_OPTIONS });
  const gpu = device.gpuDevice;
  if (gpu === null) throw new CompilerBug("a WebGPU device has no GPUDevice", []);
  const stopwatch = createStopwatch(gpu, now);
  const dispose = (): void => {
    stopwatch.destroy();
    device.dispose();
  };
  return { device, gpu, stopwatch, dispose };
}

export async function runBenchmark(
  subjects: readonly Subject[],
  { rounds, now, onStart }: BenchmarkOptions,
): Promise<BenchmarkRun> {
  const opened = await openBench(now);
  const { device, gpu, stopwatch } = opened;
  try {
    const context: MeasureContext = {
      device,
      gpu,
      stopwatch,
      now,
      rounds,
      copyForm: await chooseCopyForm({ device, gpu, stopwatch }),
    };
    const workloads: WorkloadMeasurement[] = [];
    const failures: { name: string; shape: string; message: string }[] = [];
    for (const [index, subject] of subjects.entries()) {
      onStart?.(subject, index);
      const { name, shape } = subject;
      try {
        workloads.push(await measureWorkload({ name, shape, graph: subject.lower() }, context));
      } catch (error) {
        failures.push({ name, shape, message: error instanceof Error ? error.message : String(error) });
      }
      device.trim();
    }
    const { profile } = device;
    return {
      version: MEASUREMENT_VERSION,
      device: { profile: profile.name, description: describeDevice(gpu), software: profile.software },
      clock: stopwatch.clock,
      rounds,
      workloads,
      failures,
    };
  } finally {
    opened.dispose();
  }
}

/** Devices know their adapter since 2025. */
function describeDevice(gpu: GPUDevice): string {
  const info = (gpu as { readonly adapterInfo?: GPUAdapterInfo }).adapterInfo;
  return info === undefined || info.description === "" ? (info?.vendor ?? "unknown") : info.description;
}
