/**
 * Index set splitting of results (the term is Griebl, Feautrier and Lengauer's): a result whose elements are computed in
 * different ways on either side of a bound becomes a statement for each side, and each stores its part of the tensor. A concat
 * of normalised rows is then two kernels that normalise into their columns, where one kernel under guards would have to read
 * again what it cannot share a row space with.
 *
 * Only results that need a reduction are split: parts of what is pointwise are kernels more, and no bytes less. Whether the
 * rest gains `compileGraph` asks the model.
 *
 * Requires: before `alignAxes`; no unit axes.
 * Ensures:  the same values; stores of a tensor are disjoint and cover it. Returns the program itself where it splits nothing.
 *
 *     out[i,k] = if k in 0..4: a[i,k] else: b[i,k-4]       out_0[i,k0] = a[i,k0]    stored at 9*i + k0
 *                                                    =>    out_1[i,k1] = b[i,k1]    stored at 9*i + k1 + 4
 */
import {
  indexAdd,
  indexAxis,
  indexConst,
  indexRange,
  indexSubstitute,
  plainAxis,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  valuesRead,
  visitScalar,
  type Axis,
  type Bound,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
  type Store,
} from "../../ir/index-notation.ts";
import type { StatementsByName } from "../../ir/expand-row.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { dropDead } from "./inline-reads.ts";

/** Parts of one result at most: each may be a kernel. */
const MOST_PARTS = 8;
/** Statements behind a result that are looked at. Bounds the pass to linear time. */
const SEARCH_LIMIT = 64;

export function splitIndexSets(program: IndexProgram): IndexProgram {
  const split: Split = {
    known: new Map(program.statements.map((s) => [s.name, s])),
    readers: countReaders(program),
    sizes: new Map(axisSizes(program)),
    taken: takenNames(program),
    axes: [],
  };
  const storesOf = Map.groupBy(program.stores, (s) => s.statement);
  const stores = new Map<Store, readonly Store[]>();
  const statements = program.statements.flatMap((statement) => {
    const [store, ...others] = storesOf.get(statement.name) ?? [];
    if (store === undefined || others.length > 0) return [statement];
    const parts = partsOf(split, { statement, index: store.index });
    if (parts === undefined) return [statement];
    stores.set(
      store,
      parts.map((part) => ({ tensor: store.tensor, statement: part.statement.name, index: part.index })),
    );
    return parts.map((part) => part.statement);
  });
  if (stores.size === 0) return program;
  return dropDead({
    ...program,
    axes: [...program.axes, ...split.axes],
    statements,
    stores: program.stores.flatMap((store) => stores.get(store) ?? [store]),
  });
}

interface Split {
  readonly known: StatementsByName;
  readonly readers: ReadonlyMap<string, number>;
  readonly sizes: Map<string, number>;
  readonly taken: Set<string>;
  /** Axes of parts. */
  readonly axes: Axis[];
}

/** A statement, and where its value is stored. */
interface Part {
  readonly statement: Statement;
  readonly index: IndexExpr;
}

const countReaders = ({ statements }: IndexProgram): ReadonlyMap<string, number> => {
  const readers = new Map<string, number>();
  for (const statement of statements)
    for (const name of new Set(valuesRead(statement))) readers.set(name, (readers.get(name) ?? 0) + 1);
  return readers;
};

/** What a result is split into; undefined where it is not. */
function partsOf(split: Split, whole: Part): readonly Part[] | undefined {
  const { name, reduce } = whole.statement;
  if (reduce !== undefined || split.readers.has(name) || !needsReduction(split, whole.statement))
    return undefined;
  const parts: Part[] = [];
  const pending = [whole];
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    const open = openRead(split, part);
    const cut = findCut(split, open.statement);
    if (cut === undefined) parts.push(open);
    else pending.push(...[...cutAt(split, open, cut)].reverse());
    if (parts.length + pending.length > MOST_PARTS) return undefined;
  }
  return parts.length > 1 ? parts : undefined;
}

