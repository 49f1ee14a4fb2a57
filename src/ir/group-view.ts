/**
 * A fusion group laid out for scheduling and lowering: which statements belong to a grid point and which to its row, and
 * the phases of the row (row-arrays.ts). Values of the next level exist only after the walk.
 */
import type { KernelSchedule } from "./schedule.ts";
import { viewStages, type StageView } from "./stage-view.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { coefficientOf, indexAxes, isAxisTerm, type IndexExpr } from "./index-expr.ts";
import {
  axisSizes,
  valuesRead,
  readsIn,
  visitScalar,
  type FusionGroup,
  type GroupedProgram,
  type IndexScalar,
  type ReductionPair,
  type Statement,
  type Store,
  type StoredTensor,
} from "./index-notation.ts";
import { runInOneWalk } from "./one-walk.ts";
import { findLevels } from "./find-levels.ts";
import { findRowArrays, type Phase, type RowArray } from "./row-arrays.ts";

export interface Access {
  readonly tensor: StoredTensor;
  readonly index: IndexExpr;
  readonly write: boolean;
  /** The access is under a bound, or its index is no plain sum over axes. */
  readonly irregular: boolean;
  /** Positions in `GroupView.phases` that make it; empty for accesses outside the row. */
  readonly phases: readonly number[];
}

export interface GroupView {
  readonly name: string;
  readonly sizes: ReadonlyMap<string, number>;
  readonly gridAxes: readonly string[];
  readonly rowAxes: readonly string[];
  /** Axes that a workgroup walks row by row; coordinates of the row like grid axes, but in a loop. */
  readonly walkAxes: readonly string[];
  /** Grid axes that no reduction and no row value has: their lanes can share the work of reducing. Empty without such reductions. */
  readonly helperAxes: readonly string[];
  /** Grid axes along which all points of a workgroup have the same coordinate. */
  readonly pinnedAxes: readonly string[];
  /** What every workgroup computes first, in order; the rest of the view is about the main part alone. */
  readonly stages: readonly StageView[];
  /** Reads and writes of the stages: few bytes beside those of the main part, so no schedule is made for them. */
  readonly stageAccesses: readonly Access[];
  /** Statements of the main part, and the staged reductions that it may read. */
  readonly statements: ReadonlyMap<string, Statement>;
  readonly stores: readonly Store[];
  readonly scalars: readonly IndexScalar[];
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Phase order in which a statement's value exists. */
  readonly levels: ReadonlyMap<string, number>;
  readonly phases: readonly Phase[];
  readonly accesses: readonly Access[];
  /** Pairs of reductions that run in one walk here. */
  readonly pairs: readonly ReductionPair[];
  /** What a phase of the row could leave for later ones. */
  readonly rowArrays: readonly RowArray[];
}

export interface ViewOptions {
  /** Paired reductions run in one walk (one-walk.ts). Default: the second in a walk of its own. */
  readonly pairing?: KernelSchedule["pairing"];
}

export function viewGroup(grouped: GroupedProgram, group: FusionGroup, options: ViewOptions = {}): GroupView {
  const { program } = grouped;
  const members = new Set(group.statements);
  const wanted = options.pairing === "one-walk" ? group.pairs : [];
  const all = program.statements.filter((s) => members.has(s.name));
  const allStores = program.stores.filter((s) => members.has(s.statement));
  const { stages, main, staged } = viewStages(group, all, allStores);
  const { statements: walked, pairs } = runInOneWalk(main, wanted, axisSizes(program));
  const list = pairs.length === 0 ? walked : dropUnread(walked, allStores);
  const statements = new Map([...staged, ...list].map((s) => [s.name, s]));
  const grid = new Set([...group.gridAxes, ...group.walkAxes]);
  const rowAxes = [...new Set(list.flatMap((s) => [...s.axes, ...(s.reduce?.axes ?? [])]))].filter(
    (a) => !grid.has(a),
  );
  const isRow = (s: Statement): boolean => s.reduce === undefined && s.axes.some((axis) => !grid.has(axis));
  const stores = allStores.filter((s) => !staged.some((r) => r.name === s.statement));
  const isCarried = (s: Statement): boolean =>
    s.reduce !== undefined && s.axes.some((axis) => !grid.has(axis));
  const levels = findLevels(list);
  const phases = findPhases(list, stores, levels, isRow, isCarried, statements);
  const tensors = new Map(program.tensors.map((t) => [t.name, t]));
  return {
    name: group.name,
    sizes: axisSizes(program),
    gridAxes: group.gridAxes,
    walkAxes: group.walkAxes,
    rowAxes,
    helperAxes: group.walkAxes.length > 0 ? [] : findHelperAxes(list, group.gridAxes, isRow),
    statements,
    stores,
    pinnedAxes: group.pinnedAxes,
    stages,
    stageAccesses: stages.flatMap((stage) =>
      findAccesses([...stage.statements, ...stage.reductions], stage.stores, [], tensors),
    ),
    scalars: usedScalars(all, program.scalars),
    tensors,
    levels,
    phases,
    accesses: findAccesses(list, stores, phases, tensors),
    pairs,
    rowArrays: findRowArrays({ rowAxes, statements, phases }),
  };
}

