/**
 * What a device offers, whichever backend runs it. Everything that a caller holds of the runtime is one of these
 * interfaces; the classes behind them are found through `openDevice`.
 *
 * A call returns its tensors at once, before the work is done. Mistakes of the caller throw at once; whatever goes
 * wrong later (a kernel that does not compile, a lost device) rejects the reads of the tensors that depend on it.
 */
import type { PlanCache } from "../cache/plan-cache.ts";
import type { TensorweftError } from "../diagnostics/diagnostic.ts";
import type { DType } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import type { Plan } from "../ir/plan.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { Shape, Shaped } from "../ir/shape-types.ts";
import type { TuningTable } from "./tuning-table.ts";

export type Backend = "webgpu" | "cpu";

/** What `read()` gives: f32, i32 and u32 as their arrays, f16 as Float16Array where the language has it (else its words), bf16 as words, bool as bytes 0 and 1. */
export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** What a tensor can be made from. Plain numbers become f32 unless the options say otherwise. */
export type TensorData =
  | Float32Array
  | Int32Array
  | Uint32Array
  | Float16Array
  | Uint16Array
  | Uint8Array
  | readonly number[]
  | readonly boolean[]
  | number
  | boolean;

export interface TensorOptions {
  /** Needed for raw 16-bit words (`"f16"` or `"bf16"`) and bytes (`"bool"`); otherwise it follows from the data. */
  readonly dtype?: DType | undefined;
}

export interface WrapOptions {
  /** Default f32. */
  readonly dtype?: DType | undefined;
  /**
   * Byte at which the elements start, a multiple of 4. Kernels bind multiples of 256 as they are; from other offsets, calls
   * copy the elements on the GPU first. Default 0.
   */
  readonly offset?: number | undefined;
  /** Refuses to bind the tensor as a result. Default false. */
  readonly readOnly?: boolean | undefined;
}

/** `S` is its shape in types, where TypeScript knows it: `Tensor<readonly [8, 3]>`; by default nothing is known. */
export interface Tensor<S extends Shape = Shape> extends Disposable, Shaped<S> {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly device: Device;
  readonly disposed: boolean;
  /** What messages call it, as in `result "w" of @norm, f32[8,4]`. */
  readonly label: string;
  /** Copies the elements, row-major, to the host when the work they depend on is done. */
  read(): Promise<TypedArray>;
  /**
   * The buffer that holds the elements, for other users of the same GPUDevice, once all work that fills it has been
   * submitted. It belongs to the tensor and is valid until the tensor is disposed.
   */
  gpuBuffer(): Promise<GPUBuffer>;
  /** Byte of `gpuBuffer()` at which the elements start: 0 unless the tensor was wrapped with an offset. */
  readonly byteOffset: number;
  /**
   * Hands `gpuBuffer()` over to the caller, who destroys it, and disposes the tensor. The buffer may be larger than the
   * elements; its usages are STORAGE, COPY_SRC and COPY_DST. A wrapped buffer goes back to its owner.
   */
  takeGpuBuffer(): Promise<GPUBuffer>;
  /** Gives the memory back. Work that was already called for still sees the elements. Harmless when repeated. */
  dispose(): void;
}

/** A compiled program. WebGPU runs the plan and the CPU runs the graph, so a program for one of them may lack the other. */
export interface Program {
  readonly plan?: Plan | undefined;
  readonly graph?: Graph | undefined;
  /**
   * A plan of the same inputs, outputs and buffers whose kernels and steps take the place of `plan`'s: calls wait until it
   * is known, and `ready` with them. Where it fails, `plan` stays.
   */
  readonly tuned?: Promise<Plan> | undefined;
  /**
   * Makes a plan of the same inputs, outputs and buffers that takes the place of `plan`, which came from a cache, where the
   * kernels of that one do not compile.
   */
  readonly renew?: (() => Plan) | undefined;
  /**
   * Gives each step of each call a submit and an error scope of its own: an error of WebGPU names the step, and the lines
   * that it computes where the plan has them (`CompileOptions.sources`). Default false.
   */
  readonly debug?: boolean | undefined;
}

export interface RunOptions {
  /**
   * Positions of inputs that the caller gives away: they are disposed by the call. A result of equal dtype and size takes
   * over the buffer of one where no kernel reads the input at or after the result's first write, nobody else holds the
   * buffer, and it is the device's own; otherwise the buffer just goes back to the pool.
   */
  readonly donate?: readonly number[] | undefined;
}

