/**
 * Verifies index notation; returns all problems.
 *
 * Invariants: names are unique; axes have size 2 or more (where `leastSize` says so, in what was just built, also 1 or 0); a
 * statement names each of its axes once and reduces others than it keeps; every axis used in an expression is one of its
 * statement's; values are read after their definition, with one index per axis; reads and stores stay inside their tensors
 * (guarded reads excepted); dtypes of operands agree, 16-bit floats being f32 as values; only reductions take tuples; every
 * output with elements is stored by an index that covers it, or by several that cover disjoint parts, and every temporary by one that
 * covers it or by several that cover ranges of it, which do not overlap; gaps of less than a memory sector may stand between the rows of a temporary.
 * Missing: that the index of a store is one-to-one.
 */
import { elementCount, isFloat, type DType } from "./dtype.ts";
import { areDisjoint } from "./disjoint-indices.ts";
import {
  indexAxes,
  indexDigits,
  indexRange,
  isClampTerm,
  type AxisSizes,
  type IndexExpr,
} from "./index-expr.ts";
import {
  axisSizes,
  visitScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
  type Store,
  type StoredTensor,
} from "./index-notation.ts";
import { componentDType, monoidOf, type MonoidName } from "./monoids.ts";
import { SCALAR_OPS } from "./scalar-ops.ts";

interface Check {
  readonly sizes: AxisSizes;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly defined: Map<string, Statement>;
  readonly scalars: ReadonlySet<string>;
  readonly report: (problem: string) => void;
}

export interface VerifyIndexOptions {
  /** Axes are at least so long. Default 2. */
  readonly leastSize?: 0 | 1 | 2 | undefined;
}

export function verifyIndexProgram(
  program: IndexProgram,
  { leastSize = 2 }: VerifyIndexOptions = {},
): readonly string[] {
  const problems: string[] = [];
  const report = (problem: string): void => {
    problems.push(problem);
  };
  const names = [...program.axes, ...program.scalars, ...program.tensors, ...program.statements].map(
    (n) => n.name,
  );
  for (const name of repeated(names).slice(0, 8)) report(`two things are named ${name}`);
  for (const axis of program.axes) {
    if (!Number.isSafeInteger(axis.size) || axis.size < leastSize)
      report(`axis ${axis.name} has size ${String(axis.size)}`);
  }
  const check: Check = {
    sizes: axisSizes(program),
    tensors: new Map(program.tensors.map((t) => [t.name, t])),
    defined: new Map(),
    scalars: new Set(program.scalars.map((s) => s.name)),
    report,
  };
  for (const statement of program.statements) {
    verifyStatement(check, statement);
    check.defined.set(statement.name, statement);
  }
  for (const store of program.stores) {
    const tensor = check.tensors.get(store.tensor);
    const statement = check.defined.get(store.statement);
    if (tensor === undefined || statement === undefined)
      report(`store of ${store.statement} to ${store.tensor}: one of them is missing`);
    else verifyStore(check, statement, tensor, store.index);
  }
  verifyCoverage(check, program);
  return problems;
}

/** Every element that may be read has been stored, once. */
function verifyCoverage(check: Check, program: IndexProgram): void {
  const { sizes, defined, report } = check;
  const storesOf = Map.groupBy(program.stores, (s) => s.tensor);
  for (const { name, role, shape } of program.tensors) {
    const stores = storesOf.get(name) ?? [];
    const length = elementCount(shape);
    if (role === "input" && stores.length > 0) report(`input ${name} is stored to`);
    if (role === "input" || length === 0) continue;
    if (stores.length === 0) report(`${role} ${name} is stored 0 times`);
    if (role === "output" && stores.length > 1) {
      verifyParts(check, name, length, stores);
      continue;
    }
    const isWhole = stores.length === 1;
    let end = 0;
    // What else is wrong with a store has been told.
    const ranges = stores.flatMap(({ statement, index }) =>
      [...indexAxes(index)].every((axis) => sizes.has(axis))
        ? [{ statement, index, range: indexRange(index, sizes) }]
        : [],
    );
    for (const { statement, index, range } of ranges.sort((a, b) => a.range[0] - b.range[0])) {
      const [low, high] = range;
      const axes = defined.get(statement)?.axes;
      if (axes === undefined) continue;
      const points = countPoints(axes, index, sizes);
      const room = isWhole ? length : high - low + 1;
      const isPadded = role === "temporary" && hasShortGaps(index, sizes);
      if (isPadded ? points > room : points !== room)
        report(`store of ${statement} to ${name} writes ${String(points)} of ${String(room)} elements`);
      if (low < end) report(`store of ${statement} to ${name} overlaps another`);
      end = high + 1;
    }
  }
}

