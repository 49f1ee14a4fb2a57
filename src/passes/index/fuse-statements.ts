/**
 * Fusion: decides which statements run as one kernel.
 *
 * Statements are taken in definition order. Each starts as a group of its own and joins the groups of its producers (the
 * one that saves most first), then groups that read the same large tensor over the same grid. A merge happens where it is
 * legal (candidate-group.ts), keeps the graph of groups free of cycles, and does not raise the modelled time.
 *
 * Requires: aligned axes; reads inlined (`inlineReads`).
 * Ensures:  groups in an order in which producers come first; each carries why its neighbours did not join.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import {
  isRefusal,
  printRefusal,
  refusalOf,
  type FusionReason,
  type Refusal,
} from "../../ir/fusion-reason.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import type { FusionGroup, IndexProgram } from "../../ir/index-notation.ts";
import { elementCount } from "../../ir/dtype.ts";
import { UnionFind } from "../union-find.ts";
import { formCandidate, type Candidate } from "./candidate-group.ts";
import { fusionContext, product, type FusionContext, type StatementFacts } from "./fusion-context.ts";
import { MOST_PACKED_ELEMENTS } from "./pack-temporaries.ts";

/** Groups that a search for cycles may visit before the merge is refused. Bounds the pass to linear time. */
const SEARCH_LIMIT = 256;
/** Times that a program is fused with more and more of its statements held to the bindings of the device. */
const MOST_ATTEMPTS = 3;
/**
 * Groups that are merged together with two that they stand between. On CPUs none: a kernel of three would compute anew in each walk what
 * the first of them had stored, and by the model that costs about what it saves.
 */
const MOST_BETWEEN = 2;
/** Groups that read the same tensor with which a sideways merge is tried. */
const SIDEWAYS_TRIES = 3;
/** Kernels in a row, each of statistics of the one before, that are tried where the last is applied. */
const STATISTICS_TRIES = 4;
/** What moves so many times fewer bytes than the kernel that it would join is but statistics. */
const SMALL_BESIDE = 8;
/** Reasons that a group keeps before refusals are dropped. */
const MOST_REASONS = 64;

export interface FusionOptions {
  /** false: one kernel per statement, in the order of statements. */
  readonly fuse?: boolean;
}

interface State {
  readonly context: FusionContext;
  readonly order: ReadonlyMap<string, number>;
  readonly groups: UnionFind;
  readonly candidates: Map<number, Candidate>;
  readonly reasons: Map<number, FusionReason[]>;
}

export function fuseStatements(
  program: IndexProgram,
  profile: DeviceProfile,
  options: FusionOptions = {},
): FusionGroup[] {
  const context = fusionContext(program, profile);
  if (options.fuse === false) return groupsApart(program, context);
  // A group may bind too many buffers while it grows, if it binds fewer once the readers of its values have joined it.
  const held = new Set<string>();
  const limit = profile.limits.maxStorageBuffersPerShaderStage;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const state = mergeStatements(program, { ...context, held });
    const tooWide = rootsOf(program, state).filter((root) => {
      const candidate = state.candidates.get(root);
      return candidate !== undefined && packedBindings(state, candidate) > limit;
    });
    if (tooWide.length === 0) return orderGroups(program, state);
    for (const root of tooWide)
      for (const name of state.candidates.get(root)?.statements ?? []) held.add(name);
  }
  return orderGroups(program, mergeStatements(program, { ...context, held: undefined }));
}

/** Buffers that a group binds once small temporaries of one kernel share one (`packTemporaries`). */
function packedBindings({ context, groups, order }: State, candidate: Candidate): number {
  const inside = new Set(candidate.statements);
  const isReadElsewhere = (name: string): boolean =>
    context.facts.get(name)?.readers.some((reader) => !inside.has(reader)) === true;
  const touched = new Set(candidate.leaving.filter(isReadElsewhere));
  for (const name of candidate.statements) {
    const facts = context.facts.get(name);
    for (const read of [...(facts?.identity ?? []), ...(facts?.otherwise ?? [])])
      if (!inside.has(read)) touched.add(read);
  }
  const writers = new Set<number>();
  let saved = 0;
  for (const name of touched) {
    const facts = context.facts.get(name);
    if (facts === undefined || !isPackable(context, facts)) continue;
    const writer = inside.has(name) ? -1 : groups.find(order.get(name) ?? 0);
    if (writers.has(writer)) saved++;
    writers.add(writer);
  }
  return candidate.bindings - saved;
}