/** Grid axes along which a workgroup may take blocks in turn: what it computes first is the same for all of them. */
export const turnAxes = (view: GroupView): readonly string[] =>
  view.stages.length > 0 ? view.gridAxes.filter((axis) => !view.pinnedAxes.includes(axis)) : view.helperAxes;

/** Without what only the second of a pair has read: the state of both has taken the place of the first. */
function dropUnread(statements: readonly Statement[], stores: readonly Store[]): readonly Statement[] {
  const needed = new Set(stores.map((s) => s.statement));
  for (const s of [...statements].reverse())
    if (needed.has(s.name)) for (const name of valuesRead(s)) needed.add(name);
  return statements.filter(({ name }) => needed.has(name));
}

function findHelperAxes(
  list: readonly Statement[],
  gridAxes: readonly string[],
  isRow: (s: Statement) => boolean,
): string[] {
  const reductions = list.filter((s) => s.reduce !== undefined);
  if (reductions.length === 0) return [];
  const used = new Set([...reductions, ...list.filter(isRow)].flatMap((s) => s.axes));
  return gridAxes.filter((axis) => !used.has(axis));
}

function findPhases(
  list: readonly Statement[],
  stores: readonly Store[],
  levels: ReadonlyMap<string, number>,
  isRow: (s: Statement) => boolean,
  isCarried: (s: Statement) => boolean,
  statements: ReadonlyMap<string, Statement>,
): Phase[] {
  const walks = new Map<number, { reductions: Statement[]; carried: Statement[]; stores: Store[] }>();
  const walkAt = (level: number): { reductions: Statement[]; carried: Statement[]; stores: Store[] } => {
    const known = walks.get(level) ?? { reductions: [], carried: [], stores: [] };
    walks.set(level, known);
    return known;
  };
  for (const s of list) {
    if (s.reduce === undefined) continue;
    const walk = walkAt((levels.get(s.name) ?? 1) - 1);
    (isCarried(s) ? walk.carried : walk.reductions).push(s);
  }
  for (const store of stores) {
    const s = statements.get(store.statement);
    if (s !== undefined && isRow(s)) walkAt(levels.get(s.name) ?? 0).stores.push(store);
  }
  return [...walks]
    .sort(([a], [b]) => a - b)
    .map(([level, walk]) => {
      const needed = new Set<string>([
        ...[...walk.reductions, ...walk.carried].flatMap(valuesRead),
        ...walk.stores.map((s) => s.statement),
      ]);
      for (const s of [...list].reverse())
        if (needed.has(s.name) && isRow(s)) for (const name of valuesRead(s)) needed.add(name);
      return { level, ...walk, statements: list.filter((s) => needed.has(s.name) && isRow(s)) };
    });
}

function usedScalars(statements: readonly Statement[], scalars: readonly IndexScalar[]): IndexScalar[] {
  const used = new Set<string>();
  for (const s of statements) {
    visitScalar(s.value, (e) => {
      if (e.kind === "scalar") used.add(e.name);
    });
  }
  return scalars.filter((s) => used.has(s.name));
}

function findAccesses(
  list: readonly Statement[],
  stores: readonly Store[],
  phases: readonly Phase[],
  tensors: ReadonlyMap<string, StoredTensor>,
): Access[] {
  const tensorOf = (name: string): StoredTensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new CompilerBug("group view", [`no tensor ${name}`]);
    return tensor;
  };
  const accesses: Access[] = [];
  for (const s of list) {
    const inPhases = phases.flatMap((p, i) =>
      p.statements.includes(s) || p.reductions.includes(s) || p.carried.includes(s) ? [i] : [],
    );
    for (const { read, isGuarded } of readsIn(s.value)) {
      accesses.push({
        tensor: tensorOf(read.tensor),
        index: read.index,
        write: false,
        irregular: isGuarded || read.index.terms.some((t) => !("axis" in t)),
        phases: inPhases,
      });
    }
  }
  for (const store of stores) {
    const inPhases = phases.flatMap((p, i) => (p.stores.includes(store) ? [i] : []));
    accesses.push({
      tensor: tensorOf(store.tensor),
      index: store.index,
      write: true,
      irregular: false,
      phases: inPhases,
    });
  }
  return accesses;
}

/** Whether each `width` elements along the axis are a whole, aligned vector of the tensor. */
export const isAligned = (access: Access, axis: string, width: number): boolean =>
  coefficientOf(access.index, axis) === 1 &&
  access.index.offset % width === 0 &&
  access.index.terms.every((t) => (isAxisTerm(t) && t.axis === axis) || t.coefficient % width === 0);

/** Axes that irregular indices, bounds and iotas of the group depend on: no vector may run along them. */
export function irregularAxes(view: GroupView): ReadonlySet<string> {
  const axes = new Set<string>();
  for (const s of view.statements.values()) {
    visitScalar(s.value, (e) => {
      if (e.kind === "guard") for (const bound of e.bounds) indexAxes(bound.index, axes);
      if (e.kind === "tensor" || e.kind === "index") {
        for (const term of e.index.terms) if (!("axis" in term)) indexAxes(term.of, axes);
      }
    });
  }
  return axes;
}
