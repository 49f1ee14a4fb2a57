/**
 * Scalar expressions of index notation to kernel expressions. A value that depends on the vector axis is a vector, any
 * other a scalar that is repeated where it meets one.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { elementCount } from "../ir/dtype.ts";
import { indexAxes, readKey, type IndexExpr } from "../ir/index-expr.ts";
import { visitScalar, type Bound, type ScalarExpr } from "../ir/index-notation.ts";
import type { Expr, ValueType, Width } from "../ir/kernel.ts";
import { BOOL, computeType, typeOf } from "../ir/kernel.ts";
import { bind, isVectorIndex, lowerIndex, scopeFor, type Emitter, type Scope } from "./emitter.ts";
import { makeIndex, u32 } from "../ir/walk-kernel.ts";
import { keepValue, takeKept } from "./keep-rows.ts";
import { readStaged } from "./staged-values.ts";
import { component, constant, less, nameOf, op, widen } from "./kernel-expr.ts";

/** Lowers `expr` into `scope`; `clamp` keeps loads under a guard inside their tensor. */
export function lowerValue(emitter: Emitter, scope: Scope, expr: ScalarExpr, clamp = false): Expr {
  const home = scope.parent === undefined ? scope : scopeFor(scope, axesOf(emitter, expr));
  if (home !== scope) {
    const moved = scope.moved?.get(expr) ?? bind(emitter, home, "g", lowerValue(emitter, home, expr, clamp));
    scope.moved?.set(expr, moved);
    return moved;
  }
  const scalar = computeType(expr.dtype);
  switch (expr.kind) {
    case "const":
      return constant(scalar, expr.value);
    case "scalar":
      return { kind: "uniform", type: { scalar, width: 1 }, name: expr.name };
    case "tensor":
      return lowerRead(emitter, scope, expr.tensor, expr.index, clamp);
    case "value":
      return readStaged(emitter, scope, expr.statement) ?? readValue(scope, expr.statement);
    case "index":
      return lowerIota(emitter, scope, expr.index, { scalar, width: 1 });
    case "cast": {
      const arg = lowerValue(emitter, scope, expr.arg, clamp);
      const type: ValueType = { scalar, width: typeOf(arg).width };
      // 16-bit types are storage: a cast to one rounds, and the value stays f32.
      if (expr.dtype === "f16" || expr.dtype === "bf16") {
        const wide: Expr = typeOf(arg).scalar === "f32" ? arg : { kind: "cast", type, arg };
        return { kind: "cast", type, arg: wide, round: expr.dtype };
      }
      return typeOf(arg).scalar === scalar ? arg : { kind: "cast", type, arg };
    }
    case "map": {
      const args = expr.args.map((a) => lowerValue(emitter, scope, a, clamp));
      const width = widest(args);
      return op(expr.fn, { scalar, width }, ...args.map((a) => widen(a, width)));
    }
    case "tuple":
      throw new CompilerBug("lowering", ["a tuple is no operand"]);
    case "guard": {
      const condition = bind(emitter, scope, "inside", lowerBounds(emitter, scope, expr.bounds));
      const [yes, no] = [
        lowerValue(emitter, scope, expr.value, true),
        lowerValue(emitter, scope, expr.otherwise, true),
      ];
      const width = widest([yes, no]);
      return op("where", { scalar, width }, widen(condition, width), widen(yes, width), widen(no, width));
    }
  }
}

const widest = (exprs: readonly Expr[]): Width =>
  exprs.reduce<Width>((width, e) => (typeOf(e).width > width ? typeOf(e).width : width), 1);

function axesOf(emitter: Emitter, expr: ScalarExpr): Set<string> {
  const axes = new Set<string>();
  visitScalar(expr, (e) => {
    if (e.kind === "tensor" || e.kind === "index") indexAxes(e.index, axes);
    if (e.kind === "guard") for (const bound of e.bounds) indexAxes(bound.index, axes);
    if (e.kind === "value")
      for (const axis of emitter.view.statements.get(e.statement)?.axes ?? []) axes.add(axis);
  });
  return axes;
}