/** Whether a value that crosses kernels is a temporary that `packTemporaries` may put beside others. */
const isPackable = (context: FusionContext, { statement, isKept }: StatementFacts): boolean =>
  statement.dtype === "f32" && !isKept && product(statement.axes, context.sizes) <= MOST_PACKED_ELEMENTS;

/** The candidate of a statement alone. */
function candidateAlone(context: FusionContext, facts: StatementFacts): Candidate {
  const alone = formCandidate(context, [facts.statement.name]);
  return isRefusal(alone) ? loneCandidate(context, facts) : alone;
}

const groupsApart = (program: IndexProgram, context: FusionContext): FusionGroup[] =>
  program.statements.flatMap(({ name }, position) => {
    const facts = context.facts.get(name);
    return facts === undefined
      ? []
      : groupOfCandidate(context, candidateAlone(context, facts), `k${String(position)}`, []);
  });

function mergeStatements(program: IndexProgram, context: FusionContext): State {
  const state: State = {
    context,
    order: new Map(program.statements.map((s, i) => [s.name, i])),
    groups: new UnionFind(program.statements.length),
    candidates: new Map(),
    reasons: new Map(),
  };
  const readersOfTensor = new Map<string, number[]>();
  const groupsOfForm = new Map<string, number>();
  program.statements.forEach(({ name }, position) => {
    const facts = context.facts.get(name);
    if (facts === undefined) return;
    state.candidates.set(position, candidateAlone(context, facts));
    for (const producer of producersOf(state, facts)) tryMerge(state, position, producer);
    absorbStatistics(state, position);
    tryMergeEqual(state, position, groupsOfForm);
    for (const tensor of facts.tensors) {
      const shared = elementCount(context.tensors.get(tensor)?.shape ?? []);
      for (const other of [
        ...new Set((readersOfTensor.get(tensor) ?? []).map((r) => state.groups.find(r))),
      ].slice(-SIDEWAYS_TRIES)) {
        tryMergeSideways(state, position, other, shared);
      }
      readersOfTensor.set(tensor, [...(readersOfTensor.get(tensor) ?? []).slice(-SIDEWAYS_TRIES), position]);
    }
  });
  return state;
}

const rootsOf = (program: IndexProgram, { groups }: State): readonly number[] => [
  ...new Set(program.statements.map((_, i) => groups.find(i))),
];

/** A statement is always a kernel by itself; what keeps it from being more is told where a merge is tried. */
function loneCandidate(context: FusionContext, facts: StatementFacts): Candidate {
  const { axes, reduce } = facts.statement;
  const bytes = [...axes].reduce((n, axis) => n * (context.sizes.get(axis) ?? 1), 4);
  return {
    statements: [facts.statement.name],
    gridAxes: axes,
    walkAxes: [],
    stages: [],
    pinnedAxes: [],
    rowAxes: reduce?.axes ?? [],
    leaving: [facts.statement.name],
    timeUs: context.profile.launchUs,
    bytes,
    bindings: 0,
  };
}

/** Groups of the values that a statement reads, the one with most bytes first. */
function producersOf(state: State, facts: StatementFacts): number[] {
  const groups = [...facts.identity].map((name) => state.groups.find(state.order.get(name) ?? 0));
  const bytes = (group: number): number => state.candidates.get(group)?.bytes ?? 0;
  return [...new Set(groups)].sort((a, b) => bytes(b) - bytes(a) || a - b);
}

/** A group with stages may take over what finishes the statistics that they need, although alone these would not fuse. */
function absorbStatistics(state: State, position: number): void {
  for (let tries = 0; tries < STATISTICS_TRIES; tries++) {
    const group = state.groups.find(position);
    const candidate = state.candidates.get(group);
    if (candidate === undefined || candidate.stages.length === 0) return;
    for (const producer of dependencies(state, group)) {
      const { bytes = Infinity } = state.candidates.get(producer) ?? {};
      if (bytes * SMALL_BESIDE <= candidate.bytes) tryMerge(state, position, producer);
    }
    if (state.candidates.get(state.groups.find(position)) === candidate) return;
  }
}

/**
 * Merges two groups, with those that stand between them. `isHeld`: the merged group must not bind too many buffers, whatever joins
 * it later.
 */