/** A program with its inputs and results bound: a call makes no tensors, buffers or bind groups. */
export interface BoundCall extends Disposable {
  /** Fills the bound results. Scalars that are left out keep their last values. */
  run(scalars?: Readonly<Record<string, number>>): void;
  /** Lets go of the buffers; the tensors stay. Work that was already called for is done. */
  dispose(): void;
}

export interface LoadedProgram {
  readonly device: Device;
  /** Resolves when every kernel is compiled; calls need not wait for it. Rejects when one does not compile. */
  readonly ready: Promise<void>;
  /** Runs the program on tensors of this device. Scalars that have a default may be left out. */
  run(inputs: readonly Tensor[], scalars?: Readonly<Record<string, number>>, options?: RunOptions): Tensor[];
  /**
   * Binds the program to tensors that its calls read and fill. A result may be one of the inputs only where a donated
   * input could be reused for it; the same tensor cannot be two results.
   */
  bind(
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    scalars?: Readonly<Record<string, number>>,
  ): BoundCall;
  /**
   * Says that the program will hardly be called again: the device no longer keeps its kernels for programs that need the
   * same ones, unless others use them. The program still runs.
   */
  release(): void;
}

export interface MemoryInfo {
  /** Tensors that were neither disposed nor collected. */
  readonly tensors: number;
  /** Buffers in use by tensors and by calls that wait for their kernels, and their size in bytes. */
  readonly buffers: number;
  readonly bytes: number;
  /** Bytes of idle buffers, kept for reuse until `trim()`. */
  readonly pooledBytes: number;
  /** Compiled kernels that are kept to be shared, at most 512. Programs keep their own besides. */
  readonly kernels: number;
}

/** What the device has done since it was opened. All are 0 on the CPU. */
export interface DeviceCounters {
  readonly shaderModules: number;
  readonly pipelines: number;
  readonly bindGroups: number;
  readonly buffersCreated: number;
  readonly writeBuffers: number;
  readonly dispatches: number;
  readonly submits: number;
}

export interface Device extends Disposable {
  readonly backend: Backend;
  readonly profile: DeviceProfile;
  readonly counters: DeviceCounters;
  /** Schedules that were found to be fast here; every compilation for this device asks it. Unused on the CPU. */
  readonly tuning: TuningTable;
  /** Plans that were compiled for such a device before (`openDevice({ cache })`), or null on the CPU. */
  readonly cache: PlanCache | null;
  /**
   * Resolves when the kernels that `openDevice({ prewarm })` compiles ahead are ready, or cannot be made; to their number.
   * Nobody need wait for it.
   */
  readonly prewarmed: Promise<number>;
  /**
   * Resolves when the device can no longer be used, with the error that pending reads reject with: the GPU was lost, or the
   * device disposed. Functions compile again for another device when they are called with its tensors.
   */
  readonly lost: Promise<TensorweftError>;
  /** The WebGPU device below, or null on the CPU. */
  readonly gpuDevice: GPUDevice | null;
  /** Copies data to the device. Without a shape the result has one dimension, or none for a single number. */
  tensor<const S extends Shape = Shape>(data: TensorData, shape?: S, options?: TensorOptions): Tensor<S>;
  /**
   * A tensor over a buffer of this `gpuDevice` that stays its owner's: nothing is copied, `dispose()` leaves it alone. It
   * needs the usages STORAGE and COPY_SRC. The owner keeps it until every call that uses it has been submitted.
   */
  wrap<const S extends Shape>(buffer: GPUBuffer, shape: S, options?: WrapOptions): Tensor<S>;
  /** Prepares a program. Throws when it asks for more than the device has; compiles in the background. */
  load(program: Program): LoadedProgram;
  /**
   * Runs `calls` and submits all calls of programs made in it together, at its end: one pass and one submit as far as the
   * plans' copies allow. `calls` is not async. A read or an upload in it may submit what came before; so do more than
   * 256 different sets of scalars.
   */
  batch<R>(calls: () => R): R;
  memory(): MemoryInfo;
  /** Frees idle buffers. */
  trim(): void;
  /** Frees everything. A GPUDevice that the caller brought lives on. */
  dispose(): void;
}
