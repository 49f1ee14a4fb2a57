/**
 * Splits sums of products with a deviation from a mean, when the sum behind the mean is split as well: every piece takes
 * deviations from its own mean, so that it need not wait for the common one, and the distance of the two is made good when
 * the pieces are added up (Chan, Golub and LeVeque 1979):
 *
 *     sum h (f - u) = sum over pieces of  sum h (f - m) + (m - u) sum h
 *
 * The gradient of a batch norm is made of such sums: all its statistics then come from one sweep. Factors that wait for those, as
 * the deviation that an output is divided by, are taken out of the sum.
 *
 * Requires: sums that are cut into the same pieces, in an order in which means come first.
 * Ensures:  same values up to the order of additions.
 */
import type { ReductionPair, ScalarExpr, Statement } from "../../ir/index-notation.ts";
import { freshName } from "./fresh-name.ts";
import { readOf } from "../../ir/one-walk.ts";
import { printScalarExpr } from "../../ir/print-index.ts";
import { readWeights } from "../../ir/read-weights.ts";
import {
  constantOf,
  countOf,
  mapOf,
  operandAt,
  partialOf,
  type Piece,
  type PieceContext,
} from "./rfactor.ts";

/** Partial sums by the text of their operand at the positions of pieces. */
export type PartialSums = Map<string, Statement>;

/** Factors of a product; a sign is a factor, too. */
export function factorsOf(expr: ScalarExpr): readonly ScalarExpr[] {
  if (expr.kind !== "map") return [expr];
  if (expr.fn === "mul") return expr.args.flatMap(factorsOf);
  const [negated] = expr.args;
  return expr.fn === "neg" && negated !== undefined ? [constantOf(-1), ...factorsOf(negated)] : [expr];
}

export const keyOfProduct = (factors: readonly ScalarExpr[]): string =>
  factors.map(printScalarExpr).sort().join(" * ");
export const productOf = (factors: readonly ScalarExpr[]): ScalarExpr =>
  factors.reduce((a, b) => mapOf("mul", "f32", a, b));

/** Whether `u` is the sum with these pieces over the number of its terms. */
export function isMeanOf(
  statements: ReadonlyMap<string, Statement>,
  u: ScalarExpr,
  part: Statement,
  count: number,
): boolean {
  const mean = u.kind === "value" ? statements.get(u.statement)?.value : u;
  if (mean?.kind !== "map" || (mean.fn !== "div" && mean.fn !== "mul")) return false;
  const [total, scale] = mean.args;
  if (total?.kind !== "value" || scale?.kind !== "const") return false;
  const expected = mean.fn === "div" ? count : 1 / count;
  return part.name === `${total.statement}_part` && Math.abs(scale.value - expected) <= 1e-6 * expected;
}

/** Whether two partial sums run over the same elements for the same points. */
const isAlike = (a: Statement, b: Statement): boolean =>
  a.axes.join() === b.axes.join() && a.reduce?.axes.join() === b.reduce?.axes.join();

/** Whether the pieces run over the row of the sum. */
function hasSameRow(sum: Statement, part: Statement, piece: Piece): boolean {
  const own = new Set([...(part.reduce?.axes ?? []), piece.outer]);
  const cut = piece.inner === undefined ? [piece.outer] : [piece.outer, piece.inner];
  const row = (sum.reduce?.axes ?? []).flatMap((axis) => (axis === piece.axis ? cut : axis));
  return row.length === own.size && row.every((axis) => own.has(axis));
}

/**
 * The statements in place of such a sum, or undefined where it is none. New partial sums are added to `known`; `pairs`: of sums
 * that stand before this one.
 */
export function splitCoMoment(
  context: PieceContext,
  sum: Statement,
  piece: Piece,
  known: PartialSums,
  pairs: readonly ReductionPair[],
): readonly Statement[] | undefined {
  const { monoid, weight, factor, applied } = readWeights(context, sum, pairs) ?? {};
  if (monoid !== "co_moment" || weight === undefined || factor === undefined || applied === undefined)
    return splitProduct(context, sum, piece, known);
  const inner: Statement = { ...sum, value: productOf([weight, factor]) };
  const parts = splitProduct(context, inner, piece, known);
  const total = parts?.[parts.length - 1];
  if (parts === undefined || total === undefined) return undefined;
  const own = applied(readOf(total));
  if (own.kind === "value") return parts;
  const raw = { ...total, name: freshName(context.taken, `${sum.name}_raw`) };
  return [...parts.slice(0, -1), raw, { ...sum, reduce: undefined, value: applied(readOf(raw)) }];
}

/** The same where none of the factors waits. */
function splitProduct(
  context: PieceContext,
  sum: Statement,
  piece: Piece,
  known: PartialSums,
): readonly Statement[] | undefined {
  const operand =
    sum.reduce?.fn === "sum" && sum.dtype === "f32" ? operandAt(context, sum, piece) : undefined;
  if (operand === undefined) return undefined;
  const sizeOf = (axes: readonly string[]): number =>
    axes.reduce((n, axis) => n * (context.sizes.get(axis) ?? 1), 1);
  const row = sum.reduce?.axes ?? [];
  const factors = factorsOf(operand);
  for (const factor of factors) {
    if (factor.kind !== "map" || factor.fn !== "sub" || factors.length < 2) continue;
    const [f, u] = factor.args;
    const part = f === undefined ? undefined : known.get(keyOfProduct(factorsOf(f)));
    if (f === undefined || u === undefined || part?.axes[0] !== piece.outer) continue;
    if (!isMeanOf(context.statements, u, part, sizeOf(row)) || !hasSameRow(sum, part, piece)) continue;
    const weights = factors.filter((g) => g !== factor);
    const mean = mapOf(
      "div",
      "f32",
      readOf(part),
      countOf(piece, sizeOf(row.filter((axis) => axis !== piece.axis))),
    );
    const about = partialOf(
      sum,
      piece,
      freshName(context.taken, `${sum.name}_part`),
      "sum",
      productOf([...weights, mapOf("sub", "f32", f, mean)]),
    );
    const found = known.get(keyOfProduct(weights));
    const earlier = found !== undefined && isAlike(found, about) ? found : undefined;
    const partialWeight = (): Statement =>
      partialOf(sum, piece, freshName(context.taken, `${sum.name}_weight`), "sum", productOf(weights));
    const weight = earlier ?? partialWeight();
    if (found === undefined) known.set(keyOfProduct(weights), weight);
    const moved = mapOf("mul", "f32", mapOf("sub", "f32", mean, u), readOf(weight));
    const total: Statement = {
      ...sum,
      reduce: { fn: "sum", axes: [piece.outer] },
      value: mapOf("add", "f32", readOf(about), moved),
    };
    return [about, ...(earlier === undefined ? [weight] : []), total];
  }
  return undefined;
}
