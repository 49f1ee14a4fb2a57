/**
 * Spells group reductions as workgroup memory and barriers.
 *
 * Requires: a verified kernel.
 * Ensures:  every `groupReduce` that is left stays inside a subgroup (`countSlots` gives 0), whose size the kernel asks for if
 *           that takes one; all lanes of a row combine the same numbers in the same order (in a subgroup: up to the order of
 *           two operands), and so do runs. All items of one statement share its barriers, unless their scratch does not fit
 *           at once (reduce-in-rounds.ts).
 *
 *     groupReduce 256 inner: s = sum x    =>    scratch[lane] = x
 *                                               barrier
 *                                               if (lane < 16) { scratch[lane] = scratch[lane] + scratch[lane + 16] + ... }
 *                                               barrier
 *                                               s = scratch[0] + ... + scratch[15]
 *
 * Two levels of radix sqrt(lanes) take two barriers and no third one to hand the result out; neighbouring lanes read
 * neighbouring slots. Few lanes take one level. Method "subgroup" is expanded by expand-subgroup-reduce.ts where the
 * lanes lie as it needs them, and as a tree elsewhere. How scratch is shared: group-scratch.ts.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { isSubgroupRuns } from "../../ir/kernel.ts";
import type { Expr, Kernel, LaneDigit, SharedArray, Stmt } from "../../ir/kernel.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { countSlots } from "../../ir/scratch-slots.ts";
import { sizeToAskFor } from "../../ir/subgroup-blocks.ts";
import { LANE, bodyOf, collectNames, makeIndex, someStmt, u32 } from "../../ir/walk-kernel.ts";
import { expandInSubgroups } from "./expand-subgroup-reduce.ts";
import {
  combineSlots,
  isLaneBelow,
  nameResults,
  takeScratch,
  type Expansion,
  type GroupReduce,
} from "./group-scratch.ts";
import { reduceInRounds, scratchBytes } from "./reduce-in-rounds.ts";

/** Up to so many lanes, reading all slots costs less than a second barrier. Barriers of software adapters are slow. */
const ONE_LEVEL_LANES = 16;
const ONE_LEVEL_LANES_SOFTWARE = 64;

export function expandGroupReduce(kernel: Kernel, profile: DeviceProfile): Kernel {
  const expanded = expandReductions(kernel, profile);
  const asked = sizeToAskFor(profile, kernel.workgroupSize);
  return asked === undefined || !hasGroupReduce(expanded.body)
    ? expanded
    : { ...expanded, subgroupSize: asked };
}

function expandReductions(kernel: Kernel, profile: DeviceProfile): Kernel {
  const slotsOf = (stmt: GroupReduce): number => countSlots(stmt, kernel.workgroupSize, profile);
  if (scratchBytes(kernel.body, slotsOf) === 0) return kernel;
  const used = kernel.shared.reduce((sum, { type, length }) => sum + 4 * type.width * length, 0);
  const free = profile.limits.maxComputeWorkgroupStorageSize - used;
  const rounds = reduceInRounds(kernel.body, free, slotsOf);
  const expansion: Expansion = {
    kernel,
    taken: collectNames(kernel),
    oneLevelLanes: profile.software ? ONE_LEVEL_LANES_SOFTWARE : ONE_LEVEL_LANES,
    profile,
    scratch: new Map(),
    pending: new Set(),
    areas: 2 * scratchBytes(rounds, slotsOf) <= free ? [0, 1] : [0],
  };
  const body = expandBody(rounds, expansion);
  return { ...kernel, body, shared: [...kernel.shared, ...expansion.scratch.values()] };
}

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
  if (stmt.lanes === 1)
    return stmt.items.flatMap(({ parts }) =>
      parts.map(({ result, value }): Stmt => ({ kind: "let", name: result, value })),
    );
  if (stmt.method === "subgroup") {
    const expanded = expandInSubgroups(stmt, expansion);
    if (expanded !== undefined) return expanded;
  }
  const out: Stmt[] = [];
  const scratch = takeScratch(stmt, expansion.kernel.workgroupSize, expansion, out);
  const slots = describeSlots(stmt, expansion.kernel.workgroupSize);
  const radix = stmt.lanes <= expansion.oneLevelLanes ? 1 : chooseRadix(stmt.lanes);
  const left = stmt.lanes / radix;
  // Nobody but the lane itself reads its own slot between two barriers.
  const storeOwn = (arrays: readonly SharedArray[], values: readonly Expr[]): Stmt[] =>
    arrays.flatMap((array, i): Stmt[] => {
      const value = values[i];
      return value === undefined ? [] : [{ kind: "sharedStore", array: array.name, index: slots.own, value }];
    });
  for (const [item, arrays] of scratch)
    out.push(
      ...storeOwn(
        arrays,
        item.parts.map((part) => part.value),
      ),
    );
  out.push({ kind: "barrier" });
  if (radix > 1) {
    const first: Stmt[] = [];
    for (const item of scratch) {
      const slotOf = (j: Expr): Expr =>
        makeIndex("add", slots.own, makeIndex("mul", j, u32(left * slots.stride)));
      first.push(...storeOwn(item[1], combineSlots(item, radix, slotOf, "part", expansion, first)));
    }
    out.push({ kind: "if", condition: slots.isAmongFirst(left), body: first }, { kind: "barrier" });
  }
  for (const item of scratch) {
    const slotOf = (j: Expr): Expr => makeIndex("add", slots.base, makeIndex("mul", j, u32(slots.stride)));
    out.push(...nameResults(item[0], combineSlots(item, left, slotOf, "total", expansion, out)));
  }
  return out;
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
  if (isSubgroupRuns(stmt.order))
    throw new CompilerBug("a group reduction is expanded twice", ["it has runs of a subgroup already"]);
  if (rows === 1)
    return { own: LANE, base: u32(0), stride: 1, isAmongFirst: (count) => isLaneBelow(LANE, count) };
  if (typeof stmt.order !== "string") return mixedSlots(stmt.order, stmt.lanes);
  if (stmt.order === "outer")
    return {
      own: LANE,
      base: makeIndex("mod", LANE, u32(rows)),
      stride: rows,
      isAmongFirst: (count) => isLaneBelow(LANE, count * rows),
    };
  return {
    own: LANE,
    base: makeIndex("mul", makeIndex("div", LANE, u32(stmt.lanes)), u32(stmt.lanes)),
    stride: 1,
    isAmongFirst: (count) => isLaneBelow(makeIndex("mod", LANE, u32(stmt.lanes)), count),
  };
}

/** Rows side by side, the lanes of each together: what the digits say of row and place in it is put in that order. */
function mixedSlots(digits: readonly LaneDigit[], lanes: number): Slots {
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
    isAmongFirst: (count) => isLaneBelow(place, count),
  };
}

/** The divisor r of `lanes` with the fewest loads, r + lanes / r; 1 (a single level) where `lanes` is prime. */
function chooseRadix(lanes: number): number {
  let best = 1;
  for (let r = 2; r * r <= lanes; r++) if (lanes % r === 0) best = r;
  return best;
}
