/**
 * Flags of the WebGPU specification (https://www.w3.org/TR/webgpu/#buffer-usage). Dawn in Node defines no globals such as
 * GPUBufferUsage, and we define none for others, so the numbers stand here.
 */
export const BUFFER_USAGE = {
  mapRead: 0x0001,
  copySrc: 0x0004,
  copyDst: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
} as const;

export const MAP_READ = 0x0001;
export const COMPUTE_STAGE = 0x0004;
