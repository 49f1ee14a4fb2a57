/**
 * Reductions of the builder. A reduce node keeps its axes with length 1; a reshape drops them unless `keepdims` is set.
 *
 * Ensures: operands have a dtype that the monoid takes; no reduction over zero elements that has no value; no reduction
 *          over no axis.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { elementCount, isFloat, printType } from "./dtype.ts";
import type { TensorType } from "./dtype.ts";
import type { Operand, ReduceOptions, Value } from "./builder-values.ts";
import { buildMap } from "./build-map.ts";
import { addConstant, addNode, checkOperand, convertTo, takeValue, typeOf } from "./graph-draft.ts";
import type { GraphDraft } from "./graph-draft.ts";
import { givesPosition, isReduceOp, REDUCE_OPS, reducedDType } from "./reduce-ops.ts";
import type { ReduceOp } from "./reduce-ops.ts";
import { resolveReduceAxes } from "./shape-rules.ts";

export function buildReduce(
  draft: GraphDraft,
  fn: ReduceOp,
  x: Operand,
  options: ReduceOptions,
  span: Span | undefined,
): Value {
  if (!isReduceOp(fn))
    fail("unknown-name", `unknown reduction ${fn as string}`, {
      span,
      help: `reductions are ${Object.keys(REDUCE_OPS).join(", ")}; mean is its own function`,
    });
  checkOperand(draft, x, span);
  const type = typeOf(x);
  const axes = resolveReduceAxes(options.axis, type, span);
  const { operand: operandClass, identity } = REDUCE_OPS[fn];
  const empty = axes.find((axis) => type.shape[axis] === 0);
  if (empty !== undefined && identity === null)
    fail("empty-reduction", `${fn} over zero elements has no value`, {
      span,
      help: `axis ${String(empty)} of ${printType(type)} has length 0; concatenate a first element, or reduce other axes`,
    });
  const dtype = operandClass === "bool" ? "bool" : type.dtype === "bool" ? "i32" : type.dtype;
  const operand = type.dtype === dtype ? takeValue(draft, x, span) : convertTo(draft, x, dtype, span);
  if (axes.length === 0) {
    if (!givesPosition(fn)) return operand;
    return addConstant(draft, 0, { dtype: "i32", shape: type.shape }, span); // each element is a row of its own
  }
  const [kept, dropped] = reduceShape({ ...operand.type, dtype: reducedDType(fn, dtype) }, axes);
  const weak = operand.weak && !givesPosition(fn);
  const reduced = addNode(draft, { op: "reduce", type: kept, fn, arg: operand.id, axes }, span, weak);
  if (options.keepdims === true) return reduced;
  return addNode(draft, { op: "reshape", type: dropped, arg: reduced.id }, span, weak);
}

/** The type with reduced dimensions of length 1, and without them. */
function reduceShape(
  { dtype, shape }: TensorType,
  axes: readonly number[],
): readonly [kept: TensorType, dropped: TensorType] {
  const kept = shape.map((n, d) => (axes.includes(d) ? 1 : n));
  const dropped = shape.filter((_, d) => !axes.includes(d));
  return [
    { dtype, shape: kept },
    { dtype, shape: dropped },
  ];
}

export function buildMean(
  draft: GraphDraft,
  x: Operand,
  options: ReduceOptions,
  span: Span | undefined,
): Value {
  checkOperand(draft, x, span);
  const given = typeOf(x);
  const operand = isFloat(given.dtype) ? takeValue(draft, x, span) : convertTo(draft, x, "f32", span);
  const axes = resolveReduceAxes(options.axis, operand.type, span);
  const count = elementCount(axes.map((axis) => operand.type.shape[axis] ?? 1));
  if (axes.length === 0) return operand;
  if (count === 0) {
    // 0 / 0, said outright: WGSL may assume that no nan arises.
    const [kept, dropped] = reduceShape(operand.type, axes);
    return addConstant(draft, Number.NaN, options.keepdims === true ? kept : dropped, span);
  }
  return buildMap(draft, "div", [buildReduce(draft, "sum", operand, options, span), count], span);
}
