/**
 * Which reductions of a candidate group every workgroup may compute for itself, before its main part: stages with index
 * spaces of their own (stage-view.ts). So statistics of statistics (the norm of each channel, then the mean of these norms)
 * run in the kernel that applies them, although they reduce axes that its grid has.
 *
 * A staged reduction lacks axes of the grid, or reduces some of them, or gives values over part of the row. Axes of the grid
 * that no stage reduces are pinned: a workgroup then needs the stages' values for one coordinate only. What repeating the
 * stages costs is priced (fusion-cost.ts); here is what is possible at all.
 */
import { coefficientOf, type IndexExpr } from "../../ir/index-expr.ts";
import { valuesRead, visitScalar, type Statement, type StoredTensor } from "../../ir/index-notation.ts";
import { refusal, refusalOf, type Refusal } from "../../ir/fusion-reason.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { product } from "./fusion-context.ts";
import { fastAxisOf, ROW_LANES } from "../../ir/stage-view.ts";
import { tensorBytes, type StageTraffic } from "./fusion-cost.ts";

/** Share of a workgroup's memory that values of stages may take; reductions and tiles need some, too. */
const ARRAY_SHARE = 1 / 2;
/** Stages are for statistics, not for the tensor that these are of: they read so many times less than the points. */
const SMALL_BESIDE = 8;
/** Where there is as little as this in all, one kernel is best whatever it reads twice. */
const LITTLE = 16384;
/** Lanes of most workgroups. */
const LANES = 256;

