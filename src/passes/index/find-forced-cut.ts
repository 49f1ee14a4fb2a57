/** Reductions that have to be cut because what they read does not fit one binding of the device. */
import { storageBytes } from "../../ir/dtype.ts";
import { coefficientOf, indexAxes } from "../../ir/index-expr.ts";
import type { IndexProgram } from "../../ir/index-notation.ts";
import { BINDING_ALIGNMENT } from "../../ir/plan.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { tensorBytes, type MainRead } from "./fusion-cost.ts";

export interface LargestRead extends MainRead {
  readonly tensor: string;
  readonly points: number;
}

/**
 * The axis that has to be cut so that pieces of a tensor too large for one binding can be bound, and into how many. Parts of
 * the grid bind less along axes of the grid, slowest first; where the next one is reduced and still too long, it is cut.
 */
export function findForcedCut(
  {
    profile,
    program,
    sizes,
  }: {
    readonly profile: DeviceProfile;
    readonly program: IndexProgram;
    readonly sizes: ReadonlyMap<string, number>;
  },
  reduced: readonly string[],
  read: LargestRead,
): { readonly axis: string; readonly pieces: number } | undefined {
  const tensor = program.tensors.find(({ name }) => name === read.tensor);
  const { maxStorageBufferBindingSize: most, maxBufferSize } = profile.limits;
  if (tensor === undefined || tensorBytes(tensor) <= most || tensorBytes(tensor) > maxBufferSize)
    return undefined;
  const bytes = (axis: string): number =>
    Math.abs(coefficientOf(read.index, axis)) * storageBytes(tensor.dtype);
  const slowestFirst = [...indexAxes(read.index)].sort((a, b) => bytes(b) - bytes(a));
  const axis = slowestFirst.find((a) => bytes(a) > 0 && reduced.includes(a));
  if (axis === undefined) return undefined;
  const size = sizes.get(axis) ?? 1;
  // Windows start and end at multiples of the alignment.
  const longest = Math.floor((most - 2 * BINDING_ALIGNMENT) / bytes(axis));
  return longest < 1 || size <= longest ? undefined : { axis, pieces: Math.ceil(size / longest) };
}
