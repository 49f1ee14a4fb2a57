/**
 * Finds which axes of different statements are the same axis, and renames them so.
 *
 * First through computed values: a read `n[a7]` makes a7 the axis that `n` was defined over. Then through several reads of
 * the same tensor or value, largest first: where two reads have a term of equal stride and size, they propose that the
 * axes are equal (without it `v*v` and `g*v` share no axis, and weight norm reads `v` twice). An axis belongs to a use: a
 * proposal that would make two axes of one statement equal (`x[i,j] + x[j,i]`) is dropped, and that read stays as it is.
 * Last, inputs of equal shape propose the same, where nothing has said otherwise: equal work on different tensors can then
 * share a kernel.
 *
 * Requires: statements in definition order. May run again on its own result: names are given anew.
 * Ensures:  axes are named i, j, k, ... in order of first appearance; unused axes are gone.
 */
import { elementCount } from "../../ir/dtype.ts";
import {
  indexAxis,
  indexConst,
  isAxisTerm,
  plainAxis,
  indexSubstitute,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  visitScalar,
  type IndexProgram,
  type Statement,
} from "../../ir/index-notation.ts";
import { UnionFind } from "../union-find.ts";

/** How many different readings of one tensor or value a new reading is compared with. */
const MAX_READINGS = 4;

export function alignAxes(program: IndexProgram): IndexProgram {
  const number = new Map(program.axes.map((axis, i) => [axis.name, i]));
  const merge = conflictFreeUnion(program, number);
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  for (const statement of program.statements) {
    visitScalar(statement.value, (e) => {
      if (e.kind !== "value") return;
      byName.get(e.statement)?.axes.forEach((axis, position) => {
        const index = e.index[position];
        const plain = index === undefined ? undefined : plainAxis(index);
        if (plain !== undefined) merge.tryUnion(plain, axis);
      });
    });
  }
  const readings = readingsBySize(program);
  alignReads(program, [...readings.values()], merge.tryUnion);
  alignReads(program, readingsByShape(program, readings), merge.tryUnion);
  return renameAxes(program, merge.find);
}

interface AxisUnion {
  readonly find: (axis: string) => string;
  readonly tryUnion: (a: string, b: string) => boolean;
}

/** Union-find over axes that refuses to make two axes of one statement equal. Small sets are checked against large ones. */
function conflictFreeUnion(program: IndexProgram, number: ReadonlyMap<string, number>): AxisUnion {
  const classes = new UnionFind(program.axes.length);
  const users = program.axes.map(() => new Set<number>());
  program.statements.forEach((statement, s) => {
    for (const axis of statementAxes(statement)) users[number.get(axis) ?? -1]?.add(s);
  });
  const root = (axis: string): number => classes.find(number.get(axis) ?? 0);
  const sizeAt = (axis: number): number => program.axes[axis]?.size ?? 0;
  return {
    find: (axis) => program.axes[root(axis)]?.name ?? axis,
    tryUnion: (a, b) => {
      const [ra, rb] = [root(a), root(b)];
      if (ra === rb) return true;
      const [ua, ub] = [users[ra] ?? new Set<number>(), users[rb] ?? new Set<number>()];
      const [small, large] = ua.size <= ub.size ? [ua, ub] : [ub, ua];
      if (sizeAt(ra) !== sizeAt(rb)) return false;
      for (const statement of small) if (large.has(statement)) return false;
      for (const statement of small) large.add(statement);
      users[classes.union(ra, rb)] = large;
      return true;
    },
  };
}

const statementAxes = (s: Statement): readonly string[] =>
  s.reduce === undefined ? s.axes : [...s.axes, ...s.reduce.axes];

/** Where a tensor or value is read: one index of a tensor, one per axis of a value. */
type Reading = readonly IndexExpr[];

/** All reads, by what is read; names of tensors and statements differ. Largest first, as they matter most. */
function readingsBySize(program: IndexProgram): ReadonlyMap<string, readonly Reading[]> {
  const sizes = axisSizes(program);
  const readings = new Map<string, Reading[]>();
  const add = (name: string, reading: Reading): void => {
    const list = readings.get(name);
    if (list === undefined) readings.set(name, [reading]);
    else list.push(reading);
  };
  for (const statement of program.statements) {
    visitScalar(statement.value, (e) => {
      if (e.kind === "tensor") add(e.tensor, [e.index]);
      if (e.kind === "value") add(e.statement, e.index);
    });
  }
  const elements = new Map(program.tensors.map((t) => [t.name, elementCount(t.shape)]));
  for (const { name, axes } of program.statements)
    elements.set(name, elementCount(axes.map((axis) => sizes.get(axis) ?? 1)));
  return new Map([...readings].sort(([a], [b]) => (elements.get(b) ?? 0) - (elements.get(a) ?? 0)));
}

