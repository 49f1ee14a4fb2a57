/**
 * Instances of Dawn, the WebGPU of Node. The object that `create` returns owns the whole implementation: once the
 * garbage collector takes it, every device opened through it crashes the process. So instances are kept for good.
 */
import { create, globals } from "webgpu";

const kept = new Map<string, GPU>();

/**
 * @param backend "null" validates WGSL and API calls without any driver and computes nothing; the default is a real one
 */
export function dawn(backend?: "null"): GPU {
  // GPUBufferUsage and its like, which browsers define everywhere.
  Object.assign(globalThis, globals);
  const options = backend === undefined ? [] : [`backend=${backend}`];
  const instance = kept.get(options.join()) ?? create(options);
  kept.set(options.join(), instance);
  return instance;
}
