/**
 * The plan: which kernels run in which order over which buffers. Plain JSON: it is what the cache stores and what
 * ahead-of-time compilation writes out. Running it needs no other artefact.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { DType } from "./dtype.ts";
import type { ScalarParam } from "./kernel.ts";

export interface PlanTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface PlanScalar extends ScalarParam {
  readonly default?: number | undefined;
}

/** Where the bytes live. Temporaries are given back when the call's work is done. */
export type PlanBuffer =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "output"; readonly index: number }
  | { readonly kind: "temporary"; readonly bytes: number };

export interface PlanKernel {
  readonly name: string;
  readonly wgsl: string;
  readonly entryPoint: string;
  /** One entry per binding of group 0, in order, without the uniform block. */
  readonly bindings: readonly { readonly access: "read" | "read_write"; readonly bytes: number }[];
  /**
   * The uniform block, bound after the last buffer when there is one: every scalar takes 4 bytes, in this order, and
   * the block is padded to a multiple of 16 bytes. bool is a u32, 0 or 1. They are numbers of the call, by name, except
   * the last ones where a step has `values`.
   */
  readonly scalars: readonly ScalarParam[];
  /** Language features or device features that the text needs. */
  readonly features: readonly string[];
}

/** What a dispatch computes, for messages: a statement of index notation, and the line of the user that it stems from. */
export interface StepSource {
  readonly statement: string;
  readonly span?: Span | undefined;
}

export type PlanStep =
  | {
      readonly kind: "dispatch";
      /** Position in `Plan.kernels`: equal kernels are stored once. */
      readonly kernel: number;
      /** Position in `Plan.buffers` for each binding. */
      readonly buffers: readonly number[];
      readonly workgroups: readonly [number, number, number];
      /** Byte of its buffer at which each binding starts, a multiple of `BINDING_ALIGNMENT`; absent: 0 for all. */
      readonly offsets?: readonly number[] | undefined;
      /** What the kernel's last scalars are in this step, whatever the call says; absent: none. */
      readonly values?: readonly number[] | undefined;
      /** In order of definition; only in plans that were compiled for it (`CompileOptions.sources`): nothing else hangs on it. */
      readonly sources?: readonly StepSource[] | undefined;
    }
  /** A whole-buffer copy: a result that is an input, or the same value returned twice. */
  | { readonly kind: "copy"; readonly from: number; readonly to: number; readonly bytes: number };

export interface Plan {
  readonly version: 1;
  readonly name: string;
  readonly inputs: readonly PlanTensor[];
  readonly scalars: readonly PlanScalar[];
  readonly outputs: readonly PlanTensor[];
  readonly buffers: readonly PlanBuffer[];
  readonly kernels: readonly PlanKernel[];
  readonly steps: readonly PlanStep[];
}

/** Offsets of bindings are multiples of so many bytes: WebGPU's default, which every device takes. */
export const BINDING_ALIGNMENT = 256;

/** Bytes that a tensor takes in a buffer: whole 32-bit words, at least one, padded to 16 for vector bindings. */
export const bufferBytes = (elements: number, bytesPerElement: number): number =>
  Math.max(16, Math.ceil((elements * bytesPerElement) / 16) * 16);
