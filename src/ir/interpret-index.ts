/**
 * The meaning of index notation: statements in order, every point of every axis, in float64 as the graph's interpreter.
 * Expressions become closures over the coordinates once per statement; there is no other cleverness.
 *
 * Requires: a verified program; inputs hold every input tensor (row-major) and scalar without default by name.
 * Ensures:  the elements of every output and temporary, rounded to their dtype.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { elementCount } from "./dtype.ts";
import { isAxisTerm, isClampTerm, type IndexExpr } from "./index-expr.ts";
import {
  axisSizes,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
  type Store,
} from "./index-notation.ts";
import { reduceNumbers } from "./monoids.ts";
import { castValue, roundTo } from "./round.ts";
import { evaluateScalar, wrapInteger } from "./scalar-ops.ts";

type Point = Int32Array;
type Evaluate = (at: Point) => number;

interface Machine {
  readonly slots: ReadonlyMap<string, number>;
  readonly sizes: ReadonlyMap<string, number>;
  readonly tensors: Map<string, Float64Array>;
  readonly values: Map<string, { readonly statement: Statement; readonly data: Float64Array }>;
  readonly scalars: ReadonlyMap<string, number>;
}

export function interpretIndexProgram(
  program: IndexProgram,
  inputs: ReadonlyMap<string, ArrayLike<number> | number>,
): Map<string, Float64Array> {
  const machine: Machine = {
    slots: new Map(program.axes.map((a, i) => [a.name, i])),
    sizes: axisSizes(program),
    tensors: new Map(),
    values: new Map(),
    scalars: new Map(program.scalars.map((s) => [s.name, scalarValue(s.name, inputs, s.default)])),
  };
  for (const tensor of program.tensors) {
    const given = inputs.get(tensor.name);
    const count = elementCount(tensor.shape);
    const data =
      tensor.role !== "input" || given === undefined || typeof given === "number"
        ? new Float64Array(count).fill(typeof given === "number" ? given : 0)
        : Float64Array.from(given);
    machine.tensors.set(tensor.name, data);
  }
  const dtypes = new Map(program.tensors.map((t) => [t.name, t.dtype]));
  const storesOf = new Map<string, Store[]>();
  for (const store of program.stores)
    storesOf.set(store.statement, [...(storesOf.get(store.statement) ?? []), store]);
  for (const statement of program.statements) {
    runStatement(machine, statement);
    for (const { tensor, index } of storesOf.get(statement.name) ?? []) {
      const dtype = dtypes.get(tensor);
      if (dtype !== undefined) writeStore(machine, statement, index, dtype, tensor);
    }
  }
  for (const tensor of program.tensors) if (tensor.role === "input") machine.tensors.delete(tensor.name);
  return machine.tensors;
}

function scalarValue(
  name: string,
  inputs: ReadonlyMap<string, ArrayLike<number> | number>,
  fallback: number | undefined,
): number {
  const given = inputs.get(name);
  const value = typeof given === "number" ? given : (given?.[0] ?? fallback);
  if (value === undefined) throw new CompilerBug("index interpreter", [`scalar ${name} has no value`]);
  return value;
}

/** Calls `visit` at every point of the axes, the last one fastest. */
function forEachPoint(machine: Machine, axes: readonly string[], at: Point, visit: () => void): void {
  const total = axes.reduce((n, axis) => n * (machine.sizes.get(axis) ?? 1), 1);
  const slots = axes.map((axis) => machine.slots.get(axis) ?? 0);
  const sizes = axes.map((axis) => machine.sizes.get(axis) ?? 1);
  for (const slot of slots) at[slot] = 0;
  for (let n = 0; n < total; n++) {
    visit();
    for (let d = slots.length - 1; d >= 0; d--) {
      const slot = slots[d] ?? 0;
      const next = (at[slot] ?? 0) + 1;
      at[slot] = next < (sizes[d] ?? 1) ? next : 0;
      if (next < (sizes[d] ?? 1)) break;
    }
  }
}

function runStatement(machine: Machine, statement: Statement): void {
  if (statement.reduce !== undefined) {
    runReduction(machine, statement, statement.reduce);
    return;
  }
  const evaluate = compileExpr(machine, statement.value);
  const at = new Int32Array(machine.slots.size);
  const data = new Float64Array(statement.axes.reduce((n, axis) => n * (machine.sizes.get(axis) ?? 1), 1));
  let position = 0;
  forEachPoint(machine, statement.axes, at, () => {
    data[position++] = evaluate(at);
  });
  machine.values.set(statement.name, { statement, data });
}

