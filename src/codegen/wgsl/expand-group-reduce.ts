/**
 * Spells group reductions as workgroup memory and barriers.
 *
 * Requires: a verified kernel.
 * Ensures:  no `groupReduce` is left; all lanes of a row combine the same numbers in the same order, so they agree in
 *           every bit, and so do runs. All items of one statement share its barriers.
 *
 *     groupReduce 256 inner: s = sum x    =>    scratch[lane] = x
 *                                               barrier
 *                                               if (lane < 16) { scratch[lane] = scratch[lane] + scratch[lane + 16] + ... }
 *                                               barrier
 *                                               s = scratch[0] + ... + scratch[15]
 *
 * Two levels of radix sqrt(lanes) take two barriers and no third one to hand the result out; neighbouring lanes read
 * neighbouring slots. Few lanes take one level. Method "subgroup" is expanded alike: the text has to be right at every
 * subgroup size, which WebGPU tells at run time only.
 *
 * Scratch is written again by the next reduction while slow lanes may still read it. Two areas in turn make the next
 * reduction's own barrier do; a barrier of its own stands only where control flow (a loop, an `if`) or a lack of
 * workgroup memory leaves no free area.
 */
import { COMBINE } from "../../ir/kernel-values.ts";
import { U32, typeOf } from "../../ir/kernel.ts";
import type {
  Expr,
  GroupReduceItem,
  Kernel,
  LaneDigit,
  SharedArray,
  Stmt,
  ValueType,
} from "../../ir/kernel.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import {
  LANE,
  bodyOf,
  collectNames,
  forEachStmt,
  makeIndex,
  someStmt,
  takeName,
  u32,
} from "../../ir/walk-kernel.ts";

type GroupReduce = Stmt & { kind: "groupReduce" };

/** Up to so many lanes, reading all slots costs less than a second barrier. Barriers of software adapters are slow. */
const ONE_LEVEL_LANES = 16;
const ONE_LEVEL_LANES_SOFTWARE = 64;
/** More loads than these stay a loop. */
const UNROLL_LIMIT = 16;

interface Expansion {
  readonly kernel: Kernel;
  readonly taken: Set<string>;
  readonly oneLevelLanes: number;
  /** Scratch arrays by area, type and position among items of that type. */
  readonly scratch: Map<string, SharedArray>;
  /** Areas that a lane may still read when control gets here. */
  pending: Set<number>;
  readonly areas: readonly number[];
}

export function expandGroupReduce(kernel: Kernel, profile: DeviceProfile): Kernel {
  let bytesPerLane = 0;
  forEachStmt(kernel.body, (stmt) => {
    if (stmt.kind === "groupReduce") bytesPerLane = Math.max(bytesPerLane, bytesOf(stmt));
  });
  if (bytesPerLane === 0) return kernel;
  const used = kernel.shared.reduce((sum, { type, length }) => sum + 4 * type.width * length, 0);
  const free = profile.limits.maxComputeWorkgroupStorageSize - used;
  const expansion: Expansion = {
    kernel,
    taken: collectNames(kernel),
    oneLevelLanes: profile.software ? ONE_LEVEL_LANES_SOFTWARE : ONE_LEVEL_LANES,
    scratch: new Map(),
    pending: new Set(),
    areas: 2 * bytesPerLane * kernel.workgroupSize <= free ? [0, 1] : [0],
  };
  const body = expandBody(kernel.body, expansion);
  return { ...kernel, body, shared: [...kernel.shared, ...expansion.scratch.values()] };
}

const bytesOf = (stmt: GroupReduce): number =>
  stmt.items.reduce((sum, { value }) => sum + 4 * typeOf(value).width, 0);

const hasGroupReduce = (body: readonly Stmt[]): boolean =>
  someStmt(body, (stmt) => stmt.kind === "groupReduce");

