/**
 * Whether a pointwise group needs a tile: where some tensors are contiguous along one axis of the grid and others along
 * another, one of the two would be read or written a sector per element (8 times its bytes of f32).
 *
 * In workgroup memory on hardware. CPUs have caches that hold the columns until their neighbours come, and barriers that cost
 * more: there each lane turns a block in registers, where sizes and strides allow vectors along both axes.
 */
import { coefficientOf, readKey } from "../ir/index-expr.ts";
import type { Access, GroupView } from "../ir/group-view.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import type { Width } from "../ir/kernel.ts";
import type { LaneAxis, Tile } from "../ir/schedule.ts";
import { fitLanes } from "./deal-software.ts";
import { elementsOf, sectorOf } from "./access-size.ts";
import type { MemoryOrder } from "./order-axes.ts";
import { BLOCK_WIDTHS, registerBlock } from "./register-blocks.ts";

/** Lanes along the fastest axis, and points along the other: whole cache lines of 128 bytes on either side. */
const SIDE = 32;
/** A side of two sectors, for grids that would not fill the device with larger blocks. */
const SMALL_SIDE = 16;
/** Lanes of a workgroup. */
const TILE_LANES = 256;
/**
 * Lanes of a workgroup whose lanes have blocks of their own, and those of them along the vectors: runs of 1024 bytes there, of
 * 32 across. More runs across are better where much is stored across (SwiftShader), worse where nothing is (lavapipe).
 */
const BLOCK_LANES = 128;
const BLOCK_SIDE = 64;
/** Share of the group's elements below which it does not matter how they are read. */
const WORTH = 1 / 16;

export interface TileChoice {
  readonly tile: Tile;
  readonly vectorWidth: Width;
  /** Lanes along each axis of the block, the fastest first. */
  readonly lanes: readonly LaneAxis[];
}

export function chooseTile(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
): TileChoice | undefined {
  const { contiguous: fast } = order;
  if (view.rowAxes.length > 0 || view.walkAxes.length > 0) return undefined;
  if (fast === null || !view.gridAxes.includes(fast)) return undefined;
  if (pointsOf(view) <= SMALL_SIDE * SMALL_SIDE) return undefined; // a few cache lines, whatever the order
  const total = view.accesses.reduce((n, access) => n + elementsOf(view, access), 0);
  let best: { axis: string; across: readonly Access[]; elements: number } | undefined;
  for (const axis of view.gridAxes) {
    const across = view.accesses.filter((access) => runsAcross(access, axis, fast));
    const elements = across.reduce((n, access) => n + elementsOf(view, access), 0);
    if (elements > (best?.elements ?? total * WORTH)) best = { axis, across, elements };
  }
  if (best === undefined) return undefined;
  const { axis, across } = best;
  if (profile.software) return chooseBlock(view, profile, order, fast, axis);
  const side = chooseSides(view, profile, fast, axis, across);
  const words = side.fast * (side.lanes * side.steps + 1);
  const most = Math.floor(profile.limits.maxComputeWorkgroupStorageSize / (4 * words));
  const through = [...new Set(across.map((a) => readKey(a.tensor.name, a.index)))].slice(0, most);
  if (through.length === 0 || side.fast < 2 || side.lanes < 2) return undefined;
  return {
    tile: { memory: "workgroup", axis, steps: side.steps, through },
    vectorWidth: 1,
    lanes: [
      { axis: fast, lanes: side.fast },
      { axis, lanes: side.lanes },
    ],
  };
}

/** A block in registers for each lane: lanes along the vectors first, so that neighbours turn what lies side by side. */
function chooseBlock(
  view: GroupView,
  profile: DeviceProfile,
  order: MemoryOrder,
  fast: string,
  axis: string,
): TileChoice | undefined {
  const [block] = BLOCK_WIDTHS.flatMap((width) => registerBlock(view, fast, axis, width) ?? []);
  if (block === undefined) return undefined;
  const { steps } = block.tile;
  const blocks = pointsOf(view) / (steps * steps);
  let free = Math.min(BLOCK_LANES, Math.ceil(blocks / profile.usefulWorkgroups));
  const others = order.axes.filter(
    (other) => other !== fast && other !== axis && view.gridAxes.includes(other),
  );
  const lanes = [fast, axis, ...others].map((name, position): LaneAxis => {
    const units = (view.sizes.get(name) ?? 1) / (position < 2 ? steps : 1);
    const own = fitLanes(units, position === 0 ? Math.min(free, BLOCK_SIDE) : free);
    free = Math.max(1, Math.floor(free / own));
    return { axis: name, lanes: own };
  });
  return { ...block, lanes };
}

/** Contiguous along `axis` and not along `fast`, on which it depends too. */
const runsAcross = ({ index, irregular }: Access, axis: string, fast: string): boolean =>
  axis !== fast && !irregular && coefficientOf(index, axis) === 1 && coefficientOf(index, fast) > 1;

const pointsOf = (view: GroupView): number =>
  view.gridAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);

/** Blocks that begin at sectors, where the tensors do: a multiple of two sectors of f32, or one where there is no room for more. */
function wholeSectors(points: number, sector: number): number {
  const whole = [SMALL_SIDE, sector].find((side) => side <= points) ?? 1;
  return Math.floor(points / whole) * whole;
}

/** Elements of a sector where runs start at sectors, from one to the next along the other axis; 1 where they start anywhere. */
const sectorIn = (runs: readonly Access[], other: string): number =>
  runs.every((run) => coefficientOf(run.index, other) % sectorOf(run) === 0)
    ? Math.max(1, ...runs.map(sectorOf))
    : 1;

interface Sides {
  /** Lanes along the fastest axis. */
  readonly fast: number;
  /** Lanes along the other, and the points that each takes there. */
  readonly lanes: number;
  readonly steps: number;
}

function chooseSides(
  view: GroupView,
  profile: DeviceProfile,
  fast: string,
  axis: string,
  across: readonly Access[],
): Sides {
  const most = Math.min(TILE_LANES, profile.limits.maxComputeInvocationsPerWorkgroup);
  const [a, b] = [view.sizes.get(fast) ?? 1, view.sizes.get(axis) ?? 1];
  const isAligned = across.every((access) => coefficientOf(access.index, fast) % sectorOf(access) === 0);
  // A short axis is taken whole: what is slower in memory goes on where it ends.
  const along = view.accesses.filter((access) => coefficientOf(access.index, fast) === 1);
  if (b < SIDE)
    return { fast: Math.min(a, wholeSectors(most / b, sectorIn(along, axis))), lanes: b, steps: 1 };
  if (a < SIDE)
    return { fast: a, lanes: Math.min(b, wholeSectors(most / a, sectorIn(across, fast))), steps: 1 };
  if (
    isAligned &&
    pointsOf(view) / (SIDE * SIDE) < profile.usefulWorkgroups &&
    most >= SMALL_SIDE * SMALL_SIDE
  )
    return { fast: SMALL_SIDE, lanes: SMALL_SIDE, steps: 1 };
  const lanes = Math.max(1, Math.floor(most / SIDE));
  return { fast: SIDE, lanes, steps: SIDE / lanes };
}
