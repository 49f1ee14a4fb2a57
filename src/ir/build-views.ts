/**
 * Ops of the builder that move elements and compute none: reshape, transpose, broadcast, slice, pad, concat.
 *
 * Ensures: a view that changes nothing is no node; indices and ranges are resolved to non-negative ones.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType, sameShape } from "./dtype.ts";
import type { TensorType } from "./dtype.ts";
import type { Operand, SliceRange, Value } from "./builder-values.ts";
import {
  addNode,
  checkOperand,
  convertTo,
  expandTo,
  takeValue,
  toPromotable,
  typeOf,
} from "./graph-draft.ts";
import type { GraphDraft } from "./graph-draft.ts";
import { convertLiteral, promoteDTypes } from "./promotion.ts";
import {
  checkBroadcastTo,
  checkShape,
  inferShape,
  printShape,
  resolveAxes,
  resolveAxis,
  resolveRange,
} from "./shape-rules.ts";

export function buildReshape(
  draft: GraphDraft,
  x: Operand,
  wanted: readonly number[],
  span: Span | undefined,
): Value {
  const value = takeValue(draft, x, span);
  const shape = inferShape(value.type, wanted, span);
  if (sameShape(shape, value.type.shape)) return value;
  const type: TensorType = { dtype: value.type.dtype, shape };
  return addNode(draft, { op: "reshape", type, arg: value.id }, span, value.weak);
}

export function buildTranspose(
  draft: GraphDraft,
  x: Operand,
  order: readonly number[] | undefined,
  span: Span | undefined,
): Value {
  const value = takeValue(draft, x, span);
  const { dtype, shape } = value.type;
  if (order !== undefined && order.length !== shape.length)
    fail("invalid-axis", `cannot transpose ${printType(value.type)} by ${printShape(order)}`, {
      span,
      help: `name each of its ${String(shape.length)} axes once`,
    });
  const perm =
    order === undefined ? shape.map((_, d) => shape.length - 1 - d) : resolveAxes(order, value.type, span);
  if (perm.every((axis, d) => axis === d)) return value;
  const type: TensorType = { dtype, shape: perm.map((axis) => shape[axis] ?? 1) };
  return addNode(draft, { op: "transpose", type, arg: value.id, perm }, span, value.weak);
}

export function buildBroadcastTo(
  draft: GraphDraft,
  x: Operand,
  shape: readonly number[],
  span: Span | undefined,
): Value {
  checkOperand(draft, x, span);
  const type = typeOf(x);
  checkBroadcastTo(type, shape, span);
  return expandTo(draft, x, { dtype: type.dtype, shape: [...shape] }, span);
}

export function buildSlice(
  draft: GraphDraft,
  x: Operand,
  ranges: readonly (SliceRange | number)[],
  span: Span | undefined,
): Value {
  const value = takeValue(draft, x, span);
  const { dtype, shape } = value.type;
  if (ranges.length > shape.length)
    fail("invalid-axis", `${String(ranges.length)} ranges are given for ${printType(value.type)}`, {
      span,
      help: `it has ${shape.length === 1 ? "1 axis" : `${String(shape.length)} axes`}; give at most one range for each`,
    });
  const resolved = shape.map((_, axis) => resolveRange(ranges[axis] ?? {}, axis, value.type, span));
  const lengths = resolved.map(({ length }) => length);
  const start = resolved.map((range) => range.start);
  const step = resolved.map((range) => range.step);
  const whole = sameShape(lengths, shape);
  const sliced = whole
    ? value
    : addNode(
        draft,
        { op: "slice", type: { dtype, shape: lengths }, arg: value.id, start, step },
        span,
        value.weak,
      );
  const kept = lengths.filter((_, axis) => typeof ranges[axis] !== "number");
  if (kept.length === lengths.length) return sliced;
  return addNode(draft, { op: "reshape", type: { dtype, shape: kept }, arg: sliced.id }, span, value.weak);
}

export function buildPad(
  draft: GraphDraft,
  x: Operand,
  [low, high]: readonly [low: readonly number[], high: readonly number[]],
  fill: number,
  span: Span | undefined,
): Value {
  const value = takeValue(draft, x, span);
  const { dtype, shape } = value.type;
  if (low.length !== shape.length || high.length !== shape.length)
    fail(
      "invalid-axis",
      `cannot pad ${printType(value.type)} by ${printShape(low)} and ${printShape(high)}`,
      {
        span,
        help: `give one count for each of its ${String(shape.length)} axes, before and after`,
      },
    );
  const bad = [...low, ...high].find((n) => !Number.isSafeInteger(n) || n < 0);
  if (bad !== undefined)
    fail("invalid-value", `cannot pad by ${String(bad)} elements`, {
      span,
      help: "counts are whole numbers from 0; slice to crop",
    });
  const padded = shape.map((n, d) => n + (low[d] ?? 0) + (high[d] ?? 0));
  checkShape(padded, span);
  if (sameShape(padded, shape)) return value;
  const type: TensorType = { dtype, shape: padded };
  const node = { op: "pad", type, arg: value.id, low: [...low], high: [...high] } as const;
  return addNode(draft, { ...node, value: convertLiteral(fill, dtype, span) }, span, value.weak);
}

export function buildConcat(
  draft: GraphDraft,
  xs: readonly Operand[],
  axis: number,
  span: Span | undefined,
): Value {
  for (const x of xs) checkOperand(draft, x, span);
  const [first, ...rest] = xs;
  if (first === undefined)
    return fail("wrong-arity", "concat takes at least 1 operand, got 0", {
      span,
      help: "pass the tensors to join",
    });
  const type = typeOf(first);
  const along = resolveAxis(axis, type, span);
  for (const x of rest) checkJoins(type, typeOf(x), along, span);
  const dtype = promoteDTypes(xs.map(toPromotable));
  const values = xs.map((x) => convertTo(draft, x, dtype, span));
  const [only] = values;
  if (only !== undefined && values.length === 1) return only;
  const total = values.reduce((n, value) => n + (value.type.shape[along] ?? 0), 0);
  const shape = type.shape.map((n, d) => (d === along ? total : n));
  checkShape(shape, span);
  const args = values.map(({ id }) => id);
  return addNode(draft, { op: "concat", type: { dtype, shape }, args, axis: along }, span);
}

function checkJoins(first: TensorType, other: TensorType, axis: number, span: Span | undefined): void {
  const agree =
    first.shape.length === other.shape.length &&
    first.shape.every((n, d) => d === axis || n === other.shape[d]);
  if (!agree)
    fail(
      "shape-mismatch",
      `cannot concatenate ${printType(first)} and ${printType(other)} along axis ${String(axis)}`,
      {
        span,
        help: `ranks have to agree, and lengths on all axes but ${String(axis)}`,
      },
    );
}
