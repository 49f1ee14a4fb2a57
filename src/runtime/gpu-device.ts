/** The WebGPU device: tensors in buffers from a pool, programs as plans. */
import type { PlanCache } from "../cache/plan-cache.ts";
import { CompilerBug, type TensorweftError } from "../diagnostics/diagnostic.ts";
import { printType, storageBytes } from "../ir/dtype.ts";
import { bufferBytes, type Plan } from "../ir/plan.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { verifyPlan } from "../ir/verify-plan.ts";
import { applyCosts, type MeasuredCosts } from "./calibrate.ts";
import { refusePromise } from "./call-arguments.ts";
import { checkPlan } from "./check-plan.ts";
import type {
  Device,
  DeviceCounters,
  LoadedProgram,
  MemoryInfo,
  Program,
  Tensor,
  TensorData,
  TensorOptions,
  WrapOptions,
} from "./device.ts";
import { type AdapterInfo, deriveProfile } from "./device-profile.ts";
import { holdForeign } from "./foreign-buffer.ts";
import { type CoreOptions, GpuCore } from "./gpu-core.ts";
import { GpuProgram } from "./gpu-program.ts";
import { GpuTensor } from "./gpu-tensor.ts";
import { Outcome } from "./outcome.ts";
import { applyFindings, type SubgroupFindings } from "./probe-subgroups.ts";
import { profileKey } from "./profile-store.ts";
import { deviceDisposed } from "./runtime-errors.ts";
import { checkDType, checkShape, encodeData, toGpuBytes } from "./tensor-data.ts";
import { TuningTable } from "./tuning-table.ts";
import { Uploads } from "./upload.ts";

export interface DeviceOptions extends CoreOptions {
  readonly cache?: PlanCache | undefined;
}

export class WebGpuDevice implements Device {
  readonly backend = "webgpu";
  readonly gpuDevice: GPUDevice;
  readonly tuning: TuningTable;
  readonly cache: PlanCache | null;
  prewarmed: Promise<number> = Promise.resolve(0);
  readonly #core: GpuCore;
  readonly #uploads: Uploads;
  #profile: DeviceProfile;
  #disposed = false;

  constructor(gpuDevice: GPUDevice, info: AdapterInfo, options: DeviceOptions) {
    this.gpuDevice = gpuDevice;
    this.cache = options.cache ?? null;
    this.#profile = deriveProfile(gpuDevice.limits, gpuDevice.features, info);
    this.tuning = new TuningTable(profileKey(this.#profile, info));
    this.#core = new GpuCore(gpuDevice, options);
    this.#uploads = new Uploads(this.#core);
  }

  get profile(): DeviceProfile {
    return this.#profile;
  }

  /** Takes over what a test of its subgroups has shown. Only before the device is handed out, as below. */
  setSubgroups(found: SubgroupFindings): void {
    this.#profile = applyFindings(this.#profile, found);
  }

  /** Replaces the costs of the profile. Only before the device is handed out: programs are compiled for a profile. */
  setCosts(costs: Partial<MeasuredCosts>): void {
    this.#profile = applyCosts(this.#profile, costs);
  }

  get lost(): Promise<TensorweftError> {
    return this.#core.health.lost;
  }

  get counters(): DeviceCounters {
    return this.#core.counters;
  }

  tensor(data: TensorData, shape?: readonly number[], options?: TensorOptions): Tensor {
    this.#core.health.throwIfLost();
    const host = encodeData(data, shape, options, { borrow: true }); // written or copied before this returns
    const label = `tensor ${printType(host)}`;
    const bytes = bufferBytes(host.data.length, storageBytes(host.dtype));
    const buffer = this.#core.storage.acquire(bytes, label, this.#uploads.mayWait(bytes));
    const outcome = this.#uploads.start(buffer, toGpuBytes(host));
    return new GpuTensor(this, this.#core, { dtype: host.dtype, shape: host.shape, label, buffer, outcome });
  }

  wrap(buffer: GPUBuffer, shape: readonly number[], options: WrapOptions = {}): Tensor {
    this.#core.health.throwIfLost();
    checkShape(shape);
    const dtype = options.dtype ?? "f32";
    checkDType(dtype);
    const type = { dtype, shape: [...shape] };
    const held = holdForeign(buffer, type, options, (range, offset) => this.#core.idOf(range, offset));
    const label = `wrapped tensor ${printType(type)}`;
    return new GpuTensor(this, this.#core, { ...type, label, buffer: held, outcome: new Outcome() });
  }

  load(program: Program): LoadedProgram {
    this.#core.health.throwIfLost();
    if (program.plan === undefined)
      throw new CompilerBug("a program without a plan was loaded on a WebGPU device", []);
    checkPlan(program.plan, this.profile);
    const tuned = program.tuned?.then((plan) => {
      checkPlan(plan, this.profile);
      return plan;
    });
    return new GpuProgram(this, this.#core, program.plan, {
      tuned,
      renew: program.renew,
      debug: program.debug,
    });
  }

  /** Compiles the kernels of plans that may be loaded later; how many of them the device takes. */
  async prewarm(plans: readonly Plan[]): Promise<number> {
    const kernels = plans.flatMap((plan) => (verifyPlan(plan).length === 0 ? plan.kernels : []));
    const made = await Promise.allSettled(kernels.map((kernel) => this.#core.pipelines.compile(kernel)));
    return made.filter(({ status }) => status === "fulfilled").length;
  }

  batch<R>(calls: () => R): R {
    this.#core.health.throwIfLost();
    return refusePromise(this.#core.recorder.batch(calls));
  }

  memory(): MemoryInfo {
    const { storage, staging, tensors, pipelines } = this.#core;
    const { buffers, bytes, idleBytes } = storage.usage;
    const pooledBytes = idleBytes + staging.usage.idleBytes;
    return { tensors, buffers, bytes, pooledBytes, kernels: pipelines.size };
  }

  trim(): void {
    this.#core.pressure.trim();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const core = this.#core;
    core.abandon(core.health.lose(deviceDisposed()));
    core.storage.destroy();
    core.staging.destroy();
    core.uniforms.destroy();
    this.cache?.close();
    if (!this.#core.isShared) this.gpuDevice.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
