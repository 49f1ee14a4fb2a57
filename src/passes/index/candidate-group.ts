/**
 * What the fusion pass knows of a set of statements that may become one kernel, and whether it may.
 *
 * With grid axes P: no statement reduces over an axis of P; every value that leaves has all of P, or is repeated at each
 * point and written by the first. On top of that stands what lowering does today: one row space R per group. All
 * reductions of a group reduce exactly R and give values over P alone; values that leave are over P, or over P and R
 * whole. Walks (`findWalkProblem`) add sums over the rows themselves.
 */
import type { DeviceProfile } from "../../ir/profile.ts";
import { isFloat, storageBytes } from "../../ir/dtype.ts";
import {
  visitScalar,
  type IndexProgram,
  type Statement,
  type StoredTensor,
  type ReductionPair,
} from "../../ir/index-notation.ts";
import { pairReductions } from "./pair-reductions.ts";
import { MAX_CARRIED_ROW } from "./split-columns.ts";
import { isIdentityRead } from "./collapse-axes.ts";
import { coefficientOf, indexAxes, rowMajor, type IndexExpr } from "../../ir/index-expr.ts";
import {
  ELEMENTS_PER_WORKGROUP,
  kernelTime,
  pointsPerWorkgroup,
  SHORT_ROW,
  tensorBytes,
} from "./fusion-cost.ts";

/** Statements in one kernel at most: keeps kernels within what shader compilers take in stride. */
export const MAX_STATEMENTS = 192;
/** Terms of a reduction that every workgroup may repeat; on software devices every lane repeats it. */
const MAX_REPLICATED = 1024;
const MAX_REPLICATED_SOFTWARE = 16;

/** Per statement, computed once: what it reads, and who reads it. */
export interface StatementFacts {
  readonly statement: Statement;
  readonly tensors: ReadonlySet<string>;
  /** Values read by every axis as itself. */
  readonly identity: ReadonlySet<string>;
  /** Values read in any other way: they must come from another kernel. */
  readonly otherwise: ReadonlySet<string>;
  readonly readers: readonly string[];
  readonly stored: number;
}

export interface FusionContext {
  readonly profile: DeviceProfile;
  readonly sizes: ReadonlyMap<string, number>;
  readonly facts: ReadonlyMap<string, StatementFacts>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Reductions that can share a walk, by the name of the second. */
  readonly pairs: ReadonlyMap<string, ReductionPair>;
  /** Statements whose groups must not bind more buffers than the device takes, even in between; undefined: all. */
  readonly held?: ReadonlySet<string> | undefined;
}

export function fusionContext(program: IndexProgram, profile: DeviceProfile): FusionContext {
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  const readers = new Map<string, string[]>(program.statements.map((s) => [s.name, []]));
  const stored = new Map<string, number>();
  for (const store of program.stores) stored.set(store.statement, (stored.get(store.statement) ?? 0) + 1);
  const reads = program.statements.map((statement) => {
    const tensors = new Set<string>();
    const identity = new Set<string>();
    const otherwise = new Set<string>();
    visitScalar(statement.value, (e) => {
      if (e.kind === "tensor") tensors.add(e.tensor);
      if (e.kind !== "value") return;
      (isIdentityRead(e.index, byName.get(e.statement)?.axes ?? []) ? identity : otherwise).add(e.statement);
    });
    for (const name of new Set([...identity, ...otherwise])) readers.get(name)?.push(statement.name);
    return { statement, tensors, identity, otherwise };
  });
  return {
    profile,
    sizes: new Map(program.axes.map((a) => [a.name, a.size])),
    tensors: new Map(program.tensors.map((t) => [t.name, t])),
    pairs: new Map(pairReductions(program).map((p) => [p.second, p])),
    facts: new Map(
      reads.map((r) => [
        r.statement.name,
        { ...r, readers: readers.get(r.statement.name) ?? [], stored: stored.get(r.statement.name) ?? 0 },
      ]),
    ),
  };
}

export interface Candidate {
  readonly statements: readonly string[];
  readonly gridAxes: readonly string[];
  readonly rowAxes: readonly string[];
  /** Values that other kernels or the outputs need. */
  /** Axes walked row by row, with sums over them carried along. */
  readonly walkAxes: readonly string[];
  readonly leaving: readonly string[];
  readonly timeUs: number;
  readonly bytes: number;
  /** Storage buffers that the kernel binds. */
  readonly bindings: number;
}

const product = (axes: Iterable<string>, sizes: ReadonlyMap<string, number>): number => {
  let n = 1;
  for (const axis of axes) n *= sizes.get(axis) ?? 1;
  return n;
};

