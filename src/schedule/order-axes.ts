/**
 * How a group's tensors lie in memory: which axis is contiguous, and all axes from the fastest to the slowest. The access
 * with most elements speaks for the group; what it does not have is ordered by the next.
 */
import { elementCount, storageBytes } from "../ir/dtype.ts";
import { axisTerms, coefficientOf, isAxisTerm, isClampTerm, type IndexExpr } from "../ir/index-expr.ts";
import { irregularAxes, type Access, type GroupView } from "../ir/group-view.ts";
import type { Width } from "../ir/kernel.ts";

export interface MemoryOrder {
  /** The axis with stride 1 in most bytes, or null where nothing is contiguous. */
  readonly contiguous: string | null;
  /** All axes of the group, fastest first. */
  readonly axes: readonly string[];
  /** Index of the access that speaks for the group. */
  readonly main: IndexExpr | undefined;
}

/** Whether runs along an axis start at 32-byte sectors: all larger strides are multiples of 8 elements. */
export function startsAtSectors({ main }: MemoryOrder, axis: string): boolean {
  if (main === undefined) return true;
  const own = coefficientOf(main, axis);
  return main.terms.every((t) => t.coefficient <= own || t.coefficient % 8 === 0);
}

/** Elements that an access touches in all. */
export const elementsOf = (view: GroupView, access: Access): number =>
  access.index.terms.reduce((n, t) => {
    if (isClampTerm(t)) return n * (t.atMost + 1);
    return n * (isAxisTerm(t) ? (view.sizes.get(t.axis) ?? 1) : 1);
  }, 1);

export function findMemoryOrder(view: GroupView): MemoryOrder {
  // Writes weigh a little more: reads may be cached.
  const weighed = view.accesses.map((access) => ({
    access,
    weight: elementsOf(view, access) * (access.write ? 1.01 : 1),
  }));
  const weights = new Map<string, number>();
  for (const { access, weight } of weighed) {
    const term = axisTerms(access.index).find((t) => t.coefficient === 1);
    if (term !== undefined) weights.set(term.axis, (weights.get(term.axis) ?? 0) + weight);
  }
  let contiguous: string | null = null;
  for (const [axis, weight] of weights)
    if (contiguous === null || weight > (weights.get(contiguous) ?? 0)) contiguous = axis;
  const hasFirst = (access: Access): boolean =>
    contiguous !== null && coefficientOf(access.index, contiguous) === 1;
  const bySize = [...weighed].sort(
    (a, b) => Number(hasFirst(b.access)) - Number(hasFirst(a.access)) || b.weight - a.weight,
  );
  const axes: string[] = contiguous === null ? [] : [contiguous];
  for (const { access } of bySize) {
    const terms = [...axisTerms(access.index)].sort((a, b) => a.coefficient - b.coefficient);
    for (const { axis } of terms) if (!axes.includes(axis)) axes.push(axis);
  }
  for (const axis of [...view.rowAxes, ...view.gridAxes, ...view.walkAxes])
    if (!axes.includes(axis)) axes.push(axis);
  const own = new Set([...view.rowAxes, ...view.gridAxes, ...view.walkAxes]);
  return { contiguous, axes: axes.filter((axis) => own.has(axis)), main: bySize[0]?.access.index };
}

/** Widest vectors such that every access along the axis is whole and aligned, or the same for all elements. */
export function chooseWidth(view: GroupView, axis: string): Width {
  if (irregularAxes(view).has(axis)) return 1;
  const size = view.sizes.get(axis) ?? 1;
  const fits = (width: 2 | 4): boolean =>
    size % width === 0 &&
    view.accesses.every((a) => coefficientOf(a.index, axis) === 0 || isAligned(a, axis, width));
  return fits(4) ? 4 : fits(2) ? 2 : 1;
}

/** Whether each `width` elements along the axis are a whole, aligned vector of the tensor. */
export const isAligned = (access: Access, axis: string, width: number): boolean =>
  coefficientOf(access.index, axis) === 1 &&
  access.index.offset % width === 0 &&
  access.index.terms.every((t) => (isAxisTerm(t) && t.axis === axis) || t.coefficient % width === 0);

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

/** Bytes of each tensor that the main part of a group touches. */
export const tensorBytes = (view: GroupView): readonly number[] =>
  [...new Set(view.accesses.map(({ tensor }) => tensor))].map(
    ({ shape, dtype }) => elementCount(shape) * storageBytes(dtype),
  );
