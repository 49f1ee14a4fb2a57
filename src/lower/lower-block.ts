/**
 * Pointwise groups whose lanes each compute a block in registers: W vectors along the vector axis i, one for each of W
 * points along the tile's axis j. What lies along j is read and stored as vectors along j, and turned:
 *
 *     read     y0 .. y3 = y[i0 + 0 .. 3, j0] along j
 *     step s   x[j0 + s, i0] + vec4(y0[s], y1[s], y2[s], y3[s])      -> out[j0 + s, i0] along i
 *     store    out2[i0 + c, j0] = vec4(v0[c], v1[c], v2[c], v3[c])   where vs is the value of step s
 *
 * Requires: a tile in registers that passes `verifySchedule`: whole vectors along either axis.
 * Ensures:  every element of the grid is computed once, without barriers; blocks past the end of the tile's axis are clamped,
 *           and not stored. What all steps share is computed once.
 */
import { indexAxes, readKey } from "../ir/index-expr.ts";
import type { Store } from "../ir/index-notation.ts";
import { typeOf, type Expr, type Stmt } from "../ir/kernel.ts";
import { lanesAlong, type Tile } from "../ir/schedule.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { bind, type Emitter, type Scope } from "./emitter.ts";
import { and, openSize, type Position } from "./enter-grid.ts";
import { component, less, widen } from "./kernel-expr.ts";
import { writeStore } from "./lower-phase.ts";
import { lowerValue, readTensor, readValue } from "./lower-value.ts";
import { storeGridValues } from "./store-grid-values.ts";

interface Block {
  readonly tile: Tile;
  /** The vector axis, and the coordinate of the block's first point along it. */
  readonly fast: string;
  readonly fastAt: Expr;
  /** The coordinate of its first point along the tile's axis. */
  readonly at: Expr;
  /** Lowers accesses as vectors along the tile's axis. */
  readonly turned: Emitter;
}

/** Writes the body of the kernel into `grid`. */
export function lowerBlock(emitter: Emitter, grid: Scope, tile: Tile, position: Position): void {
  const { view, schedule } = emitter;
  const fast = schedule.vectorAxis ?? "";
  const { at, isInside } = enterTileAxis(emitter, grid, tile, position);
  const turned: Emitter = { ...emitter, schedule: { ...schedule, vectorAxis: tile.axis } };
  const block: Block = { tile, fast, fastAt: grid.axes.get(fast) ?? u32(0), at, turned };
  const inRange = and(position.inRange, isInside);
  const through = new Set(tile.through);
  const isTurned = (s: Store): boolean => through.has(readKey(s.tensor, s.index));
  const reads = readTurned(emitter, grid, block);
  const moved: Scope["moved"] = new Map();
  const steps = Array.from({ length: tile.steps }, (_, step): Scope => {
    const axes = new Map(grid.axes).set(tile.axis, makeIndex("add", at, u32(step)));
    const scope: Scope = { ...grid, out: [], axes, values: new Map(), parent: grid, moved };
    for (const [key, vectors] of reads) {
      const parts = vectors.map((vector) => component(vector, step));
      scope.values.set(key, vectorOf(emitter, scope, parts));
    }
    for (const { name, axes: own, value } of view.statements.values()) {
      const home = own.includes(tile.axis) ? scope : grid;
      if (home === grid && step > 0) continue; // all steps share it
      home.values.set(name, bind(emitter, home, "s", lowerValue(emitter, home, value)));
    }
    const direct = view.stores.filter(
      (s) =>
        !isTurned(s) && (step === 0 || view.statements.get(s.statement)?.axes.includes(tile.axis) === true),
    );
    storeGridValues(emitter, scope, direct, { isFirst: undefined, inRange });
    return scope;
  });
  grid.out.push(...steps.flatMap(({ out }) => out));
  for (const store of view.stores.filter(isTurned))
    grid.out.push(...storeTurned(emitter, grid, block, store, steps, inRange));
}

/** The coordinate of a lane's first point along the tile's axis: clamped, and whether it needed no clamping. */
function enterTileAxis(
  emitter: Emitter,
  grid: Scope,
  tile: Tile,
  position: Position,
): { readonly at: Expr; readonly isInside: Expr | undefined } {
  const { view, schedule, open } = emitter;
  const lanes = lanesAlong(schedule, tile.axis);
  const first = makeIndex("mul", position.blockAlong(tile.axis), u32(lanes));
  let place = bind(emitter, grid, "place", makeIndex("add", first, position.laneAlong(tile.axis)));
  const units = (view.sizes.get(tile.axis) ?? 1) / tile.steps;
  const isOpen = open?.axis === tile.axis;
  const count = isOpen ? makeIndex("div", openSize(open), u32(tile.steps)) : u32(units);
  let isInside: Expr | undefined;
  if (isOpen || units % lanes !== 0) {
    isInside = bind(emitter, grid, "inside", less(place, count));
    const last = makeIndex("sub", count, u32(1));
    place = bind(emitter, grid, "place", makeIndex("min", place, last));
  }
  return { at: bind(emitter, grid, tile.axis, makeIndex("mul", place, u32(tile.steps))), isInside };
}

/** The vectors that each turned read takes along the tile's axis: one per point along the vector axis, or one for all. */
function readTurned(emitter: Emitter, grid: Scope, block: Block): ReadonlyMap<string, readonly Expr[]> {
  const { tile, fast, turned } = block;
  const found = new Map<string, readonly Expr[]>();
  for (const { tensor, index, write } of emitter.view.accesses) {
    const key = readKey(tensor.name, index);
    if (write || found.has(key) || !tile.through.includes(key)) continue;
    const count = indexAxes(index).has(fast) ? tile.steps : 1;
    const vectors = Array.from({ length: count }, (_, c) =>
      readTensor(turned, cornerOf(grid, block, c), tensor.name, index),
    );
    found.set(key, vectors);
  }
  return found;
}

/** The block's first point along the tile's axis, and its `c`-th along the vector axis; writes into the grid scope. */
const cornerOf = (grid: Scope, { tile, fast, fastAt, at }: Block, c: number): Scope => {
  const axes = new Map(grid.axes).set(tile.axis, at).set(fast, makeIndex("add", fastAt, u32(c)));
  return { ...grid, axes, values: new Map(), parent: undefined };
};

function vectorOf(emitter: Emitter, scope: Pick<Scope, "out">, parts: readonly Expr[]): Expr {
  const [first = u32(0)] = parts;
  if (parts.length === 1) return bind(emitter, scope, "t", first);
  const width = emitter.schedule.vectorWidth;
  return bind(emitter, scope, "t", { kind: "vector", type: { scalar: typeOf(first).scalar, width }, parts });
}

/** Stores a value of all steps as vectors along the tile's axis. */
function storeTurned(
  emitter: Emitter,
  grid: Scope,
  block: Block,
  store: Store,
  steps: readonly Scope[],
  inRange: Expr | undefined,
): Stmt[] {
  const out: Stmt[] = [];
  const { vectorWidth } = emitter.schedule;
  for (let c = 0; c < vectorWidth; c++) {
    const parts = steps.map((step) => {
      const value = widen(readValue(step, store.statement), vectorWidth);
      return value.kind === "splat" ? value.arg : component(value, c);
    });
    const corner: Scope = { ...cornerOf(grid, block, c), out };
    corner.values.set(store.statement, vectorOf(emitter, corner, parts));
    writeStore(block.turned, corner, store, inRange);
  }
  return out;
}
