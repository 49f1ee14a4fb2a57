/**
 * Opens a device: on WebGPU where there is an adapter, else (with backend "auto") on the CPU, which says so once.
 *
 * "Once" means once per device that is opened: a flag for the whole process would be module state, hide the warning
 * from the second part of a program that opens a device of its own, and make tests depend on their order.
 */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { fail, type TensorweftError } from "../diagnostics/diagnostic.ts";
import { findAdapter, requestFullDevice } from "./adapter.ts";
import type { CacheOptions } from "../cache/open-cache.ts";
import type { PlanCache } from "../cache/plan-cache.ts";
import { printCompiler } from "../cache/plan-key.ts";
import { isComplete, keepPlausible, measureCosts } from "./calibrate.ts";
import { CpuDevice } from "./cpu-device.ts";
import type { Backend, Device } from "./device.ts";
import type { AdapterInfo } from "./device-profile.ts";
import { isNode } from "./find-gpu.ts";
import { WebGpuDevice } from "./gpu-device.ts";
import { loadCosts, loadTuning, profileKey, saveCosts } from "./profile-store.ts";
import { probeSubgroups } from "./probe-subgroups.ts";
import { noAdapter } from "./runtime-errors.ts";
import { PACKAGE_VERSION } from "./version.ts";

export interface CalibrateOptions {
  readonly cacheFolder?: string | undefined;
  readonly renew?: boolean | undefined;
}

export interface TunedOptions {
  readonly cacheFolder?: string | undefined;
}

export interface OpenDeviceOptions {
  /** Default "auto": WebGPU where there is an adapter, else the CPU. */
  readonly backend?: Backend | "auto" | undefined;
  /** A WebGPU device that the caller made and keeps: tensors can share its buffers, and `dispose()` leaves it alone. */
  readonly gpuDevice?: GPUDevice | undefined;
  /** Told when "auto" falls back to the CPU. Default: console.warn. */
  readonly warn?: ((message: string) => void) | undefined;
  /** How many bytes of idle buffers are kept for reuse. Default 256 MiB. */
  readonly maxPooledBytes?: number | undefined;
  /**
   * Measures the adapter's costs (under a second) instead of taking those of the built-in profile that its description
   * matches; in Node, they are kept in the user's cache folder, or in `cacheFolder`, and `renew` measures again. Default
   * false: which kernels the compiler makes then depends on the adapter's description, limits and features only.
   */
  readonly calibrate?: boolean | CalibrateOptions | undefined;
  /**
   * Takes over the schedules that tuning (`jit(f, { tune: true })`, `weft tune`) has stored for this adapter, in Node: all
   * programs that are compiled for the device use them. Nothing is timed. Default false, for the same reason.
   */
  readonly tuned?: boolean | TunedOptions | undefined;
  /**
   * Compiled plans are kept in memory and in the user's cache folder (Node) or in IndexedDB (browsers), from where later
   * processes and visits take them without compiling: `folder` or `database` names another place, `maxBytes` bounds it,
   * false keeps nothing. Default true.
   */
  readonly cache?: boolean | CacheOptions | undefined;
  /**
   * Starts to compile, all at once and in the background, the kernels that the program used when it ran last, and keeps
   * what it uses now for the next time: in the place of `cache`, under a name, or, with true, under that of the script (Node)
   * or of the page. Default false.
   */
  readonly prewarm?: boolean | string | undefined;
  /** Options for Dawn, the WebGPU of Node, such as `disable-dawn-features=timestamp_quantization`. */
  readonly dawnOptions?: readonly string[] | undefined;
}

const BACKENDS: readonly string[] = ["auto", "webgpu", "cpu"];

/** Makes the cache that the options ask for. */
export type OpenCache = (wanted: OpenDeviceOptions["cache"]) => PlanCache;

