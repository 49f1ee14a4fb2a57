/**
 * Lets sums over different axes share what they have in common: where two sums run over axes k, l and i, l of the same
 * products, what does not depend on l is taken out, and both are made of one sum over l (the shape of a group norm's gradient).
 * All sums over the first set of axes are cut along k then, so that one kernel finds every sum over l.
 *
 *     s[i] = sum(k,l) c[i,k,l] * w[k]              p[k,i] = sum(l) c[i,k,l]
 *     b[k] = sum(i,l) c[i,k,l]              =>     s[i] = sum(k) w[k] * p[k,i]
 *                                                  b[k] = sum(i) p[k,i]
 *
 * A factor f - u, with u the mean of f over k and l, would have to wait for u. It is taken about the mean of each piece instead
 * and moved to the common one afterwards: sum h (f - u) = sum h (f - m) + (m - u) sum h (the co-moment of Chan, Golub and
 * LeVeque 1979). So the sums need one sweep over their data, not one for the mean and one more.
 *
 * Requires: aligned, collapsed axes.
 * Ensures:  same values up to the order of additions. Nothing changes where rows stay on the chip: one kernel serves them better.
 */
import { indexAxes, indexAxis, indexSubstitute } from "../../ir/index-expr.ts";
import {
  mapIndices,
  visitScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { fitsOnChip } from "../../ir/on-chip.ts";
import { readOf } from "../../ir/one-walk.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { axesRead, expandRow } from "../../ir/expand-row.ts";
import { factorsOf, isMeanOf, keyOfProduct, productOf, type PartialSums } from "./co-moments.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { dropDead } from "./inline-reads.ts";
import { pairReductions } from "./pair-reductions.ts";
import { constantOf, mapOf, rfactor, type Piece } from "./rfactor.ts";

/** Terms of a shared sum at least: it has to be a small thing beside what it is made of. */
const FEWEST_TERMS = 32;
/** Pieces that the readers of shared sums may have to add up. */
const MOST_PIECES = 1024;

/** A sum, its operand as factors, and the points that it is made for and runs over. */
interface Sum {
  readonly statement: Statement;
  readonly reduced: readonly string[];
  readonly factors: readonly ScalarExpr[];
}

/** Two classes of sums: over `cut` and `inner`, and over `other` and `inner`. */
interface Family {
  readonly cut: string;
  readonly other: string;
  readonly inner: readonly string[];
  readonly first: readonly Sum[];
  readonly second: readonly Sum[];
}

export function shareSums(program: IndexProgram, profile: DeviceProfile): IndexProgram {
  const sizes = new Map(program.axes.map((a) => [a.name, a.size]));
  const statements = new Map(program.statements.map((s) => [s.name, s]));
  const sums = program.statements.flatMap((s) => readSum(statements, s) ?? []);
  const family = findFamily(sums, sizes);
  if (family === undefined || staysOnChip(family, sizes, profile)) return program;
  return rewrite(program, sizes, statements, family);
}

const sorted = (axes: Iterable<string>): string => [...axes].sort().join();
const product = (axes: Iterable<string>, sizes: ReadonlyMap<string, number>): number =>
  [...axes].reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);

function readSum(statements: ReadonlyMap<string, Statement>, statement: Statement): Sum | undefined {
  const { reduce, axes } = statement;
  if (reduce?.fn !== "sum" || statement.dtype !== "f32" || reduce.axes.length < 2) return undefined;
  // Values over the grid are written out as well: two sums may know the same mean under different names.
  const operand = expandRow(statements, statement.value, new Set([...axes, ...reduce.axes]));
  if (operand === undefined) return undefined;
  return { statement, reduced: reduce.axes, factors: factorsOf(operand) };
}

/** Factors that depend on an axis of `inner`, and the others. */
function partition(
  factors: readonly ScalarExpr[],
  inner: readonly string[],
): { readonly core: readonly ScalarExpr[]; readonly outside: readonly ScalarExpr[] } {
  const isCore = (factor: ScalarExpr): boolean => inner.some((axis) => axesRead(factor).has(axis));
  return { core: factors.filter(isCore), outside: factors.filter((f) => !isCore(f)) };
}

