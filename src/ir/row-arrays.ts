/**
 * The phases of a row, and what waits from one to another. A phase is one walk over the row: it feeds the reductions of one
 * level and stores row values of that level.
 *
 * What waits are reads that several phases make, and row values whose computation has grown long since the last one that
 * waits: without these a chain of dependent norms in one kernel would compute its whole history in every phase. So does
 * what costs as much as an exponential, where it takes the place of what it is computed from: softmax keeps its row until
 * the exponentials are there, and then these. And so does a value that needs less room than what it is computed from, such
 * as the sum of two tensors, and one that reads under bounds, as a concat does. Each is an array with an element for each step
 * of a lane, and is needed from the phase that fills it to the last that reads it. So a chain needs room for a few values,
 * however long it is.
 */
import { coefficientOf, indexAxes, readKey } from "./index-expr.ts";
import {
  readsIn,
  valuesRead,
  visitScalar,
  type Statement,
  type Store,
  type TensorRead,
} from "./index-notation.ts";
import { computeType, type ScalarType, type ValueType } from "./kernel.ts";
import type { DType } from "./dtype.ts";
import { isCostly } from "./op-cost.ts";
import type { KernelSchedule } from "./schedule.ts";

export interface Phase {
  readonly level: number;
  readonly reductions: readonly Statement[];
  readonly stores: readonly Store[];
  /** Sums over the walked axes that take their operands in this phase. */
  readonly carried: readonly Statement[];
  /** Pointwise statements over the row that this phase computes, in order. */
  readonly statements: readonly Statement[];
}

/** One element for each step that a lane takes along the row. */
export interface RowArray {
  /** The read (`readKey`), or the statement whose value it is. */
  readonly name: string;
  readonly kind: "read" | "value";
  readonly scalar: ScalarType;
  /** Axes along which its elements differ. */
  readonly axes: ReadonlySet<string>;
  /** Positions of the phase that fills it and of the last one that needs it. */
  readonly first: number;
  readonly last: number;
}

interface Row {
  readonly rowAxes: readonly string[];
  readonly statements: ReadonlyMap<string, Statement>;
  readonly phases: readonly Phase[];
  /** What each statement reads. */
  readonly read: ReadonlyMap<Statement, StatementReads>;
}

interface StatementReads {
  readonly values: readonly string[];
  /** Reads of tensors that may wait: where a bound guards one, what is loaded may be another element. */
  readonly plain: readonly (Pick<RowArray, "name" | "axes"> & { readonly dtype: DType })[];
}

function readByStatement({ rowAxes, phases }: Omit<Row, "read">): ReadonlyMap<Statement, StatementReads> {
  const all = new Set(phases.flatMap((p) => [...p.statements, ...p.reductions, ...p.carried]));
  const read = (statement: Statement): StatementReads => ({
    values: valuesRead(statement),
    plain: readsIn(statement.value).flatMap(({ read: { tensor, index, dtype }, isGuarded }) =>
      isGuarded || rowAxes.every((axis) => coefficientOf(index, axis) === 0)
        ? []
        : [{ name: readKey(tensor, index), axes: indexAxes(index), dtype }],
    ),
  });
  return new Map([...all].map((statement) => [statement, read(statement)]));
}

/** Ops that are cheaper to repeat than to keep an array for. */
const REPEATED_OPS = 16;

export function findRowArrays(given: Omit<Row, "read">): readonly RowArray[] {
  if (given.phases.length < 2) return [];
  const row = { ...given, read: readByStatement(given) };
  let kept: ReadonlySet<string> = new Set([...findLongValues(row), ...findGuardedValues(row)]);
  let waiting = arraysFor(row, kept);
  for (const statement of findRepeatedValues(row)) {
    // What one phase alone computes, because later ones take what is made of it, need not wait.
    if (kept.has(statement.name) || !waiting.repeated.has(statement.name)) continue;
    const more = new Set([...kept, statement.name]);
    const others = arraysFor(row, more);
    const saved = countPlaces(waiting.arrays) - countPlaces(others.arrays);
    if (saved > 0 || (saved === 0 && hasCostlyOp(statement))) [kept, waiting] = [more, others];
  }
  return waiting.arrays;
}

