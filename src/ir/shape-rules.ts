/**
 * Shape rules of the builder: axes, broadcasting, slices. Pure functions of types.
 *
 * Ensures: what cannot be is refused with a located `TensorweftError` that says how to mend it.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { elementCount, MAX_RANK, printType } from "./dtype.ts";
import type { TensorType } from "./dtype.ts";
import type { SliceRange } from "./builder-values.ts";

/**
 * Most elements of one tensor. Kernels index with u32, whose upper half is left to what indices pass through on their way:
 * guards that wrap below 0, and coefficients of either sign (codegen/wgsl/linear-index.ts).
 */
export const MAX_ELEMENTS = 2 ** 31 - 1;

export const printShape = (shape: readonly number[]): string => `[${shape.join(",")}]`;

/** Refuses shapes that no tensor can have. */
export function checkShape(shape: readonly number[], span: Span | undefined): void {
  const bad = shape.find((n) => !Number.isSafeInteger(n) || n < 0);
  if (bad !== undefined)
    fail("invalid-shape", `${String(bad)} in ${printShape(shape)} is no length of a dimension`, {
      span,
      help: "lengths are whole numbers from 0",
    });
  if (shape.length > MAX_RANK)
    fail("rank-too-high", `${printShape(shape)} has ${String(shape.length)} dimensions`, {
      span,
      help: `tensors have at most ${String(MAX_RANK)} dimensions; reshape to merge some`,
    });
  // One dimension of an empty tensor may be long as well: coordinates along it have to fit.
  const largest = Math.max(elementCount(shape), ...shape);
  if (largest > MAX_ELEMENTS)
    fail("too-large", `${printShape(shape)} has ${String(largest)} elements`, {
      span,
      help: `a tensor holds at most 2^31 - 1 = ${String(MAX_ELEMENTS)} elements; split it`,
    });
}

