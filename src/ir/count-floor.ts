/**
 * The floor of a program's traffic: each input element that an output depends on read once, each output element written
 * once. Every plan is held to it.
 *
 * Requires: a verified program without dead statements.
 * Ensures:  exact wherever a read covers its tensor, or the tensor has at most 2^24 elements; else the whole tensor counts.
 */
import { elementCount, storageBytes } from "./dtype.ts";
import {
  applyTerm,
  axisTerms,
  coefficientOf,
  countSteps,
  indexAdd,
  indexAxes,
  indexClamp,
  indexScale,
  isAxisTerm,
  printIndex,
  sizeOf,
  type AxisSizes,
  type IndexExpr,
} from "./index-expr.ts";
import { axisSizes, type Bound, type IndexProgram, type ScalarExpr } from "./index-notation.ts";

/** Elements up to which reads that cover only part of a tensor are counted one by one. */
const COUNT_LIMIT = 2 ** 24;

interface Read {
  readonly index: IndexExpr;
  readonly bounds: readonly Bound[];
}

/** Bytes that any plan must move. */
export function countFloor(program: IndexProgram): number {
  const reads = new Map<string, Read[]>();
  for (const statement of program.statements) collectReads(statement.value, [], reads);
  const sizes = axisSizes(program);
  let bytes = 0;
  for (const tensor of program.tensors) {
    const total = elementCount(tensor.shape);
    if (tensor.role === "output") bytes += total * storageBytes(tensor.dtype);
    if (tensor.role === "input")
      bytes += countRead(reads.get(tensor.name) ?? [], total, sizes) * storageBytes(tensor.dtype);
  }
  return bytes;
}

function collectReads(e: ScalarExpr, bounds: readonly Bound[], reads: Map<string, Read[]>): void {
  if (e.kind === "tensor") {
    const list = reads.get(e.tensor) ?? [];
    list.push({ index: e.index, bounds });
    reads.set(e.tensor, list);
  } else if (e.kind === "guard") {
    collectReads(e.value, [...bounds, ...e.bounds], reads);
    // Outside the bounds: which of them fails is not tracked, so that these reads count where they stay inside the tensor.
    collectReads(e.otherwise, bounds, reads);
  } else if (e.kind === "map" || e.kind === "tuple")
    for (const arg of e.args) collectReads(arg, bounds, reads);
  else if (e.kind === "cast") collectReads(e.arg, bounds, reads);
}

function countRead(reads: readonly Read[], total: number, sizes: AxisSizes): number {
  if (reads.length === 0) return 0;
  if (reads.some((read) => coversAll(read, total, sizes)) || total > COUNT_LIMIT) return total;
  const seen = new Uint8Array(total);
  let count = 0;
  for (const { index, bounds } of new Map(reads.map((read) => [printRead(read), read])).values())
    forEachLine([index, ...bounds.map((b) => b.index)], sizes, (lineOf, points) => {
      const limits = bounds.map((bound) => ({ ...bound, line: lineOf(bound.index) }));
      const [from, to] = narrowLine(limits, points);
      const uneven = limits.filter(({ line }) => line.rest !== undefined);
      const positions = lineOf(index);
      for (let i = from; i < to; i++) {
        if (uneven.length > 0 && !uneven.every((limit) => isInside(limit, i))) continue;
        const position = valueAt(positions, i);
        if (seen[position] !== 0) continue; // also what is no element of the tensor
        seen[position] = 1;
        count++;
      }
    });
  return count;
}

/** The values of an expression along a line of points: `start + step * i`, and the rest at point i if it has one. */
interface Line {
  readonly start: number;
  readonly step: number;
  readonly rest: Float64Array | undefined;
}
type Limit = Pick<Bound, "low" | "high"> & { readonly line: Line };

const valueAt = ({ start, step, rest }: Line, i: number): number =>
  rest === undefined ? start + step * i : start + step * i + (rest[i] ?? 0);

function isInside({ line, low, high }: Limit, i: number): boolean {
  const value = valueAt(line, i);
  return value >= low && value < high;
}