/** Programs that were compiled ahead of time need no cache: who compiles passes `openCache`. */
export async function openDevice(options: OpenDeviceOptions = {}, openCache?: OpenCache): Promise<Device> {
  const { backend = "auto", gpuDevice, maxPooledBytes } = options;
  if (!BACKENDS.includes(backend))
    fail("wrong-argument", `there is no backend "${backend}"`, {
      span: captureCallSite(),
      help: `use ${BACKENDS.map((name) => `"${name}"`).join(", ")}`,
    });
  if (gpuDevice !== undefined) {
    if (backend === "cpu")
      fail("wrong-argument", 'a gpuDevice was given together with backend "cpu"', {
        span: captureCallSite(),
        help: "leave one of them out",
      });
    const info = infoOf(gpuDevice);
    const cache = openCache?.(options.cache);
    const shared = new WebGpuDevice(gpuDevice, info, { isShared: true, maxPooledBytes, cache });
    return prepare(shared, info, options);
  }
  if (backend === "cpu") return new CpuDevice();
  const cache = openCache?.(options.cache); // a database is read while the browser looks for the adapter
  const opened = await openGpu(options, cache);
  if (opened instanceof WebGpuDevice) return opened;
  cache?.close();
  if (backend === "webgpu") throw opened;
  const warn = options.warn ?? console.warn;
  warn(`tensorweft runs on the CPU: ${opened.diagnostics[0]?.message ?? opened.message}`);
  return new CpuDevice();
}

/** The device, or why there is none. */
async function openGpu(
  options: OpenDeviceOptions,
  cache: PlanCache | undefined,
): Promise<WebGpuDevice | TensorweftError> {
  const where = isNode() ? "node" : "browser";
  const found = await findAdapter({}, options.dawnOptions);
  if (found.adapter === null) return noAdapter(found.reason, where);
  const { adapter } = found;
  let gpuDevice: GPUDevice;
  try {
    gpuDevice = await requestFullDevice(adapter);
  } catch (error) {
    return noAdapter(`the adapter "${adapter.info.description}" gives no device (${String(error)})`, where);
  }
  const device = new WebGpuDevice(gpuDevice, adapter.info, {
    isShared: false,
    maxPooledBytes: options.maxPooledBytes,
    cache,
  });
  return prepare(device, adapter.info, options);
}

/** Tests what WebGPU leaves open, and takes over what earlier runs have found out of the adapter, as far as the caller wants it. */
async function prepare(
  device: WebGpuDevice,
  info: AdapterInfo,
  { calibrate: wanted, tuned = false, prewarm = false }: OpenDeviceOptions,
): Promise<WebGpuDevice> {
  // Kernels are compiled while the device is being tested, unless something is to be measured.
  const startList = (): void => {
    if (prewarm !== false) startPrewarm(device, prewarm === true ? nameOfProgram() : prewarm);
  };
  const probing = probeSubgroups(device.gpuDevice, device.profile); // first in the driver's queue
  const isMeasured = wanted !== undefined && wanted !== false;
  if (!isMeasured) startList();
  device.setSubgroups(await probing);
  if (tuned !== false) await loadTuning(device.tuning, tuned === true ? undefined : tuned.cacheFolder);
  await calibrate(device, info, wanted);
  if (isMeasured) startList();
  await device.cache?.ready;
  return device;
}

function startPrewarm(device: WebGpuDevice, name: string): void {
  const { cache, tuning } = device;
  if (cache === null) return;
  const compiler = printCompiler({ version: PACKAGE_VERSION, buildId: cache.buildId ?? "" });
  // A list for each adapter as it describes itself: kernels for another one would be of no use.
  device.prewarmed = cache
    .startList(`${name}\n${tuning.device}`, compiler)
    .then((plans) => device.prewarm(plans));
}

function nameOfProgram(): string {
  const { process, location } = globalThis as {
    readonly process?: { readonly argv?: readonly string[] };
    readonly location?: { readonly pathname?: string };
  };
  return process?.argv?.[1] ?? location?.pathname ?? "";
}

/** Gives the device the costs that are stored for its adapter, or measures and stores them, if asked to. */
async function calibrate(
  device: WebGpuDevice,
  info: AdapterInfo,
  wanted: OpenDeviceOptions["calibrate"] = false,
): Promise<WebGpuDevice> {
  if (wanted === false) return device;
  const { cacheFolder: folder, renew = false }: CalibrateOptions = wanted === true ? {} : wanted;
  const key = profileKey(device.profile, info);
  const stored = renew ? {} : keepPlausible((await loadCosts(key, folder)) ?? {});
  if (isComplete(stored)) device.setCosts(stored);
  else {
    const measured = await measureCosts(device.gpuDevice, device.profile);
    device.setCosts(measured);
    if (isComplete(measured)) await saveCosts(key, measured, folder);
  }
  return device;
}

/** Devices know their adapter since 2025; others have only limits and features to show. */
const infoOf = (device: GPUDevice): AdapterInfo =>
  (device as { readonly adapterInfo?: AdapterInfo }).adapterInfo ?? {};