/** Several statements store an output: disjoint parts that are all of it. */
function verifyParts(
  { sizes, defined, report }: Check,
  name: string,
  length: number,
  stores: readonly Store[],
): void {
  // What else is wrong with a store has been told.
  const known = stores.filter(({ statement, index }) => {
    const axes = defined.get(statement)?.axes ?? [];
    return [...indexAxes(index)].every((axis) => axes.includes(axis) && sizes.has(axis));
  });
  const points = known.reduce(
    (sum, { statement, index }) => sum + countPoints(defined.get(statement)?.axes ?? [], index, sizes),
    0,
  );
  if (points !== length) report(`stores to ${name} write ${String(points)} of ${String(length)} elements`);
  for (const [i, one] of known.entries())
    for (const two of known.slice(i + 1))
      if (!areDisjoint(one.index, two.index, sizes))
        report(`stores of ${one.statement} and ${two.statement} to ${name} may overlap`);
}

/** Points of a statement that a store writes: what it clamps it leaves out. */
function countPoints(axes: readonly string[], index: IndexExpr, sizes: AxisSizes): number {
  const digits = index.terms.some(isClampTerm) ? indexDigits(index, sizes) : undefined;
  return digits !== undefined && indexAxes(index).size === axes.length
    ? digits.reduce((n, { count }) => n * count, 1)
    : axes.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);
}

/** Elements that may be left out between rows that start at memory sectors. */
const MOST_LEFT_OUT = 7;

/** Whether an index takes different values at all points, with nothing but such gaps between them. */
function hasShortGaps(index: IndexExpr, sizes: AxisSizes): boolean {
  const digits = [...(indexDigits(index, sizes) ?? [])].sort((a, b) => a.coefficient - b.coefficient);
  let next = 1;
  return digits.every(({ coefficient, count }) => {
    const gap = coefficient - next;
    next = coefficient * count;
    return gap >= 0 && gap <= MOST_LEFT_OUT;
  });
}

/** What occurs more than once, each once. */
function repeated(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return [...twice];
}

/** 16-bit floats are storage: a value of theirs is an f32 like any other, and a temporary keeps it as one. */
const isSameValue = (a: DType, b: DType): boolean => a === b || (isFloat(a) && isFloat(b));

function verifyStatement(check: Check, statement: Statement): void {
  const own = [...statement.axes, ...(statement.reduce?.axes ?? [])];
  const where = `statement ${statement.name}`;
  if (new Set(own).size !== own.length) check.report(`${where} has an axis twice`);
  for (const axis of own) if (!check.sizes.has(axis)) check.report(`${where} has unknown axis ${axis}`);
  if (!isSameValue(statement.value.dtype, statement.dtype))
    check.report(`${where} is ${statement.dtype}, its value ${statement.value.dtype}`);
  const { reduce, value } = statement;
  if (reduce !== undefined)
    verifyOperands(check, where, reduce.fn, value.kind === "tuple" ? value.args : [value]);
  const allowed = new Set(own);
  // A statement without points reads nothing.
  const isNowhere = own.some((axis) => check.sizes.get(axis) === 0);
  const guarded = new Set<ScalarExpr>();
  visitScalar(statement.value, (e) => {
    if (e.kind === "tuple" && (e !== value || reduce === undefined))
      check.report(`${where} has a tuple that is not what it reduces`);
    if (e.kind !== "guard") {
      verifyExpr(check, where, e, allowed, isNowhere || guarded.has(e));
      return;
    }
    for (const side of [e.value, e.otherwise]) visitScalar(side, (inner) => guarded.add(inner));
    verifyExpr(check, where, e, allowed, isNowhere || guarded.has(e));
  });
}