/** The first reading of each input, together with those of other inputs of its shape. */
function readingsByShape(
  program: IndexProgram,
  readings: ReadonlyMap<string, readonly Reading[]>,
): readonly (readonly Reading[])[] {
  const shapes = new Map(program.tensors.map((t) => [t.name, t.shape.join()]));
  const byShape = new Map<string, Reading[]>();
  for (const [name, [first]] of readings) {
    const shape = shapes.get(name);
    if (shape === undefined || first === undefined) continue;
    const list = byShape.get(shape);
    if (list === undefined) byShape.set(shape, [first]);
    else list.push(first);
  }
  return [...byShape.values()];
}

function alignReads(
  program: IndexProgram,
  all: readonly (readonly Reading[])[],
  tryUnion: (a: string, b: string) => boolean,
): void {
  const sizes = axisSizes(program);
  for (const readings of all) {
    const compared: Reading[] = [];
    for (const reading of readings) {
      const matched = compared.some((earlier) =>
        // every position proposes, whether the one before it matched or not
        earlier
          .map((index, i) => proposeEqual(index, reading[i] ?? indexConst(0), sizes, tryUnion))
          .every(Boolean),
      );
      if (!matched && compared.length < MAX_READINGS) compared.push(reading);
    }
  }
}

/** Proposes equality of axes with equal stride and size; true when every term found its partner. */
function proposeEqual(
  a: IndexExpr,
  b: IndexExpr,
  sizes: ReadonlyMap<string, number>,
  tryUnion: (a: string, b: string) => boolean,
): boolean {
  let all = a.terms.length === b.terms.length && a.offset === b.offset;
  for (const term of b.terms) {
    if (!isAxisTerm(term)) {
      all = false;
      continue;
    }
    const partner = a.terms.find(
      (t) =>
        isAxisTerm(t) && t.coefficient === term.coefficient && sizes.get(t.axis) === sizes.get(term.axis),
    );
    if (partner === undefined || !isAxisTerm(partner) || !tryUnion(partner.axis, term.axis)) all = false;
  }
  return all;
}

const LETTERS = "ijklmnopqr";
const axisName = (position: number): string =>
  `${LETTERS[position % LETTERS.length] ?? "i"}${position < LETTERS.length ? "" : String(Math.floor(position / LETTERS.length))}`;

/** Renames every axis to the name of its class, in order of first use. Taken names (tensors, scalars) are not used. */
function renameAxes(program: IndexProgram, find: (axis: string) => string): IndexProgram {
  const taken = new Set([...program.tensors.map((t) => t.name), ...program.scalars.map((s) => s.name)]);
  const sizes = axisSizes(program);
  const names = new Map<string, string>();
  const axes: { name: string; size: number }[] = [];
  let position = 0;
  const rename = (axis: string): string => {
    const root = find(axis);
    const known = names.get(root);
    if (known !== undefined) return known;
    let name = axisName(position++);
    while (taken.has(name)) name = axisName(position++);
    names.set(root, name);
    axes.push({ name, size: sizes.get(root) ?? 0 });
    return name;
  };
  const substitution = new Map<string, IndexExpr>();
  for (const statement of program.statements) {
    for (const axis of statementAxes(statement)) substitution.set(axis, indexAxis(rename(axis)));
  }
  const newSizes = new Map(axes.map((a) => [a.name, a.size]));
  const edit = (index: IndexExpr): IndexExpr => indexSubstitute(index, substitution, newSizes);
  return {
    ...program,
    axes,
    statements: program.statements.map((s) => ({
      ...s,
      axes: s.axes.map(rename),
      reduce: s.reduce === undefined ? undefined : { ...s.reduce, axes: s.reduce.axes.map(rename) },
      value: mapIndices(s.value, edit),
    })),
    stores: program.stores.map((s) => ({ ...s, index: edit(s.index) })),
  };
}
