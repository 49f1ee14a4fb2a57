/** Counts the calls of the WebGPU API that a device gets, by replacing methods of its objects with counting ones. */

export interface ApiCounts {
  /** Calls by name since `reset`, such as `createBindGroup` or `dispatchWorkgroups`. */
  readonly counts: () => Readonly<Record<string, number>>;
  readonly reset: () => void;
}

const DEVICE_CALLS = [
  "createBuffer",
  "createBindGroup",
  "createShaderModule",
  "createComputePipelineAsync",
  "createCommandEncoder",
  "pushErrorScope",
  "popErrorScope",
] as const;
const QUEUE_CALLS = ["submit", "writeBuffer"] as const;
const ENCODER_CALLS = ["beginComputePass", "copyBufferToBuffer", "finish"] as const;
const PASS_CALLS = ["setPipeline", "setBindGroup", "dispatchWorkgroups", "end"] as const;

export function countApi(device: GPUDevice): ApiCounts {
  let counts: Record<string, number> = {};
  const watch = <T extends object>(
    target: T,
    names: readonly (keyof T & string)[],
    onResult?: (name: string, result: unknown) => void,
  ): void => {
    for (const name of names) {
      const original: unknown = Reflect.get(target, name);
      if (typeof original !== "function") throw new Error(`${name} is no method`);
      const counting = (...args: readonly unknown[]): unknown => {
        counts[name] = (counts[name] ?? 0) + 1;
        const result: unknown = Reflect.apply(original, target, args);
        onResult?.(name, result);
        return result;
      };
      Object.defineProperty(target, name, { value: counting });
    }
  };
  watch(device, DEVICE_CALLS, (made, encoder) => {
    if (made !== "createCommandEncoder") return;
    watch(encoder as GPUCommandEncoder, ENCODER_CALLS, (begun, pass) => {
      if (begun === "beginComputePass") watch(pass as GPUComputePassEncoder, PASS_CALLS);
    });
  });
  watch(device.queue, QUEUE_CALLS);
  return { counts: () => counts, reset: () => void (counts = {}) };
}
