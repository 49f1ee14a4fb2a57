/**
 * Pointwise groups that read or write some tensors along one axis and others along another (`x + transpose(x)`): a block of
 * the grid goes through workgroup memory, so that lanes touch neighbouring elements on either side.
 *
 *     fill      lanes in the tensors' own order: tile[a, b] = y[... a + b], b fastest          | barrier
 *     compute   lanes along a: z[b, a] = x[... b, a] + tile[a, b], in `steps` steps along b
 *     empty     what is stored along b waits in a tile, too                  barrier |  out[a, b] = tile[a, b]
 *
 * Rows of a tile have an odd length, so that lanes along `a` meet different banks of workgroup memory.
 *
 * Requires: a tile in workgroup memory, a group without rows, lanes along two axes, `tile.steps` that divides the lanes along the fastest.
 * Ensures:  every element of the grid is computed once; coordinates past the ends of the axes are clamped, and not stored.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { readKey, type IndexExpr } from "../ir/index-expr.ts";
import type { Store } from "../ir/index-notation.ts";
import { computeType, type Expr, type SharedArray, type Stmt, type ValueType } from "../ir/kernel.ts";
import { lanesAlong, workgroupSizeOf, type Tile } from "../ir/schedule.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { bind, lowerIndex, type Emitter, type Scope } from "./emitter.ts";
import { and, type Position } from "./enter-grid.ts";
import { less, nameOf } from "./kernel-expr.ts";
import { lowerValue, readTensor, readValue } from "./lower-value.ts";
import { storeGridValues } from "./store-grid-values.ts";

interface Block {
  readonly tile: Tile;
  /** The axis of the fastest lane digit, and the block's points along both. */
  readonly fast: string;
  readonly points: ReadonlyMap<string, number>;
  /** Words from one row of a tile to the next. */
  readonly pitch: number;
}

interface TiledAccess {
  readonly array: SharedArray;
  readonly tensor: string;
  readonly index: IndexExpr;
  readonly store: Store | undefined;
}

/** Writes the body of the kernel into `grid`; the workgroup memory that it takes. */
export function lowerTile(
  emitter: Emitter,
  grid: Scope,
  tile: Tile,
  position: Position,
): readonly SharedArray[] {
  const block = blockOf(emitter, tile);
  const accesses = findAccesses(emitter, block);
  const reads = accesses.filter((a) => a.store === undefined);
  const stores = accesses.filter((a) => a.store !== undefined);
  if (reads.length > 0) grid.out.push(...fill(emitter, grid, block, position, reads), { kind: "barrier" });
  grid.out.push(...compute(emitter, grid, block, position, accesses));
  if (stores.length > 0) grid.out.push({ kind: "barrier" }, ...empty(emitter, grid, block, position, stores));
  return accesses.map((a) => a.array);
}

function blockOf({ schedule }: Emitter, tile: Tile): Block {
  const fast = schedule.lanes[schedule.lanes.length - 1]?.axis;
  if (fast === undefined || fast === tile.axis || lanesAlong(schedule, fast) % tile.steps !== 0)
    throw new CompilerBug("lowering", [`a tile along ${tile.axis} needs lanes along another axis, too`]);
  const along = lanesAlong(schedule, tile.axis) * tile.steps;
  const points = new Map([
    [fast, lanesAlong(schedule, fast)],
    [tile.axis, along],
  ]);
  return { tile, fast, points, pitch: along % 2 === 0 ? along + 1 : along };
}

function findAccesses(emitter: Emitter, block: Block): TiledAccess[] {
  const { view, fresh } = emitter;
  const through = new Set(block.tile.through);
  const length = block.pitch * (block.points.get(block.fast) ?? 1);
  const found = new Map<string, TiledAccess>();
  for (const { tensor, index, write } of view.accesses) {
    const key = readKey(tensor.name, index);
    if (!through.has(key) || found.has(key)) continue;
    const type: ValueType = { scalar: computeType(tensor.dtype), width: 1 };
    const store = write ? view.stores.find((s) => readKey(s.tensor, s.index) === key) : undefined;
    found.set(key, { array: { name: fresh("tile"), type, length }, tensor: tensor.name, index, store });
  }
  return [...found.values()];
}

const repeat = (emitter: Emitter, trips: number, body: (step: Expr) => Stmt[]): Stmt[] => {
  if (trips === 1) return body(u32(0));
  const counter = emitter.fresh("k");
  return [{ kind: "for", counter, trips, unroll: true, body: body(nameOf(counter)) }];
};

/** A coordinate from its place in the block: clamped, and whether it needed no clamping. */
function enterBlock(
  emitter: Emitter,
  scope: Scope,
  block: Block,
  position: Position,
  axis: string,
  place: Expr,
): { readonly at: Expr; readonly inside: Expr | undefined } {
  const [points, size] = [block.points.get(axis) ?? 1, emitter.view.sizes.get(axis) ?? 1];
  const start = makeIndex("mul", position.blockAlong(axis), u32(points));
  const at = bind(emitter, scope, axis, makeIndex("add", start, place));
  if (size % points === 0) return { at, inside: undefined };
  return {
    at: bind(emitter, scope, axis, makeIndex("min", at, u32(size - 1))),
    inside: less(at, u32(size)),
  };
}

