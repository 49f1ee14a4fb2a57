/** What a device counts while it works; `device.counters` shows it read-only. */
import type { DeviceCounters } from "./device.ts";

export type Counters = { -readonly [K in keyof DeviceCounters]: number };

export const newCounters = (): Counters => ({
  shaderModules: 0,
  pipelines: 0,
  bindGroups: 0,
  buffersCreated: 0,
  writeBuffers: 0,
  dispatches: 0,
  submits: 0,
});
