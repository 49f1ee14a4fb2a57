/**
 * Decides what crosses from one kernel to the next: a value that another kernel stored may be computed again from what that
 * value was made of, where reading that takes fewer bytes than writing and reading the value. What crosses is the cheapest
 * cut, in bytes, between stored tensors and reductions on one side and the statements of the reading kernel on the other.
 *
 *     k0: m[i], s[i], y[i,j] = exp(x[i,j] - m[i]) / s[i]        k0: m[i], s[i]
 *     k1: z[i,j] = y[i,j] + x[j,i]                        =>    k1: y'[i,j] = exp(x[i,j] - m[i]) / s[i]
 *                                                                   z[i,j] = y'[i,j] + x[j,i]
 *
 * Requires: groups from `fuseStatements`.
 * Ensures:  same values; groups in the same order, none slower by the model. Recomputed statements keep their name with
 *           `_again`; statements that nothing reads any more are gone.
 */
import { storageBytes } from "../../ir/dtype.ts";
import { isRefusal, type FusionReason } from "../../ir/fusion-reason.ts";
import {
  mapScalar,
  visitScalar,
  type FusionGroup,
  type IndexProgram,
  type Statement,
} from "../../ir/index-notation.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { isIdentityRead } from "../../ir/expand-row.ts";
import { minVertexCut, type CutVertex } from "../min-cut.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { formCandidate } from "./candidate-group.ts";
import { fusionContext, type FusionContext } from "./fusion-context.ts";
import { tensorBytes } from "./fusion-cost.ts";
import { groupOfCandidate } from "./fuse-statements.ts";
import { dropDead } from "./inline-reads.ts";

/** Statements that a kernel may compute again at most: bounds the pass to linear time. */
const MOST_AGAIN = 48;
/** Ops per byte saved that arithmetic may take: devices do several while they move a byte. */
const OPS_PER_BYTE = 8;
const OPS_PER_BYTE_SOFTWARE = 2;

export interface CutProgram {
  readonly program: IndexProgram;
  readonly groups: readonly FusionGroup[];
}

export function cutCrossings(
  program: IndexProgram,
  groups: readonly FusionGroup[],
  profile: DeviceProfile,
): CutProgram {
  const context = fusionContext(program, profile);
  const groupOf = new Map(groups.flatMap((g) => g.statements.map((s) => [s, g] as const)));
  const plans = groups.flatMap((reader) => planCut(context, groupOf, reader) ?? []);
  // A plan that makes its kernels slower, or impossible, is dropped, and the others are tried without it.
  let wanted = plans;
  while (wanted.length > 0) {
    const done = recompute(program, groups, context, wanted);
    if (done.refused.size === 0) return done;
    wanted = wanted.filter((plan) => !done.refused.has(plan.reader));
  }
  return { program, groups };
}

/** What one kernel computes again. */
interface CutPlan {
  readonly reader: FusionGroup;
  /** Names of statements of other kernels, in order. */
  readonly again: readonly string[];
  readonly savedBytes: number;
}

interface Network {
  readonly context: FusionContext;
  readonly reader: FusionGroup;
  readonly inside: ReadonlySet<string>;
  readonly groupOf: ReadonlyMap<string, FusionGroup>;
  /** Tensors that the reading kernel reads whatever is decided. */
  readonly tensors: ReadonlySet<string>;
  readonly names: string[];
  readonly position: Map<string, number>;
}

function planCut(
  context: FusionContext,
  groupOf: ReadonlyMap<string, FusionGroup>,
  reader: FusionGroup,
): CutPlan | undefined {
  const inside = new Set(reader.statements);
  const own = reader.statements.flatMap((name) => context.facts.get(name) ?? []);
  const wanted = new Set(own.flatMap((f) => [...f.identity].filter((name) => !inside.has(name))));
  const moved = new Set(own.flatMap((f) => [...f.otherwise]));
  if (![...wanted].some((name) => isPointwise(context, name))) return undefined;
  const network: Network = {
    context,
    reader,
    inside,
    groupOf,
    tensors: new Set(own.flatMap((f) => [...f.tensors])),
    names: [],
    position: new Map(),
  };
  const vertices = buildNetwork(network, wanted, moved);
  const { cost, beyond } = minVertexCut(vertices);
  const now = vertices.reduce((sum, v) => sum + (v.isSink ? v.capacity : 0), 0);
  const again = [...beyond].flatMap((v) => network.names[v] ?? []).sort(byOrder(context));
  if (again.length === 0 || cost >= now) return undefined;
  const ops = again.reduce((sum, name) => sum + opsOf(context, name), 0);
  const perByte = context.profile.software ? OPS_PER_BYTE_SOFTWARE : OPS_PER_BYTE;
  return ops > perByte * (now - cost) ? undefined : { reader, again, savedBytes: now - cost };
}

const byOrder = (context: FusionContext): ((a: string, b: string) => number) => {
  const order = new Map([...context.facts.keys()].map((name, i) => [name, i]));
  return (a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0);
};

const isPointwise = (context: FusionContext, name: string): boolean =>
  context.facts.has(name) && context.facts.get(name)?.statement.reduce === undefined;

