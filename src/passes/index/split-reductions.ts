/**
 * Splits reductions that are too few to fill the device (`rfactor`): each row is cut into pieces, a kernel reduces every
 * piece, and whoever needs the result adds up the pieces.
 *
 *     n[] = sum(i) v[i] * v[i]      =>      n_part[j] = sum(k) v[4096*j + k] * v[4096*j + k]
 *                                           n[] = sum(j) n_part[j]
 *
 * Where a state has several components (the position of a maximum, the sum of exponentials below it, squared deviations from
 * a mean), pieces hand on all of them, and the second reduction combines states. A maximum with its sums of exponentials,
 * and a sum with its squared deviations, are split together.
 *
 * Requires: aligned, collapsed axes.
 * Ensures:  same values up to the order of additions. Pieces are equal where the axis has a divisor near the wanted
 *           number, else the last is shorter and guarded; none is empty. The result keeps its name.
 */
import { LONGEST_DISPATCH_US } from "../../ir/kernel-time.ts";
import type { DType } from "../../ir/dtype.ts";
import {
  coefficientOf,
  indexAdd,
  indexAxes,
  indexAxis,
  indexConst,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  visitScalar,
  type Axis,
  type IndexProgram,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { elementsPerSector, sectorOfLarge, type Touched } from "../../ir/sectors.ts";
import { expandRow } from "../../ir/expand-row.ts";
import { findForcedCut, type LargestRead } from "./find-forced-cut.ts";
import { findReaders, isAppliedAcross, isWalked, type Readers } from "./find-readers.ts";
import {
  ELEMENTS_PER_WORKGROUP,
  pointsPerWorkgroup,
  SHORT_ROW,
  stageUs,
  usualPoints,
} from "./fusion-cost.ts";
import { cutResults } from "./cut-results.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { dropDead } from "./inline-reads.ts";
import { pairReductions } from "./pair-reductions.ts";
import { factorsOf, keyOfProduct, splitCoMoment, type PartialSums } from "./co-moments.ts";
import { MANY_PIECES, pieceLength, type Cutting } from "./piece-length.ts";
import { rowResults } from "./row-results.ts";
import { operandAt, rfactor, type Piece } from "./rfactor.ts";

/** Pieces shorter than this cost more in partial results, 2 % of what is read, than they gain in parallelism. */
const SHORTEST_PIECE = 104;
/** Where no kernel of its own adds up the pieces, they may be shorter: this share of the shortest. */
const FINISHED_SHARE = 1 / 2;
/** Steps of a row in one turn of its loops: there are loops around loops, and several walks. */
const STEPS_OF_TURNS = 1 / 2;
/** Elements that the lanes of a workgroup can take in a step on any device. */
const MOST_PER_TURN = 64;
/** Elements that keep a workgroup busy: with so many for each, a device is not left to a few of them. */
const BUSY_ELEMENTS = 1024;
/** Elements side by side in memory that a piece takes at least where another axis would do as well. */
const SHORTEST_RUN = 64;
/** A device with this share of the workgroups that fill it is not idle. */
const FULL_ENOUGH = 0.75;
/** Below this share of the workgroups that fill it, a device spends most of its time waiting for a few. */
const STARVED = 1 / 3;
/** Modelled time that a split must save, as a share. */
const WORTH = 0.9;

interface Splitter {
  readonly program: IndexProgram;
  readonly profile: DeviceProfile;
  readonly sizes: Map<string, number>;
  readonly statements: ReadonlyMap<string, Statement>;
  readonly dtypes: ReadonlyMap<string, DType>;
  readonly taken: Set<string>;
  readonly axes: Axis[];
  /** One cut per axis, so that reductions over the same axis stay fusible. */
  readonly cuts: Map<string, Piece>;
  readonly shortestPiece: number;
  readonly readers: Readers;
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
    taken: takenNames(program),
    dtypes: new Map(program.tensors.map((t) => [t.name, t.dtype])),
    axes: [...program.axes],
    cuts: new Map(),
    shortestPiece: options.shortestPiece ?? SHORTEST_PIECE,
    readers: findReaders(program),
  };
  const all = pairReductions(program);
  // Deviations with weights are split by themselves (co-moments.ts).
  const pairs = all.filter((pair) => pair.monoid !== "co_moment");
  const seconds = new Map(pairs.map((p) => [p.second, p]));
  const firsts = new Map<string, ReductionPair[]>();
  for (const pair of pairs) firsts.set(pair.first, [...(firsts.get(pair.first) ?? []), pair]);
  const replaced = new Map<string, readonly Statement[]>();
  const sums: PartialSums = new Map();
  for (const statement of program.statements) {
    const { name } = statement;
    // A second is split with its first, if at all; but for weights that cannot be written out.
    const first = seconds.get(name)?.first;
    if (statement.reduce === undefined || replaced.has(name)) continue;
    if (first !== undefined && !replaced.has(first)) continue;
    const split = choosePiece(splitter, statement);
    if (split === undefined) continue;
    const own = firsts.get(name) ?? [];
    const moments = own.length === 0 ? splitCoMoment(splitter, statement, split, sums, all) : undefined;
    if (moments !== undefined) replaced.set(name, moments);
    else rememberParts(splitter, statement, own, split, sums, replaced);
  }
  if (replaced.size === 0) return program;
  const statements = program.statements.flatMap((s) => replaced.get(s.name) ?? [s]);
  // What only the replaced reductions read is written out in them now.
  const live = cutResults(dropDead({ ...program, axes: splitter.axes, statements }), splitter.cuts.values());
  const used = new Set(live.statements.flatMap((s) => [...s.axes, ...(s.reduce?.axes ?? [])]));
  return { ...live, axes: live.axes.filter((a) => used.has(a.name)) };
}

