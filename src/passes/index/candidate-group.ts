/**
 * What the fusion pass knows of a set of statements that may become one kernel, and whether it may.
 *
 * With grid axes P: no statement reduces over an axis of P; every value that leaves has all of P, or is repeated at each
 * point and written by the first. On top of that stands one row space R per group. All reductions of a group reduce
 * exactly R and give values over P alone; values that leave are over P, or over P and R whole (find-problem.ts). Walks add
 * sums over the rows themselves, stages reductions that obey none of this and are repeated by every workgroup.
 */
import { storageBytes, type DType } from "../../ir/dtype.ts";
import { isRefusal, refusal, refusalOf, type Refusal } from "../../ir/fusion-reason.ts";
import { fitsOnChip } from "../../ir/on-chip.ts";
import { sectorOfLarge, type Touched } from "../../ir/sectors.ts";
import { indexAxes, rowMajor, type IndexExpr } from "../../ir/index-expr.ts";
import { chooseWalk, findProblem } from "./find-problem.ts";
import { product, type FusionContext, type Members, type StatementFacts } from "./fusion-context.ts";
import { countWork } from "./fusion-work.ts";
import { countKept, countReread } from "./count-kept.ts";
import { chooseStaging, type Staging } from "./stage-reductions.ts";
import {
  ELEMENTS_PER_WORKGROUP,
  kernelTime,
  pointsHeldTogether,
  pointsPerWorkgroup,
  SHORT_ROW,
  tensorBytes,
  type MainRead,
} from "./fusion-cost.ts";

/** Statements in one kernel at most: keeps kernels within what shader compilers take in stride. */
export const MAX_STATEMENTS = 192;

export interface Candidate {
  readonly statements: readonly string[];
  readonly gridAxes: readonly string[];
  readonly rowAxes: readonly string[];
  /** Axes walked row by row, with sums over them carried along. */
  readonly walkAxes: readonly string[];
  /** Values that other kernels or the outputs need. */
  readonly leaving: readonly string[];
  /** Reductions that every workgroup computes for itself, and the grid axes that it has one coordinate of. */
  readonly stages: readonly string[];
  readonly pinnedAxes: readonly string[];
  readonly timeUs: number;
  readonly bytes: number;
  /** Storage buffers that the kernel binds. */
  readonly bindings: number;
}

/** The candidate made of these statements, or the reason why it cannot be one kernel. */
export function formCandidate(context: FusionContext, statements: readonly string[]): Candidate | Refusal {
  if (statements.length > MAX_STATEMENTS)
    return refusalOf(`more than ${String(MAX_STATEMENTS)} statements in one kernel`);
  const inside = new Set(statements);
  const facts = statements.flatMap((name) => context.facts.get(name) ?? []);
  const leaving = facts.filter(
    (f) => f.storedIn.length > 0 || f.readers.some((reader) => !inside.has(reader)),
  );
  const { plain, staged } = gridChoices(context, facts, leaving);
  const best = cheapest(plain.map((grid) => formOver(context, { facts, leaving, inside, grid })));
  if (!isRefusal(best)) return best;
  const other = cheapest(
    staged.flatMap((grid) =>
      [false, true].map((all) => formStaged(context, { facts, leaving, inside, grid }, all)),
    ),
  );
  return isRefusal(other) ? best : other;
}

/** The quickest candidate; where there is none, the first reason. */
function cheapest(choices: readonly (Candidate | Refusal)[]): Candidate | Refusal {
  let [chosen = refusalOf("nothing leaves")] = choices;
  for (const other of choices) {
    if (!isRefusal(other) && (isRefusal(chosen) || other.timeUs < chosen.timeUs)) chosen = other;
  }
  return chosen;
}

/**
 * Grids to consider: what all leaving values share and nothing reduces; and all axes of the largest leaving value, where
 * values that lack some of them are computed again at each point (or by each workgroup). Stages may reduce axes of a grid.
 */
function gridChoices(
  context: FusionContext,
  facts: readonly StatementFacts[],
  leaving: readonly StatementFacts[],
): { readonly plain: readonly (readonly string[])[]; readonly staged: readonly (readonly string[])[] } {
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
  const isOther = widest.length > common.length;
  const staged = reduced.size === 0 ? [] : isOther ? [widest, common] : [common];
  return {
    plain: isOther && !widest.some((axis) => reduced.has(axis)) ? [common, widest] : [common],
    staged,
  };
}