/** Each point gathers the operands of its row, whose meaning is the monoid's. */
function runReduction(
  machine: Machine,
  statement: Statement,
  { fn, axes }: NonNullable<Statement["reduce"]>,
): void {
  const exprs = statement.value.kind === "tuple" ? statement.value.args : [statement.value];
  const evaluate = exprs.map((e) => compileExpr(machine, e));
  const count = (names: readonly string[]): number =>
    names.reduce((n, axis) => n * (machine.sizes.get(axis) ?? 1), 1);
  const data = new Float64Array(count(statement.axes));
  const length = count(axes);
  const operands = exprs.map(() => new Float64Array(length));
  const dtype = exprs[0]?.dtype ?? statement.dtype;
  const at = new Int32Array(machine.slots.size);
  let position = 0;
  forEachPoint(machine, statement.axes, at, () => {
    let i = 0;
    forEachPoint(machine, axes, at, () => {
      evaluate.forEach((value, k) => {
        const operand = operands[k];
        if (operand !== undefined) operand[i] = value(at);
      });
      i++;
    });
    data[position++] = reduceNumbers(fn, { dtype, operands, start: 0, end: length });
  });
  machine.values.set(statement.name, { statement, data });
}

function compileIndex(machine: Machine, index: IndexExpr): Evaluate {
  const parts = index.terms.map((term): Evaluate => {
    if (isAxisTerm(term)) {
      const slot = machine.slots.get(term.axis) ?? 0;
      return (at) => term.coefficient * (at[slot] ?? 0);
    }
    const of = compileIndex(machine, term.of);
    if (isClampTerm(term)) return (at) => term.coefficient * Math.min(of(at), term.atMost);
    return (at) => {
      const value = Math.floor(of(at) / term.divide);
      return (
        term.coefficient * (term.modulo === 0 ? value : ((value % term.modulo) + term.modulo) % term.modulo)
      );
    };
  });
  return (at) => parts.reduce((sum, part) => sum + part(at), index.offset);
}

function readAt(data: Float64Array, position: number, what: string): number {
  const value = data[position];
  if (value === undefined)
    throw new CompilerBug("index interpreter", [`${what} is read at ${String(position)}`]);
  return value;
}

function compileExpr(machine: Machine, e: ScalarExpr): Evaluate {
  switch (e.kind) {
    case "tensor": {
      const data = machine.tensors.get(e.tensor) ?? new Float64Array(0);
      const index = compileIndex(machine, e.index);
      return (at) => readAt(data, index(at), e.tensor);
    }
    case "value":
      return compileValueRead(machine, e);
    case "scalar": {
      const value = machine.scalars.get(e.name) ?? Number.NaN;
      return () => value;
    }
    case "const":
      return () => e.value;
    case "index": {
      const index = compileIndex(machine, e.index);
      return (at) => (e.dtype === "i32" || e.dtype === "u32" ? wrapInteger(e.dtype, index(at)) : index(at));
    }
    case "cast": {
      const arg = compileExpr(machine, e.arg);
      return (at) => castValue(e.arg.dtype, e.dtype, arg(at));
    }
    case "tuple":
      throw new CompilerBug("index interpreter", ["a tuple is no operand"]);
    case "map": {
      const args = e.args.map((a) => compileExpr(machine, a));
      const operand = e.args[e.args.length - 1]?.dtype ?? e.dtype;
      return (at) =>
        evaluateScalar(
          e.fn,
          operand,
          args.map((arg) => arg(at)),
        );
    }
    case "guard": {
      const bounds = e.bounds.map((b) => ({ ...b, at: compileIndex(machine, b.index) }));
      const [value, otherwise] = [compileExpr(machine, e.value), compileExpr(machine, e.otherwise)];
      return (at) => {
        const inside = bounds.every((b) => b.at(at) >= b.low && b.at(at) < b.high);
        return inside ? value(at) : otherwise(at);
      };
    }
  }
}

function compileValueRead(machine: Machine, e: ScalarExpr & { readonly kind: "value" }): Evaluate {
  const producer = machine.values.get(e.statement);
  if (producer === undefined)
    throw new CompilerBug("index interpreter", [`${e.statement} is read before it is computed`]);
  let stride = 1;
  const strides = [...producer.statement.axes]
    .reverse()
    .map((axis) => {
      const own = stride;
      stride *= machine.sizes.get(axis) ?? 1;
      return own;
    })
    .reverse();
  const indices = e.index.map((index) => compileIndex(machine, index));
  return (at) =>
    readAt(
      producer.data,
      indices.reduce((sum, index, i) => sum + index(at) * (strides[i] ?? 1), 0),
      e.statement,
    );
}

function writeStore(
  machine: Machine,
  statement: Statement,
  index: IndexExpr,
  dtype: Parameters<typeof roundTo>[0],
  tensor: string,
): void {
  const target = machine.tensors.get(tensor);
  const source = machine.values.get(statement.name);
  if (target === undefined || source === undefined) return;
  const at = new Int32Array(machine.slots.size);
  const place = compileIndex(machine, index);
  const clamped = index.terms.flatMap((term) =>
    isClampTerm(term) ? [{ of: compileIndex(machine, term.of), atMost: term.atMost }] : [],
  );
  let position = 0;
  forEachPoint(machine, statement.axes, at, () => {
    const value = source.data[position++] ?? 0;
    if (clamped.every(({ of, atMost }) => of(at) <= atMost)) target[place(at)] = roundTo(dtype, value);
  });
}