/** What waits from phase to phase, and which row values several phases compute in spite of it. */
interface Waiting {
  readonly arrays: readonly RowArray[];
  readonly repeated: ReadonlySet<string>;
}

/** The arrays where these values wait, and what several phases read to compute all others. */
function arraysFor(row: Row, kept: ReadonlySet<string>): Waiting {
  const found = new Map<string, RowArray>();
  const need = (
    name: string,
    phase: number,
    fresh: Pick<RowArray, "kind" | "axes"> & { dtype: DType },
  ): void => {
    const { first = phase } = found.get(name) ?? {};
    const { kind, axes, dtype } = fresh;
    found.set(name, { name, kind, axes, scalar: computeType(dtype), first, last: phase });
  };
  const valuesOf = (statement: Statement): readonly string[] => row.read.get(statement)?.values ?? [];
  const filled = new Set<string>();
  const met = new Set<string>();
  const repeated = new Set<string>();
  row.phases.forEach((phase, position) => {
    const needed = statementsOf(phase, (name) => filled.has(name), valuesOf);
    const computed = needed.filter((s) => !filled.has(s.name));
    for (const { name } of computed) (met.has(name) ? repeated : met).add(name);
    for (const statement of [...computed, ...phase.reductions, ...phase.carried])
      for (const { name, axes, dtype } of row.read.get(statement)?.plain ?? [])
        need(name, position, { kind: "read", axes, dtype });
    for (const { name, axes, dtype } of needed)
      if (kept.has(name)) need(name, position, { kind: "value", axes: new Set(axes), dtype });
    for (const { name } of needed) if (kept.has(name)) filled.add(name);
  });
  return { arrays: [...found.values()].filter(({ first, last }) => first < last), repeated };
}

/** Row values of several phases that read under a bound (concat, pad): such a read does not wait, what is made of it can. */
function findGuardedValues(row: Row): readonly string[] {
  const waits = ({ read, isGuarded }: TensorRead): boolean =>
    isGuarded && row.rowAxes.some((axis) => indexAxes(read.index).has(axis));
  return findRepeatedValues(row).flatMap(({ name, value }) => (readsIn(value).some(waits) ? [name] : []));
}

/** Row values of several phases that take many ops from what is read or from other such values. */
function findLongValues({ phases, statements }: Row): ReadonlySet<string> {
  const long = new Set<string>();
  if (phases.length < 3) return long;
  const phasesOf = countPhases(phases);
  const cost = new Map<string, number>();
  for (const statement of statements.values()) {
    const count = phasesOf.get(statement.name);
    if (count === undefined) continue;
    const below = valuesRead(statement).reduce((ops, name) => ops + (cost.get(name) ?? 0), 0);
    const ops = Math.min(below + countOps(statement), 1e6);
    const isLong = count > 1 && ops > REPEATED_OPS;
    if (isLong) long.add(statement.name);
    cost.set(statement.name, isLong ? 0 : ops);
  }
  return long;
}

/** Row values of several phases. */
function findRepeatedValues({ phases, statements }: Row): readonly Statement[] {
  const phasesOf = countPhases(phases);
  return [...statements.values()].filter(({ name }) => (phasesOf.get(name) ?? 0) > 1);
}

/** Whether an op of the value costs as much as an exponential. */
function hasCostlyOp({ value }: Statement): boolean {
  let costly = false;
  visitScalar(value, (e) => (costly ||= e.kind === "map" && isCostly(e.fn)));
  return costly;
}

/** Phases that compute each statement. */
function countPhases(phases: readonly Phase[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const phase of phases)
    for (const s of phase.statements) counts.set(s.name, (counts.get(s.name) ?? 0) + 1);
  return counts;
}

function countOps(statement: Statement): number {
  let ops = 0;
  visitScalar(statement.value, (e) => {
    if (e.kind === "map" || e.kind === "cast") ops++;
  });
  return ops;
}