/** A candidate with stages: the rest of it obeys the usual rules. */
function formStaged(context: FusionContext, members: Members, all: boolean): Candidate | Refusal {
  const { facts, leaving, inside, grid } = members;
  const moved = facts.flatMap((f) => [...f.otherwise].filter((name) => inside.has(name)));
  if (moved[0] !== undefined) return refusal`${moved[0]} is read at other positions than its own`;
  const staging = chooseStaging(
    {
      profile: context.profile,
      sizes: context.sizes,
      statements: facts.map((f) => f.statement),
      tensors: context.tensors,
      grid,
      mainRead: largestRead(context, members)?.index,
      leaving: new Set(leaving.map((f) => f.statement.name)),
    },
    all,
  );
  if (isRefusal(staging)) return staging;
  const isMain = (f: StatementFacts): boolean => staging.main.has(f.statement.name);
  const main = { ...members, facts: facts.filter(isMain), leaving: leaving.filter(isMain) };
  const problem = findProblem(context, main);
  return problem ?? priceCandidate(context, members, main, [], staging);
}

function formOver(context: FusionContext, members: Members): Candidate | Refusal {
  const problem = findProblem(context, members);
  const walkAxes =
    problem === undefined ? [] : chooseWalk(context, members, largestRead(context, members)?.index);
  if (walkAxes === undefined) return problem ?? refusalOf("");
  return priceCandidate(context, members, members, walkAxes);
}

/** The candidate with its bytes and modelled time, if its bindings are not too many. `main` is what is no stage of it. */
function priceCandidate(
  context: FusionContext,
  { facts, leaving, inside, grid }: Members,
  main: Members,
  walkAxes: readonly string[],
  staging?: Staging,
): Candidate | Refusal {
  const row = new Set(main.facts.flatMap((f) => [...f.statement.axes, ...(f.statement.reduce?.axes ?? [])]));
  for (const axis of grid) row.delete(axis);
  const reads = externalReads(context, facts, inside);
  const temporaries = leaving.map((f) => (needsTemporary(f, inside) ? 1 : 0));
  const written = leaving.map(
    ({ statement, storedBytes }, i) =>
      product(statement.axes, context.sizes) *
      (storedBytes + storageBytes(statement.dtype) * (temporaries[i] ?? 0)),
  );
  const limit = context.profile.limits.maxStorageBuffersPerShaderStage;
  const outputs = new Set(leaving.flatMap((f) => f.storedIn));
  const bindings = reads.count + outputs.size + temporaries.reduce<number>((a, b) => a + b, 0);
  const mustBind = context.held === undefined || facts.some((f) => context.held?.has(f.statement.name));
  if (bindings > limit && mustBind)
    return refusalOf(`${String(bindings)} storage buffers, the device binds ${String(limit)}`);
  const replicates = main.facts.filter(
    (f) => walkAxes.length === 0 && f.statement.reduce !== undefined && f.statement.axes.length < grid.length,
  );
  const isReplicated = replicates.length > 0;
  // Every workgroup reads what it reduces for itself, from a cache: for as many points side by side as fill memory sectors.
  const largest = largestRead(context, main);
  const together = Math.max(
    0,
    ...replicates.map((f) =>
      largest === undefined ? 1 : pointsPerWorkgroup(largest, f.statement.axes, context.sizes),
    ),
  );
  const replicated = together * product(row, context.sizes);
  const rowLength = isReplicated ? 1 : product(row, context.sizes);
  const walks = findWalks(context, main);
  const sweeps = walkAxes.length > 0 ? 1 : sweepsOf(context, main, rowLength, walks, largest);
  const isHeld = sweeps === 1 && walks.size > 1 && walkAxes.length === 0 && !context.profile.software;
  const traffic = {
    readBytes: reads.bytes + (isHeld ? countReread(context, main, walks) : 0),
    sweeps,
    writtenBytes: written.reduce((a, b) => a + b, 0),
    workgroups: estimateWorkgroups(context, grid, rowLength, walks.size > 1 && sweeps === 1, largest),
    isShortRow: rowLength <= SHORT_ROW && isContiguousRow(context, grid, largest),
    replicatedBytes: 4 * replicated,
    work: context.profile.software ? countWork(context, main, walks) : 0,
    stages: staging?.traffic,
  };
  return {
    statements: facts.map((f) => f.statement.name),
    gridAxes: grid,
    rowAxes: [...row].filter((axis) => !walkAxes.includes(axis)),
    walkAxes,
    leaving: leaving.map((f) => f.statement.name),
    stages: staging?.stages ?? [],
    pinnedAxes: staging?.pinnedAxes ?? [],
    timeUs: kernelTime(context.profile, traffic),
    bytes: traffic.readBytes * traffic.sweeps + traffic.writtenBytes,
    bindings,
  };
}

