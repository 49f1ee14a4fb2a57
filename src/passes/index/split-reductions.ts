/**
 * Splits reductions that are too few to fill the device (`rfactor`): each row is cut into pieces, a kernel reduces every
 * piece, and whoever needs the result adds up the pieces.
 *
 *     n[] = sum(i) v[i] * v[i]      =>      n_part[j] = sum(k) v[4096*j + k] * v[4096*j + k]
 *                                           n[] = sum(j) n_part[j]
 *
 * Where a state has several components (the position of a maximum, the sum of exponentials below it, squared deviations from
 * a mean), pieces hand on all of them, and the second reduction combines states. A maximum with its sum of exponentials,
 * and a sum with its squared deviations, are split together.
 *
 * Requires: aligned, collapsed axes.
 * Ensures:  same values up to the order of additions. Pieces are equal where the axis has a divisor near the wanted
 *           number, else the last is shorter and guarded; none is empty. The result keeps its name.
 */
import { storageBytes } from "../../ir/dtype.ts";
import { LONGEST_DISPATCH_US } from "../../ir/kernel-time.ts";
import { BINDING_ALIGNMENT } from "../../ir/plan.ts";
import {
  indexAdd,
  indexAxes,
  indexAxis,
  indexScale,
  indexSubstitute,
  coefficientOf,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  mapIndices,
  visitScalar,
  type Axis,
  type IndexProgram,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { instantiate } from "../../ir/state-expr.ts";
import { monoidOf, startOf, type MonoidName } from "../../ir/monoids.ts";
import { expSumOf, readOf } from "../../ir/one-walk.ts";
import { ELEMENTS_PER_WORKGROUP, pointsPerWorkgroup, SHORT_ROW, tensorBytes } from "./fusion-cost.ts";
import { dropDead } from "./inline-reads.ts";
import { expandRow, pairReductions } from "./pair-reductions.ts";

/** Pieces shorter than this cost more in partial results than they gain in parallelism. */
const SHORTEST_PIECE = 256;
/** So many times the wanted number of pieces are better than a last piece that needs a guard. */
const MANY_PIECES = 8;
/** Modelled time that a split must save, as a share. */
const WORTH = 0.9;

interface Piece {
  readonly axis: string;
  readonly outer: string;
  /** Absent where pieces have one element. */
  readonly inner: string | undefined;
  readonly pieces: number;
  readonly length: number;
  readonly size: number;
}

interface Splitter {
  readonly program: IndexProgram;
  readonly profile: DeviceProfile;
  readonly sizes: Map<string, number>;
  readonly statements: ReadonlyMap<string, Statement>;
  readonly axes: Axis[];
  /** One cut per axis, so that reductions over the same axis stay fusible. */
  readonly cuts: Map<string, Piece>;
  readonly shortestPiece: number;
}

export interface SplitOptions {
  /** Pieces are at least so long. Tests make it small to split small rows. */
  readonly shortestPiece?: number | undefined;
}

export function splitReductions(
  program: IndexProgram,
  profile: DeviceProfile,
  options: SplitOptions = {},
): IndexProgram {
  const splitter: Splitter = {
    program,
    profile,
    sizes: new Map(program.axes.map((a) => [a.name, a.size])),
    statements: new Map(program.statements.map((s) => [s.name, s])),
    axes: [...program.axes],
    cuts: new Map(),
    shortestPiece: options.shortestPiece ?? SHORTEST_PIECE,
  };
  const pairs = pairReductions(program);
  const seconds = new Map(pairs.map((p) => [p.second, p]));
  const firsts = new Map(pairs.map((p) => [p.first, p]));
  const replaced = new Map<string, readonly Statement[]>();
  for (const statement of program.statements) {
    if (statement.reduce === undefined || seconds.has(statement.name)) continue;
    const split = choosePiece(splitter, statement);
    if (split === undefined) continue;
    const parts = splitStatement(splitter, statement, firsts.get(statement.name), split);
    for (const [name, list] of parts ?? []) replaced.set(name, list);
  }
  if (replaced.size === 0) return program;
  const statements = program.statements.flatMap((s) => replaced.get(s.name) ?? [s]);
  // What only the replaced reductions read is written out in them now.
  const live = dropDead({ ...program, axes: splitter.axes, statements });
  const used = new Set(live.statements.flatMap((s) => [...s.axes, ...(s.reduce?.axes ?? [])]));
  return { ...live, axes: live.axes.filter((a) => used.has(a.name)) };
}

const product = (axes: readonly string[], sizes: ReadonlyMap<string, number>): number =>
  axes.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);

