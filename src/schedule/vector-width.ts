/** How wide vectors along an axis may be: every access has to be whole and aligned. */
import { coefficientOf } from "../ir/index-expr.ts";
import { irregularAxes, isAligned, type GroupView } from "../ir/group-view.ts";
import type { Width } from "../ir/kernel.ts";

/** Widest vectors such that every access along the axis is whole and aligned, or the same for all elements. */
export function chooseWidth(view: GroupView, axis: string): Width {
  if (irregularAxes(view).has(axis)) return 1;
  const size = view.sizes.get(axis) ?? 1;
  const fits = (width: 2 | 4): boolean =>
    size % width === 0 &&
    view.accesses.every((a) => coefficientOf(a.index, axis) === 0 || isAligned(a, axis, width));
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}

/**
 * Widest vectors along an axis of the row, or of the grid where something lies along it across rows, with accesses that step
 * over other elements read one element at a time: what is side by side along the axis is whole and aligned.
 */
export function widthAcross(view: GroupView, axis: string): Width {
  const isAcrossRows =
    view.rowAxes.length > 0 &&
    view.gridAxes.includes(axis) &&
    !view.pinnedAxes.includes(axis) &&
    view.accesses.some((a) => coefficientOf(a.index, axis) === 1);
  if (irregularAxes(view).has(axis) || !(view.rowAxes.includes(axis) || isAcrossRows)) return 1;
  const size = view.sizes.get(axis) ?? 1;
  const fits = (width: 2 | 4): boolean =>
    size % width === 0 &&
    view.accesses.every((a) => coefficientOf(a.index, axis) !== 1 || isAligned(a, axis, width));
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}
