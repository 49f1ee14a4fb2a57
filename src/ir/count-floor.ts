/**
 * The floor of a program's traffic: each input element that an output depends on read once, each output element written
 * once. Every plan is held to it.
 *
 * Requires: a verified program without dead statements.
 * Ensures:  exact wherever a read covers its tensor, or the tensor has at most 2^24 elements; else the whole tensor counts.
 */
import { elementCount, storageBytes } from "./dtype.ts";
import {
  axisTerms,
  coefficientOf,
  countSteps,
  evaluateIndex,
  indexAdd,
  indexAxes,
  indexClamp,
  indexScale,
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

function countRead(reads: readonly Read[], total: number, sizes: ReadonlyMap<string, number>): number {
  if (reads.length === 0) return 0;
  if (reads.some((read) => coversAll(read, total, sizes)) || total > COUNT_LIMIT) return total;
  const seen = new Uint8Array(total);
  let count = 0;
  for (const { index, bounds } of reads) {
    forEachPoint(
      [...new Set([index, ...bounds.map((b) => b.index)].flatMap((i) => [...indexAxes(i)]))],
      sizes,
      (at) => {
        if (!bounds.every((b) => inside(b, at))) return;
        const position = evaluateIndex(index, at);
        if (position < 0 || position >= total || seen[position] === 1) return;
        seen[position] = 1;
        count++;
      },
    );
  }
  return count;
}

const inside = (bound: Bound, at: ReadonlyMap<string, number>): boolean => {
  const value = evaluateIndex(bound.index, at);
  return value >= bound.low && value < bound.high;
};

/** An index that takes the values from the first element to the last, each once but for what is clamped. */
function coversAll({ index, bounds }: Read, total: number, sizes: ReadonlyMap<string, number>): boolean {
  const [bound, ...others] = bounds;
  if (others.length > 0) return false;
  const within = bound === undefined ? index : clampBound(index, bound, sizes);
  return within !== undefined && countSteps(within, sizes) === total;
}

/** The index with the multiple of what is bounded clamped instead, if it has one: it takes the same values. */
function clampBound(
  index: IndexExpr,
  { index: of, low, high }: Bound,
  sizes: ReadonlyMap<string, number>,
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

function forEachPoint(
  axes: readonly string[],
  sizes: ReadonlyMap<string, number>,
  visit: (at: ReadonlyMap<string, number>) => void,
): void {
  const at = new Map(axes.map((axis) => [axis, 0]));
  for (;;) {
    visit(at);
    let d = axes.length - 1;
    for (; d >= 0; d--) {
      const axis = axes[d] ?? "";
      const next = (at.get(axis) ?? 0) + 1;
      at.set(axis, next < (sizes.get(axis) ?? 1) ? next : 0);
      if (next < (sizes.get(axis) ?? 1)) break;
    }
    if (d < 0) return;
  }
}
