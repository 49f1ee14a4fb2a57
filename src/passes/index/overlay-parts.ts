/**
 * Rows that are read in parts side by side: where a value needs what a reduction along a row leaves and reads the row itself at the
 * same place of two, three or four equal parts of it (a rotary embedding or a gated unit behind a norm), the reduction takes the parts
 * side by side, too. Both then walk the same, shorter row, and what the first walk has read serves the second.
 *
 * Requires: aligned axes, reads inlined.
 * Ensures:  the same values; sums and products up to rounding.
 *
 *     s[i] = sum(j) x[8*i + j] * x[8*i + j]                  s[i] = sum(k) x[8*i + k] * x[8*i + k] + x[8*i + k + 4] * x[8*i + k + 4]
 *     y[i,k] = x[8*i + k] * x[8*i + k + 4] / s[i]      =>    y[i,k] = x[8*i + k] * x[8*i + k + 4] / s[i]
 */
import { isIdentityRead, type StatementsByName } from "../../ir/expand-row.ts";
import {
  axisTerms,
  indexAdd,
  indexAxes,
  indexAxis,
  indexConst,
  indexSubstitute,
  isAxisTerm,
  printIndex,
  type AxisTerm,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  visitScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { MONOIDS } from "../../ir/monoids.ts";
import { fitsOnChip } from "../../ir/on-chip.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { instantiate } from "../../ir/state-expr.ts";
import { UnionFind } from "../union-find.ts";
import { MAX_READS } from "./choose-statements.ts";
import { freshName, takenNames } from "./fresh-name.ts";
import { countNodes, countReads, MAX_NODES } from "./inline-reads.ts";
import { reductionsBehind } from "./nest-reductions.ts";

/** Parts of a row: all of them stand in one expression. */
const MOST_PARTS = 4;

export function overlayParts(program: IndexProgram, profile: DeviceProfile): IndexProgram {
  const [usersOf, readersOf] = [new Map<string, Statement[]>(), new Map<string, Statement[]>()];
  const note = (map: Map<string, Statement[]>, key: string, statement: Statement): void => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [statement]);
    else list.push(statement);
  };
  for (const statement of program.statements) {
    for (const axis of axesOf(statement)) note(usersOf, axis, statement);
    for (const tensor of new Set(tensorReads(statement).map((e) => e.tensor)))
      note(readersOf, tensor, statement);
  }
  const context: Context = {
    known: new Map(program.statements.map((s) => [s.name, s])),
    sizes: axisSizes(program),
    outside: findOutside(program),
    readersOf,
    taken: takenNames(program),
  };
  const replaced = new Map<string, readonly Statement[]>();
  for (const [row, users] of usersOf) {
    // Longer rows are read again for every walk: there it would only hide which reductions share one.
    if (!fitsOnChip(4 * (context.sizes.get(row) ?? 1), profile)) continue;
    for (const family of familiesOf(row, users)) {
      if (family.some((s) => replaced.has(s.name))) continue;
      const parts = findParts(context, row, family);
      const laid = parts && layOver(context, family, parts);
      for (const [name, statements] of laid ?? []) replaced.set(name, statements);
    }
  }
  if (replaced.size === 0) return program;
  const statements = program.statements.flatMap((s) => replaced.get(s.name) ?? [s]);
  const used = new Set(statements.flatMap(axesOf));
  return { ...program, axes: program.axes.filter(({ name }) => used.has(name)), statements };
}

/** Statements along a row, apart where they share neither values nor tensors along it. */
function familiesOf(row: string, users: readonly Statement[]): Iterable<readonly Statement[]> {
  const families = new UnionFind(users.length);
  const firstOf = new Map<string, number>();
  users.forEach((statement, at) => {
    const shared = [statement.name];
    visitScalar(statement.value, (e) => {
      if (e.kind === "tensor" && indexAxes(e.index).has(row)) shared.push(e.tensor);
      if (e.kind === "value" && e.index.some((index) => indexAxes(index).has(row))) shared.push(e.statement);
    });
    for (const name of shared) {
      const first = firstOf.get(name);
      if (first === undefined) firstOf.set(name, at);
      else families.union(first, at);
    }
  });
  return Map.groupBy(users, (_, at) => families.find(at)).values();
}

interface Context {
  readonly known: StatementsByName;
  readonly sizes: ReadonlyMap<string, number>;
  /** Statements that are stored, or read elsewhere than at their own point. */
  readonly outside: ReadonlySet<string>;
  /** Tensor -> the statements that read it. */
  readonly readersOf: ReadonlyMap<string, readonly Statement[]>;
  readonly taken: Set<string>;
}

/** An axis along the parts of a row. */
interface Parts {
  readonly row: string;
  readonly axis: string;
  readonly length: number;
  readonly count: number;
}

function findOutside({ statements, stores }: IndexProgram): ReadonlySet<string> {
  const outside = new Set(stores.map((s) => s.statement));
  const axes = new Map(statements.map((s) => [s.name, s.axes]));
  for (const { value } of statements)
    visitScalar(value, (e) => {
      if (e.kind === "value" && !isIdentityRead(e.index, axes.get(e.statement) ?? []))
        outside.add(e.statement);
    });
  return outside;
}

/** The parts that readers of the row take, if nothing but reductions of the row needs it whole. */
function findParts(context: Context, row: string, family: readonly Statement[]): Parts | undefined {
  const reduced = family.filter((s) => s.reduce?.axes.includes(row) === true);
  const canFold = (s: Statement): boolean =>
    s.reduce === undefined
      ? !context.outside.has(s.name)
      : s.reduce.axes.includes(row) && MONOIDS[s.reduce.fn].components.length === 1;
  if (reduced.length === 0 || !family.every(canFold)) return undefined;
  const readings = family
    .flatMap((s) => tensorReads(s))
    .filter(({ index }) => termOf(index, row) !== undefined);
  const others = neighboursOf(context, readings, reduced).flatMap((s) => tensorReads(s));
  const parts = partsRead(context, row, readings, others);
  return parts === undefined || family.some((s) => axesOf(s).includes(parts.axis)) ? undefined : parts;
}