/** Splits a reduction, and notes the partial sums that others can share. */
function rememberParts(
  splitter: Splitter,
  first: Statement,
  pairs: readonly ReductionPair[],
  piece: Piece,
  sums: PartialSums,
  replaced: Map<string, readonly Statement[]>,
): void {
  const parts = rfactor(splitter, first, pairs, piece);
  for (const [name, list] of parts ?? []) replaced.set(name, list);
  const operand = first.reduce?.fn === "sum" ? operandAt(splitter, first, piece) : undefined;
  const [part] = parts?.get(first.name) ?? [];
  if (operand === undefined || part === undefined) return;
  const key = keyOfProduct(factorsOf(operand));
  if (!sums.has(key)) sums.set(key, part);
}

const product = (axes: readonly string[], sizes: ReadonlyMap<string, number>): number =>
  axes.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);

/** Largest tensor read of a statement's own expression. */
function largestRead(splitter: Splitter, value: ScalarExpr): LargestRead | undefined {
  let best: Omit<LargestRead, "sector"> | undefined;
  const touched: Touched[] = [];
  visitScalar(value, (e) => {
    if (e.kind !== "tensor") return;
    const points = product([...indexAxes(e.index)], splitter.sizes);
    touched.push({ dtype: splitter.dtypes.get(e.tensor) ?? "f32", elements: points });
    if (best === undefined || points > best.points) best = { tensor: e.tensor, index: e.index, points };
  });
  return best && { ...best, sector: sectorOfLarge(touched, splitter.profile) };
}

/** The largest of the results of others that a reduction reads, if these are all: they lie in memory in the order of their axes. */
function largestResult({ sizes, statements }: Splitter, { value }: Statement): LargestRead | undefined {
  const points = ({ axes }: Statement): number => product(axes, sizes);
  const [largest] = [...rowResults(statements, value)].sort((a, b) => points(b) - points(a));
  if (largest === undefined) return undefined;
  let [index, step] = [indexConst(0), 1];
  for (const axis of [...largest.axes].reverse()) {
    index = indexAdd(indexAxis(axis, step), index);
    step *= sizes.get(axis) ?? 1;
  }
  return { tensor: largest.name, index, points: step, sector: elementsPerSector(largest.dtype) };
}