/** The points where all bounds without a rest hold: from the first number to before the second. */
function narrowLine(limits: readonly Limit[], points: number): readonly [number, number] {
  let [from, to] = [0, points];
  for (const limit of limits) {
    const { start, step, rest } = limit.line;
    if (rest !== undefined) continue;
    if (step === 0) {
      if (!isInside(limit, 0)) to = 0;
      continue;
    }
    // Where the values reach a number, or pass it if they fall.
    const reach = (value: number): number => (value - start) / step;
    const { low, high } = limit;
    from = Math.max(from, step > 0 ? Math.ceil(reach(low)) : Math.floor(reach(high)) + 1);
    to = Math.min(to, step > 0 ? Math.ceil(reach(high)) : Math.floor(reach(low)) + 1);
  }
  return [from, to];
}

/** Reads of one key are one: several statements that read a tensor for themselves do it at the same index. */
const printRead = ({ index, bounds }: Read): string =>
  [index, ...bounds.map((b) => b.index)].map(printIndex).join(";") +
  bounds.map(({ low, high }) => `;${low}:${high}`).join("");

/** An index that takes the values from the first element to the last, each once but for what is clamped. */
function coversAll({ index, bounds }: Read, total: number, sizes: AxisSizes): boolean {
  const [bound, ...others] = bounds;
  if (others.length > 0) return false;
  const within = bound === undefined ? index : clampBound(index, bound, sizes);
  return within !== undefined && countSteps(within, sizes) === total;
}

/** The index with the multiple of what is bounded clamped instead, if it has one: it takes the same values. */
function clampBound(
  index: IndexExpr,
  { index: of, low, high }: Bound,
  sizes: AxisSizes,
): IndexExpr | undefined {
  const [first] = axisTerms(of);
  if (first === undefined || low !== 0) return undefined;
  const coefficient = coefficientOf(index, first.axis) / first.coefficient;
  const rest = indexAdd(index, indexScale(of, -coefficient));
  const bounded = indexAxes(of);
  const isApart = [...indexAxes(rest)].every((axis) => !bounded.has(axis));
  return Number.isInteger(coefficient) && isApart
    ? indexAdd(rest, indexScale(indexClamp(of, high - 1, sizes), coefficient))
    : undefined;
}

/** Visits all points of the axes that the expressions depend on, a line along the longest axis at a time. */
function forEachLine(
  exprs: readonly IndexExpr[],
  sizes: AxisSizes,
  visit: (lineOf: (expr: IndexExpr) => Line, points: number) => void,
): void {
  const axes = [...new Set(exprs.flatMap((expr) => [...indexAxes(expr)]))];
  const longest = Math.max(0, ...axes.map((axis) => sizeOf(axis, sizes)));
  const along = axes.find((axis) => sizeOf(axis, sizes) === longest);
  const points = along === undefined ? 1 : longest;
  const others = axes.filter((axis) => axis !== along);
  const at = new Map(others.map((axis) => [axis, 0]));
  do visit((expr) => followLine(expr, { along, at, points }), points);
  while (stepOn(others, sizes, at));
}

/** The next point, the last axis first; false after the last point. */
function stepOn(axes: readonly string[], sizes: AxisSizes, at: Map<string, number>): boolean {
  for (const axis of [...axes].reverse()) {
    const next = (at.get(axis) ?? 0) + 1;
    const isBelow = next < sizeOf(axis, sizes);
    at.set(axis, isBelow ? next : 0);
    if (isBelow) return true;
  }
  return false;
}

/** Where a line runs: along an axis, the others being fixed. */
interface Place {
  readonly along: string | undefined;
  readonly at: ReadonlyMap<string, number>;
  readonly points: number;
}

function followLine(expr: IndexExpr, place: Place): Line {
  let [start, step] = [expr.offset, 0];
  let rest: Float64Array | undefined;
  for (const term of expr.terms) {
    const { coefficient } = term;
    if (!isAxisTerm(term)) {
      rest ??= new Float64Array(place.points);
      const of = followLine(term.of, place);
      for (let i = 0; i < rest.length; i++)
        rest[i] = (rest[i] ?? 0) + coefficient * applyTerm(term, valueAt(of, i));
    } else if (term.axis === place.along) step += coefficient;
    else start += coefficient * (place.at.get(term.axis) ?? 0);
  }
  return { start, step, rest };
}
