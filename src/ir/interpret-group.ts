/**
 * The meaning of a fusion group at some of its grid points, in float64, with the bounds that every correct f32 evaluation
 * stays within. For groups as large as users have them: what a point needs is its row, not the whole tensor.
 *
 * Requires: a group alone with its program (isolate-groups.ts).
 * Ensures:  the elements that the points store, and where; the same values and bounds as `interpretGraph` has for them.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { EXCLUDED } from "./error-bounds.ts";
import { isAxisTerm, isClampTerm, plainAxis, type IndexExpr } from "./index-expr.ts";
import {
  axisSizes,
  visitScalar,
  type Bound,
  type FusionGroup,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "./index-notation.ts";
import { castElements, storedElements } from "./interpret-graph.ts";
import { mapElements, type Elements } from "./interpret-map.ts";
import { reduceStates } from "./interpret-monoid.ts";
import { castValue } from "./round.ts";

/** A coordinate for each axis of the grid, in the order of `FusionGroup.gridAxes`. */
export type GridPoint = readonly number[];

export interface StoredElements {
  readonly tensor: string;
  /** Positions in the tensor, row-major. */
  readonly positions: Float64Array;
  /** Rounded to the tensor's dtype. */
  readonly values: Float64Array;
  readonly bounds: Float64Array;
}

export interface GroupInputs {
  /** An element of a tensor that the group reads, at its row-major position. */
  readonly read: (tensor: string, position: number) => number;
  readonly scalar: (name: string) => number;
}

/** Elements that one point takes: those of its largest statement. */
export function pointSize(program: IndexProgram, group: FusionGroup): number {
  const sizes = axisSizes(program);
  const own = (axes: readonly string[]): number =>
    axes.reduce((n, axis) => n * (group.gridAxes.includes(axis) ? 1 : (sizes.get(axis) ?? 1)), 1);
  return Math.max(...program.statements.map((s) => own([...s.axes, ...(s.reduce?.axes ?? [])])));
}

/** Whether every point can be computed alone: values of the group are read at their own grid point, and none reduces the grid. */
export function hasOwnPoints(program: IndexProgram, { gridAxes }: FusionGroup): boolean {
  const axesOf = new Map(program.statements.map((s) => [s.name, s.axes]));
  let isOwn = true;
  for (const s of program.statements) {
    if (s.reduce?.axes.some((axis) => gridAxes.includes(axis)) === true) isOwn = false;
    visitScalar(s.value, (e) => {
      if (e.kind !== "value") return;
      axesOf.get(e.statement)?.forEach((axis, i) => {
        const at = e.index[i];
        if (gridAxes.includes(axis) && (at === undefined || plainAxis(at) !== axis)) isOwn = false;
      });
    });
  }
  return isOwn;
}

export function interpretGroup(
  program: IndexProgram,
  group: FusionGroup,
  points: readonly GridPoint[],
  inputs: GroupInputs,
): readonly StoredElements[] {
  const machine: Machine = {
    sizes: axisSizes(program),
    gridAxes: group.gridAxes,
    points,
    inputs,
    values: new Map(),
  };
  for (const statement of program.statements) {
    const own = domainOf(machine, statement.axes);
    const value = evaluateStatement(machine, statement, own);
    machine.values.set(statement.name, { axes: statement.axes, domain: own, elements: value });
  }
  const dtypes = new Map(program.tensors.map((t) => [t.name, t.dtype]));
  return program.stores.map(({ tensor, statement, index }) => {
    const { domain, elements } = valueOf(machine, statement);
    const { values, bounds } = castElements(elements, dtypes.get(tensor) ?? "f32");
    return {
      tensor,
      positions: evaluateIndices(domain, index),
      values,
      bounds: bounds ?? new Float64Array(values.length),
    };
  });
}

interface Machine {
  readonly sizes: ReadonlyMap<string, number>;
  readonly gridAxes: readonly string[];
  readonly points: readonly GridPoint[];
  readonly inputs: GroupInputs;
  readonly values: Map<string, ComputedValue>;
}

interface ComputedValue {
  readonly axes: readonly string[];
  readonly domain: Domain;
  readonly elements: Elements;
}

/** The points, and within each all coordinates of the other axes, the last one fastest. */
interface Domain {
  readonly length: number;
  /** Elements of one point. */
  readonly perPoint: number;
  /** Axes that are no grid axes. */
  readonly inner: readonly string[];
  /** Coordinates along an axis, one per element; 0 where the domain lacks the axis. */
  readonly along: (axis: string) => Float64Array;
}

function domainOf(machine: Machine, axes: readonly string[]): Domain {
  const { sizes, gridAxes, points } = machine;
  const inner = axes.filter((axis) => !gridAxes.includes(axis));
  const perPoint = inner.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);
  const length = points.length * perPoint;
  const known = new Map<string, Float64Array>();
  const fill = (axis: string): Float64Array => {
    const out = new Float64Array(length);
    const grid = gridAxes.indexOf(axis);
    if (grid >= 0) {
      points.forEach((point, p) => out.fill(point[grid] ?? 0, p * perPoint, (p + 1) * perPoint));
      return out;
    }
    const at = inner.indexOf(axis);
    if (at < 0) return out;
    const size = sizes.get(axis) ?? 1;
    const stride = inner.slice(at + 1).reduce((n, name) => n * (sizes.get(name) ?? 1), 1);
    for (let i = 0; i < length; i++) out[i] = Math.floor(i / stride) % size;
    return out;
  };
  const along = (axis: string): Float64Array => {
    const found = known.get(axis) ?? fill(axis);
    known.set(axis, found);
    return found;
  };
  return { length, perPoint, inner, along };
}