function choosePiece(splitter: Splitter, statement: Statement): Piece | undefined {
  const { sizes } = splitter;
  const reduced = statement.reduce?.axes ?? [];
  const value = expandRow(splitter.statements, statement.value, new Set(reduced));
  const tensor = value === undefined ? undefined : largestRead(splitter, value);
  const read = tensor ?? largestResult(splitter, statement);
  if (read === undefined) return undefined;
  const forced = findForcedCut(splitter, reduced, read);
  const isOfResults = tensor === undefined;
  const wanted = shortenPieces(
    splitter,
    statement,
    read,
    countWanted(splitter, statement, read, isOfResults),
  );
  if (forced !== undefined) {
    const size = sizes.get(forced.axis) ?? 1;
    const pieces = Math.max(forced.pieces, Math.min(wanted?.pieces ?? 1, size));
    return (
      splitter.cuts.get(forced.axis) ??
      makePiece(splitter, forced.axis, { size, wanted: pieces, most: size, isContiguous: false })
    );
  }
  if (wanted === undefined) return undefined;
  // The axis with the largest stride: pieces are then contiguous.
  const candidates = [...reduced].sort((a, b) => coefficientOf(read.index, b) - coefficientOf(read.index, a));
  const long = candidates.find((axis) => isLongEnough(splitter, axis, read.index, wanted));
  // Reductions over the same axis share its cut, but for one that would leave this reduction to a few workgroups.
  let few: Piece | undefined;
  for (const axis of long === undefined ? candidates : [long, ...candidates]) {
    const size = sizes.get(axis) ?? 1;
    const known = splitter.cuts.get(axis);
    if (known !== undefined && known.pieces >= STARVED * wanted.pieces) return known;
    few ??= known;
    const most = Math.min(size, wanted.most);
    const pieces = Math.min(wanted.pieces, most);
    if (known !== undefined || most < 2 || size < pieces) continue;
    const isContiguous = coefficientOf(read.index, axis) === 1;
    return makePiece(splitter, axis, { size, wanted: pieces, most, isContiguous });
  }
  return few;
}

/** Whether an axis can be cut into about as many pieces as are wanted, which leave long runs in memory. */
function isLongEnough({ sizes }: Splitter, axis: string, read: IndexExpr, { pieces, most }: Wanted): boolean {
  const size = sizes.get(axis) ?? 1;
  const run = coefficientOf(read, axis) * Math.ceil(size / pieces);
  return Math.min(size, most) >= FULL_ENOUGH * pieces && run >= SHORTEST_RUN;
}

interface Wanted {
  readonly pieces: number;
  /** So many that they are not too short. */
  readonly most: number;
}

/**
 * Pieces that are worth their partial results; undefined where the reduction is better left whole. What other kernels have left is
 * little beside what these read: it is cut where that saves time, not because a part of the device would have nothing to do.
 */
function countWanted(
  splitter: Splitter,
  statement: Statement,
  read: LargestRead,
  isOfResults: boolean,
): Wanted | undefined {
  const { profile, sizes } = splitter;
  const [points, length] = [product(statement.axes, sizes), product(statement.reduce?.axes ?? [], sizes)];
  const together = pointsPerWorkgroup(read, statement.axes, sizes);
  const isFull = !profile.software && points * length > BUSY_ELEMENTS * profile.usefulWorkgroups;
  // Tests that cut small rows on purpose say so.
  // A kernel that runs anyway adds up the pieces. In software a launch costs less than its barriers.
  const isFinished =
    !profile.software &&
    isAppliedAcross(splitter.readers, statement, sizes) &&
    !isWalked(
      splitter.readers,
      statement,
      (pieces) => product(pieces, sizes) >= STARVED * profile.usefulWorkgroups,
    );
  const isShort =
    together === 1 &&
    length <= (isFull ? SHORT_ROW / 2 : SHORT_ROW) &&
    splitter.shortestPiece === SHORTEST_PIECE;
  if (isShort && !isFinished) return undefined;
  const workgroups = Math.max(
    1,
    Math.min((points * Math.min(length, ELEMENTS_PER_WORKGROUP)) / ELEMENTS_PER_WORKGROUP, points / together),
  );
  const us = (points * length * 4) / (profile.copyGBps * 1e3);
  // A dispatch that takes too long is run in parts, each of which has to fill the device.
  const useful = profile.usefulWorkgroups * (profile.software ? Math.ceil(us / LONGEST_DISPATCH_US) : 1);
  if (workgroups >= useful) return undefined;
  const isStarved = workgroups < STARVED * useful;
  if (!isFinished && isOnChip(splitter, statement, read, { length, isStarved })) return undefined;
  const finishUs = isFinished ? stageUs(profile) : profile.launchUs;
  // A full device is worth a few more loads: only what is cut without need costs more than it gains.
  const slack = isFinished ? profile.launchUs / 4 : (us * (WORTH - 1) * useful) / workgroups;
  const isIdle = isFull && !isOfResults && workgroups < FULL_ENOUGH * useful;
  if (!isIdle && us + finishUs > (us * useful) / workgroups + slack) return undefined;
  const shortest = splitter.shortestPiece * (isFinished ? FINISHED_SHARE : 1);
  const dealt = Math.min(workgroups, Math.ceil(points / usualPoints(read, statement.axes, sizes)));
  return { pieces: Math.ceil(useful / dealt), most: Math.floor(length / shortest) };
}