/** The row values that a phase computes or takes from where they wait, in order: back to what is there already. */
export function statementsOf(
  phase: Phase,
  isFilled: (statement: string) => boolean,
  valuesOf: (statement: Statement) => readonly string[] = valuesRead,
): readonly Statement[] {
  const own = ownStatements(phase);
  const needed = new Set<string>();
  const pending = [
    ...[...phase.reductions, ...phase.carried].flatMap((s) => valuesOf(s)),
    ...phase.stores.map((s) => s.statement),
  ];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const at = own.get(name);
    if (at === undefined || needed.has(name)) continue;
    needed.add(name);
    const statement = phase.statements[at];
    if (statement !== undefined && !isFilled(name)) pending.push(...valuesOf(statement));
  }
  const positions = [...needed].map((name) => own.get(name) ?? 0).sort((one, other) => one - other);
  return positions.flatMap((at) => phase.statements[at] ?? []);
}

const known = new WeakMap<Phase, ReadonlyMap<string, number>>();

/** Positions of the statements of a phase; kept, because choices of what waits ask for them many times. */
function ownStatements(phase: Phase): ReadonlyMap<string, number> {
  const own = known.get(phase) ?? new Map(phase.statements.map((s, position) => [s.name, position]));
  known.set(phase, own);
  return own;
}

type Vectors = Pick<KernelSchedule, "vectorAxis" | "vectorWidth">;

/** The type of an array's elements: vectors where they differ along the axis of vectors. */
export const elementOf = ({ scalar, axes }: RowArray, { vectorAxis, vectorWidth }: Vectors): ValueType => ({
  scalar,
  width: vectorAxis !== null && axes.has(vectorAxis) ? vectorWidth : 1,
});

/**
 * Words of 4 bytes that a lane keeps for each step, in the phase that needs most at once. What a phase needs last makes room
 * for what it fills: at each step it takes the one before it leaves the other.
 */
export function wordsPerStep(arrays: readonly RowArray[], vectors: Vectors): number {
  const phases = arrays.reduce((n, array) => Math.max(n, array.last), 0) + 1;
  const words = Array.from({ length: phases }, () => ({ through: 0, ending: 0, starting: 0 }));
  for (const array of arrays) {
    const { width } = elementOf(array, vectors);
    words.forEach((at, phase) => {
      if (phase < array.first || phase > array.last) return;
      at[phase === array.first ? "starting" : phase === array.last ? "ending" : "through"] += width;
    });
  }
  return Math.max(0, ...words.map(({ through, ending, starting }) => through + Math.max(ending, starting)));
}

/** A place for arrays of one type that are not needed in the same phases. */
export interface RowSlot {
  readonly type: ValueType;
  readonly arrays: readonly RowArray[];
}

/** Slots in which all arrays find room: memory, unlike registers, is not taken back and given to others by itself. */
export function assignSlots(arrays: readonly RowArray[], vectors: Vectors): readonly RowSlot[] {
  const slots = placeInTurn(arrays, (array) => {
    const { scalar, width } = elementOf(array, vectors);
    return `${scalar}x${String(width)}`;
  });
  return slots.flatMap((taken) =>
    taken[0] === undefined ? [] : [{ type: elementOf(taken[0], vectors), arrays: taken }],
  );
}

/** Places that the arrays need whatever the vectors are. */
const countPlaces = (arrays: readonly RowArray[]): number =>
  placeInTurn(arrays, ({ scalar, axes }) => [scalar, ...[...axes].sort()].join(" ")).length;

/** Arrays of one kind that may take turns in one place: each from the phase on that needs the one before it last. */
function placeInTurn(arrays: readonly RowArray[], kindOf: (array: RowArray) => string): RowArray[][] {
  const places: { kind: string; taken: RowArray[]; until: number }[] = [];
  for (const array of [...arrays].sort((a, b) => a.first - b.first)) {
    const kind = kindOf(array);
    const free = places.find((place) => place.until <= array.first && place.kind === kind);
    if (free === undefined) places.push({ kind, taken: [array], until: array.last });
    else {
      free.taken.push(array);
      free.until = array.last;
    }
  }
  return places.map(({ taken }) => taken);
}
