/**
 * Counts the objects of WebGPU that live: those that were created and neither destroyed nor, where WebGPU has no `destroy`,
 * collected. All devices of this process are watched, also those that a test does not see, by replacing methods of their
 * prototype; a browser would let a test do the same.
 */

const DESTROYED = ["createBuffer", "createQuerySet", "createTexture"] as const;
const COLLECTED = [
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createShaderModule",
  "createComputePipeline",
  "createComputePipelineAsync",
  "createCommandEncoder",
] as const;

export interface LiveObjects {
  /** By the method that created them; those of devices that were destroyed are gone with them. */
  readonly counts: () => Readonly<Record<string, number>>;
  /** Devices that were seen and neither destroyed nor collected. */
  readonly devices: () => number;
  readonly stop: () => void;
}

/** `sample` is a device of the kind that is watched. */
export function watchLiveObjects(sample: GPUDevice): LiveObjects {
  const live = new Map<string, Set<object>>();
  const setOf = (name: string): Set<object> => {
    const known = live.get(name) ?? new Set();
    live.set(name, known);
    return known;
  };
  const collected = new FinalizationRegistry<() => void>((forget) => {
    forget();
  });
  const undo: (() => void)[] = [];
  const replace = (
    target: object,
    name: string,
    make: (own: (...args: never[]) => unknown) => unknown,
  ): void => {
    const own: unknown = Reflect.get(target, name);
    if (typeof own !== "function") throw new Error(`${name} is no method`);
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, {
      value: make(own as (...args: never[]) => unknown),
      configurable: true,
      writable: true,
    });
    undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    });
  };
  /** A mark stands for the object, which is not kept alive. */
  const note = (name: string, made: object): object => {
    const mark = {};
    const marks = setOf(name);
    marks.add(mark);
    collected.register(made, () => marks.delete(mark));
    return mark;
  };
  const watchedPrototypes = new Set<object>();
  const watchDestroy = (name: string, made: object, mark: object): void => {
    marksOf.set(made, mark);
    const prototype = Object.getPrototypeOf(made) as object;
    if (watchedPrototypes.has(prototype)) return;
    watchedPrototypes.add(prototype);
    replace(
      prototype,
      "destroy",
      (own) =>
        function (this: object) {
          const found = marksOf.get(this);
          if (found !== undefined) setOf(name).delete(found);
          return Reflect.apply(own, this, []) as unknown;
        },
    );
  };
  const marksOf = new WeakMap<object, object>();
  const devices = new WeakSet<object>();
  const prototype = Object.getPrototypeOf(sample) as object;
  const noteDevice = (device: object): void => {
    if (devices.has(device)) return;
    devices.add(device);
    marksOf.set(device, note("device", device));
  };
  for (const name of [...DESTROYED, ...COLLECTED])
    replace(
      prototype,
      name,
      (own) =>
        function (this: object, ...args: never[]) {
          noteDevice(this);
          const result: unknown = Reflect.apply(own, this, args);
          if (result instanceof Promise)
            return result.then((made: object) => {
              note(name, made);
              return made;
            });
          const mark = note(name, result as object);
          if ((DESTROYED as readonly string[]).includes(name)) watchDestroy(name, result as object, mark);
          return result;
        },
    );
  replace(
    prototype,
    "destroy",
    (own) =>
      function (this: object) {
        const found = marksOf.get(this);
        if (found !== undefined) setOf("device").delete(found);
        return Reflect.apply(own, this, []) as unknown;
      },
  );
  return {
    counts: () =>
      Object.fromEntries(
        [...live].flatMap(([name, { size }]) => (name === "device" || size === 0 ? [] : [[name, size]])),
      ),
    devices: () => setOf("device").size,
    stop: () => {
      for (const restore of undo.reverse()) restore();
    },
  };
}