function evaluateStatement(machine: Machine, { axes, reduce, value }: Statement, own: Domain): Elements {
  if (reduce === undefined) return evaluate(machine, own, value);
  // Reduced axes innermost: each element's row is contiguous then.
  const domain = domainOf(machine, [...axes, ...reduce.axes]);
  const operands = value.kind === "tuple" ? value.args : [value];
  return reduceStates(
    reduce.fn,
    operands.map((operand) => evaluate(machine, domain, operand)),
    own.length,
    domain.length / own.length,
  );
}

function evaluateIndices(domain: Domain, index: IndexExpr): Float64Array {
  const out = new Float64Array(domain.length).fill(index.offset);
  for (const term of index.terms) {
    if (isAxisTerm(term)) {
      const along = domain.along(term.axis);
      for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + term.coefficient * (along[i] ?? 0);
      continue;
    }
    const of = evaluateIndices(domain, term.of);
    if (isClampTerm(term)) {
      const { coefficient, atMost } = term;
      for (let i = 0; i < out.length; i++)
        out[i] = (out[i] ?? 0) + coefficient * Math.min(of[i] ?? 0, atMost);
      continue;
    }
    const { divide, modulo } = term;
    for (let i = 0; i < out.length; i++) {
      const whole = Math.floor((of[i] ?? 0) / divide);
      out[i] =
        (out[i] ?? 0) + term.coefficient * (modulo === 0 ? whole : ((whole % modulo) + modulo) % modulo);
    }
  }
  return out;
}

function evaluate(machine: Machine, domain: Domain, e: ScalarExpr): Elements {
  const { read, scalar } = machine.inputs;
  const stored = (values: Float64Array): Elements => storedElements(e.dtype, values, true);
  switch (e.kind) {
    case "tensor":
      return stored(evaluateIndices(domain, e.index).map((position) => read(e.tensor, position)));
    case "scalar":
      return stored(new Float64Array(domain.length).fill(scalar(e.name)));
    case "const":
      return stored(new Float64Array(domain.length).fill(e.value));
    case "index":
      return stored(evaluateIndices(domain, e.index).map((i) => castValue("i32", e.dtype, i)));
    case "cast":
      return castElements(evaluate(machine, domain, e.arg), e.dtype);
    case "tuple":
      throw new CompilerBug("interpretGroup", ["a tuple is no operand"]);
    case "map":
      return evaluateMap(machine, domain, e);
    case "value":
      return gatherValue(machine, domain, e);
    case "guard":
      return select(
        holds(domain, e.bounds),
        evaluate(machine, domain, e.value),
        evaluate(machine, domain, e.otherwise),
      );
  }
}

/** Equal operands are the same elements: a square is known to be non-negative by that. */
function evaluateMap(machine: Machine, domain: Domain, e: ScalarExpr & { readonly kind: "map" }): Elements {
  const done = new Map<string, Elements>();
  const args = e.args.map((arg) => {
    const key = JSON.stringify(arg);
    const elements = done.get(key) ?? evaluate(machine, domain, arg);
    done.set(key, elements);
    return elements;
  });
  return mapElements(e.fn, args, e.dtype);
}

function valueOf(machine: Machine, statement: string): ComputedValue {
  const found = machine.values.get(statement);
  if (found === undefined) throw new CompilerBug("interpretGroup", [`no value ${statement}`]);
  return found;
}

function gatherValue(machine: Machine, domain: Domain, e: ScalarExpr & { readonly kind: "value" }): Elements {
  const { axes, domain: source, elements } = valueOf(machine, e.statement);
  const positions = new Float64Array(domain.length);
  for (let i = 0; i < positions.length; i++) positions[i] = Math.floor(i / domain.perPoint) * source.perPoint;
  let stride = source.perPoint;
  for (const axis of source.inner) {
    stride /= machine.sizes.get(axis) ?? 1;
    const at = e.index[axes.indexOf(axis)];
    if (at === undefined) throw new CompilerBug("interpretGroup", [`${e.statement} is read without ${axis}`]);
    const along = evaluateIndices(domain, at);
    for (let i = 0; i < positions.length; i++) positions[i] = (positions[i] ?? 0) + stride * (along[i] ?? 0);
  }
  const gather = (data: Float64Array): Float64Array => positions.map((position) => data[position] ?? 0);
  const { values, bounds } = elements;
  return { ...elements, values: gather(values), bounds: bounds === undefined ? undefined : gather(bounds) };
}

function holds(domain: Domain, bounds: readonly Bound[]): Uint8Array {
  const inside = new Uint8Array(domain.length).fill(1);
  for (const { index, low, high } of bounds) {
    const at = evaluateIndices(domain, index);
    for (let i = 0; i < inside.length; i++) if (!((at[i] ?? 0) >= low && (at[i] ?? 0) < high)) inside[i] = 0;
  }
  return inside;
}

function select(inside: Uint8Array, a: Elements, b: Elements): Elements {
  const pick = (x: Float64Array, y: Float64Array): Float64Array =>
    x.map((value, i) => (inside[i] === 1 ? value : (y[i] ?? 0)));
  const none = new Float64Array(inside.length).fill(EXCLUDED);
  return {
    dtype: a.dtype,
    values: pick(a.values, b.values),
    bounds: pick(a.bounds ?? none, b.bounds ?? none),
    isNonnegative: a.isNonnegative && b.isNonnegative,
  };
}
