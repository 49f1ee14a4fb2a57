/**
 * Cotangents of what views and casts read: each is the view that puts elements back where they came from, and sums what
 * was read more than once. The type demands a row for each op of the graph that is neither an input nor a scalar op.
 */
import type { Value } from "../ir/graph-builder.ts";
import type { Node, PadNode, SliceNode } from "../ir/graph.ts";
import { sumAlong } from "./sum-products.ts";
import type { Terms } from "./terms.ts";

type ViewOp = Exclude<Node["op"], "param" | "scalar" | "const" | "iota" | "map" | "reduce">;

/** Undefined: the operand gets 0. */
type ViewRule<Op extends ViewOp> = (
  t: Terms,
  node: Extract<Node, { readonly op: Op }>,
  /** Cotangent of the result, f32. */
  c: Value,
  operand: Value,
  /** Which operand: others than concat have one. */
  position: number,
) => Value | undefined;

export const VIEW_RULES: { readonly [Op in ViewOp]: ViewRule<Op> } = {
  // Only reached between floats, which have their cotangents in f32.
  cast: (_t, _node, c) => c,
  reshape: ({ builder, span }, _node, c, { type }) => builder.reshape(c, type.shape, span),
  transpose: ({ builder, span }, { perm }, c) =>
    builder.transpose(
      c,
      perm.map((_, d) => perm.indexOf(d)),
      span,
    ),
  broadcast: (t, { type }, c, operand) => {
    const repeated = type.shape.flatMap((n, d) => (n !== 1 && operand.type.shape[d] === 1 ? [d] : []));
    return sumAlong(t, c, repeated);
  },
  slice: (t, node, c, operand) => spreadSlice(t, node, c, operand.type.shape),
  pad: ({ builder, span }, { low }: PadNode, c, { type }) =>
    builder.slice(
      c,
      low.map((start, d) => ({ start, stop: start + (type.shape[d] ?? 0) })),
      span,
    ),
  concat: ({ builder, span }, { args, axis }, c, { type }, position) => {
    const lengthOf = (id: number): number => builder.valueAt(id).type.shape[axis] ?? 0;
    const start = args.slice(0, position).reduce((sum, id) => sum + lengthOf(id), 0);
    const ranges = type.shape.map((n, d) => (d === axis ? { start, stop: start + n } : {}));
    return builder.slice(c, ranges, span);
  },
};

/** The elements of `c` at the places that a slice took them from, zeros elsewhere. */
function spreadSlice(
  { builder, span }: Terms,
  { start, step }: SliceNode,
  c: Value,
  shape: readonly number[],
): Value {
  let spread = c;
  for (const [d, stride] of step.entries()) if (stride > 1) spread = spaceOut(spread, d, stride);
  const lengths = spread.type.shape;
  const fitting = lengths.map((n, d) => Math.min(n, (shape[d] ?? 0) - (start[d] ?? 0)));
  const cropped = builder.slice(
    spread,
    fitting.map((stop) => ({ stop })),
    span,
  );
  const high = shape.map((n, d) => n - (start[d] ?? 0) - (fitting[d] ?? 0));
  return builder.pad(cropped, start, high, 0, span);

  /** `stride - 1` zeros after each element along `axis`: each becomes a row that starts with it. */
  function spaceOut(x: Value, axis: number, stride: number): Value {
    const at = x.type.shape;
    // A dimension more for a moment; those before and after are merged, so that the rank does not pass its limit.
    const before = at.slice(0, axis).reduce((n, m) => n * m, 1);
    const after = at.slice(axis + 1).reduce((n, m) => n * m, 1);
    const rows = builder.reshape(x, [before, at[axis] ?? 1, 1, after], span);
    const padded = builder.pad(rows, [0, 0, 0, 0], [0, 0, stride - 1, 0], 0, span);
    return builder.reshape(padded, at.toSpliced(axis, 1, (at[axis] ?? 1) * stride), span);
  }
}
