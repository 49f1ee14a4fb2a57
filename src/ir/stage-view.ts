/**
 * The stages of a group: small reductions that every workgroup computes for itself before its main part, each over an index
 * space of its own. Axes of a stage are its own names, also where the grid of the group has the same ones; only pinned axes
 * mean the grid's coordinate, which is the same for all points of a workgroup.
 *
 *     group over i=8 k=784 j=96, pinned i:   stage 1: n[j] = sum(q) part[q,i,j]      96 points of 4 terms
 *                                            stage 2: m[]  = sum(j) sqrt(n[j])       1 point of 96 terms
 *                                            main:    y[i,k,j] = x[i,k,j] * sqrt(n[j]) / m[]
 *
 * A stage with more than one point leaves its values in workgroup memory; what has one point is known to all lanes.
 */
import { indexAxes, isAxisTerm } from "./index-expr.ts";
import { valuesRead, visitScalar, type FusionGroup, type Statement, type Store } from "./index-notation.ts";

export interface StageView {
  /** Axes of the points that the stage computes, without the pinned ones; empty for one value. */
  readonly pointAxes: readonly string[];
  readonly rowAxes: readonly string[];
  /** Equal in points and row; none reads another. */
  readonly reductions: readonly Statement[];
  /** Pointwise statements that the reductions read, computed over the stage's own index space, in order. */
  readonly statements: readonly Statement[];
  /** Where values of the stage are kept when the kernel ends. */
  readonly stores: readonly Store[];
}

/** How much faster than memory the caches are from which workgroups read again what others have read. */
export const CACHE_SPEED = 4;

/**
 * Workgroups that repeat stages of so many terms together, over those that fill the device: several hide the latency of each
 * other's chains, few repeat less. Schedules and the cost model both go by it.
 */
export const workgroupsWithStages = (terms: number): number => (terms <= 1024 ? 4 : terms <= 4096 ? 2 : 1);

export interface StagedGroup {
  readonly stages: readonly StageView[];
  /** Statements of the main part, in order. Reads of staged reductions find what the stages have left. */
  readonly main: readonly Statement[];
  readonly staged: readonly Statement[];
}

/**
 * The axis along which a stage reads neighbouring elements: the one with stride 1 in its largest read, if it is one of the
 * stage's own. Values that are not stored yet will lie row-major.
 */
export function fastAxisOf(
  statements: readonly Statement[],
  own: readonly string[],
  sizes: ReadonlyMap<string, number>,
): string | null {
  let best: { readonly axis: string | undefined; readonly points: number } | undefined;
  const consider = (axes: Iterable<string>, axis: string | undefined): void => {
    const points = [...axes].reduce((n, a) => n * (sizes.get(a) ?? 1), 1);
    if (best === undefined || points > best.points) best = { axis, points };
  };
  for (const { value } of statements) {
    visitScalar(value, (e) => {
      if (e.kind === "value")
        consider(
          e.index.flatMap((i) => [...indexAxes(i)]),
          [...indexAxes(e.index.at(-1) ?? { offset: 0, terms: [] })][0],
        );
      if (e.kind !== "tensor") return;
      const fast = e.index.terms.find((t) => isAxisTerm(t) && t.coefficient === 1);
      consider(indexAxes(e.index), fast !== undefined && isAxisTerm(fast) ? fast.axis : undefined);
    });
  }
  return best?.axis !== undefined && own.includes(best.axis) ? best.axis : null;
}

/** Lanes that share a point where its row is read along its contiguous axis: enough for whole memory sectors. */
export const ROW_LANES = 32;

/** Splits the statements of a group (in order) into stages and main part. */
export function viewStages(
  group: Pick<FusionGroup, "stages" | "pinnedAxes">,
  statements: readonly Statement[],
  stores: readonly Store[],
): StagedGroup {
  if (group.stages.length === 0) return { stages: [], main: statements, staged: [] };
  const byName = new Map(statements.map((s) => [s.name, s]));
  const isStaged = new Set(group.stages);
  const staged = statements.filter((s) => isStaged.has(s.name));
  const levels = new Map<string, number>();
  const stages = new Map<string, Statement[]>();
  for (const s of staged) {
    const cone = coneOf([s], byName, isStaged);
    const read = [s, ...cone].flatMap(valuesRead).flatMap((name) => levels.get(name) ?? []);
    const level = Math.max(-1, ...read) + 1;
    levels.set(s.name, level);
    const key = `${String(level)} ${[...s.axes].sort().join()} over ${[...(s.reduce?.axes ?? [])].sort().join()}`;
    stages.set(key, [...(stages.get(key) ?? []), s]);
  }
  const levelOf = ([first]: readonly Statement[]): number => levels.get(first?.name ?? "") ?? 0;
  const own = stores.filter((store) => !isStaged.has(store.statement));
  const ends = own.flatMap((store) => byName.get(store.statement) ?? []);
  const main = new Set([...ends, ...coneOf(ends, byName, isStaged, true)]);
  return {
    stages: [...stages.values()]
      .sort((a, b) => levelOf(a) - levelOf(b))
      .map((reductions) => ({
        pointAxes: (reductions[0]?.axes ?? []).filter((axis) => !group.pinnedAxes.includes(axis)),
        rowAxes: reductions[0]?.reduce?.axes ?? [],
        reductions,
        statements: coneOf(reductions, byName, isStaged),
        stores: stores.filter((store) => reductions.some((s) => s.name === store.statement)),
      })),
    main: statements.filter((s) => main.has(s)),
    staged,
  };
}

/** Statements that these depend on, in order, back to staged ones; pointwise ones alone where reductions are no part. */
function coneOf(
  ends: readonly Statement[],
  byName: ReadonlyMap<string, Statement>,
  isStaged: ReadonlySet<string>,
  withReductions = false,
): readonly Statement[] {
  const found = new Set<string>();
  const pending = ends.flatMap(valuesRead);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const statement = byName.get(name);
    if (statement === undefined || isStaged.has(name) || found.has(name)) continue;
    if (statement.reduce !== undefined && !withReductions) continue;
    found.add(name);
    pending.push(...valuesRead(statement));
  }
  return [...byName.values()].filter((s) => found.has(s.name));
}
