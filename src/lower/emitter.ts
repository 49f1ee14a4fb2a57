/**
 * Where lowering writes: blocks of statements, fresh names, and what has been computed already in each scope. There are
 * two scopes: the grid point (values that live until the kernel ends) and one walk over the row, whose body is inside
 * a loop. Whatever depends on grid axes only goes to the grid scope, also when it is met while a body is written: the
 * body is placed after it.
 */
import {
  indexAxes,
  isAxisTerm,
  isClampTerm,
  printIndex,
  type ClampTerm,
  type IndexExpr,
} from "../ir/index-expr.ts";
import type { GroupView } from "../ir/group-view.ts";
import type { ScalarExpr } from "../ir/index-notation.ts";
import type { Expr, SharedArray, Stmt, ValueType, Width } from "../ir/kernel.ts";
import { typeOf } from "../ir/kernel.ts";
import { lanesSharing, type KernelSchedule } from "../ir/schedule.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { less, nameOf } from "./kernel-expr.ts";

export interface Scope {
  readonly out: Stmt[];
  /** Axis -> its coordinate. The vector axis maps to the coordinate of the first element. */
  readonly axes: ReadonlyMap<string, Expr>;
  /** Statement name or read key -> value. */
  readonly values: Map<string, Expr>;
  /** The grid scope, for a row scope. */
  readonly parent: Scope | undefined;
  /** The step of the row, counted over all its axes, while a walk is written. */
  readonly step: Expr | undefined;
  /** What follows at the end of a step: what it leaves for later phases takes the place of what it has taken. */
  readonly late?: Stmt[];
  /** What was moved to the grid scope, where the same expressions are lowered for several points. */
  readonly moved?: Map<ScalarExpr, Expr>;
}

/** A grid axis whose size the dispatch says, in the units of `unitsOf`; the axis sizes of the view have the largest. */
export interface OpenAxis {
  readonly axis: string;
  /** Name of the u32 scalar that has the size, the last of the kernel's. */
  readonly scalar: string;
}

/** An array in registers or workgroup memory with an element for each step that a lane takes along the row. */
export interface LaneSlot {
  readonly array: string;
  readonly type: ValueType;
}

export interface Emitter {
  readonly view: GroupView;
  readonly schedule: KernelSchedule;
  readonly open: OpenAxis | undefined;
  readonly fresh: (hint: string) => string;
  readonly widths: ReadonlyMap<string, Width>;
  /** Reads and row values that wait between phases, and where; none where rows are read again. */
  readonly rowSlots: ReadonlyMap<string, LaneSlot>;
  /** Sums that are carried along a walk -> name of the register array that keeps them. */
  readonly carried: ReadonlyMap<string, string>;
  /** Staged reductions of more than one point -> the workgroup array that holds them. */
  readonly stageArrays: ReadonlyMap<string, SharedArray>;
  /** Those of `rowSlots` that an earlier phase has filled. Grows as phases are written. */
  readonly filled: Set<string>;
  /** Those that the phase being written fills. */
  readonly filling: Set<string>;
}

/** Fresh names `hint0`, `hint1`, ... counted per hint; names that bindings and scalars have are left out. */
export function namer(reserved: ReadonlySet<string>): (hint: string) => string {
  const counts = new Map<string, number>();
  return (hint) => {
    for (;;) {
      const n = counts.get(hint) ?? 0;
      counts.set(hint, n + 1);
      const name = `${hint}${String(n)}`;
      if (!reserved.has(name)) return name;
    }
  };
}

/** Accesses along an axis: elements over vector width. */
export const unitsOf = (view: GroupView, schedule: KernelSchedule, axis: string): number =>
  (view.sizes.get(axis) ?? 1) / (axis === schedule.vectorAxis ? schedule.vectorWidth : 1);

/** Steps of the row that one lane takes. */
export const stepsPerLane = ({ view, schedule }: Pick<Emitter, "view" | "schedule">): number =>
  schedule.rowAxes.reduce(
    (n, axis) => n * Math.ceil(unitsOf(view, schedule, axis) / lanesSharing(schedule, axis)),
    1,
  );

/** Binds an expression to a name, unless it is one already or a constant. */
export function bind(emitter: Emitter, scope: Pick<Scope, "out">, hint: string, value: Expr): Expr {
  if (value.kind === "name" || value.kind === "const" || value.kind === "uniform") return value;
  const name = emitter.fresh(hint);
  scope.out.push({ kind: "let", name, value });
  return nameOf(name, typeOf(value));
}

/** The scope in which something that depends on these axes is computed. */
export const scopeFor = (scope: Scope, axes: Iterable<string>): Scope => {
  if (scope.parent === undefined) return scope;
  for (const axis of axes) if (!scope.parent.axes.has(axis)) return scope;
  return scope.parent;
};

/** An index expression as u32 arithmetic; `component` is added along the vector axis. */
export function lowerIndex(emitter: Emitter, scope: Scope, expr: IndexExpr, componentAt = 0): Expr {
  const { vectorAxis } = emitter.schedule;
  let sum: Expr | undefined;
  const add = (e: Expr): void => {
    sum = sum === undefined ? e : makeIndex("add", sum, e);
  };
  for (const term of expr.terms) {
    let value: Expr;
    if (isAxisTerm(term)) {
      const at = scope.axes.get(term.axis) ?? scope.parent?.axes.get(term.axis) ?? u32(0);
      value = term.axis === vectorAxis && componentAt > 0 ? makeIndex("add", at, u32(componentAt)) : at;
    } else if (isClampTerm(term)) {
      value = lowerClamp(emitter, scope, term).at;
    } else {
      value = makeIndex("div", lowerIndex(emitter, scope, term.of, componentAt), u32(term.divide));
      if (term.modulo !== 0) value = makeIndex("mod", value, u32(term.modulo));
    }
    add(makeIndex("mul", value, u32(term.coefficient >>> 0)));
  }
  const { offset } = expr;
  if (sum === undefined) return u32(offset >>> 0);
  return offset < 0 ? makeIndex("sub", sum, u32(-offset)) : makeIndex("add", sum, u32(offset));
}

/** A clamped index, and whether it needed no clamping: both once where the coordinates that it is made of are known. */
export function lowerClamp(
  emitter: Emitter,
  scope: Scope,
  { of, atMost }: ClampTerm,
): { readonly at: Expr; readonly inside: Expr } {
  const home = scopeFor(scope, indexAxes(of));
  const key = `min(${printIndex(of)}, ${String(atMost)})`;
  const known = home.values.get(key);
  const place = known ?? bind(emitter, home, "place", lowerIndex(emitter, home, of));
  const at =
    home.values.get(`${key} at`) ?? bind(emitter, home, "place", makeIndex("min", place, u32(atMost)));
  home.values.set(key, place).set(`${key} at`, at);
  return { at, inside: less(place, u32(atMost + 1)) };
}

/** Whether a value at this index differs from element to element of a vector. */
export const isVectorIndex = (emitter: Emitter, expr: IndexExpr): boolean =>
  emitter.schedule.vectorAxis !== null && indexAxes(expr).has(emitter.schedule.vectorAxis);
