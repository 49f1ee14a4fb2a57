/**
 * The device of `tensorweft/runtime`: runs plans and nothing else, with what each call needs made for the call. There is no
 * pool of buffers, no batch and no cache of bind groups: whoever wants those uses the main entry.
 *
 * Ensures: a mistake of the caller throws at once. What goes wrong later (validation, memory, a lost device) rejects the
 *          reads of all tensors that depend on it: nothing is silently wrong.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { type DType, printType, storageBytes } from "../ir/dtype.ts";
import { bufferBytes, type Plan } from "../ir/plan.ts";
import { bindScalars, checkInputs } from "../runtime/call-arguments.ts";
import type { TensorData } from "../runtime/device.ts";
import { BUFFER_USAGE } from "../runtime/gpu-flags.ts";
import { deviceDisposed } from "../runtime/runtime-errors.ts";
import { encodeData, toGpuBytes } from "../runtime/tensor-data.ts";
import { SlimKernels } from "./slim-kernels.ts";
import { SlimProgram } from "./slim-program.ts";
import { type Fault, SlimGpu } from "./slim-gpu.ts";
import { SlimTensor } from "./slim-tensor.ts";
import type { Device, DTypeOf, Shape, Tensor } from "./types.ts";

/** Others give their temporaries back: the next call of theirs makes new ones. */
const MOST_PROGRAMS = 64;

const { storage, copySrc, copyDst } = BUFFER_USAGE;
const STORAGE = storage | copySrc | copyDst;

export class SlimDevice implements Device {
  readonly backend = "webgpu";
  readonly gpuDevice: GPUDevice;
  readonly #isShared: boolean;
  readonly #gpu: SlimGpu;
  /** By the plan that they were compiled for, and by the plan of a call. */
  readonly #kernels = new Map<Plan, SlimKernels>();
  readonly #programs = new Map<Plan, SlimProgram>();

  constructor(gpuDevice: GPUDevice, isShared: boolean) {
    this.gpuDevice = gpuDevice;
    this.#isShared = isShared;
    this.#gpu = new SlimGpu(gpuDevice);
  }

  tensor<const T extends TensorData, const S extends Shape>(data: T, shape: S): Tensor<DTypeOf<T>, S>;
  tensor<const S extends Shape, const D extends DType>(
    data: TensorData,
    shape: S,
    options: { readonly dtype: D },
  ): Tensor<D, S>;
  tensor(data: TensorData, shape: Shape, options: { readonly dtype?: DType } = {}): Tensor {
    this.#gpu.throwIfLost();
    const host = encodeData(data, shape, options, { borrow: true }); // written to the buffer before this returns
    const label = `tensor ${printType(host)}`;
    const bytes = bufferBytes(host.data.length, storageBytes(host.dtype));
    const { result: buffer, fault } = this.#gpu.watch(label, bytes, () => {
      const made = this.gpuDevice.createBuffer({ label, size: bytes, usage: STORAGE });
      if (host.data.length > 0) this.gpuDevice.queue.writeBuffer(made, 0, toGpuBytes(host));
      return made;
    });
    const type = { dtype: host.dtype, shape: host.shape };
    return new SlimTensor(this, this.#gpu, type, { label, buffer, fault });
  }

  /** Runs a plan on tensors of this device, with the kernels of another one where sizes share them. */
  run(
    plan: Plan,
    kernels: Plan,
    inputs: readonly SlimTensor[],
    scalars: Readonly<Record<string, number>>,
  ): readonly SlimTensor[] {
    this.#gpu.throwIfLost();
    checkInputs(plan, this, inputs);
    const values = bindScalars(plan, scalars);
    const program = this.#load(plan, kernels);
    const labels = plan.outputs.map(
      (output) => `result "${output.name}" of @${plan.name}, ${printType(output)}`,
    );
    const sizes = plan.outputs.map(({ shape, dtype }) =>
      bufferBytes(
        shape.reduce((n, length) => n * length, 1),
        storageBytes(dtype),
      ),
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const { result: buffers, fault } = this.#gpu.watch(`the results of @${plan.name}`, bytes, () => {
      const outputs = sizes.map((size, i) =>
        this.gpuDevice.createBuffer({ label: labels[i] ?? "", size, usage: STORAGE }),
      );
      program.submit(
        inputs.map(({ gpuBuffer }) => gpuBuffer),
        outputs,
        values,
      );
      return outputs;
    });
    const all = firstOf([program.fault, ...inputs.map((input) => input.fault), fault]);
    return plan.outputs.map(
      ({ dtype, shape }, i) =>
        new SlimTensor(
          this,
          this.#gpu,
          { dtype, shape },
          { label: labels[i] ?? "", buffer: buffers[i], fault: all },
        ),
    );
  }

  /** The kernels of a plan, compiled on their first use. */
  loadKernels(plan: Plan): SlimKernels {
    this.#gpu.throwIfLost();
    const kernels = this.#kernels.get(plan) ?? new SlimKernels(this.#gpu, plan);
    this.#kernels.set(plan, kernels);
    return kernels;
  }

  /** What a plan keeps between calls. Of the plans for many sizes, those that were used last. */
  #load(plan: Plan, kernels: Plan): SlimProgram {
    const program = this.#programs.get(plan) ?? new SlimProgram(this.#gpu, plan, this.loadKernels(kernels));
    this.#programs.delete(plan);
    this.#programs.set(plan, program);
    const [oldest] = this.#programs.keys();
    if (this.#programs.size > MOST_PROGRAMS && oldest !== undefined) {
      this.#programs.get(oldest)?.destroy();
      this.#programs.delete(oldest);
    }
    return program;
  }

  dispose(): void {
    if (!this.#gpu.lose(deviceDisposed())) return;
    for (const program of this.#programs.values()) program.destroy();
    this.#programs.clear();
    this.#kernels.clear();
    if (!this.#isShared) this.gpuDevice.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The first of several faults that is one. */
const firstOf = (faults: readonly Fault[]): Fault =>
  Promise.all(faults).then((found) => found.find((fault) => fault !== null) ?? null);

/** Tensors of this runtime among what a caller in JavaScript may pass. */
export function asTensors(name: string, values: readonly unknown[]): readonly SlimTensor[] {
  return values.map((value, position) =>
    value instanceof SlimTensor
      ? value
      : fail("wrong-argument", `argument ${position} of ${name} is no tensor of tensorweft/runtime`, {
          help: "make it with device.tensor(data, shape)",
        }),
  );
}
