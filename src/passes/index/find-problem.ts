/**
 * Whether a set of statements can be one kernel over a grid, by the rules of candidate-group.ts: as it is, or with rows that
 * a workgroup walks.
 */
import { coefficientOf, type IndexExpr } from "../../ir/index-expr.ts";
import { refusal, refusalOf, type Refusal } from "../../ir/fusion-reason.ts";
import type { Statement } from "../../ir/index-notation.ts";
import { product, type FusionContext, type Members, type StatementFacts } from "./fusion-context.ts";
import { canRepeat } from "./fusion-cost.ts";
import { MAX_CARRIED_ROW } from "./split-columns.ts";

/**
 * Axes that a workgroup can walk, carrying sums over them along; undefined where there are none. `read` says how the group
 * lies in memory.
 */
export function chooseWalk(
  context: FusionContext,
  members: Members,
  read: IndexExpr | undefined,
): readonly string[] | undefined {
  const inGrid = new Set(members.grid);
  const choices = new Map<string, readonly string[]>();
  for (const { statement } of members.facts) {
    if (statement.reduce === undefined || statement.axes.every((axis) => inGrid.has(axis))) continue;
    choices.set([...statement.reduce.axes].sort().join(), statement.reduce.axes);
  }
  if (choices.size !== 2) return undefined; // rows one way, columns the other
  // The lanes share what is contiguous; only a slower axis is walked.
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
): Refusal | undefined {
  if (context.profile.software)
    return refusalOf("a lane that takes whole rows has no registers for sums over rows");
  const isCarried = (f: StatementFacts): boolean =>
    f.statement.reduce !== undefined && sameAxes(f.statement.reduce.axes, walkAxes);
  const others = facts.filter((f) => !isCarried(f));
  const points = [...grid, ...walkAxes];
  const reduced = others.flatMap((f) => f.statement.reduce?.axes ?? []);
  if (reduced.some((axis) => points.includes(axis)))
    return refusalOf("reductions over axes of the walk and of the row");
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
    return refusalOf("values that lack axes of a walk");
  if (row.length === 0 || product(row, context.sizes) > MAX_CARRIED_ROW)
    return refusalOf("the row is too long for its sums to be carried");
  for (const { statement, readers, otherwise } of facts.filter(isCarried)) {
    if (statement.value.kind === "tuple")
      return refusal`${statement.name} is no sum: its state is not carried`;
    if (!sameAxes(statement.axes, [...grid, ...row]))
      return refusal`${statement.name} is a sum over other axes than the walk's`;
    if (readers.some((reader) => inside.has(reader)))
      return refusal`${statement.name} is not known before the walk ends`;
    const moved = [...otherwise].find((name) => inside.has(name));
    if (moved !== undefined) return refusal`${statement.name} reads ${moved} at other positions than its own`;
  }
  return undefined;
}

const sameAxes = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((axis) => b.includes(axis));

/** Why these statements cannot be one kernel over this grid without more ado; undefined where they can. */
export function findProblem(
  context: FusionContext,
  { facts, leaving, inside, grid }: Members,
): Refusal | undefined {
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
    if (moved !== undefined) return refusal`${statement.name} reads ${moved} at other positions than its own`;
    if (statement.reduce === undefined) continue;
    if (rowOf(statement.axes) !== "") return refusal`${statement.name} reduces part of the row only`;
    if (statement.axes.length < grid.length) {
      if (!canReplicate(context, statement, grid))
        return refusal`${statement.name} would be reduced again for every point of the grid`;
      replicated++;
    } else whole++;
    spaces.add(rowOf(statement.reduce.axes));
  }
  if (whole > 0 && replicated > 0)
    return refusalOf("reductions of whole rows beside some that every workgroup repeats");
  if (spaces.size > 1) return refusalOf("reductions over different axes");
  if (spaces.size === 1 && !spaces.has(wholeRow))
    return refusalOf("values over other axes than the reduced ones");
  for (const { statement } of leaving) {
    const row = rowOf(statement.axes);
    if (row !== "" && (row !== wholeRow || replicated > 0))
      return refusal`${statement.name} is stored over part of the row`;
  }
  return undefined;
}

/** Partial results that every workgroup may add up for itself: few beside what the grid computes. */
const canReplicate = (
  { profile, sizes }: FusionContext,
  { axes, reduce }: Statement,
  grid: readonly string[],
): boolean =>
  canRepeat(profile, {
    terms: product(reduce?.axes ?? [], sizes),
    sums: product(axes, sizes),
    points: product(grid, sizes),
  });