function expandBody(body: readonly Stmt[], expansion: Expansion): readonly Stmt[] {
  const out: Stmt[] = [];
  for (const stmt of body) {
    if (stmt.kind === "groupReduce") {
      for (const one of expandOne(stmt, expansion)) out.push(one);
    } else if ((stmt.kind === "for" || stmt.kind === "if") && hasGroupReduce(stmt.body)) {
      const before = expansion.pending;
      // The second iteration comes from the end of the first: whatever area that one read last is pending.
      if (stmt.kind === "for") expansion.pending = new Set(expansion.areas);
      const inner = expandBody(bodyOf(stmt), expansion);
      expansion.pending = new Set([...before, ...expansion.pending]);
      out.push({ ...stmt, body: inner });
    } else {
      if (stmt.kind === "barrier") expansion.pending = new Set();
      out.push(stmt);
    }
  }
  return out;
}

function expandOne(stmt: GroupReduce, expansion: Expansion): readonly Stmt[] {
  if (stmt.lanes === 1) return stmt.items.map(({ result, value }) => ({ kind: "let", name: result, value }));
  const out: Stmt[] = [];
  if (expansion.areas.every((area) => expansion.pending.has(area))) {
    out.push({ kind: "barrier" });
    expansion.pending = new Set();
  }
  const area = expansion.areas.find((candidate) => !expansion.pending.has(candidate)) ?? 0;
  expansion.pending = new Set([area]); // the barriers below free the other one
  const arrays = takeScratch(stmt, area, expansion);
  const slots = describeSlots(stmt, expansion.kernel.workgroupSize);
  const radix = stmt.lanes <= expansion.oneLevelLanes ? 1 : chooseRadix(stmt.lanes);
  const left = stmt.lanes / radix;
  for (const [item, array] of arrays)
    out.push({ kind: "sharedStore", array: array.name, index: slots.own, value: item.value });
  out.push({ kind: "barrier" });
  if (radix > 1) {
    const first: Stmt[] = [];
    for (const [item, array] of arrays) {
      const slotOf = (j: Expr): Expr =>
        makeIndex("add", slots.own, makeIndex("mul", j, u32(left * slots.stride)));
      const total = combineSlots(item, array, radix, slotOf, "part", expansion, first);
      first.push({ kind: "sharedStore", array: array.name, index: slots.own, value: total }); // nobody else reads that slot
    }
    out.push({ kind: "if", condition: slots.isAmongFirst(left), body: first }, { kind: "barrier" });
  }
  for (const [item, array] of arrays) {
    const slotOf = (j: Expr): Expr => makeIndex("add", slots.base, makeIndex("mul", j, u32(slots.stride)));
    const total = combineSlots(item, array, left, slotOf, "total", expansion, out);
    out.push({ kind: "let", name: item.result, value: total });
  }
  return out;
}

function takeScratch(
  stmt: GroupReduce,
  area: number,
  expansion: Expansion,
): readonly (readonly [GroupReduceItem, SharedArray])[] {
  const count = new Map<string, number>();
  return stmt.items.map((item) => {
    const type = typeOf(item.value);
    const kind = `${type.scalar}${type.width === 1 ? "" : `x${String(type.width)}`}`;
    const position = count.get(kind) ?? 0;
    count.set(kind, position + 1);
    const key = `scratch_${kind}_${String(position)}_${String(area)}`;
    const array = expansion.scratch.get(key) ?? {
      name: takeName(expansion.taken, key),
      type,
      length: expansion.kernel.workgroupSize,
    };
    expansion.scratch.set(key, array);
    return [item, array] as const;
  });
}

interface Slots {
  /** Slot that this lane writes. */
  readonly own: Expr;
  /** Slot of the row's first lane. */
  readonly base: Expr;
  /** Slots from one lane of a row to the next. */
  readonly stride: number;
  /** Whether this lane is one of the first `count` of its row. */
  readonly isAmongFirst: (count: number) => Expr;
}