/** Sums with the same core that each leave out another axis. Every sum is looked up once for each of its axes. */
function findFamily(sums: readonly Sum[], sizes: ReadonlyMap<string, number>): Family | undefined {
  const known = new Map<string, { readonly sum: Sum; readonly cut: string }>();
  for (const sum of sums) {
    for (const cut of sum.reduced) {
      const inner = sum.reduced.filter((axis) => axis !== cut);
      const { core } = partition(sum.factors, inner);
      const free = sorted([...sum.statement.axes, cut]);
      const isWhole = core.some(
        (factor) => axesRead(factor).size === sum.statement.axes.length + sum.reduced.length,
      );
      if (!isWhole || product(inner, sizes) < FEWEST_TERMS) continue;
      const key = `${sorted(inner)} ; ${free} ; ${keyOfProduct(core)}`;
      const earlier = known.get(key);
      if (earlier === undefined) known.set(key, { sum, cut });
      else if (earlier.cut !== cut) return formFamily(sums, inner, earlier.cut, cut, sum);
    }
  }
  return undefined;
}

/** The class with more sums is cut: those of the other class are made of the same pieces. */
function formFamily(sums: readonly Sum[], inner: readonly string[], a: string, b: string, sum: Sum): Family {
  const free = sorted([...sum.statement.axes, b]);
  const classOf = (cut: string): readonly Sum[] =>
    sums.filter(
      (s) => sorted(s.reduced) === sorted([...inner, cut]) && sorted([...s.statement.axes, cut]) === free,
    );
  const [first, second] = [classOf(a), classOf(b)];
  return first.length >= second.length
    ? { cut: a, other: b, inner, first, second }
    : { cut: b, other: a, inner, first: second, second: first };
}

/** Rows that stay on the chip are summed and used by one kernel, which nothing here improves on. */
function staysOnChip(family: Family, sizes: ReadonlyMap<string, number>, profile: DeviceProfile): boolean {
  const row = product([family.cut, ...family.inner], sizes);
  const tensors = new Set<string>();
  for (const { factors } of family.first)
    for (const factor of factors)
      visitScalar(factor, (e) => {
        if (e.kind === "tensor" && family.inner.some((axis) => indexAxes(e.index).has(axis)))
          tensors.add(e.tensor);
      });
  const pieces = sizes.get(family.cut) ?? 1;
  return fitsOnChip(row * 4 * tensors.size, profile) || pieces > MOST_PIECES;
}

interface Rewriting {
  readonly program: IndexProgram;
  readonly sizes: Map<string, number>;
  readonly statements: ReadonlyMap<string, Statement>;
  readonly family: Family;
  readonly piece: Piece;
  /** Axes of shared sums: the pieces, then the points of the first class. */
  readonly axes: readonly string[];
  readonly shared: PartialSums;
  readonly taken: Set<string>;
}

function rewrite(
  program: IndexProgram,
  given: ReadonlyMap<string, number>,
  statements: ReadonlyMap<string, Statement>,
  family: Family,
): IndexProgram {
  const taken = takenNames(program);
  const outer = freshName(taken, `${family.cut}a`);
  const size = given.get(family.cut) ?? 1;
  const sizes = new Map([...given, [outer, size]]);
  const piece: Piece = { axis: family.cut, outer, inner: undefined, pieces: size, length: 1, size };
  const axes = [outer, ...(family.first[0]?.statement.axes ?? [])];
  const context: Rewriting = { program, sizes, statements, family, piece, axes, shared: new Map(), taken };
  const replaced = new Map<string, readonly Statement[]>();
  const pairs = pairReductions(program);
  for (const { statement } of family.first) {
    const pair = pairs.find((p) => p.first === statement.name && p.monoid === "moments");
    if (pair === undefined) continue;
    const parts = rfactor({ sizes, statements, taken }, statement, [pair], piece);
    for (const [name, list] of parts ?? []) replaced.set(name, list);
    const part = parts?.get(statement.name)?.[0];
    const core = family.first.find((s) => s.statement === statement)?.factors ?? [];
    if (part !== undefined) context.shared.set(keyOfProduct(core.map((f) => atPiece(context, f))), part);
  }
  const isFirst = new Set(family.first);
  for (const sum of program.statements.flatMap(
    (s) => [...family.first, ...family.second].find((f) => f.statement === s) ?? [],
  ))
    if (!replaced.has(sum.statement.name))
      replaced.set(sum.statement.name, shareSum(context, sum, isFirst.has(sum)));
  const next = dropDead({
    ...program,
    axes: [...program.axes, { name: outer, size }],
    statements: program.statements.flatMap((s) => replaced.get(s.name) ?? [s]),
  });
  const used = new Set(next.statements.flatMap((s) => [...s.axes, ...(s.reduce?.axes ?? [])]));
  return { ...next, axes: next.axes.filter((a) => used.has(a.name)) };
}

