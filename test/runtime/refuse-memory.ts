/**
 * A GPU that runs out of memory when a test wants it to: some calls of `createBuffer` give the invalid buffer and the error
 * that WebGPU gives then. All else is the device's own.
 */

export interface MemoryRefusal {
  /** From now on: how many of the coming allocations of at least `atLeast` bytes are refused. */
  readonly refuse: (times: number, atLeast?: number) => void;
  /** Sizes of all buffers that were asked for, refused or not, since `refuse`. */
  readonly asked: () => readonly number[];
}

interface Scope {
  readonly filter: GPUErrorFilter;
  error: GPUError | null;
}

export function refuseMemory(device: GPUDevice): MemoryRefusal {
  const own = {
    push: device.pushErrorScope.bind(device),
    pop: device.popErrorScope.bind(device),
    create: device.createBuffer.bind(device),
  };
  const scopes: Scope[] = [];
  let [left, least] = [0, 0];
  let asked: number[] = [];
  const fake = {
    pushErrorScope: (filter: GPUErrorFilter): undefined => {
      scopes.push({ filter, error: null });
      own.push(filter);
    },
    popErrorScope: async (): Promise<GPUError | null> => {
      const refused = scopes.pop()?.error ?? null;
      const error = await own.pop();
      return refused ?? error;
    },
    createBuffer: (descriptor: GPUBufferDescriptor): GPUBuffer => {
      asked.push(descriptor.size);
      if (left === 0 || descriptor.size < least) return own.create(descriptor);
      left -= 1;
      const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
      if (scope === undefined) throw new Error("an allocation without an error scope was refused");
      scope.error ??= { message: "refused by a test" };
      own.push("validation");
      const invalid = own.create({ ...descriptor, usage: 0x0001 | 0x0002 }); // both map usages: never allowed
      own.pop().catch(() => undefined);
      return invalid;
    },
  };
  for (const [name, value] of Object.entries(fake))
    Object.defineProperty(device, name, { value, configurable: true });
  return {
    refuse: (times, atLeast = 0) => {
      [left, least] = [times, atLeast];
      asked = [];
    },
    asked: () => asked,
  };
}