function tryMerge(state: State, a: number, b: number, isHeld = false): void {
  const [ga, gb] = [state.groups.find(a), state.groups.find(b)];
  const [ca, cb] = [state.candidates.get(ga), state.candidates.get(gb)];
  if (ga === gb || ca === undefined || cb === undefined) return;
  const names = { statement: last(ca.statements), with: last(cb.statements) };
  const refuse = (why: Refusal): void => {
    noteRefusal(state, ga, { kind: "not-fused", ...names, why });
  };
  const between = groupsBetween(state, ga, gb);
  const parts = [gb, ...(between ?? []), ga].flatMap((group) => state.candidates.get(group) ?? []);
  const byOrder = (x: string, y: string): number => (state.order.get(x) ?? 0) - (state.order.get(y) ?? 0);
  const merged = formCandidate(state.context, parts.flatMap((part) => part.statements).sort(byOrder));
  if (isRefusal(merged)) {
    refuse(merged);
    return;
  }
  if (between === undefined) {
    refuse(refusalOf("other kernels stand between them"));
    return;
  }
  const { maxStorageBuffersPerShaderStage: most } = state.context.profile.limits;
  const bindings = isHeld ? packedBindings(state, merged) : 0;
  if (bindings > most) {
    refuse(refusalOf(`${String(bindings)} storage buffers, the device binds ${String(most)}`));
    return;
  }
  const apart = parts.reduce((sum, part) => sum + part.timeUs, 0);
  if (merged.timeUs > apart * (1 + 1e-9)) {
    const [one, more] = [merged.timeUs.toFixed(1), apart.toFixed(1)];
    const count = parts.length === 2 ? "two" : String(parts.length);
    refuse(refusalOf(`one kernel would take ${one} us, ${count} take ${more} us by the model`));
    return;
  }
  const members = [gb, ...between, ga];
  const reasons = members.flatMap((group) => state.reasons.get(group) ?? []);
  const root = members.reduce((one, other) => state.groups.union(one, other));
  const savedBytes = parts.reduce((sum, part) => sum + part.bytes, 0) - merged.bytes;
  reasons.push({ kind: "fused", ...names, savedBytes });
  state.reasons.set(root, reasons);
  state.candidates.set(root, merged);
}

/**
 * Sideways: the same points, each with a row or as points of one, and a shared read that is a quarter of the smaller's traffic.
 * Sharing a weight is no reason.
 */
function tryMergeSideways(state: State, a: number, b: number, sharedElements: number): void {
  const [ga, gb] = [state.groups.find(a), state.groups.find(b)];
  const [ca, cb] = [state.candidates.get(ga), state.candidates.get(gb)];
  if (ga === gb || ca === undefined || cb === undefined) return;
  const space = ({ gridAxes, rowAxes }: Candidate): readonly string[] => [...gridAxes, ...rowAxes];
  const samePoints = isSameSet(ca.gridAxes, cb.gridAxes) || isSameSet(space(ca), space(cb));
  // A sum over rows may join the kernel that walks them, whatever its own grid would be.
  const crosses =
    ca.rowAxes.some((axis) => cb.gridAxes.includes(axis)) &&
    cb.rowAxes.some((axis) => ca.gridAxes.includes(axis));
  const isWalk = crosses || ca.walkAxes.length > 0 || cb.walkAxes.length > 0;
  if ((!samePoints && !isWalk) || sharedElements * 16 < Math.min(ca.bytes, cb.bytes)) return;
  tryMerge(state, a, b, !isWalk);
}

/** Whether two lists without repetition have the same members. */
const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((member) => b.includes(member));

/** Equal form: the same points and the same rows, whatever they read, share a launch. */
function tryMergeEqual(state: State, position: number, groupsOfForm: Map<string, number>): void {
  const group = state.groups.find(position);
  const candidate = state.candidates.get(group);
  if (candidate === undefined) return;
  const form = `${[...candidate.gridAxes].sort().join()} over ${[...candidate.rowAxes].sort().join()}`;
  const earlier = groupsOfForm.get(form);
  if (earlier !== undefined) tryMerge(state, position, earlier, true);
  groupsOfForm.set(form, position);
}

const last = (names: readonly string[]): string => names[names.length - 1] ?? "";

type NotFused = Extract<FusionReason, { readonly kind: "not-fused" }>;