interface LargestRead {
  readonly tensor: string;
  readonly index: IndexExpr;
  readonly points: number;
}

/** Largest tensor read of a statement's own expression. */
function largestRead(splitter: Splitter, value: ScalarExpr): LargestRead | undefined {
  let best: LargestRead | undefined;
  visitScalar(value, (e) => {
    if (e.kind !== "tensor") return;
    const points = product([...indexAxes(e.index)], splitter.sizes);
    if (best === undefined || points > best.points) best = { tensor: e.tensor, index: e.index, points };
  });
  return best;
}

/**
 * The axis that has to be cut so that pieces of a tensor too large for one binding can be bound, and into how many. Parts of
 * the grid bind less along axes of the grid, slowest first; where the next one is reduced and still too long, it is cut.
 */
function findForcedCut(
  { profile, program, sizes }: Splitter,
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

function choosePiece(splitter: Splitter, statement: Statement): Piece | undefined {
  const { sizes } = splitter;
  const reduced = statement.reduce?.axes ?? [];
  const value = expandRow(splitter, statement.value, new Set(reduced));
  const read = value === undefined ? undefined : largestRead(splitter, value);
  if (read === undefined) return undefined;
  const forced = findForcedCut(splitter, reduced, read);
  const wanted = countWanted(splitter, statement, read.index);
  if (forced !== undefined) {
    const size = sizes.get(forced.axis) ?? 1;
    const pieces = Math.max(forced.pieces, Math.min(wanted ?? 1, size));
    return splitter.cuts.get(forced.axis) ?? makePiece(splitter, forced.axis, size, pieces, size);
  }
  if (wanted === undefined) return undefined;
  // The axis with the largest stride: pieces are then contiguous.
  const candidates = [...reduced].sort((a, b) => coefficientOf(read.index, b) - coefficientOf(read.index, a));
  for (const axis of candidates) {
    const size = sizes.get(axis) ?? 1;
    const known = splitter.cuts.get(axis);
    if (known !== undefined) return known;
    const most = Math.min(size, Math.floor(product(reduced, sizes) / splitter.shortestPiece));
    if (most < 2 || size < Math.min(wanted, most)) continue;
    return makePiece(splitter, axis, size, Math.min(wanted, most), most);
  }
  return undefined;
}

/** Pieces that are worth their partial results; undefined where the reduction is better left whole. */
function countWanted(splitter: Splitter, statement: Statement, read: IndexExpr): number | undefined {
  const { profile, sizes } = splitter;
  const [points, length] = [product(statement.axes, sizes), product(statement.reduce?.axes ?? [], sizes)];
  const together = pointsPerWorkgroup(read, statement.axes, sizes);
  // Tests that cut small rows on purpose say so.
  if (together === 1 && length <= SHORT_ROW && splitter.shortestPiece === SHORTEST_PIECE) return undefined;
  const workgroups = Math.max(
    1,
    Math.min((points * Math.min(length, ELEMENTS_PER_WORKGROUP)) / ELEMENTS_PER_WORKGROUP, points / together),
  );
  const us = (points * length * 4) / (profile.copyGBps * 1e3);
  // A dispatch that takes too long is run in parts, each of which has to fill the device.
  const useful = profile.usefulWorkgroups * (profile.software ? Math.ceil(us / LONGEST_DISPATCH_US) : 1);
  if (workgroups >= useful || isOnChip(splitter, statement, read, length)) return undefined;
  if (us + profile.launchUs > (us * WORTH * useful) / workgroups) return undefined;
  return Math.ceil(useful / workgroups);
}

/** A row that other statements read whole and that stays on the chip is better reduced and used in one kernel. */
function isOnChip(splitter: Splitter, statement: Statement, read: IndexExpr, length: number): boolean {
  const { profile, program, sizes } = splitter;
  const points = product(statement.axes, sizes) * length;
  const isReadAgain = program.statements.some(
    (s) => s.reduce === undefined && product(s.axes, sizes) >= points,
  );
  const rows = pointsPerWorkgroup(read, statement.axes, sizes);
  return isReadAgain && statement.axes.length > 0 && rows * length * 4 <= profile.onChipBytes;
}

/** A divisor near the wanted number of pieces, or a larger one rather than a last piece that needs a guard. */
function choosePieces(size: number, wanted: number, most: number): number {
  for (const limit of [2 * wanted, MANY_PIECES * wanted]) {
    for (let pieces = wanted; pieces <= Math.min(most, limit); pieces++)
      if (size % pieces === 0) return pieces;
  }
  return wanted;
}

function makePiece(splitter: Splitter, axis: string, size: number, wanted: number, most: number): Piece {
  const length = Math.ceil(size / choosePieces(size, wanted, most));
  const pieces = Math.ceil(size / length);
  const isTaken = (name: string): boolean =>
    splitter.sizes.has(name) ||
    splitter.statements.has(name) ||
    splitter.program.tensors.some((t) => t.name === name);
  const declare = (suffix: string, count: number): string => {
    let name = `${axis}${suffix}`;
    while (isTaken(name)) name += "_";
    splitter.sizes.set(name, count);
    splitter.axes.push({ name, size: count });
    return name;
  };
  const outer = declare("a", pieces);
  // Pieces of one element are the axis itself under another name.
  const piece = { axis, outer, inner: length === 1 ? undefined : declare("b", length), pieces, length, size };
  splitter.cuts.set(axis, piece);
  return piece;
}

/** The position on the axis that was cut. */
const positionIn = (piece: Piece): IndexExpr => {
  const start = indexScale(indexAxis(piece.outer), piece.length);
  return piece.inner === undefined ? start : indexAdd(start, indexAxis(piece.inner));
};

const map = (
  fn: Extract<ScalarExpr, { kind: "map" }>["fn"],
  dtype: ScalarExpr["dtype"],
  ...args: readonly ScalarExpr[]
): ScalarExpr => ({ kind: "map", fn, dtype, args });
const constant = (value: number): ScalarExpr => ({ kind: "const", dtype: "f32", value });

/** Makes statements over a piece and over the pieces. */
interface Cut {
  /** A reduction over the elements of a piece. */
  readonly partial: (name: string, fn: MonoidName, value: ScalarExpr) => Statement;
  /** The reduction over all pieces of their states, component by component. */
  readonly total: (of: Statement, fn: MonoidName, ...state: readonly ScalarExpr[]) => Statement;
  /** The operand at a place in a piece. */
  readonly operand: ScalarExpr;
}

/** The statements that take the places of `first` and, where it is paired, of the second. */
function splitStatement(
  splitter: Splitter,
  first: Statement,
  pair: ReductionPair | undefined,
  piece: Piece,
): ReadonlyMap<string, readonly Statement[]> | undefined {
  const { reduce } = first;
  if (reduce === undefined) return undefined;
  const row = new Set(reduce.axes);
  const expanded = expandRow(splitter, first.value, row);
  if (expanded === undefined || readsRowValues(expanded, row)) return undefined;
  const at = new Map([[piece.axis, positionIn(piece)]]);
  const inner = reduce.axes.flatMap((axis) => (axis === piece.axis ? (piece.inner ?? []) : axis));
  const cut: Cut = {
    operand: mapIndices(expanded, (index) => indexSubstitute(index, at, splitter.sizes)),
    partial: (name, fn, value) => ({
      name,
      dtype: value.dtype,
      // Pieces outermost: neighbouring points of the grid stay neighbours in memory.
      axes: [piece.outer, ...first.axes],
      reduce: { fn, axes: inner },
      value: guardPiece(piece, value, fn),
      span: first.span,
    }),
    total: (of, fn, ...args) => {
      const [only] = args;
      const dtype = args[args.length - 1]?.dtype ?? of.dtype;
      const value: ScalarExpr =
        args.length === 1 && only !== undefined ? only : { kind: "tuple", dtype, args };
      return { ...of, reduce: { fn, axes: [piece.outer] }, value };
    },
  };
  const { leading } = monoidOf(reduce.fn);
  const [leader] = cut.operand.kind === "tuple" ? cut.operand.args : [];
  const part = cut.partial(`${first.name}_part`, reduce.fn, cut.operand);
  if (leading !== undefined && leader !== undefined) {
    const value = cut.partial(`${first.name}_value`, leading, leader);
    return new Map([[first.name, [value, part, cut.total(first, reduce.fn, readOf(value), readOf(part))]]]);
  }
  const done = new Map<string, readonly Statement[]>([
    [first.name, [part, cut.total(first, reduce.fn, readOf(part))]],
  ]);
  const second = splitter.statements.get(pair?.second ?? "");
  if (pair !== undefined && second !== undefined) {
    const others = reduce.axes.filter((axis) => axis !== piece.axis);
    const count = countOf(piece, product(others, splitter.sizes));
    done.set(
      second.name,
      pair.monoid === "exp_sum"
        ? splitExpSum(cut, pair, first, part, second)
        : splitMoments(cut, part, second, count),
    );
  }
  return done;
}

/** (maximum, sum of exponentials) of each piece; only the total becomes nan where the maximum is infinite. */
function splitExpSum(
  cut: Cut,
  pair: ReductionPair,
  first: Statement,
  top: Statement,
  second: Statement,
): readonly Statement[] {
  const sum = cut.partial(`${second.name}_part`, "exp_sum", cut.operand);
  const raw = cut.total({ ...second, name: `${second.name}_raw` }, "exp_sum", readOf(top), readOf(sum));
  return [sum, raw, { ...second, reduce: undefined, value: expSumOf(pair, first, raw) }];
}

/** (count, mean, squared deviations) of each piece. */
function splitMoments(cut: Cut, sum: Statement, second: Statement, count: ScalarExpr): readonly Statement[] {
  const value = map("div", "f32", readOf(sum), count);
  const mean: Statement = { name: `${second.name}_mean`, dtype: "f32", axes: sum.axes, value };
  const squares = cut.partial(`${second.name}_part`, "moments", cut.operand);
  return [mean, squares, cut.total(second, "moments", count, readOf(mean), readOf(squares))];
}

/** Elements of a piece: all alike, or the last one shorter. */
function countOf(piece: Piece, others: number): ScalarExpr {
  const last = piece.size - (piece.pieces - 1) * piece.length;
  if (last === piece.length) return constant(piece.length * others);
  const isLast = map(
    "eq",
    "bool",
    { kind: "index", dtype: "f32", index: indexAxis(piece.outer) },
    constant(piece.pieces - 1),
  );
  return map("where", "f32", isLast, constant(last * others), constant(piece.length * others));
}

/**
 * What lies behind the end of the axis is the state of no elements, part by part. Few elements are lifted to that state (a
 * count of 0): where the state has more to it than the operands, the elements are lifted here.
 */
function guardPiece(piece: Piece, value: ScalarExpr, fn: MonoidName): ScalarExpr {
  if (piece.pieces * piece.length === piece.size) return value;
  const bounds = [{ index: positionIn(piece), low: 0, high: piece.size }];
  const { operands, components, lift } = monoidOf(fn);
  const given = value.kind === "tuple" ? value.args : [value];
  const state =
    components.length > operands
      ? instantiate(lift, { x: given }, { constant, apply: (op, args) => map(op, "f32", ...args) })
      : given;
  const start = startOf(fn, given[0]?.dtype ?? "f32");
  const args = state.map((part, i): ScalarExpr => {
    const otherwise: ScalarExpr = { kind: "const", dtype: part.dtype, value: start[i] ?? 0 };
    const isPadding = part.kind === "const" && part.value === otherwise.value;
    return isPadding ? part : { kind: "guard", dtype: part.dtype, bounds, value: part, otherwise };
  });
  const [only = value, ...others] = args;
  return others.length === 0
    ? only
    : { kind: "tuple", dtype: args[args.length - 1]?.dtype ?? only.dtype, args };
}

function readsRowValues(value: ScalarExpr, row: ReadonlySet<string>): boolean {
  let found = false;
  visitScalar(value, (e) => {
    if (e.kind === "value" && e.index.some((index) => [...indexAxes(index)].some((axis) => row.has(axis))))
      found = true;
  });
  return found;
}