function describeSlots(stmt: GroupReduce, workgroupSize: number): Slots {
  const rows = workgroupSize / stmt.lanes;
  const lessThan = (a: Expr, b: number): Expr => ({
    kind: "op",
    fn: "lt",
    type: { scalar: "bool", width: 1 },
    args: [a, u32(b)],
  });
  if (rows === 1)
    return { own: LANE, base: u32(0), stride: 1, isAmongFirst: (count) => lessThan(LANE, count) };
  if (typeof stmt.order !== "string") return mixedSlots(stmt.order, stmt.lanes, lessThan);
  if (stmt.order === "outer")
    return {
      own: LANE,
      base: makeIndex("mod", LANE, u32(rows)),
      stride: rows,
      isAmongFirst: (count) => lessThan(LANE, count * rows),
    };
  return {
    own: LANE,
    base: makeIndex("mul", makeIndex("div", LANE, u32(stmt.lanes)), u32(stmt.lanes)),
    stride: 1,
    isAmongFirst: (count) => lessThan(makeIndex("mod", LANE, u32(stmt.lanes)), count),
  };
}

/** Rows side by side, the lanes of each together: what the digits say of row and place in it is put in that order. */
function mixedSlots(
  digits: readonly LaneDigit[],
  lanes: number,
  lessThan: (a: Expr, b: number) => Expr,
): Slots {
  let [row, place]: [Expr, Expr] = [u32(0), u32(0)];
  let rest: Expr = LANE;
  let [rowStride, placeStride] = [1, 1];
  for (const [d, { size, shared }] of [...digits].reverse().entries()) {
    const digit = d === digits.length - 1 ? rest : makeIndex("mod", rest, u32(size));
    rest = makeIndex("div", rest, u32(size));
    if (shared) {
      place = makeIndex("add", place, makeIndex("mul", digit, u32(placeStride)));
      placeStride *= size;
    } else {
      row = makeIndex("add", row, makeIndex("mul", digit, u32(rowStride)));
      rowStride *= size;
    }
  }
  const base = makeIndex("mul", row, u32(lanes));
  return {
    own: makeIndex("add", base, place),
    base,
    stride: 1,
    isAmongFirst: (count) => lessThan(place, count),
  };
}

/** The divisor r of `lanes` with the fewest loads, r + lanes / r; 1 (a single level) where `lanes` is prime. */
function chooseRadix(lanes: number): number {
  let best = 1;
  for (let r = 2; r * r <= lanes; r++) if (lanes % r === 0) best = r;
  return best;
}

/** Appends the loads of `count` slots and their combination; gives the total. */
function combineSlots(
  item: GroupReduceItem,
  array: SharedArray,
  count: number,
  slotOf: (j: Expr) => Expr,
  label: string,
  expansion: Expansion,
  out: Stmt[],
): Expr {
  const type: ValueType = array.type;
  const nameFresh = (suffix: string): Expr & { kind: "name" } => ({
    kind: "name",
    type,
    name: takeName(expansion.taken, `${item.result}_${suffix}`),
  });
  const load = (into: string, j: Expr): Stmt => ({
    kind: "sharedLoad",
    name: into,
    array: array.name,
    index: slotOf(j),
  });
  const combine = (a: Expr, b: Expr): Expr => ({ kind: "op", fn: COMBINE[item.fn], type, args: [a, b] });
  if (count <= UNROLL_LIMIT) {
    const slots = Array.from({ length: count }, (_, j) => nameFresh(`${label}_${String(j)}`));
    slots.forEach((slot, j) => out.push(load(slot.name, u32(j))));
    return slots.reduce<Expr>((total, slot, j) => (j === 0 ? slot : combine(total, slot)), u32(0));
  }
  const [first, total, next] = [nameFresh(`${label}_0`), nameFresh(label), nameFresh(`${label}_next`)];
  const counter = takeName(expansion.taken, `${item.result}_${label}_k`);
  const k: Expr = { kind: "name", type: U32, name: counter };
  const body: Stmt[] = [
    load(next.name, makeIndex("add", k, u32(1))),
    { kind: "assign", name: total.name, value: combine(total, next) },
  ];
  out.push(
    load(first.name, u32(0)),
    { kind: "var", name: total.name, value: first },
    { kind: "for", counter, trips: count - 1, unroll: false, body },
  );
  return total;
}
