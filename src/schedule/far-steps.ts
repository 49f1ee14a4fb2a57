/** How far apart in large tensors the steps of a walk are (ir/far-walks.ts). */
import { storageBytes } from "../ir/dtype.ts";
import { LARGE_BYTES } from "../ir/far-walks.ts";
import type { GroupView } from "../ir/group-view.ts";
import { coefficientOf } from "../ir/index-expr.ts";
import { elementsOf } from "./access-size.ts";

/** Bytes from one step along the axis to the next, in the large tensor that is read in the longest steps; 0 where none is. */
export const farthestStep = (view: GroupView, axis: string | undefined): number =>
  axis === undefined
    ? 0
    : view.accesses.reduce((most, access) => {
        const bytes = storageBytes(access.tensor.dtype);
        const isLarge = !access.write && elementsOf(view, access) * bytes >= LARGE_BYTES;
        return isLarge ? Math.max(most, Math.abs(coefficientOf(access.index, axis)) * bytes) : most;
      }, 0);