function noteRefusal(state: State, group: number, reason: NotFused): void {
  const list = state.reasons.get(group);
  if (list === undefined) state.reasons.set(group, [reason]);
  else if (list.length < MOST_REASONS && !list.some((known) => isSame(known, reason))) list.push(reason);
}

const isSame = (known: FusionReason, reason: NotFused): boolean =>
  known.kind === "not-fused" &&
  known.statement === reason.statement &&
  known.with === reason.with &&
  printRefusal(known.why) === printRefusal(reason.why);

/** Groups that a group reads from. */
function dependencies(state: State, group: number): Set<number> {
  const out = new Set<number>();
  for (const name of state.candidates.get(group)?.statements ?? []) {
    const facts = state.context.facts.get(name);
    for (const read of [...(facts?.identity ?? []), ...(facts?.otherwise ?? [])]) {
      const producer = state.groups.find(state.order.get(read) ?? 0);
      if (producer !== group) out.add(producer);
    }
  }
  return out;
}

/**
 * The groups on paths between the two, with which they would be a circle if they were one; undefined where these are more than
 * `MOST_BETWEEN`, or the search is long.
 */
function groupsBetween(state: State, a: number, b: number): readonly number[] | undefined {
  const [down, up] = [groupsOnPaths(state, a, b), groupsOnPaths(state, b, a)];
  if (down === undefined || up === undefined) return undefined;
  const between = [...down, ...up];
  const most = state.context.profile.software ? 0 : MOST_BETWEEN;
  return between.length > most ? undefined : between;
}

/** Groups that stand between two of which the first reads from the second through them. */
function groupsOnPaths(state: State, from: number, to: number): readonly number[] | undefined {
  const earliest = state.order.get(state.candidates.get(to)?.statements[0] ?? "") ?? 0;
  const latestOf = (group: number): number =>
    state.order.get(last(state.candidates.get(group)?.statements ?? [])) ?? 0;
  if (latestOf(from) < earliest) return [];
  const readers = new Map<number, number[]>();
  const seen = new Set<number>([from]);
  for (const group of seen) {
    if (seen.size > SEARCH_LIMIT) return undefined;
    // A group whose last statement stands before all of `to` cannot depend on it.
    if (latestOf(group) < earliest) continue;
    for (const next of dependencies(state, group)) {
      readers.set(next, [...(readers.get(next) ?? []), group]);
      if (next !== to) seen.add(next);
    }
  }
  const found = new Set(readers.get(to));
  for (const group of found) for (const reader of readers.get(group) ?? []) found.add(reader);
  found.delete(from);
  return [...found];
}

/** A candidate as a group, with the pairs of reductions that it holds whole. */
export function groupOfCandidate(
  context: FusionContext,
  { statements, gridAxes, walkAxes, stages, pinnedAxes }: Candidate,
  name: string,
  reasons: readonly FusionReason[],
): FusionGroup {
  const pairs = statements.flatMap((statement) => {
    const pair = context.pairs.get(statement);
    const isPaired = pair !== undefined && statements.includes(pair.first);
    return isPaired && ![statement, pair.first].some((s) => stages.includes(s)) ? [pair] : [];
  });
  return { name, statements, gridAxes, walkAxes, stages, pinnedAxes, pairs, reasons };
}

/** Topological order of groups, earliest statement first among the ready ones. */
function orderGroups(program: IndexProgram, state: State): FusionGroup[] {
  const roots = rootsOf(program, state);
  const waiting = new Map(roots.map((root) => [root, dependencies(state, root)]));
  const dependents = new Map<number, number[]>(roots.map((root) => [root, []]));
  for (const [root, needs] of waiting) for (const need of needs) dependents.get(need)?.push(root);
  const ready = roots.filter((root) => waiting.get(root)?.size === 0).reverse();
  const groups: FusionGroup[] = [];
  for (let root = ready.pop(); root !== undefined; root = ready.pop()) {
    const candidate = state.candidates.get(root);
    if (candidate !== undefined) {
      const reasons = state.reasons.get(root) ?? [];
      groups.push(groupOfCandidate(state.context, candidate, `k${String(groups.length)}`, reasons));
    }
    for (const next of (dependents.get(root) ?? []).reverse()) {
      const needs = waiting.get(next);
      needs?.delete(root);
      if (needs?.size === 0) ready.push(next);
    }
  }
  if (groups.length !== roots.length)
    throw new CompilerBug("fusion", ["groups depend on each other in a circle"]);
  return groups;
}