/** Operands of an element, or the components of a state. */
function verifyOperands(check: Check, where: string, fn: MonoidName, given: readonly ScalarExpr[]): void {
  const { operands, components } = monoidOf(fn);
  if (given.length !== operands && given.length !== components.length)
    check.report(`${where}: ${fn} takes ${String(operands)} operands`);
  given.forEach(({ dtype }, i) => {
    const wanted = componentDType(components[i] ?? "operand", given[0]?.dtype ?? dtype);
    if (!isSameValue(dtype, wanted)) check.report(`${where}: operand ${String(i)} of ${fn} is ${wanted}`);
  });
}

function verifyExpr(
  check: Check,
  where: string,
  e: ScalarExpr,
  allowed: ReadonlySet<string>,
  guarded: boolean,
): void {
  const { report } = check;
  const axesKnown = (index: IndexExpr): boolean => {
    const strange = [...indexAxes(index)].filter((axis) => !allowed.has(axis) || !check.sizes.has(axis));
    if (strange.length > 0) report(`${where} uses axis ${strange.join(", ")}, which is not its own`);
    return strange.length === 0;
  };
  switch (e.kind) {
    case "tensor": {
      const tensor = check.tensors.get(e.tensor);
      if (tensor === undefined) report(`${where} reads unknown tensor ${e.tensor}`);
      else if (axesKnown(e.index) && !guarded)
        verifyRange(check, `${where} reads ${e.tensor}`, e.index, elementCount(tensor.shape));
      break;
    }
    case "value": {
      const producer = check.defined.get(e.statement);
      if (producer === undefined) report(`${where} reads ${e.statement} before it is defined`);
      else if (producer.axes.length !== e.index.length)
        report(`${where} reads ${e.statement} with ${String(e.index.length)} indices`);
      e.index.forEach((index, i) => {
        const size = check.sizes.get(producer?.axes[i] ?? "");
        if (axesKnown(index) && !guarded && size !== undefined)
          verifyRange(check, `${where} reads ${e.statement}`, index, size);
      });
      break;
    }
    case "scalar":
      if (!check.scalars.has(e.name)) report(`${where} reads unknown scalar ${e.name}`);
      break;
    case "index":
      axesKnown(e.index);
      break;
    case "map":
      verifyMap(check, where, e);
      break;
    case "tuple":
      break;
    case "guard":
      for (const bound of e.bounds) axesKnown(bound.index);
      if (!isSameValue(e.value.dtype, e.otherwise.dtype))
        report(`${where}: both sides of a guard must have one dtype`);
      break;
    default:
      break;
  }
}

function verifyMap(check: Check, where: string, e: ScalarExpr & { readonly kind: "map" }): void {
  const info = SCALAR_OPS[e.fn];
  if (e.args.length !== info.arity) check.report(`${where}: ${e.fn} takes ${String(info.arity)} operands`);
  const operands = e.fn === "where" ? e.args.slice(1) : e.args;
  const [first] = operands;
  if (first !== undefined && operands.some((a) => !isSameValue(a.dtype, first.dtype)))
    check.report(`${where}: operands of ${e.fn} differ in dtype`);
}

function verifyRange(check: Check, what: string, index: IndexExpr, limit: number): void {
  const [low, high] = indexRange(index, check.sizes);
  if (low < 0 || high >= limit)
    check.report(`${what} at ${String(low)} to ${String(high)}, outside 0 to ${String(limit - 1)}`);
}

function verifyStore(check: Check, statement: Statement, tensor: StoredTensor, index: IndexExpr): void {
  const axes = [...indexAxes(index)];
  const what = `store of ${statement.name} to ${tensor.name}`;
  if (axes.some((axis) => !statement.axes.includes(axis)))
    check.report(`${what} uses axes that it does not have`);
  else verifyRange(check, what, index, elementCount(tensor.shape));
}