export function readValue(scope: Scope, statement: string): Expr {
  let value: Expr | undefined;
  for (let at: Scope | undefined = scope; at !== undefined && value === undefined; at = at.parent)
    value = at.values.get(statement);
  if (value === undefined)
    throw new CompilerBug("lowering", [`value ${statement} is read before it is computed`]);
  return value;
}

/** A read of a tensor in this scope, whatever scope its index would allow. */
export const readTensor = (emitter: Emitter, scope: Scope, tensor: string, at: IndexExpr): Expr =>
  load(emitter, scope, tensor, at, false);

/** Loads once per scope; from where the read waits when an earlier phase has made it. Clamped reads never wait. */
function lowerRead(emitter: Emitter, scope: Scope, tensor: string, at: IndexExpr, clamp: boolean): Expr {
  const key = `${readKey(tensor, at)}${clamp ? "?" : ""}`;
  const known = scope.values.get(key);
  if (known !== undefined) return known;
  const waiting = takeKept(emitter, scope, key);
  const loaded = waiting ?? load(emitter, scope, tensor, at, clamp);
  if (waiting === undefined) keepValue(emitter, scope, key, loaded);
  scope.values.set(key, loaded);
  return loaded;
}

function load(emitter: Emitter, scope: Scope, tensor: string, at: IndexExpr, clamp: boolean): Expr {
  const stored = emitter.view.tensors.get(tensor);
  if (stored === undefined) throw new CompilerBug("lowering", [`no tensor ${tensor}`]);
  const scalar = computeType(stored.dtype);
  const width: Width = isVectorIndex(emitter, at) ? emitter.schedule.vectorWidth : 1;
  const type: ValueType = { scalar, width };
  const bindingWidth = emitter.widths.get(tensor) ?? 1;
  const count = elementCount(stored.shape);
  const loadAt = (position: Expr, t: ValueType): Expr => {
    const name = emitter.fresh("v");
    const safe = clamp ? makeIndex("min", position, u32(count - t.width)) : position;
    scope.out.push({ kind: "load", name, type: t, buffer: tensor, index: safe });
    return nameOf(name, t);
  };
  if (width === bindingWidth) return loadAt(lowerIndex(emitter, scope, at), type);
  if (bindingWidth !== 1) throw new CompilerBug("lowering", [`binding ${tensor} is wider than its access`]);
  const parts = Array.from({ length: width }, (_, c) =>
    loadAt(lowerIndex(emitter, scope, at, c), { scalar, width: 1 }),
  );
  return bind(emitter, scope, "v", { kind: "vector", type, parts });
}

/** Coordinates as numbers; along the vector axis one per element. */
function lowerIota(emitter: Emitter, scope: Scope, at: IndexExpr, type: ValueType): Expr {
  const one = (c: number): Expr => {
    const position = lowerIndex(emitter, scope, at, c);
    return type.scalar === "u32" ? position : { kind: "cast", type, arg: position };
  };
  if (!isVectorIndex(emitter, at)) return one(0);
  const width = emitter.schedule.vectorWidth;
  return { kind: "vector", type: { ...type, width }, parts: Array.from({ length: width }, (_, c) => one(c)) };
}

/** low <= index < high in wrapping u32 arithmetic is one comparison: index - low < high - low. */
function lowerBounds(emitter: Emitter, scope: Scope, bounds: readonly Bound[]): Expr {
  const tests = bounds.map(({ index: at, low, high }) =>
    less(makeIndex("sub", lowerIndex(emitter, scope, at), u32(low)), u32(high - low)),
  );
  return tests.reduce((a, b) => op("and", BOOL, a, b));
}

/** The states of a vector's elements combined into one, neighbours first. */
export function foldElements(
  state: readonly Expr[],
  combine: (a: readonly Expr[], b: readonly Expr[]) => readonly Expr[],
): readonly Expr[] {
  const width = Math.max(1, ...state.map((e) => typeOf(e).width));
  let elements = Array.from({ length: width }, (_, c) =>
    state.map((e) => (width === 1 ? e : component(e, c))),
  );
  while (elements.length > 1) {
    const next: Expr[][] = [];
    for (let i = 0; i < elements.length; i += 2) {
      const [a, b] = [elements[i], elements[i + 1]];
      if (a !== undefined && b !== undefined) next.push([...combine(a, b)]);
    }
    elements = next;
  }
  return elements[0] ?? state;
}
