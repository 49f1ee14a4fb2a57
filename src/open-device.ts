/** `openDevice` for those who compile: with the cache of compiled plans. */
import { openPlanCache } from "./cache/open-cache.ts";
import type { Device } from "./runtime/device.ts";
import { openDevice as open, type OpenDeviceOptions } from "./runtime/open-device.ts";

/**
 * Opens a device: on WebGPU where there is an adapter, else (with backend "auto") on the CPU, which says so once.
 *
 * @throws {TensorweftError} `no-adapter` where backend "webgpu" finds none, `wrong-argument`
 */
export const openDevice = (options: OpenDeviceOptions = {}): Promise<Device> => open(options, openPlanCache);