/**
 * Pieces whose loops the device runs to their end: a piece of columns is one lane's, one of a contiguous row that of a subgroup
 * with vectors. Rows that are not cut otherwise are only where no number of lanes would do.
 */
function shortenPieces(
  { profile, sizes }: Splitter,
  statement: Statement,
  read: LargestRead,
  wanted: Wanted | undefined,
): Wanted | undefined {
  if (profile.maxLoopTurns === null) return wanted;
  const length = product(statement.reduce?.axes ?? [], sizes);
  const isColumn = pointsPerWorkgroup(read, statement.axes, sizes) > 1;
  const perTurn = wanted === undefined ? MOST_PER_TURN : isColumn ? 1 : 4 * (profile.subgroups?.[0] ?? 1);
  const pieces = Math.ceil(length / (STEPS_OF_TURNS * profile.maxLoopTurns * perTurn));
  if (pieces <= (wanted?.pieces ?? 1)) return wanted;
  return { pieces, most: Math.max(wanted?.most ?? 0, MANY_PIECES * pieces) };
}

/** Tensors of so many elements that reductions need as well as what is as large as they are and leaves. */
function countReadAgain({ program, sizes, statements }: Splitter, points: number): number {
  const readBehind = (ends: readonly Statement[]): ReadonlySet<string> => {
    const tensors = new Set<string>();
    const seen = new Set(ends);
    for (const { value } of seen)
      visitScalar(value, (e) => {
        if (e.kind === "tensor" && product([...indexAxes(e.index)], sizes) >= points) tensors.add(e.tensor);
        const producer = e.kind === "value" ? statements.get(e.statement) : undefined;
        if (producer !== undefined && producer.reduce === undefined) seen.add(producer);
      });
    return tensors;
  };
  const stored = new Set(program.stores.map((s) => s.statement));
  const leaving = program.statements.filter((s) => stored.has(s.name) && s.reduce === undefined);
  const reductions = program.statements.filter((s) => s.reduce !== undefined);
  const again = readBehind(leaving.filter((s) => product(s.axes, sizes) >= points));
  return [...readBehind(reductions)].filter((tensor) => again.has(tensor)).length;
}

/** A row that other statements read whole and that stays on the chip is better reduced and used in one kernel. */
function isOnChip(
  splitter: Splitter,
  statement: Statement,
  read: LargestRead,
  { length, isStarved }: { readonly length: number; readonly isStarved: boolean },
): boolean {
  const { profile, program, sizes } = splitter;
  const points = product(statement.axes, sizes) * length;
  const isReadAgain = program.statements.some(
    (s) => s.reduce === undefined && product(s.axes, sizes) >= points,
  );
  const rows = pointsPerWorkgroup(read, statement.axes, sizes);
  // Where few workgroups have rows at all, reading some of them again would take as long again as they do.
  const kept = isStarved ? Math.max(1, countReadAgain(splitter, points)) : 1;
  return isReadAgain && statement.axes.length > 0 && rows * length * 4 * kept <= profile.onChipBytes;
}

function makePiece(splitter: Splitter, axis: string, cutting: Cutting): Piece {
  const { size } = cutting;
  const length = pieceLength(splitter.profile, cutting);
  const pieces = Math.ceil(size / length);
  const declare = (suffix: string, count: number): string => {
    const name = freshName(splitter.taken, `${axis}${suffix}`);
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