/** Steps in the order of the tiled tensors: neighbouring lanes are neighbours along the tile's axis. */
function acrossTile(
  emitter: Emitter,
  grid: Scope,
  block: Block,
  position: Position,
  body: (scope: Scope, place: Expr, inside: Expr | undefined) => void,
): Stmt[] {
  const { tile, fast, points, pitch } = block;
  const lanes = workgroupSizeOf(emitter.schedule);
  const along = points.get(tile.axis) ?? 1;
  const rows = lanes / along;
  const [row, column] = [emitter.fresh(fast), emitter.fresh(tile.axis)];
  grid.out.push({ kind: "delinearize", names: [row, column], sizes: [rows, along], from: { kind: "lane" } });
  return repeat(emitter, tile.steps, (step) => {
    const axes = new Map(grid.axes);
    const scope: Scope = { ...grid, out: [], axes, values: new Map(), parent: undefined };
    const [a, b] = [makeIndex("add", makeIndex("mul", step, u32(rows)), nameOf(row)), nameOf(column)];
    const [onFast, onAxis] = [
      enterBlock(emitter, scope, block, position, fast, a),
      enterBlock(emitter, scope, block, position, tile.axis, b),
    ];
    axes.set(fast, onFast.at);
    axes.set(tile.axis, onAxis.at);
    const place = makeIndex("add", makeIndex("mul", a, u32(pitch)), b);
    body(scope, bind(emitter, scope, "place", place), and(onFast.inside, onAxis.inside));
    return scope.out;
  });
}

const fill = (
  emitter: Emitter,
  grid: Scope,
  block: Block,
  position: Position,
  reads: readonly TiledAccess[],
): Stmt[] =>
  acrossTile(emitter, grid, block, position, (scope, place) => {
    for (const { array, tensor, index } of reads) {
      const value = readTensor(emitter, scope, tensor, index);
      scope.out.push({ kind: "sharedStore", array: array.name, index: place, value });
    }
  });

const empty = (
  emitter: Emitter,
  grid: Scope,
  block: Block,
  position: Position,
  stores: readonly TiledAccess[],
): Stmt[] =>
  acrossTile(emitter, grid, block, position, (scope, place, inside) => {
    const out: Stmt[] = inside === undefined ? scope.out : [];
    for (const { array, tensor, index } of stores) {
      const name = emitter.fresh("t");
      out.push(
        { kind: "sharedLoad", name, array: array.name, index: place },
        {
          kind: "store",
          buffer: tensor,
          index: lowerIndex(emitter, scope, index),
          value: nameOf(name, array.type),
        },
      );
    }
    if (inside !== undefined) scope.out.push({ kind: "if", condition: inside, body: out });
  });

function compute(
  emitter: Emitter,
  grid: Scope,
  block: Block,
  position: Position,
  accesses: readonly TiledAccess[],
): Stmt[] {
  const { view, schedule } = emitter;
  const { tile, fast, pitch } = block;
  const direct = view.stores.filter((s) => !accesses.some((a) => a.store === s));
  const lanes = u32(lanesAlong(schedule, tile.axis));
  const body = repeat(emitter, tile.steps, (step) => {
    const axes = new Map(grid.axes);
    const scope: Scope = { ...grid, out: [], axes, values: new Map(), parent: grid };
    const b = makeIndex("add", makeIndex("mul", step, lanes), position.laneAlong(tile.axis));
    const { at, inside } = enterBlock(emitter, scope, block, position, tile.axis, b);
    axes.set(tile.axis, at);
    const place = bind(
      emitter,
      scope,
      "place",
      makeIndex("add", makeIndex("mul", position.laneAlong(fast), u32(pitch)), b),
    );
    for (const { array, tensor, index, store } of accesses) {
      if (store !== undefined) continue;
      const name = emitter.fresh("t");
      scope.out.push({ kind: "sharedLoad", name, array: array.name, index: place });
      scope.values.set(readKey(tensor, index), nameOf(name, array.type));
    }
    for (const { name, axes: own, value } of view.statements.values()) {
      const home = own.includes(tile.axis) ? scope : grid; // what all steps share stands before them
      home.values.set(name, bind(emitter, home, "s", lowerValue(emitter, home, value)));
    }
    storeGridValues(emitter, scope, direct, { isFirst: undefined, inRange: and(inside, position.inRange) });
    for (const { array, store } of accesses) {
      if (store === undefined) continue;
      const value = readValue(scope, store.statement);
      scope.out.push({ kind: "sharedStore", array: array.name, index: place, value });
    }
    return scope.out;
  });
  return body;
}