/** The candidate made of these statements, or the reason why it cannot be one kernel. */
export function formCandidate(context: FusionContext, statements: readonly string[]): Candidate | string {
  if (statements.length > MAX_STATEMENTS)
    return `more than ${String(MAX_STATEMENTS)} statements in one kernel`;
  const inside = new Set(statements);
  const facts = statements.flatMap((name) => context.facts.get(name) ?? []);
  const leaving = facts.filter((f) => f.stored > 0 || f.readers.some((reader) => !inside.has(reader)));
  const [best, ...others] = gridChoices(context, facts, leaving).map((grid) =>
    formOver(context, { facts, leaving, inside, grid }),
  );
  let chosen = best ?? "nothing leaves";
  for (const other of others) {
    if (typeof other !== "string" && (typeof chosen === "string" || other.timeUs < chosen.timeUs))
      chosen = other;
  }
  return chosen;
}

/** A set of statements with grid axes chosen for them. */
interface Members {
  readonly facts: readonly StatementFacts[];
  readonly leaving: readonly StatementFacts[];
  readonly inside: ReadonlySet<string>;
  readonly grid: readonly string[];
}

/**
 * Grids to consider: what all leaving values share and nothing reduces; and all axes of the largest leaving value, where
 * values that lack some of them are computed again at each point (or by each workgroup).
 */
function gridChoices(
  context: FusionContext,
  facts: readonly StatementFacts[],
  leaving: readonly StatementFacts[],
): readonly (readonly string[])[] {
  const reduced = new Set(facts.flatMap((f) => f.statement.reduce?.axes ?? []));
  const [first, ...rest] = leaving;
  const common = (first?.statement.axes ?? []).filter(
    (axis) => !reduced.has(axis) && rest.every((f) => f.statement.axes.includes(axis)),
  );
  const points = (f: StatementFacts): number => product(f.statement.axes, context.sizes);
  const largest = leaving.reduce<StatementFacts | undefined>(
    (a, b) => (a === undefined || points(b) > points(a) ? b : a),
    undefined,
  );
  const widest = largest?.statement.axes ?? [];
  const isOther = widest.length > common.length && !widest.some((axis) => reduced.has(axis));
  return isOther ? [common, widest] : [common];
}

function formOver(context: FusionContext, members: Members): Candidate | string {
  const { facts, leaving, inside, grid } = members;
  const problem = findProblem(context, members);
  const walkAxes = problem === undefined ? [] : chooseWalk(context, members);
  if (walkAxes === undefined) return problem ?? "";
  const row = new Set(facts.flatMap((f) => [...f.statement.axes, ...(f.statement.reduce?.axes ?? [])]));
  for (const axis of grid) row.delete(axis);
  const reads = externalReads(context, facts, inside);
  const homes = leaving.map((f) => f.stored + (needsTemporary(f, inside) ? 1 : 0));
  const written = leaving.map(
    (f, i) => product(f.statement.axes, context.sizes) * storageBytes(f.statement.dtype) * (homes[i] ?? 0),
  );
  const limit = context.profile.limits.maxStorageBuffersPerShaderStage;
  const bindings = reads.count + homes.reduce((a, b) => a + b, 0);
  const isHeld = context.held === undefined || facts.some((f) => context.held?.has(f.statement.name));
  if (bindings > limit && isHeld)
    return `${String(bindings)} storage buffers, the device binds ${String(limit)}`;
  const isReplicated = facts.some(
    (f) => walkAxes.length === 0 && f.statement.reduce !== undefined && f.statement.axes.length < grid.length,
  );
  const rowLength = isReplicated ? 1 : product(row, context.sizes);
  const isWalk = walkAxes.length > 0;
  const traffic = {
    readBytes: reads.bytes,
    sweeps: isWalk ? 1 : sweepsOf(context, facts, leaving, grid, rowLength),
    writtenBytes: written.reduce((a, b) => a + b, 0),
    workgroups: estimateWorkgroups(context, members, rowLength),
    isShortRow: rowLength <= SHORT_ROW && isContiguousRow(context, members),
    // Every workgroup reads what it reduces for itself, from a cache.
    replicatedBytes: isReplicated ? 4 * product(row, context.sizes) : 0,
  };
  return {
    statements: facts.map((f) => f.statement.name),
    gridAxes: grid,
    rowAxes: [...row].filter((axis) => !walkAxes.includes(axis)),
    walkAxes,
    leaving: leaving.map((f) => f.statement.name),
    timeUs: kernelTime(context.profile, traffic),
    bytes: traffic.readBytes * traffic.sweeps + traffic.writtenBytes,
    bindings,
  };
}