const axesOf = ({ axes, reduce }: Statement): readonly string[] => [...axes, ...(reduce?.axes ?? [])];

/** Statements that read the same tensors and need one of the reductions at their own point, but not the row. */
function neighboursOf(
  { known, readersOf }: Context,
  readings: readonly TensorRead[],
  reduced: readonly Statement[],
): readonly Statement[] {
  const wanted = new Set(reduced.map((s) => s.name));
  const rows = new Set(reduced.flatMap((s) => s.reduce?.axes ?? []));
  const near = new Set(readings.flatMap(({ tensor }) => readersOf.get(tensor) ?? []));
  return [...near].filter(
    (s) =>
      !axesOf(s).some((axis) => rows.has(axis)) && reductionsBehind(s, known).some((r) => wanted.has(r.name)),
  );
}

type TensorRead = ScalarExpr & { readonly kind: "tensor" };

function tensorReads({ value }: Statement): readonly TensorRead[] {
  const reads: TensorRead[] = [];
  visitScalar(value, (e) => {
    if (e.kind === "tensor") reads.push(e);
  });
  return reads;
}

/** The axis along which other reads take two parts or more of what is read along the row. */
function partsRead(
  { sizes }: Context,
  row: string,
  readings: readonly TensorRead[],
  others: readonly TensorRead[],
): Parts | undefined {
  const size = sizes.get(row) ?? 1;
  const seen = new Map<string, Set<number>>();
  for (const { tensor, index } of others)
    for (const whole of readings) {
      const along = termOf(whole.index, row);
      if (whole.tensor !== tensor || along === undefined) continue;
      for (const { axis, coefficient } of axisTerms(index)) {
        const length = sizes.get(axis) ?? 1;
        const count = size / length;
        const isPart = Number.isInteger(count) && count > 1 && count <= MOST_PARTS;
        if (!isPart || coefficient !== along.coefficient || termOf(index, axis) === undefined) continue;
        if (without(index, axis) !== without(whole.index, row)) continue;
        const part = (index.offset - whole.index.offset) / (coefficient * length);
        if (!Number.isInteger(part) || part < 0 || part >= count) continue;
        const found = seen.get(axis) ?? new Set();
        seen.set(axis, found.add(part));
        if (found.size > 1) return { row, axis, length, count };
      }
    }
  return undefined;
}

/** The multiple of the axis in an index where nothing else depends on it. */
const termOf = ({ terms }: IndexExpr, axis: string): AxisTerm | undefined => {
  const own = terms.filter((t) =>
    isAxisTerm(t) ? t.axis === axis : axisTerms(t.of).some((u) => u.axis === axis),
  );
  const [term] = own;
  return own.length === 1 && term !== undefined && isAxisTerm(term) ? term : undefined;
};

/** An index but for its offset and an axis. */
const without = ({ terms }: IndexExpr, axis: string): string =>
  printIndex({ offset: 0, terms: terms.filter((t) => !(isAxisTerm(t) && t.axis === axis)) });

/** Statement -> what it becomes: values one for each part, reductions one over the parts. */
function layOver(
  { sizes, taken }: Context,
  family: readonly Statement[],
  { row, axis, length, count }: Parts,
): ReadonlyMap<string, readonly Statement[]> | undefined {
  const made = new Map<string, readonly Statement[]>();
  const at = (value: ScalarExpr, part: number): ScalarExpr => {
    const to = indexAdd(indexAxis(axis), indexConst(part * length));
    return mapScalar(
      mapIndices(value, (index) => indexSubstitute(index, new Map([[row, to]]), sizes)),
      (e): ScalarExpr => {
        const own = e.kind === "value" ? made.get(e.statement)?.[part] : undefined;
        if (e.kind !== "value" || own === undefined) return e;
        return { ...e, statement: own.name, index: own.axes.map((name) => indexAxis(name)) };
      },
    );
  };
  const places = Array.from({ length: count }, (_, part) => part);
  const rename = (axes: readonly string[]): readonly string[] =>
    axes.map((name) => (name === row ? axis : name));
  for (const statement of family) {
    const values = places.map((part) => at(statement.value, part));
    const { reduce } = statement;
    if (reduce === undefined) {
      made.set(
        statement.name,
        values.map((value, part) => ({
          ...statement,
          name: freshName(taken, `${statement.name}_part_${String(part)}`),
          axes: rename(statement.axes),
          value,
        })),
      );
      continue;
    }
    const value = values.reduce((a, b) => combine(reduce.fn, a, b));
    if (countNodes(value) > MAX_NODES || countReads(value) > MAX_READS) return undefined;
    made.set(statement.name, [{ ...statement, reduce: { ...reduce, axes: rename(reduce.axes) }, value }]);
  }
  return made;
}

/** Two elements as one, for a monoid whose state is an element. */
function combine(fn: keyof typeof MONOIDS, a: ScalarExpr, b: ScalarExpr): ScalarExpr {
  const { dtype } = a;
  const [both] = instantiate<ScalarExpr>(
    MONOIDS[fn].combine,
    { a: [a], b: [b] },
    {
      constant: (value) => ({ kind: "const", dtype, value }),
      apply: (op, args) => ({ kind: "map", dtype, fn: op, args }),
    },
  );
  return both ?? a;
}