/** Whether a reduction stands behind the value, however it is read. */
function needsReduction({ known }: Split, statement: Statement): boolean {
  const seen = new Set([statement]);
  for (const at of seen) {
    if (at.reduce !== undefined) return true;
    if (seen.size > SEARCH_LIMIT) return false;
    for (const name of valuesRead(at)) {
      const read = known.get(name);
      if (read !== undefined) seen.add(read);
    }
  }
  return false;
}

/** A part that only reads a value under bounds that nothing else reads (a concat in a concat) is that value's expression. */
function openRead({ known, readers, sizes }: Split, part: Part): Part {
  const { value } = part.statement;
  if (value.kind !== "value" || readers.get(value.statement) !== 1) return part;
  const read = known.get(value.statement);
  if (read === undefined || read.reduce !== undefined || !hasGuard(read.value)) return part;
  const at = new Map(read.axes.map((axis, i) => [axis, value.index[i] ?? indexConst(0)] as const));
  const opened = mapIndices(read.value, (index) => indexSubstitute(index, at, sizes));
  return { ...part, statement: { ...part.statement, value: opened } };
}

function hasGuard(value: ScalarExpr): boolean {
  let found = false;
  visitScalar(value, (e) => {
    if (e.kind === "guard") found = true;
  });
  return found;
}

interface Cut {
  readonly axis: string;
  /** The first coordinate behind the cut. */
  readonly at: number;
}

/** The first cut of an axis at a bound of its own. */
function findCut({ sizes }: Split, { axes, value }: Statement): Cut | undefined {
  let found: Cut | undefined;
  visitScalar(value, (e) => {
    if (e.kind !== "guard" || found !== undefined) return;
    for (const { index, low, high } of e.bounds) {
      const axis = plainAxis({ ...index, offset: 0 });
      if (axis === undefined || !axes.includes(axis)) continue;
      const at = [low - index.offset, high - index.offset].find((c) => c > 0 && c < (sizes.get(axis) ?? 1));
      if (at !== undefined) found ??= { axis, at };
    }
  });
  return found;
}

/** The part before a cut and the one behind it. */
function cutAt(split: Split, { statement, index }: Part, { axis, at }: Cut): readonly [Part, Part] {
  const size = split.sizes.get(axis) ?? 1;
  const side = (start: number, length: number): Part => {
    const name = freshName(split.taken, `${statement.name}_at_${String(start)}`);
    // Axes of one point are no axes.
    const own = length === 1 ? undefined : freshName(split.taken, `${axis}_at_${String(start)}`);
    if (own !== undefined) {
      split.axes.push({ name: own, size: length });
      split.sizes.set(own, length);
    }
    const to = own === undefined ? indexConst(start) : indexAdd(indexAxis(own), indexConst(start));
    const move = (expr: IndexExpr): IndexExpr => indexSubstitute(expr, new Map([[axis, to]]), split.sizes);
    const value = resolveGuards(mapIndices(statement.value, move), split.sizes);
    const axes = statement.axes.flatMap((a) => (a === axis ? (own ?? []) : a));
    return { statement: { ...statement, name, axes, value }, index: move(index) };
  };
  return [side(0, at), side(at, size - at)];
}

/** Takes the side of every guard whose bounds hold, or fail, at all points. */
const resolveGuards = (value: ScalarExpr, sizes: ReadonlyMap<string, number>): ScalarExpr =>
  mapScalar(value, (e) => {
    if (e.kind !== "guard") return e;
    const open: Bound[] = [];
    for (const bound of e.bounds) {
      const [least, most] = indexRange(bound.index, sizes);
      if (most < bound.low || least >= bound.high) return e.otherwise;
      if (least < bound.low || most >= bound.high) open.push(bound);
    }
    return open.length === 0 ? e.value : { ...e, bounds: open };
  });
