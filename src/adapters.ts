/** The adapters that WebGPU offers, for tools that show them (`weft devices`); programs call `openDevice`. */
import type { DeviceProfile } from "./ir/profile.ts";
import { openDevice } from "./runtime/open-device.ts";

export { listAdapters, type AdapterSummary } from "./runtime/adapter.ts";

/** Measures the adapter that programs run on, keeps the costs for later devices, and gives its profile. */
export async function calibrateAdapter(): Promise<DeviceProfile> {
  using device = await openDevice({ backend: "webgpu", calibrate: { renew: true } });
  return device.profile;
}
