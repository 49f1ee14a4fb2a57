/**
 * Times work on a device: by timestamp queries where the device has them, else by the host's clock around a submit and
 * its completion. Work is repeated inside one command buffer until it lasts long enough for the clock.
 */
import { MAP_READ, BUFFER_USAGE } from "./gpu-flags.ts";
import type { PreparedPlan } from "./prepare-plan.ts";

export interface Stopwatch {
  readonly clock: "timestamp-query" | "host";
  /** Microseconds per execution, of `executions` recorded together. */
  readonly time: (plan: PreparedPlan, executions: number) => Promise<number>;
  readonly destroy: () => void;
}

/** Milliseconds since some moment, as `performance.now`. */
export type HostClock = () => number;

/** A sample lasts this long, so that the clock's steps and a pass's start weigh little. */
export const LEAST_SAMPLE_US = 3000;
export const MOST_EXECUTIONS = 20_000;

/** GPUBufferUsage.QUERY_RESOLVE */
const QUERY_RESOLVE = 0x0200;
const STAMPS_BYTES = 16;

export function createStopwatch(gpu: GPUDevice, now: HostClock): Stopwatch {
  return gpu.features.has("timestamp-query") ? createGpuStopwatch(gpu) : createHostStopwatch(gpu, now);
}

export function createHostStopwatch(gpu: GPUDevice, now: HostClock): Stopwatch {
  return {
    clock: "host",
    time: async (plan, executions) => {
      const encoder = gpu.createCommandEncoder();
      plan.record(encoder, executions);
      return ((await timeCommands(gpu, encoder.finish(), now)) * 1000) / executions;
    },
    destroy: () => undefined,
  };
}

/** Milliseconds from the submit of the commands to their completion, on a device that has nothing else to do. */
export async function timeCommands(
  gpu: GPUDevice,
  commands: GPUCommandBuffer,
  now: HostClock,
): Promise<number> {
  await gpu.queue.onSubmittedWorkDone();
  const start = now();
  gpu.queue.submit([commands]);
  await gpu.queue.onSubmittedWorkDone();
  return now() - start;
}

function createGpuStopwatch(gpu: GPUDevice): Stopwatch {
  const querySet = gpu.createQuerySet({ type: "timestamp", count: 2 });
  const resolved = gpu.createBuffer({ size: STAMPS_BYTES, usage: QUERY_RESOLVE | BUFFER_USAGE.copySrc });
  const staging = gpu.createBuffer({
    size: STAMPS_BYTES,
    usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyDst,
  });
  /** Stamps belong to passes: around copies stand empty ones. */
  const mark = (encoder: GPUCommandEncoder, writes: GPUComputePassTimestampWrites): void => {
    encoder.beginComputePass({ timestampWrites: writes }).end();
  };
  const time = async (plan: PreparedPlan, executions: number): Promise<number> => {
    const encoder = gpu.createCommandEncoder();
    if (plan.hasCopies) {
      mark(encoder, { querySet, beginningOfPassWriteIndex: 0 });
      plan.record(encoder, executions);
      mark(encoder, { querySet, endOfPassWriteIndex: 1 });
    } else
      plan.record(encoder, executions, {
        querySet,
        beginningOfPassWriteIndex: 0,
        endOfPassWriteIndex: 1,
      });
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, STAMPS_BYTES);
    gpu.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_READ);
    const [start = 0n, end = 0n] = new BigUint64Array(staging.getMappedRange());
    staging.unmap();
    return Number(end - start) / 1000 / executions;
  };
  return {
    clock: "timestamp-query",
    time,
    destroy: () => {
      querySet.destroy();
      resolved.destroy();
      staging.destroy();
    },
  };
}

/** How often to repeat work so that one sample lasts `leastUs`. Runs it: the first execution warms caches and clocks. */
export async function countExecutions(
  stopwatch: Stopwatch,
  plan: PreparedPlan,
  leastUs: number,
  most: number,
): Promise<number> {
  await stopwatch.time(plan, 1);
  let executions = 1;
  for (;;) {
    let us = await stopwatch.time(plan, executions);
    // A hiccup of the machine looks like a long sample: it does not come twice.
    if (us * executions >= leastUs) us = Math.min(us, await stopwatch.time(plan, executions));
    if (us * executions >= leastUs || executions >= most) return executions;
    // At most tenfold at once: the first samples of a cold device are slow.
    const wanted = us > 0 ? Math.ceil((leastUs * 1.2) / us) : executions * 10;
    executions = Math.min(most, executions * 10, Math.max(executions + 1, wanted));
  }
}
