/**
 * Reduction of a broadcast: along an axis that its operand does not depend on, a reduction meets the same value again and
 * again. The largest of them is that value, and so are the smallest, `any` and `all`; a sum is a multiple of it, rounded once
 * where the additions would round each time. Gradients of broadcasts are full of these.
 *
 * Requires: reads inlined, since an operand that is a value of its own has all of its axes.
 * Ensures:  the same values, sums at least as accurate. Products and positions stay as they are.
 *
 *     axes i=512 k=64 j=16
 *     a[i] = sum(k) x[i]                =>    a[i] = x[i] * 64
 *     b[i] = max(k) x[i]                =>    b[i] = x[i]
 *     c[i] = sum(k,j) exp(x[16*i + j])  =>    c_once[i] = sum(j) exp(x[16*i + j])
 *                                             c[i] = c_once[i] * 64
 */
import { indexAxes } from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import type { MonoidName } from "../../ir/monoids.ts";
import { readOf } from "../../ir/one-walk.ts";
import { product } from "./fusion-context.ts";

/** Of equal values they give that value. */
const IDEMPOTENT: ReadonlySet<MonoidName> = new Set(["max", "min", "any", "all"]);
/** Larger counts are not exact in f32, or not in i32. */
const LARGEST_COUNT = 2 ** 24;

export function reduceBroadcasts(program: IndexProgram): IndexProgram {
  const sizes = axisSizes(program);
  const names = new Set(program.statements.map((s) => s.name));
  const statements = program.statements.flatMap((s) => reduceOnce(s, sizes, names) ?? [s]);
  return statements.every((s, i) => s === program.statements[i]) ? program : { ...program, statements };
}

function reduceOnce(
  statement: Statement,
  sizes: ReadonlyMap<string, number>,
  names: Set<string>,
): readonly Statement[] | undefined {
  const { reduce, value } = statement;
  if (reduce === undefined || (reduce.fn !== "sum" && !IDEMPOTENT.has(reduce.fn))) return undefined;
  const used = axesOf(value);
  const axes = reduce.axes.filter((axis) => used.has(axis));
  if (axes.length === reduce.axes.length) return undefined;
  const rest = axes.length === 0 ? undefined : { ...reduce, axes };
  if (reduce.fn !== "sum") return [{ ...statement, reduce: rest }];
  const count = product(
    reduce.axes.filter((axis) => !used.has(axis)),
    sizes,
  );
  if (count > LARGEST_COUNT) return undefined;
  if (rest === undefined) return [{ ...statement, reduce: rest, value: times(value, count) }];
  let name = `${statement.name}_once`;
  while (names.has(name)) name += "_";
  names.add(name);
  const once: Statement = { ...statement, name, reduce: rest };
  return [once, { ...statement, reduce: undefined, value: times(readOf(once), count) }];
}

function axesOf(value: ScalarExpr): ReadonlySet<string> {
  const axes = new Set<string>();
  mapIndices(value, (index) => {
    indexAxes(index, axes);
    return index;
  });
  return axes;
}

const times = (value: ScalarExpr, count: number): ScalarExpr => ({
  kind: "map",
  fn: "mul",
  dtype: value.dtype,
  args: [value, { kind: "const", dtype: value.dtype, value: count }],
});
