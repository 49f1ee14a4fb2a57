/**
 * How many elements of a row a candidate group has to keep per point, from one walk to the next: the fewest reads and values
 * from which the later walks can compute all they need. A sum of two tensors takes the room of one.
 *
 * It is a minimum vertex cut, for each end of a walk, between what is read until then and what is used later; the most of
 * these counts. Schedules come near to it by trying values one at a time (ir/row-arrays.ts).
 */
import { areDisjoint } from "../../ir/disjoint-indices.ts";
import { storageBytes } from "../../ir/dtype.ts";
import { minVertexCut, type CutVertex } from "../min-cut.ts";
import type { FusionContext, Members, StatementFacts, StatementRead } from "./fusion-context.ts";
import { tensorBytes } from "./fusion-cost.ts";

/** Something with an element at each point of the row. */
interface Item {
  /** The first walk that has it. */
  first: number;
  /** What it is computed from; none for what is read. */
  from: readonly string[];
  /** Walks that sum it up, or store it. */
  readonly ends: number[];
}

export function countKept(
  context: FusionContext,
  members: Members,
  walks: ReadonlyMap<string, number>,
): number {
  const items = findItems(context, members, walks);
  const last = Math.max(0, ...walks.values());
  const used = countUsed(items, last);
  // What is used later is itself a cut, so the walks after which most is used are tried first.
  const order = used.map((count, walk) => ({ count, walk })).sort((a, b) => b.count - a.count);
  let most = Math.min(1, order[0]?.count ?? 0);
  for (const { count, walk } of order) {
    if (count <= most) break;
    most = Math.max(most, cutAfter(items, walk));
  }
  return most;
}

/** For the end of each walk but the last, how many items that are there then are used later. */
function countUsed(items: ReadonlyMap<string, Item>, last: number): readonly number[] {
  const lastUse = new Map<string, number>();
  const use = (name: string, walk: number): void => {
    lastUse.set(name, Math.max(lastUse.get(name) ?? 0, walk));
  };
  for (const [name, { first, from, ends }] of items) {
    for (const operand of from) use(operand, first);
    for (const end of ends) use(name, end);
  }
  const counts = new Array<number>(last).fill(0);
  for (const [name, { first }] of items)
    for (let walk = first; walk < (lastUse.get(name) ?? 0); walk++) counts[walk] = (counts[walk] ?? 0) + 1;
  return counts;
}

/**
 * Bytes that walks over rows on the chip read again, because what waits of a tensor is not what they read of it: at other positions
 * than an earlier walk, or under bounds.
 */
export function countReread(
  context: FusionContext,
  members: Members,
  walks: ReadonlyMap<string, number>,
): number {
  const differing = tensorsReadDifferently(members.facts);
  if (differing.size === 0) return 0;
  const items = findItems(context, members, walks);
  const isOfRow = ({ tensor, axes }: StatementRead): boolean =>
    differing.has(tensor) && hasOther(axes, members.grid);
  const reads = members.facts.flatMap(({ statement: { name }, reads }) => {
    const walk = walks.get(name) ?? items.get(name)?.first;
    return walk === undefined ? [] : reads.filter(isOfRow).map((read) => ({ ...read, walk }));
  });
  const again = new Map<string, number>();
  for (const { tensor, index, key, points, isGuarded, walk } of reads) {
    if (walk === 0 || again.has(key)) continue;
    const before = reads.filter((r) => r.tensor === tensor && r.walk < walk);
    const waits = !isGuarded && before.some((r) => r.key === key);
    if (waits || before.every((r) => areDisjoint(r.index, index, context.sizes))) continue;
    const whole = context.tensors.get(tensor);
    const bytes = points * storageBytes(whole?.dtype ?? "f32");
    again.set(key, Math.min(bytes, whole === undefined ? Infinity : tensorBytes(whole)));
  }
  return [...again.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Tensors of which these statements read more than the same element each, or read it under a bound. */
function tensorsReadDifferently(facts: readonly StatementFacts[]): ReadonlySet<string> {
  const keys = new Map<string, string>();
  const differing = new Set<string>();
  for (const { reads } of facts)
    for (const { tensor, key, isGuarded } of reads) {
      if (isGuarded || (keys.get(tensor) ?? key) !== key) differing.add(tensor);
      keys.set(tensor, key);
    }
  return differing;
}

/** Whether there are others among the axes than those of the grid. */
function hasOther(axes: Iterable<string>, grid: readonly string[]): boolean {
  for (const axis of axes) if (!grid.includes(axis)) return true;
  return false;
}

function findItems(
  context: FusionContext,
  { facts, grid }: Members,
  walks: ReadonlyMap<string, number>,
): ReadonlyMap<string, Item> {
  const items = new Map<string, Item>();
  const meet = (name: string, walk: number): Item => {
    const item = items.get(name) ?? { first: walk, from: [], ends: [] };
    item.first = Math.min(item.first, walk);
    items.set(name, item);
    return item;
  };
  const operandsOf = ({ reads, identity }: StatementFacts): readonly string[] => [
    ...reads.flatMap(({ axes, key }) => (hasOther(axes, grid) ? [key] : [])),
    ...[...identity].filter((name) => hasOther(context.facts.get(name)?.statement.axes ?? [], grid)),
  ];
  // From the last statement to the first: who uses a value is met before it.
  for (const fact of [...facts].reverse()) {
    const { statement } = fact;
    const own = walks.get(statement.name);
    if (statement.reduce !== undefined) {
      for (const name of operandsOf(fact)) meet(name, own ?? 0).ends.push(own ?? 0);
      continue;
    }
    if (!hasOther(statement.axes, grid)) continue;
    if (own !== undefined) meet(statement.name, own).ends.push(own);
    const item = items.get(statement.name);
    if (item === undefined) continue;
    item.from = operandsOf(fact);
    for (const name of item.from) meet(name, item.first);
  }
  return items;
}

/** The fewest items that are there after a walk and give all that later ones use. */
function cutAfter(items: ReadonlyMap<string, Item>, walk: number): number {
  const there = [...items].filter(([, { first }]) => first <= walk);
  const positions = new Map(there.map(([name], i) => [name, i]));
  const used = new Set<string>();
  for (const [name, { first, from, ends }] of items) {
    if (first > walk) for (const operand of from) used.add(operand);
    else if (ends.some((end) => end > walk)) used.add(name);
  }
  const vertices = there.map(([name, { from }]): CutVertex => ({
    capacity: 1,
    from: from.flatMap((operand) => positions.get(operand) ?? []),
    isSource: from.length === 0,
    isSink: used.has(name),
  }));
  return minVertexCut(vertices).cost;
}