/** Workgroups that a grid makes: rows count for their elements, and columns come in runs that fill memory sectors. */
function estimateWorkgroups(context: FusionContext, members: Members, rowLength: number): number {
  const { grid } = members;
  const points = product(grid, context.sizes);
  const largest = largestRead(context, members);
  const together = largest === undefined ? 1 : pointsPerWorkgroup(largest, grid, context.sizes);
  const elements = (points * Math.min(rowLength, ELEMENTS_PER_WORKGROUP)) / ELEMENTS_PER_WORKGROUP;
  return Math.max(1, rowLength === 1 ? elements : Math.min(elements, points / together));
}

/** Whether what a group mostly reads lies row after row, and not column beside column. */
function isContiguousRow(context: FusionContext, members: Members): boolean {
  const largest = largestRead(context, members);
  return largest === undefined || pointsPerWorkgroup(largest, members.grid, context.sizes) === 1;
}

/** Where the most elements are read from: a tensor, or the temporary that a value of another kernel will be stored in. */
function largestRead(context: FusionContext, { facts, inside }: Members): IndexExpr | undefined {
  let best: { index: IndexExpr; points: number } | undefined;
  const consider = (index: IndexExpr): void => {
    const points = product(indexAxes(index), context.sizes);
    if (best === undefined || points > best.points) best = { index, points };
  };
  for (const { statement, identity } of facts) {
    visitScalar(statement.value, (e) => {
      if (e.kind === "tensor") consider(e.index);
    });
    for (const name of identity)
      if (!inside.has(name)) consider(rowMajor(context.facts.get(name)?.statement.axes ?? [], context.sizes));
  }
  return best?.index;
}

/** Whether other kernels read the value from a temporary: an output serves, unless it is rounded to 16 bits. */
function needsTemporary(
  { statement, stored, readers }: StatementFacts,
  inside: ReadonlySet<string>,
): boolean {
  const isExact = !isFloat(statement.dtype) || statement.dtype === "f32";
  return (stored === 0 || !isExact) && readers.some((reader) => !inside.has(reader));
}

/** Axes that a workgroup can walk, carrying sums over them along; undefined where there are none. */
function chooseWalk(context: FusionContext, members: Members): readonly string[] | undefined {
  const inGrid = new Set(members.grid);
  const choices = new Map<string, readonly string[]>();
  for (const { statement } of members.facts) {
    if (statement.reduce === undefined || statement.axes.every((axis) => inGrid.has(axis))) continue;
    choices.set([...statement.reduce.axes].sort().join(), statement.reduce.axes);
  }
  if (choices.size !== 2) return undefined; // rows one way, columns the other
  // The lanes share what is contiguous; only a slower axis is walked.
  const read = largestRead(context, members);
  if (read === undefined) return undefined;
  return [...choices.values()].find(
    (axes) =>
      axes.every((axis) => coefficientOf(read, axis) > 1) &&
      findWalkProblem(context, members, axes) === undefined,
  );
}

/**
 * A group in which each workgroup walks rows: all but the carried sums obey the usual rules at each row; a carried sum
 * runs over the walked axes only, has the grid and the whole row, and is read by other kernels alone.
 */
function findWalkProblem(
  context: FusionContext,
  { facts, leaving, inside, grid }: Members,
  walkAxes: readonly string[],
): string | undefined {
  if (context.profile.software) return "a lane that takes whole rows has no registers for sums over rows";
  const isCarried = (f: StatementFacts): boolean =>
    f.statement.reduce !== undefined && sameAxes(f.statement.reduce.axes, walkAxes);
  const others = facts.filter((f) => !isCarried(f));
  const points = [...grid, ...walkAxes];
  const reduced = others.flatMap((f) => f.statement.reduce?.axes ?? []);
  if (reduced.some((axis) => points.includes(axis))) return "reductions over axes of the walk and of the row";
  const problem = findProblem(context, {
    facts: others,
    leaving: leaving.filter((f) => !isCarried(f)),
    inside,
    grid: points,
  });
  if (problem !== undefined) return problem;
  const all = new Set(others.flatMap((f) => [...f.statement.axes, ...(f.statement.reduce?.axes ?? [])]));
  const row = [...all].filter((axis) => !points.includes(axis));
  if (others.some((f) => f.statement.reduce !== undefined && f.statement.axes.length < points.length))
    return "values that lack axes of a walk";
  if (row.length === 0 || product(row, context.sizes) > MAX_CARRIED_ROW)
    return "the row is too long for its sums to be carried";
  for (const { statement, readers, otherwise } of facts.filter(isCarried)) {
    if (statement.value.kind === "tuple") return `${statement.name} is no sum: its state is not carried`;
    if (!sameAxes(statement.axes, [...grid, ...row]))
      return `${statement.name} is a sum over other axes than the walk's`;
    if (readers.some((reader) => inside.has(reader)))
      return `${statement.name} is not known before the walk ends`;
    const moved = [...otherwise].find((name) => inside.has(name));
    if (moved !== undefined) return `${statement.name} reads ${moved} at other positions than its own`;
  }
  return undefined;
}

