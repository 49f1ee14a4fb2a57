/** What a run of the benchmark found: plain JSON, the contract of `weft bench --json` and all that reports are made from. */
import type { Traffic } from "./explain-workload.ts";
import type { Spread } from "../runtime/statistics.ts";

/** Share of `saved` that fusion is held to. */
export const SAVED_GOAL = 0.75;

export const MEASUREMENT_VERSION = 1;

/** One way to do the work. */
export interface Timing {
  /** Microseconds of one execution on the device. */
  readonly us: Spread;
  readonly rounds: readonly number[];
}

export interface Variant extends Traffic {
  readonly time: Timing;
}

export interface WorkloadMeasurement {
  readonly name: string;
  readonly shape: string;
  readonly fused: Variant;
  readonly unfused: Variant;
  /** The device's own copy of as many bytes as the floor has. */
  readonly copy: Timing;
  /** Medians of the rounds' ratios: noise that a round's variants share cancels. */
  readonly speedup: number;
  /** Time of the copy over that of the fused kernels; 1 = as fast as this device moves these bytes. */
  readonly copyFraction: number;
  /**
   * Time saved by fusion over what its bytes saved would take at the speed of the copy; 1 = all of it. Null where fusion
   * saves no bytes.
   */
  readonly saved: number | null;
  /** Microseconds that a call keeps the host. */
  readonly hostUs: Spread;
  /** Graph to plan: the first time, and again. */
  readonly compileMs: { readonly cold: number; readonly warm: number };
  /** WGSL to pipelines, in the driver. */
  readonly pipelineMs: number;
  /**
   * From the plan to a program that can run, where nothing has to be compiled: plan and pipelines kept in this process, or
   * found on disk (null: not measured).
   */
  readonly cachedMs: { readonly memory: number; readonly disk: number | null };
}

export interface BenchmarkRun {
  readonly version: typeof MEASUREMENT_VERSION;
  readonly device: {
    readonly profile: string;
    readonly description: string;
    readonly software: boolean;
  };
  /** How device time was taken. */
  readonly clock: "timestamp-query" | "host";
  readonly rounds: number;
  readonly workloads: readonly WorkloadMeasurement[];
  /** Workloads that could not be measured, and why. */
  readonly failures: readonly { readonly name: string; readonly shape: string; readonly message: string }[];
}