const substitute = (context: Rewriting, expr: ScalarExpr, from: string, to: string): ScalarExpr =>
  mapIndices(expr, (index) => indexSubstitute(index, new Map([[from, indexAxis(to)]]), context.sizes));
const atPiece = (context: Rewriting, expr: ScalarExpr): ScalarExpr =>
  substitute(context, expr, context.piece.axis, context.piece.outer);

/** The sum, made of shared ones; those that it is the first to need stand before it. */
function shareSum(context: Rewriting, sum: Sum, isFirst: boolean): readonly Statement[] {
  const { family, piece } = context;
  const { core, outside } = partition(sum.factors, family.inner);
  const before: Statement[] = [];
  const inPieces = coreOf(
    context,
    core.map((f) => atPiece(context, f)),
    sum.statement,
    before,
  );
  const operands = isFirst
    ? [...outside.map((f) => atPiece(context, f)), inPieces]
    : [...outside, substitute(context, inPieces, piece.outer, piece.axis)];
  const value = productOf(operands);
  const axes = isFirst ? [piece.outer] : [family.other];
  return [...before, { ...sum.statement, reduce: { fn: "sum", axes }, value }];
}

/** An expression over `axes` for the sum of a product over the inner axes. */
function coreOf(
  context: Rewriting,
  core: readonly ScalarExpr[],
  source: Statement,
  before: Statement[],
): ScalarExpr {
  const key = keyOfProduct(core);
  const known = context.shared.get(key);
  if (known !== undefined) return readOf(known);
  const moved = moveMean(context, core, source, before);
  if (moved !== undefined) return moved;
  const shared: Statement = {
    name: freshName(context.taken, `${source.name}_part`),
    dtype: "f32",
    axes: context.axes,
    reduce: { fn: "sum", axes: context.family.inner },
    value: productOf(core),
    span: source.span,
  };
  before.push(shared);
  context.shared.set(key, shared);
  return readOf(shared);
}

/** sum h (f - u) = sum h (f - m) + (m - u) sum h, where u is the mean of f over the whole row and m that of a piece. */
function moveMean(
  context: Rewriting,
  core: readonly ScalarExpr[],
  source: Statement,
  before: Statement[],
): ScalarExpr | undefined {
  const { sizes, family } = context;
  for (const factor of core) {
    if (factor.kind !== "map" || factor.fn !== "sub") continue;
    const [f, u] = factor.args;
    const others = core.filter((g) => g !== factor);
    const part = f === undefined ? undefined : context.shared.get(keyOfProduct([f]));
    if (f === undefined || u === undefined || part === undefined || others.length === 0) continue;
    if (!isMeanOf(context.statements, u, part, product([family.cut, ...family.inner], sizes))) continue;
    const mean = mapOf("div", "f32", readOf(part), constantOf(product(family.inner, sizes)));
    const about = coreOf(context, [...others, mapOf("sub", "f32", f, mean)], source, before);
    const weight = coreOf(context, others, source, before);
    const distance = mapOf("sub", "f32", mean, u);
    return mapOf("add", "f32", about, mapOf("mul", "f32", distance, weight));
  }
  return undefined;
}