/**
 * Workgroups that a grid makes: rows count for their elements, and columns come in runs that fill memory sectors, as few as
 * do where the chip keeps them from one walk to the next.
 */
function estimateWorkgroups(
  context: FusionContext,
  grid: readonly string[],
  rowLength: number,
  isKept: boolean,
  largest: MainRead | undefined,
): number {
  const { profile, sizes } = context;
  const points = product(grid, sizes);
  const pointsFor = isKept && !profile.software ? pointsHeldTogether : pointsPerWorkgroup;
  const together = largest === undefined ? 1 : pointsFor(largest, grid, sizes);
  const elements = (points * Math.min(rowLength, ELEMENTS_PER_WORKGROUP)) / ELEMENTS_PER_WORKGROUP;
  return Math.max(1, rowLength === 1 ? elements : Math.min(elements, points / together));
}

/** Whether what a group mostly reads lies row after row, and not column beside column. */
const isContiguousRow = (
  { sizes }: FusionContext,
  grid: readonly string[],
  largest: MainRead | undefined,
): boolean => largest === undefined || pointsPerWorkgroup(largest, grid, sizes) === 1;

/**
 * Where the most elements are read from: a tensor, or the temporary that a value of another kernel will be stored in. What is as
 * large and narrower, also what is written, says how many elements fill a sector.
 */
function largestRead(context: FusionContext, { facts, inside }: Members): MainRead | undefined {
  let best: { index: IndexExpr; points: number } | undefined;
  const touched: Touched[] = [];
  const consider = (index: IndexExpr, points: number, dtype: DType = "f32"): void => {
    touched.push({ dtype, elements: points });
    if (best === undefined || points > best.points) best = { index, points };
  };
  for (const { statement, reads, identity, storedAs } of facts) {
    for (const { tensor, index, points } of reads)
      consider(index, points, context.tensors.get(tensor)?.dtype);
    for (const name of identity) {
      if (inside.has(name)) continue;
      const index = rowMajor(context.facts.get(name)?.statement.axes ?? [], context.sizes);
      consider(index, product(indexAxes(index), context.sizes));
    }
    if (storedAs.length === 0) continue;
    const elements = product(statement.axes, context.sizes);
    for (const dtype of storedAs) touched.push({ dtype, elements });
  }
  return best && { index: best.index, sector: sectorOfLarge(touched, context.profile) };
}

/** Whether other kernels read the value from a temporary: an output serves, unless it is rounded to 16 bits. */
const needsTemporary = ({ isKept, readers }: StatementFacts, inside: ReadonlySet<string>): boolean =>
  !isKept && readers.some((reader) => !inside.has(reader));

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
  members: Members,
  rowLength: number,
  walks: ReadonlyMap<string, number>,
  largest: MainRead | undefined,
): number {
  if (walks.size <= 1) return 1;
  const { profile, sizes } = context;
  // On a CPU caches hold rows, whatever is read of them; schedules keep whole runs of points that fill sectors together.
  const together =
    profile.software || largest === undefined ? 1 : pointsHeldTogether(largest, members.grid, sizes);
  const kept = profile.software ? 1 : Math.max(1, countKept(context, members, walks));
  return fitsOnChip(4 * rowLength * together * kept, profile) ? 1 : new Set(walks.values()).size;
}

/** Reductions and row values that leave -> the walk over the row that they are part of. */
function findWalks(context: FusionContext, { facts, leaving, grid }: Members): ReadonlyMap<string, number> {
  const level = new Map<string, number>();
  const walks = new Map<string, number>();
  for (const fact of facts) {
    const { statement, identity } = fact;
    let at = 0;
    for (const name of identity) at = Math.max(at, level.get(name) ?? 0);
    const { first, needs = [] } = context.pairs.get(statement.name) ?? {};
    if (first !== undefined && level.has(first))
      at = Math.max((level.get(first) ?? 1) - 1, ...needs.map((name) => level.get(name) ?? 0));
    const isRow = statement.axes.length > grid.length;
    if (statement.reduce !== undefined || (isRow && leaving.includes(fact))) walks.set(statement.name, at);
    level.set(statement.name, statement.reduce === undefined ? at : at + 1);
  }
  return walks;
}
