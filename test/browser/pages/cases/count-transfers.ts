/** Counts the ways by which bytes can pass between host and GPU, on one device. */

export interface Transfers {
  readonly mapAsync: number;
  readonly writeBuffer: number;
  readonly mappedAtCreation: number;
}

export interface TransferCount {
  readonly counts: () => Transfers;
  /** Bytes that `writeBuffer` has carried, in calls of more than `atLeast` bytes. */
  readonly largeWrites: (atLeast: number) => number;
}

export function countTransfers(device: GPUDevice): TransferCount {
  let [mapAsync, mappedAtCreation] = [0, 0];
  const writes: number[] = [];
  const { queue } = device;
  const writeBuffer = queue.writeBuffer.bind(queue);
  const counting = (...args: Parameters<GPUQueue["writeBuffer"]>): undefined => {
    const [, , data, , size] = args;
    const unit = "BYTES_PER_ELEMENT" in data ? Number(data.BYTES_PER_ELEMENT) : 1;
    writes.push(size === undefined ? data.byteLength : size * unit);
    writeBuffer(...args);
  };
  Object.defineProperty(queue, "writeBuffer", { value: counting });
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if (descriptor.mappedAtCreation === true) mappedAtCreation += 1;
    const map = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (...args) => {
      mapAsync += 1;
      return map(...args);
    };
    return buffer;
  };
  return {
    counts: () => ({ mapAsync, writeBuffer: writes.length, mappedAtCreation }),
    largeWrites: (atLeast) => writes.filter((bytes) => bytes > atLeast).length,
  };
}

export const subtract = (after: Transfers, before: Transfers): Transfers => ({
  mapAsync: after.mapAsync - before.mapAsync,
  writeBuffer: after.writeBuffer - before.writeBuffer,
  mappedAtCreation: after.mappedAtCreation - before.mappedAtCreation,
});