/** A non-negative axis of a tensor of this type. */
export function resolveAxis(axis: number, type: TensorType, span: Span | undefined): number {
  const rank = type.shape.length;
  if (Number.isInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis + 0;
  const range =
    rank === 0 ? "a tensor of rank 0 has no axes" : `axes run from ${String(-rank)} to ${String(rank - 1)}`;
  return fail("invalid-axis", `axis ${String(axis)} is out of range for ${printType(type)}`, {
    span,
    help: range,
  });
}

/** Distinct non-negative axes, in the order given. */
export function resolveAxes(
  axes: readonly number[],
  type: TensorType,
  span: Span | undefined,
): readonly number[] {
  const resolved = axes.map((axis) => resolveAxis(axis, type, span));
  const repeated = resolved.findIndex((axis, i) => resolved.indexOf(axis) !== i);
  if (repeated >= 0)
    fail("duplicate-axis", `axis ${String(axes[repeated])} of ${printType(type)} is given twice`, {
      span,
      help: "name each axis once; negative axes count from the end",
    });
  return resolved;
}

/** The axes of `axis` as reductions take it: sorted; all when absent. */
export function resolveReduceAxes(
  axis: number | readonly number[] | undefined,
  type: TensorType,
  span: Span | undefined,
): readonly number[] {
  if (axis === undefined) return type.shape.map((_, d) => d);
  const axes = typeof axis === "number" ? [axis] : axis;
  return [...resolveAxes(axes, type, span)].sort((a, b) => a - b);
}

/** The shape that all operands broadcast to, aligned at the last dimension as in NumPy. */
export function broadcastShapes(types: readonly TensorType[], span: Span | undefined): readonly number[] {
  let widest = types[0];
  if (widest === undefined) return [];
  for (const type of types.slice(1)) {
    const grows: boolean = type.shape.length > widest.shape.length;
    const narrow: TensorType = grows ? widest : type;
    const wide: TensorType = grows ? type : widest;
    const offset = wide.shape.length - narrow.shape.length;
    const shape = wide.shape.map((n, d) => {
      const m = d < offset ? 1 : (narrow.shape[d - offset] ?? 1);
      if (m !== n && m !== 1 && n !== 1) failToBroadcast(narrow, wide, d - wide.shape.length, [m, n], span);
      return m === 1 ? n : m;
    });
    // The dtype is that of an operand, for messages about the next one.
    widest = { dtype: wide.dtype, shape };
  }
  checkShape(widest.shape, span);
  return widest.shape;
}

/** Refuses a target that NumPy's broadcast_to would refuse. */
export function checkBroadcastTo(type: TensorType, shape: readonly number[], span: Span | undefined): void {
  checkShape(shape, span);
  const target = { dtype: type.dtype, shape };
  const offset = shape.length - type.shape.length;
  if (offset < 0)
    fail("shape-mismatch", `cannot broadcast ${printType(type)} to ${printType(target)}`, {
      span,
      help: "broadcasting adds dimensions and drops none; reshape or reduce first",
    });
  type.shape.forEach((m, d) => {
    const n = shape[d + offset] ?? 1;
    if (m !== n && m !== 1) failToBroadcast(type, target, d - type.shape.length, [m, n], span);
  });
}

function failToBroadcast(
  from: TensorType,
  to: TensorType,
  axis: number,
  [m, n]: readonly [number, number],
  span: Span | undefined,
): never {
  fail("shape-mismatch", `cannot broadcast ${printType(from)} to ${printType(to)}`, {
    span,
    help:
      `along axis ${String(axis)} one is ${String(m)} long, the other ${String(n)}; lengths must agree or be 1: ` +
      "slice, reshape, or reduce with keepdims",
  });
}

/** The shape with its -1, if any, replaced by the length that keeps the element count. */
export function inferShape(
  type: TensorType,
  shape: readonly number[],
  span: Span | undefined,
): readonly number[] {
  const count = elementCount(type.shape);
  const unknown = shape.filter((n) => n === -1).length;
  const known = elementCount(shape.filter((n) => n !== -1));
  if (unknown > 1)
    fail("invalid-shape", `${printShape(shape)} leaves ${String(unknown)} lengths open`, {
      span,
      help: "one length may be -1",
    });
  if (unknown === 1 && (known === 0 || count % known !== 0))
    fail("shape-mismatch", `cannot reshape ${printType(type)} to ${printShape(shape)}`, {
      span,
      help: `no length for -1 makes ${String(count)} elements`,
    });
  const inferred = shape.map((n) => (n === -1 ? count / known : n));
  checkShape(inferred, span);
  if (elementCount(inferred) !== count)
    fail("shape-mismatch", `cannot reshape ${printType(type)} to ${printShape(shape)}`, {
      span,
      help: `${printType(type)} has ${String(count)} elements, ${printShape(shape)} has ${String(elementCount(inferred))}`,
    });
  return inferred;
}

export interface ResolvedRange {
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** One entry of a slice, as Python resolves it; a number is a range of one element. */
export function resolveRange(
  range: SliceRange | number,
  axis: number,
  type: TensorType,
  span: Span | undefined,
): ResolvedRange {
  const size = type.shape[axis] ?? 1;
  if (typeof range === "number") {
    if (Number.isInteger(range) && range >= -size && range < size)
      return { start: range < 0 ? range + size : range + 0, step: 1, length: 1 };
    fail(
      "invalid-value",
      `index ${String(range)} is out of range for axis ${String(axis)} of ${printType(type)}`,
      {
        span,
        help: size === 0 ? "the axis is empty" : `indices run from ${String(-size)} to ${String(size - 1)}`,
      },
    );
  }
  const { start = 0, stop = size, step = 1 } = range;
  const bad = [start, stop, step].find((n) => !Number.isInteger(n));
  if (bad !== undefined)
    fail("invalid-value", `${String(bad)} in a slice of axis ${String(axis)} is no whole number`, {
      span,
      help: "start, stop and step are whole numbers",
    });
  if (step < 1)
    fail("invalid-value", `step ${String(step)} in a slice of axis ${String(axis)} is not positive`, {
      span,
      help: "steps are at least 1; slices do not reverse",
    });
  const clamp = (n: number): number => Math.min(Math.max(n < 0 ? n + size : n, 0), size) + 0;
  const first = clamp(start);
  const length = Math.max(0, Math.ceil((clamp(stop) - first) / step));
  // Where no step is taken its size means nothing: one spelling, so that equal slices are equal nodes.
  return length === 0
    ? { start: 0, step: 1, length }
    : { start: first, step: length === 1 ? 1 : step, length };
}