const sameAxes = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((axis) => b.includes(axis));

function findProblem(context: FusionContext, { facts, leaving, inside, grid }: Members): string | undefined {
  const inGrid = new Set(grid);
  const rowOf = (axes: readonly string[]): string =>
    axes
      .filter((a) => !inGrid.has(a))
      .sort()
      .join(",");
  const spaces = new Set<string>();
  const all = new Set(facts.flatMap((f) => [...f.statement.axes, ...(f.statement.reduce?.axes ?? [])]));
  const wholeRow = rowOf([...all]);
  let [whole, replicated] = [0, 0];
  for (const { statement, otherwise } of facts) {
    const moved = [...otherwise].find((name) => inside.has(name));
    if (moved !== undefined) return `${statement.name} reads ${moved} at other positions than its own`;
    if (statement.reduce === undefined) continue;
    if (rowOf(statement.axes) !== "") return `${statement.name} reduces part of the row only`;
    if (statement.axes.length < grid.length) {
      if (!canReplicate(context, statement, grid))
        return `${statement.name} would be reduced again for every point of the grid`;
      replicated++;
    } else whole++;
    spaces.add(rowOf(statement.reduce.axes));
  }
  if (whole > 0 && replicated > 0) return "reductions of whole rows beside some that every workgroup repeats";
  if (spaces.size > 1) return "reductions over different axes";
  if (spaces.size === 1 && !spaces.has(wholeRow)) return "values over other axes than the reduced ones";
  for (const { statement } of leaving) {
    const row = rowOf(statement.axes);
    if (row !== "" && (row !== wholeRow || replicated > 0))
      return `${statement.name} is stored over part of the row`;
  }
  return undefined;
}

/** Partial results that every workgroup may add up for itself: few beside what the grid computes. */
function canReplicate(context: FusionContext, statement: Statement, grid: readonly string[]): boolean {
  const length = product(statement.reduce?.axes ?? [], context.sizes);
  const most = context.profile.software ? MAX_REPLICATED_SOFTWARE : MAX_REPLICATED;
  return (
    length <= most && product(grid, context.sizes) >= 16 * length * product(statement.axes, context.sizes)
  );
}

function externalReads(
  context: FusionContext,
  facts: readonly StatementFacts[],
  inside: ReadonlySet<string>,
): { readonly bytes: number; readonly count: number } {
  const tensors = new Set(facts.flatMap((f) => [...f.tensors]));
  const values = new Set(
    facts.flatMap((f) => [...f.identity, ...f.otherwise].filter((name) => !inside.has(name))),
  );
  let bytes = 0;
  for (const name of tensors) {
    const tensor = context.tensors.get(name);
    if (tensor !== undefined) bytes += tensorBytes(tensor);
  }
  for (const name of values) {
    const statement = context.facts.get(name)?.statement;
    if (statement !== undefined)
      bytes += product(statement.axes, context.sizes) * storageBytes(statement.dtype);
  }
  return { bytes, count: tensors.size + values.size };
}

/**
 * Sweeps over the row: one where it stays on the chip, else one for each level at which something is reduced or a row
 * value leaves. Values over the grid alone, and row values that only feed others, make no sweep of their own.
 */
function sweepsOf(
  context: FusionContext,
  facts: readonly StatementFacts[],
  leaving: readonly StatementFacts[],
  grid: readonly string[],
  rowLength: number,
): number {
  if (rowLength * 4 <= context.profile.onChipBytes) return 1;
  const level = new Map<string, number>();
  const walks = new Set<number>();
  for (const fact of facts) {
    const { statement, identity } = fact;
    let at = 0;
    for (const name of identity) at = Math.max(at, level.get(name) ?? 0);
    const first = context.pairs.get(statement.name)?.first;
    if (first !== undefined && level.has(first)) at = (level.get(first) ?? 1) - 1;
    const isRow = statement.axes.length > grid.length;
    if (statement.reduce !== undefined || (isRow && leaving.includes(fact))) walks.add(at);
    level.set(statement.name, statement.reduce === undefined ? at : at + 1);
  }
  return Math.max(1, walks.size);
}
