/** How much the accesses of a group touch. */
import { elementCount, storageBytes } from "../ir/dtype.ts";
import { isAxisTerm, isClampTerm } from "../ir/index-expr.ts";
import type { Access, GroupView } from "../ir/group-view.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { elementsPerSector, sectorOfLarge } from "../ir/sectors.ts";

/** Elements that an access touches in all. */
export const elementsOf = (view: GroupView, access: Access): number =>
  access.index.terms.reduce((n, t) => {
    if (isClampTerm(t)) return n * (t.atMost + 1);
    return n * (isAxisTerm(t) ? (view.sizes.get(t.axis) ?? 1) : 1);
  }, 1);

/** Bytes that an access touches in all. */
export const bytesOf = (view: GroupView, access: Access): number =>
  elementsOf(view, access) * storageBytes(access.tensor.dtype);

/** Elements of a memory sector of what an access touches. */
export const sectorOf = ({ tensor }: Access): number => elementsPerSector(tensor.dtype);

/** Elements side by side that fill memory sectors of all that the group touches much of. */
export const sectorOfGroup = (view: GroupView, profile: DeviceProfile): number =>
  sectorOfLarge(
    view.accesses.map((access) => ({ dtype: access.tensor.dtype, elements: elementsOf(view, access) })),
    profile,
  );

/** Bytes of each tensor that the main part of a group touches. */
export const bytesTouched = (view: GroupView): readonly number[] =>
  [...new Set(view.accesses.map(({ tensor }) => tensor))].map(
    ({ shape, dtype }) => elementCount(shape) * storageBytes(dtype),
  );