/** The values that the kernel wants, what they are made of, and so on to reductions and tensors. */
function buildNetwork(
  network: Network,
  wanted: ReadonlySet<string>,
  moved: ReadonlySet<string>,
): readonly CutVertex[] {
  const { context, inside, names, position } = network;
  const add = (name: string): number => {
    const known = position.get(name);
    if (known !== undefined) return known;
    position.set(name, names.length);
    names.push(name);
    return names.length - 1;
  };
  for (const name of wanted) add(name);
  const vertices: CutVertex[] = [];
  // The list grows while it is walked.
  for (const name of names) {
    const facts = context.facts.get(name);
    // What is read at other positions is stored anyway; only what is made by name can be made again.
    const isSource =
      facts?.statement.reduce !== undefined ||
      facts === undefined ||
      facts.otherwise.size > 0 ||
      inside.has(name) ||
      names.length > MOST_AGAIN;
    const from = isSource ? [] : [...facts.identity, ...facts.tensors].map(add);
    vertices.push({
      capacity: crossingBytes(network, name, moved.has(name)),
      from,
      isSource,
      isSink: wanted.has(name),
    });
  }
  return vertices;
}

/** Bytes that a value costs which crosses to the reading kernel: its reading, and its writing where it has no place yet. */
function crossingBytes(
  { context, inside, tensors, groupOf }: Network,
  name: string,
  isRead: boolean,
): number {
  const tensor = context.tensors.get(name);
  if (tensor !== undefined) return tensors.has(name) ? 0 : tensorBytes(tensor);
  const facts = context.facts.get(name);
  if (facts === undefined || inside.has(name) || isRead) return 0;
  const { statement, isKept, readers } = facts;
  const read = pointsOf(context, statement) * storageBytes(statement.dtype);
  const home = groupOf.get(name);
  const others = new Set(readers.map((r) => groupOf.get(r)).filter((g) => g !== home)).size;
  return read * (1 + (isKept ? 0 : 1 / Math.max(1, others)));
}

const pointsOf = (context: FusionContext, statement: Statement): number =>
  statement.axes.reduce((n, axis) => n * (context.sizes.get(axis) ?? 1), 1);

function opsOf(context: FusionContext, name: string): number {
  const statement = context.facts.get(name)?.statement;
  if (statement === undefined) return 0;
  let ops = 0;
  visitScalar(statement.value, (e) => {
    if (e.kind === "map" || e.kind === "cast") ops++;
  });
  return ops * pointsOf(context, statement);
}

/** The program with all plans carried out, and the readers whose plans turned out to be no gain. */
function recompute(
  program: IndexProgram,
  groups: readonly FusionGroup[],
  before: FusionContext,
  plans: readonly CutPlan[],
): CutProgram & { readonly refused: ReadonlySet<FusionGroup> } {
  const { next, added } = cloneStatements(program, plans);
  const context = fusionContext(next, before.profile);
  const byName = byOrder(context);
  const refused = new Set<FusionGroup>();
  const done = groups.flatMap((group): FusionGroup[] => {
    const clones = added.get(group) ?? [];
    const statements = [...group.statements, ...clones].filter((name) => context.facts.has(name));
    const plan = plans.find(({ reader }) => reader === group);
    if (statements.length === 0) return [];
    // What a kernel stores may have changed without its statements, when another kernel makes a value again.
    const now = formCandidate(context, statements.sort(byName));
    const was = formCandidate(before, group.statements);
    if (isRefusal(now) || isRefusal(was)) {
      if (plan !== undefined) refused.add(group);
      return [{ ...group, statements }];
    }
    if (plan !== undefined && now.timeUs > was.timeUs + savedBy(plan, before.profile)) refused.add(group);
    return [groupOfCandidate(context, now, group.name, reasonsOf(group, plan))];
  });
  return { program: next, groups: done.map((group, i) => ({ ...group, name: `k${String(i)}` })), refused };
}

/** Microseconds that the kernels which no longer store a value may save for the one that makes it again. */
const savedBy = (plan: CutPlan, profile: DeviceProfile): number => plan.savedBytes / (profile.copyGBps * 1e3);

function reasonsOf({ reasons }: FusionGroup, plan: CutPlan | undefined): readonly FusionReason[] {
  if (plan === undefined) return reasons;
  return [...reasons, { kind: "computed-again", statements: plan.again, savedBytes: plan.savedBytes }];
}

function cloneStatements(
  program: IndexProgram,
  plans: readonly CutPlan[],
): { readonly next: IndexProgram; readonly added: ReadonlyMap<FusionGroup, readonly string[]> } {
  const taken = takenNames(program);
  const renamed = new Map<FusionGroup, ReadonlyMap<string, string>>();
  for (const { reader, again } of plans) {
    const names = new Map<string, string>();
    for (const name of again) names.set(name, freshName(taken, `${name}_again`));
    renamed.set(reader, names);
  }
  const readerOf = new Map(plans.flatMap(({ reader }) => reader.statements.map((s) => [s, reader] as const)));
  const axesOf = new Map(program.statements.map((s) => [s.name, s.axes]));
  const edit = (statement: Statement, names: ReadonlyMap<string, string>): Statement => {
    const value = mapScalar(statement.value, (e) => {
      const name = e.kind === "value" ? names.get(e.statement) : undefined;
      if (e.kind !== "value" || name === undefined) return e;
      return isIdentityRead(e.index, axesOf.get(e.statement) ?? []) ? { ...e, statement: name } : e;
    });
    return value === statement.value ? statement : { ...statement, value };
  };
  const statements = program.statements.flatMap((statement): Statement[] => {
    const reader = readerOf.get(statement.name);
    const names = reader === undefined ? undefined : renamed.get(reader);
    const own = names === undefined ? statement : edit(statement, names);
    const clones = plans.flatMap((plan) => {
      const theirs = renamed.get(plan.reader);
      const name = theirs?.get(statement.name);
      return theirs === undefined || name === undefined ? [] : [{ ...edit(statement, theirs), name }];
    });
    return [own, ...clones];
  });
  const added = new Map([...renamed].map(([reader, names]) => [reader, [...names.values()]] as const));
  return { next: dropDead({ ...program, statements }), added };
}
