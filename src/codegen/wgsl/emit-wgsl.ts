/**
 * Kernel to WGSL: legalisation passes, then the printer.
 *
 * Requires: a verified kernel.
 * Ensures:  text that every WebGPU implementation accepts within the profile's limits; equal input gives equal text.
 */
import type { Kernel } from "../../ir/kernel.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { expandDelinearize } from "./expand-delinearize.ts";
import { expandGroupReduce } from "./expand-group-reduce.ts";
import { foldConstants } from "./fold-constants.ts";
import { hoistIndices } from "./hoist-indices.ts";
import { ENTRY_POINT, listFeatures, printWgsl } from "./print-wgsl.ts";
import { unrollLoops } from "./unroll-loops.ts";
import { unrollPartly } from "./unroll-partly.ts";

export interface KernelPass {
  readonly name: string;
  readonly run: (kernel: Kernel, profile: DeviceProfile) => Kernel;
}

export const LEGALIZE_PASSES: readonly KernelPass[] = [
  { name: "unroll-partly", run: unrollPartly }, // before unroll-loops, which carries it out
  { name: "unroll-loops", run: unrollLoops }, // before the rest: reductions of one expanded body can take scratch in turns
  { name: "expand-group-reduce", run: expandGroupReduce },
  { name: "expand-delinearize", run: expandDelinearize },
  { name: "fold-constants", run: foldConstants }, // the passes before substitute constants
  { name: "hoist-indices", run: hoistIndices }, // last: unrolling and delinearizing have made the indices what they are
];

export interface EmittedWgsl {
  readonly wgsl: string;
  readonly entryPoint: string;
  /** Device features that the text needs. */
  readonly features: readonly string[];
}

/** The kernel as the printer takes it. */
export const legalize = (kernel: Kernel, profile: DeviceProfile): Kernel =>
  LEGALIZE_PASSES.reduce((current, pass) => pass.run(current, profile), kernel);

export function emitWgsl(kernel: Kernel, profile: DeviceProfile): EmittedWgsl {
  const legal = legalize(kernel, profile);
  return { wgsl: printWgsl(legal), entryPoint: ENTRY_POINT, features: listFeatures(legal) };
}
