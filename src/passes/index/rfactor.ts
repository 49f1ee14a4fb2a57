/**
 * Rfactor: a reduction along an axis becomes one along the places in a piece and one along the pieces. The first leaves the
 * state of every piece, whatever components it has; the second combines them under the old name. A maximum with its sums of
 * exponentials, and a sum with its squared deviations, are taken apart together. What is worth it is for others to say
 * (`splitReductions`, `shareSums`).
 *
 * Requires: a piece whose axes have names of their own.
 * Ensures:  the same values up to the order of additions; past the end of a shorter last piece stands the state of no elements.
 *
 *     n[i] = sum(k) x[6*i + k]      =>      n_part[ka,i] = sum(kb) x[6*i + 3*ka + kb]
 *                                           n[i] = sum(ka) n_part[ka, i]
 */
import {
  indexAdd,
  indexAxes,
  indexAxis,
  indexScale,
  indexSubstitute,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import { isFloat } from "../../ir/dtype.ts";
import {
  mapIndices,
  visitScalar,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { monoidOf, startOf, type MonoidName } from "../../ir/monoids.ts";
import { expSumOf, readOf, weighedOperand } from "../../ir/one-walk.ts";
import { instantiate } from "../../ir/state-expr.ts";
import { freshName } from "./fresh-name.ts";
import { rowResults } from "./row-results.ts";
import { readWeights } from "../../ir/read-weights.ts";
import { expandRow } from "../../ir/expand-row.ts";

export interface Piece {
  readonly axis: string;
  readonly outer: string;
  /** Absent where pieces have one element. */
  readonly inner: string | undefined;
  readonly pieces: number;
  readonly length: number;
  readonly size: number;
}

export interface PieceContext {
  readonly sizes: ReadonlyMap<string, number>;
  readonly statements: ReadonlyMap<string, Statement>;
  /** Names that axes, statements or tensors have; those of parts are added. A sum may be of parts already. */
  readonly taken: Set<string>;
}

const product = (axes: readonly string[], sizes: ReadonlyMap<string, number>): number =>
  axes.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);

/** The position on the axis that was cut. */
export const positionIn = (piece: Piece): IndexExpr => {
  const start = indexScale(indexAxis(piece.outer), piece.length);
  return piece.inner === undefined ? start : indexAdd(start, indexAxis(piece.inner));
};

export const mapOf = (
  fn: Extract<ScalarExpr, { kind: "map" }>["fn"],
  dtype: ScalarExpr["dtype"],
  ...args: readonly ScalarExpr[]
): ScalarExpr => ({ kind: "map", fn, dtype, args });
export const constantOf = (value: number): ScalarExpr => ({ kind: "const", dtype: "f32", value });

/** Makes statements over a piece and over the pieces. */
interface Cut {
  /** A reduction over the elements of a piece. */
  readonly partial: (suffixed: string, fn: MonoidName, value: ScalarExpr) => Statement;
  /** The reduction over all pieces of their states, component by component. */
  readonly total: (of: Statement, fn: MonoidName, ...state: readonly ScalarExpr[]) => Statement;
  /** The operand at a place in a piece. */
  readonly operand: ScalarExpr;
}

/** The statements that take the places of `first` and of what it is paired with. */
export function rfactor(
  context: PieceContext,
  first: Statement,
  pairs: readonly ReductionPair[],
  piece: Piece,
): ReadonlyMap<string, readonly Statement[]> | undefined {
  const { reduce } = first;
  const operand = operandAt(context, first, piece);
  if (reduce === undefined || operand === undefined) return undefined;
  const cut: Cut = {
    operand,
    partial: (suffixed, fn, value) => partialOf(first, piece, freshName(context.taken, suffixed), fn, value),
    total: (of, fn, ...args) => {
      const [only] = args;
      const dtype = args[args.length - 1]?.dtype ?? of.dtype;
      const value: ScalarExpr =
        args.length === 1 && only !== undefined ? only : { kind: "tuple", dtype, args };
      return { ...of, reduce: { fn, axes: [piece.outer] }, value };
    },
  };
  const others = reduce.axes.filter((axis) => axis !== piece.axis);
  const count = countOf(piece, product(others, context.sizes));
  const { leading } = monoidOf(reduce.fn);
  if (reduce.fn === "moments") {
    // Made by an earlier cut (`shareSums`), and cut again: pieces of pieces.
    if (operand.kind === "tuple") return undefined;
    const sum = cut.partial(`${first.name}_sum`, "sum", operand);
    return new Map([[first.name, [sum, ...splitMoments(context, cut, sum, first, count)]]]);
  }
  const [leader] = cut.operand.kind === "tuple" ? cut.operand.args : [];
  const part = cut.partial(`${first.name}_part`, reduce.fn, cut.operand);
  if (leading !== undefined && leader !== undefined) {
    const value = cut.partial(`${first.name}_value`, leading, leader);
    return new Map([[first.name, [value, part, cut.total(first, reduce.fn, readOf(value), readOf(part))]]]);
  }
  const done = new Map<string, readonly Statement[]>([
    [first.name, [part, cut.total(first, reduce.fn, readOf(part))]],
  ]);
  for (const pair of pairs) {
    const second = context.statements.get(pair.second);
    const statements =
      second === undefined
        ? undefined
        : pair.monoid === "moments"
          ? splitMoments(context, cut, part, second, count)
          : splitExpSum({ context, cut, piece, pairs }, pair, first, part, second);
    if (statements !== undefined) done.set(pair.second, statements);
  }
  return done;
}

interface ExpSumCut {
  readonly context: PieceContext;
  readonly cut: Cut;
  readonly piece: Piece;
  readonly pairs: readonly ReductionPair[];
}

/**
 * (maximum, sum of exponentials) of each piece; only the total becomes nan where the maximum is infinite. Undefined where weights
 * cannot be written out.
 */
function splitExpSum(
  { context, cut, piece, pairs }: ExpSumCut,
  pair: ReductionPair,
  first: Statement,
  top: Statement,
  second: Statement,
): readonly Statement[] | undefined {
  const weighed = pair.needs === undefined ? undefined : readWeights(context, second, pairs);
  const { weight } = weighed ?? {};
  const inPiece = weight === undefined ? undefined : operandAt(context, { ...second, value: weight }, piece);
  if (weight !== undefined && inPiece === undefined) return undefined;
  const operand = weighedOperand(cut.operand, inPiece);
  const sum = cut.partial(`${second.name}_part`, "exp_sum", operand);
  const name = freshName(context.taken, `${second.name}_raw`);
  const raw = cut.total({ ...second, name }, "exp_sum", readOf(top), readOf(sum));
  return [sum, raw, { ...second, reduce: undefined, value: expSumOf(pair, first, raw, weighed) }];
}

/** (count, 0, squared deviations, mean) of each piece: its mean is the pivot that the others are put beside. */
function splitMoments(
  { taken }: PieceContext,
  cut: Cut,
  sum: Statement,
  second: Statement,
  count: ScalarExpr,
): readonly Statement[] {
  const value = mapOf("div", "f32", readOf(sum), count);
  const { axes, span } = sum;
  const mean: Statement = { name: freshName(taken, `${second.name}_mean`), dtype: "f32", axes, value, span };
  const squares = cut.partial(`${second.name}_part`, "moments", cut.operand);
  const total = cut.total(second, "moments", count, constantOf(0), readOf(squares), readOf(mean));
  return [mean, squares, total];
}

/**
 * The operand of a reduction at the positions of a piece, its row values written out; undefined where that cannot be done. What reads
 * nothing but what other reductions have left stays as it is: that waits in memory.
 */
export function operandAt(
  context: PieceContext,
  { reduce, value }: Statement,
  piece: Piece,
): ScalarExpr | undefined {
  const row = new Set(reduce?.axes ?? []);
  const expanded = expandRow(context.statements, value, row);
  const isWritten = expanded !== undefined && !readsRowValues(expanded, row);
  if (!isWritten && rowResults(context.statements, value).length === 0) return undefined;
  const at = new Map([[piece.axis, positionIn(piece)]]);
  return mapIndices(isWritten ? expanded : value, (index) => indexSubstitute(index, at, context.sizes));
}

/** A reduction of every piece, for the points of `whole`. */
export function partialOf(
  whole: Statement,
  piece: Piece,
  name: string,
  fn: MonoidName,
  value: ScalarExpr,
): Statement {
  const axes = whole.reduce?.axes ?? [];
  return {
    name,
    // What is read may be stored in 16 bits; a state of it is not.
    dtype: isFloat(value.dtype) ? "f32" : value.dtype,
    // Pieces outermost: neighbouring points of the grid stay neighbours in memory.
    axes: [piece.outer, ...whole.axes],
    reduce: { fn, axes: axes.flatMap((axis) => (axis === piece.axis ? (piece.inner ?? []) : axis)) },
    value: guardPiece(piece, value, fn),
    span: whole.span,
  };
}

/** The state of one element, component by component; of a state itself. */
export function liftElement(fn: MonoidName, value: ScalarExpr): readonly ScalarExpr[] {
  const { components, lift } = monoidOf(fn);
  const given = value.kind === "tuple" ? value.args : [value];
  if (given.length === components.length) return given;
  return instantiate(
    lift,
    { x: given },
    { constant: constantOf, apply: (op, args) => mapOf(op, "f32", ...args) },
  );
}

/** Elements of a piece: all alike, or the last one shorter. `others`: those along the other axes of the row. */
export function countOf(piece: Piece, others: number): ScalarExpr {
  const last = piece.size - (piece.pieces - 1) * piece.length;
  if (last === piece.length) return constantOf(piece.length * others);
  const isLast = mapOf(
    "eq",
    "bool",
    { kind: "index", dtype: "f32", index: indexAxis(piece.outer) },
    constantOf(piece.pieces - 1),
  );
  return mapOf("where", "f32", isLast, constantOf(last * others), constantOf(piece.length * others));
}

/**
 * What lies behind the end of the axis is the state of no elements, part by part. Few elements are lifted to that state (a
 * count of 0): where the state has more to it than the operands, the elements are lifted here.
 */
function guardPiece(piece: Piece, value: ScalarExpr, fn: MonoidName): ScalarExpr {
  if (piece.pieces * piece.length === piece.size) return value;
  const bounds = [{ index: positionIn(piece), low: 0, high: piece.size }];
  const state = liftElement(fn, value);
  const start = startOf(fn, value.kind === "tuple" ? (value.args[0]?.dtype ?? "f32") : value.dtype);
  const args = state.map((part, i): ScalarExpr => {
    const otherwise: ScalarExpr = { kind: "const", dtype: part.dtype, value: start[i] ?? 0 };
    const isPadding = part.kind === "const" && part.value === otherwise.value;
    return isPadding ? part : { kind: "guard", dtype: part.dtype, bounds, value: part, otherwise };
  });
  const [only = value, ...others] = args;
  return others.length === 0
    ? only
    : { kind: "tuple", dtype: args[args.length - 1]?.dtype ?? only.dtype, args };
}

function readsRowValues(value: ScalarExpr, row: ReadonlySet<string>): boolean {
  let found = false;
  visitScalar(value, (e) => {
    if (e.kind === "value" && e.index.some((index) => [...indexAxes(index)].some((axis) => row.has(axis))))
      found = true;
  });
  return found;
}
