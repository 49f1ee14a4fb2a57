/**
 * Reorder: the order of a group's axes, in which lanes are dealt and loops nest. Statements have sets of axes; what order is
 * best hangs on how tensors lie in memory. The axis with stride 1 in most bytes is the fastest; then the access with most
 * elements speaks for the group, by its strides, and what it does not have is ordered by the next.
 *
 * Ensures: every axis of the grid, the row and the walk, once. What no access names comes last.
 *
 *     n[k] = sum(j,i) x[8*i + 2*k + j]      =>      j k i, the fastest first: a row is walked as for i { for j ... }
 */
import { axisTerms, coefficientOf, type IndexExpr } from "../ir/index-expr.ts";
import type { Access, GroupView } from "../ir/group-view.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { elementsOf, sectorOfGroup } from "./access-size.ts";

export interface MemoryOrder {
  /** The axis with stride 1 in most bytes, or null where nothing is contiguous. */
  readonly contiguous: string | null;
  /** All axes of the group, fastest first. */
  readonly axes: readonly string[];
  /** Index of the access that speaks for the group. */
  readonly main: IndexExpr | undefined;
  /** Elements side by side that fill memory sectors. */
  readonly sector: number;
}

export function orderAxes(view: GroupView, profile: DeviceProfile): MemoryOrder {
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
  return {
    contiguous,
    axes: axes.filter((axis) => own.has(axis)),
    main: bySize[0]?.access.index,
    sector: sectorOfGroup(view, profile),
  };
}

/** Whether runs along an axis start at 32-byte sectors: all larger strides are multiples of their elements. */
export function startsAtSectors({ main, sector }: MemoryOrder, axis: string): boolean {
  if (main === undefined) return true;
  const own = coefficientOf(main, axis);
  return main.terms.every((t) => t.coefficient <= own || t.coefficient % sector === 0);
}
