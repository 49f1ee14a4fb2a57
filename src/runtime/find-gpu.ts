/**
 * Finding WebGPU: `navigator.gpu` in browsers (and runtimes that have it), else the npm package `webgpu` (Dawn).
 *
 * Dawn's GPU object must outlive all that came from it and every operation still under way on it, or the process
 * crashes: its tick runs on a pointer to the instance. No object of ours lives long enough (a pipeline may be compiling
 * for a device that nobody holds any more), so the GPU object is kept on `globalThis`, for the process, as browsers keep
 * `navigator.gpu`. This is the one piece of global state of the runtime. The process still ends by itself.
 */
export type FoundGpu =
  { readonly gpu: GPU; readonly reason: null } | { readonly gpu: null; readonly reason: string };

/** Node, or a runtime that is like it: packages can be imported by name. */
export const isNode = (): boolean =>
  typeof (globalThis as { readonly process?: { readonly versions?: unknown } }).process?.versions ===
  "object";

/** The entry point of WebGPU, or why there is none. `dawnOptions` go to Dawn where that is what serves. */
export async function findGpu(dawnOptions: readonly string[] = []): Promise<FoundGpu> {
  // Node 20 has no navigator, Node 24 has one without a GPU; types claim both.
  const inherent = (globalThis as { readonly navigator?: { readonly gpu?: GPU } }).navigator?.gpu;
  if (inherent !== undefined) return { gpu: inherent, reason: null };
  if (!isNode())
    return { gpu: null, reason: "this browser has no navigator.gpu (or the page is not a secure context)" };
  try {
    // A variable keeps bundlers from following a package that only Node uses.
    const name = "webgpu";
    const dawn = (await import(/* @vite-ignore */ name)) as DawnModule;
    return { gpu: instanceOf(dawn, dawnOptions), reason: null };
  } catch (error) {
    return {
      gpu: null,
      reason: `the npm package "webgpu" does not load (${String(error)}): npm install webgpu`,
    };
  }
}

interface DawnModule {
  readonly create: (options: string[]) => GPU;
}

/** `Symbol.for`, so that two copies of this package share instances. */
const INSTANCES = Symbol.for("tensorweft.dawn-instances");

/** The instance of Dawn with these options, made on first use and kept for the process. */
function instanceOf(dawn: DawnModule, options: readonly string[]): GPU {
  const holder = globalThis as { [INSTANCES]?: Map<string, GPU> | undefined };
  const instances = (holder[INSTANCES] ??= new Map<string, GPU>());
  const key = options.join("\n");
  const known = instances.get(key);
  if (known !== undefined) return known;
  const created = dawn.create([...options]);
  instances.set(key, created);
  return created;
}
