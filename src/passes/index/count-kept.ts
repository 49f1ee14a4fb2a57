/**
 * How many elements of a row a candidate group has to keep per point, from one walk to the next: the fewest reads and values
 * from which the later walks can compute all they need. A sum of two tensors takes the room of one.
 *
 * It is a minimum vertex cut, for each end of a walk, between what is read until then and what is used later; the most of
 * these counts. Schedules come near to it by trying values one at a time (ir/row-arrays.ts).
 */
import { areDisjoint } from "../../ir/disjoint-indices.ts";
import { storageBytes } from "../../ir/dtype.ts";
import { indexAxes, readKey, type IndexExpr } from "../../ir/index-expr.ts";
import { visitScalar, type ScalarExpr, type Statement } from "../../ir/index-notation.ts";
import { minVertexCut, type CutVertex } from "../min-cut.ts";
import { product, type FusionContext, type Members } from "./fusion-context.ts";
import { tensorBytes } from "./fusion-cost.ts";

/** Something with an element at each point of the row. */
interface Item {
  /** The first walk that has it. */
  readonly first: number;
  /** What it is computed from; none for what is read. */
  readonly from: readonly string[];
  /** Walks that sum it up, or store it. */
  readonly ends: readonly number[];
}

export function countKept(
  context: FusionContext,
  members: Members,
  walks: ReadonlyMap<string, number>,
): number {
  const items = findItems(context, members, walks);
  const last = Math.max(0, ...walks.values());
  let most = 0;
  for (let walk = 0; walk < last; walk++) most = Math.max(most, cutAfter(items, walk));
  return most;
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
  const { sizes, tensors } = context;
  const items = findItems(context, members, walks);
  const reads = members.facts.flatMap(({ statement }) => {
    const walk = walks.get(statement.name) ?? items.get(statement.name)?.first;
    return walk === undefined ? [] : rowReads(statement, members.grid).map((read) => ({ ...read, walk }));
  });
  const again = new Map<string, number>();
  for (const { tensor, index, isGuarded, walk } of reads) {
    if (walk === 0 || again.has(readKey(tensor, index))) continue;
    const before = reads.filter((r) => r.tensor === tensor && r.walk < walk);
    const waits = !isGuarded && before.some((r) => readKey(tensor, r.index) === readKey(tensor, index));
    if (waits || before.every((r) => areDisjoint(r.index, index, sizes))) continue;
    const whole = tensors.get(tensor);
    const bytes = product(indexAxes(index), sizes) * storageBytes(whole?.dtype ?? "f32");
    again.set(readKey(tensor, index), Math.min(bytes, whole === undefined ? Infinity : tensorBytes(whole)));
  }
  return [...again.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Reads of tensors along the row. */
function rowReads(
  { value }: Statement,
  grid: readonly string[],
): readonly { readonly tensor: string; readonly index: IndexExpr; readonly isGuarded: boolean }[] {
  const guarded = new Set<ScalarExpr>();
  const reads: { tensor: string; index: IndexExpr; isGuarded: boolean }[] = [];
  visitScalar(value, (e) => {
    if (e.kind === "guard")
      for (const side of [e.value, e.otherwise]) visitScalar(side, (inner) => guarded.add(inner));
    if (e.kind === "tensor" && [...indexAxes(e.index)].some((axis) => !grid.includes(axis)))
      reads.push({ tensor: e.tensor, index: e.index, isGuarded: guarded.has(e) });
  });
  return reads;
}

function findItems(
  context: FusionContext,
  { facts, inside, grid }: Members,
  walks: ReadonlyMap<string, number>,
): ReadonlyMap<string, Item> {
  const isRow = (axes: Iterable<string>): boolean => [...axes].some((axis) => !grid.includes(axis));
  const items = new Map<string, Item>();
  const meet = (name: string, walk: number, part: Partial<Item> = {}): void => {
    const { first, from, ends } = items.get(name) ?? { first: walk, from: [], ends: [] };
    items.set(name, {
      first: Math.min(first, walk),
      from: part.from ?? from,
      ends: [...ends, ...(part.ends ?? [])],
    });
  };
  const operandsOf = (statement: Statement, identity: ReadonlySet<string>): readonly string[] => {
    const read: string[] = [];
    visitScalar(statement.value, (e) => {
      if (e.kind === "tensor" && isRow(indexAxes(e.index))) read.push(readKey(e.tensor, e.index));
    });
    for (const name of identity) if (isRow(context.facts.get(name)?.statement.axes ?? [])) read.push(name);
    return read;
  };
  // From the last statement to the first: who uses a value is met before it.
  for (const { statement, identity } of [...facts].reverse()) {
    const own = walks.get(statement.name);
    const operands = operandsOf(statement, identity);
    if (statement.reduce !== undefined) {
      for (const name of operands) meet(name, own ?? 0, { ends: [own ?? 0] });
      continue;
    }
    if (!isRow(statement.axes)) continue;
    if (own !== undefined) meet(statement.name, own, { ends: [own] });
    const item = items.get(statement.name);
    if (item === undefined) continue;
    meet(statement.name, item.first, { from: operands });
    for (const name of operands) meet(name, item.first);
  }
  for (const [name, item] of items) if (!inside.has(name)) items.set(name, { ...item, from: [] });
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