export interface StagingInput {
  readonly profile: DeviceProfile;
  readonly sizes: ReadonlyMap<string, number>;
  /** All statements of the candidate, in order. */
  readonly statements: readonly Statement[];
  readonly grid: readonly string[];
  /** The read that says how the group lies in memory. */
  readonly mainRead: IndexExpr | undefined;
  /** Names of statements whose values leave the group. */
  readonly leaving: ReadonlySet<string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

export interface Staging {
  readonly stages: readonly string[];
  readonly pinnedAxes: readonly string[];
  /** Statements of the main part. */
  readonly main: ReadonlySet<string>;
  readonly traffic: StageTraffic;
}

/** Stages of the group: reductions that the main part cannot have, or with `all` every reduction; else why there are none. */
export function chooseStaging(input: StagingInput, all: boolean): Staging | Refusal {
  const { statements, grid, sizes, profile } = input;
  const inGrid = new Set(grid);
  const byName = new Map(statements.map((s) => [s.name, s]));
  const needsStage = ({ axes, reduce }: Statement): boolean =>
    reduce !== undefined &&
    (all ||
      grid.some((axis) => !axes.includes(axis)) ||
      [...axes, ...grid].some((axis) => !inGrid.has(axis) || reduce.axes.includes(axis)));
  const staged = statements.filter(needsStage);
  if (staged.length === 0) return refusalOf("no reduction that a workgroup could repeat");
  const isStaged = new Set(staged.map((s) => s.name));
  const cones = new Map(staged.map((s) => [s.name, coneOf(s, byName, isStaged)]));
  for (const [name, cone] of cones) {
    const early = cone.find((s) => s.reduce !== undefined);
    if (early !== undefined) return refusal`${name} needs ${early.name}, which is known after it only`;
  }
  const large = findLarge(input, [...staged, ...[...cones.values()].flat()]);
  if (large !== undefined)
    return refusalOf(`every workgroup would read ${large}, which no binding holds whole`);
  const reduced = new Set(staged.flatMap((s) => s.reduce?.axes ?? []));
  const fast = (axis: string): boolean =>
    input.mainRead !== undefined && coefficientOf(input.mainRead, axis) === 1;
  const pinnedAxes = grid.filter(
    (axis) => !reduced.has(axis) && !fast(axis) && staged.some((s) => s.axes.includes(axis)),
  );
  const pinned = new Set(pinnedAxes);
  const count = (axes: readonly string[]): number =>
    axes.reduce((n, axis) => n * (pinned.has(axis) ? 1 : (sizes.get(axis) ?? 1)), 1);
  const bytes = staged.reduce((sum, s) => sum + (count(s.axes) > 1 ? 4 * count(s.axes) : 0), 0);
  const most = profile.limits.maxComputeWorkgroupStorageSize * ARRAY_SHARE;
  if (bytes > most)
    return refusalOf(
      `values of ${String(bytes)} B for each workgroup, of which ${String(most)} B fit its memory`,
    );
  const depths = new Map<string, number>();
  for (const s of staged) {
    const before = [s, ...(cones.get(s.name) ?? [])].flatMap(valuesRead);
    depths.set(s.name, 1 + Math.max(0, ...before.map((name) => depths.get(name) ?? 0)));
  }
  const main = new Set<string>();
  const pending = statements
    .filter((s) => input.leaving.has(s.name) && !isStaged.has(s.name))
    .map((s) => s.name);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const statement = byName.get(name);
    if (statement === undefined || main.has(name) || isStaged.has(name)) continue;
    main.add(name);
    pending.push(...valuesRead(statement));
  }
  const traffic = { depth: Math.max(...depths.values()), terms: 0, bytes: 0, barriers: 0 };
  for (const s of staged) {
    const row = s.reduce?.axes ?? [];
    const all = [s, ...(cones.get(s.name) ?? [])];
    const terms = count([...s.axes, ...row]);
    traffic.terms += terms;
    traffic.bytes += 4 * terms * readsOf(all);
    const fast = fastAxisOf(all, [...s.axes, ...row], sizes);
    // Rows along a contiguous axis get lanes side by side, so that the workgroup takes few of them at once.
    const together = fast !== null && row.includes(fast) ? LANES / Math.min(count(row), ROW_LANES) : LANES;
    const isTree = !profile.features.includes("subgroups");
    if (together < LANES && isTree) traffic.barriers += 3 * Math.ceil(count(s.axes) / together) - 3;
  }
  const leastWorkgroups = pinnedAxes.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);
  const points = Math.max(
    ...statements.filter((s) => main.has(s.name)).map((s) => product(s.axes, sizes)),
    0,
  );
  if (traffic.terms * leastWorkgroups > Math.max(LITTLE, points / SMALL_BESIDE))
    return refusalOf(
      `the stages would reduce ${String(traffic.terms * leastWorkgroups)} terms for ${String(points)} points`,
    );
  return {
    stages: staged.map((s) => s.name),
    pinnedAxes,
    main,
    traffic: { ...traffic, leastWorkgroups },
  };
}

/** Pointwise statements of the group that a reduction depends on, back to staged ones; and reductions that are not. */
function coneOf(
  end: Statement,
  byName: ReadonlyMap<string, Statement>,
  isStaged: ReadonlySet<string>,
): readonly Statement[] {
  const found = new Map<string, Statement>();
  const pending = valuesRead(end);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const statement = byName.get(name);
    if (statement === undefined || isStaged.has(name) || found.has(name)) continue;
    found.set(name, statement);
    if (statement.reduce === undefined) pending.push(...valuesRead(statement));
  }
  return [...found.values()];
}

/** A tensor that is larger than a binding: kernels that read it take it in parts. */
function findLarge({ tensors, profile }: StagingInput, statements: readonly Statement[]): string | undefined {
  let large: string | undefined;
  for (const { value } of statements)
    visitScalar(value, (e) => {
      const tensor = e.kind === "tensor" ? tensors.get(e.tensor) : undefined;
      if (tensor === undefined) return;
      if (tensorBytes(tensor) > profile.limits.maxStorageBufferBindingSize) large = tensor.name;
    });
  return large;
}

/** Elements read for each term, at least one. */
function readsOf(statements: readonly Statement[]): number {
  const tensors = new Set<string>();
  for (const { value } of statements)
    visitScalar(value, (e) => {
      if (e.kind === "tensor") tensors.add(e.tensor);
    });
  return Math.max(1, tensors.size);
}
