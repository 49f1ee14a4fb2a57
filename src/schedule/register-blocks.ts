/**
 * Blocks in registers: each lane computes a block of a pointwise group's grid, a vector along the vector axis times as many
 * points along another. What is contiguous along the latter is read as vectors along it, and turned component by component:
 *
 *     x[i, j] along j: 4 vectors as they are       y[j, i]: 4 vectors along i, then vec4(y0.x, y1.x, y2.x, y3.x), ...
 *
 * For devices on the CPU: an invocation has a price of its own there, and so has each access, while a barrier, which a tile in
 * workgroup memory needs, costs more than all that. Measured in processor time against a lane per element, 1536x1536 f32: x +
 * transpose(x) 0.62 on SwiftShader and 0.8 on lavapipe, softmax plus its transpose 0.7 and 0.5.
 *
 * Ensures: what is chosen is legal (verify-schedule.ts asks `registerBlock`); undefined where sizes, offsets or strides are no
 *          multiples of the width, or where nothing has to be turned.
 */
import { coefficientOf, isAffine, readKey } from "../ir/index-expr.ts";
import { irregularAxes, isAligned, type Access, type GroupView } from "../ir/group-view.ts";
import type { Tile } from "../ir/schedule.ts";

/** Elements of a side, the best first. */
export const BLOCK_WIDTHS = [4, 2] as const;
/** Vectors along both axes have this width. */
type BlockWidth = (typeof BLOCK_WIDTHS)[number];

export interface RegisterBlock {
  readonly tile: Tile;
  readonly vectorWidth: BlockWidth;
}

/** A block of vectors along `fast` and points along `axis`, if the group allows it and has something to turn. */
export function registerBlock(
  view: GroupView,
  fast: string,
  axis: string,
  width: BlockWidth,
): RegisterBlock | undefined {
  const isWhole = (name: string): boolean => (view.sizes.get(name) ?? 1) % width === 0;
  if (view.rowAxes.length > 0 || view.walkAxes.length > 0 || view.stages.length > 0) return undefined;
  if (fast === axis || !isWhole(fast) || !isWhole(axis) || irregularAxes(view).has(fast)) return undefined;
  const turned = view.accesses.filter((access) => isTurned(access, fast, axis, width));
  if (!turned.some(({ index }) => coefficientOf(index, fast) !== 0)) return undefined;
  const isLegal = view.accesses.every(
    (access) =>
      turned.includes(access) || coefficientOf(access.index, fast) !== 1 || isAligned(access, fast, width),
  );
  if (!isLegal) return undefined;
  const through = [...new Set(turned.map((a) => readKey(a.tensor.name, a.index)))];
  return { tile: { memory: "registers", axis, steps: width, through }, vectorWidth: width };
}

/**
 * Whether an access is made as vectors along `axis`. A read that all elements along the vector axis share is, too: one vector
 * instead of an element for each step.
 */
function isTurned(access: Access, fast: string, axis: string, width: BlockWidth): boolean {
  const { index, write, irregular } = access;
  const across = coefficientOf(index, fast);
  if (irregular || !isAffine(index) || across === 1 || (write && across === 0)) return false;
  return isAligned(access, axis, width);
}
