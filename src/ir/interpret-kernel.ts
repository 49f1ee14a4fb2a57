/**
 * What a kernel means: all lanes of a workgroup step through the statements together, under a mask. Slow and obvious; the
 * oracle for lowering and code generation.
 *
 * Floats are float64 throughout and round where they are stored (to the binding's dtype) and at casts; i32 and u32 wrap;
 * bools are 0 or 1. Workgroups run one after another.
 *
 * Requires: a verified kernel.
 * Ensures:  whatever a GPU would leave undefined throws `CompilerBug`: accesses out of bounds (kernel-memory.ts), races,
 *           barriers that some lanes miss, registers read before they are set.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { evaluateElement, evaluateIndex } from "./kernel-values.ts";
import { openBuffer, openShared, representScalar } from "./kernel-memory.ts";
import type { Place, SharedMemory, StorageBuffer } from "./kernel-memory.ts";
import { laneFinder, reduceRows, type LaneRows } from "./lane-rows.ts";
import { castValue, roundTo } from "./round.ts";
import { isSubgroupRuns, typeOf } from "./kernel.ts";
import type { Expr, Kernel, Stmt, ValueType } from "./kernel.ts";

interface Registers {
  readonly type: ValueType;
  /** One entry per register, undefined until a lane sets it. */
  readonly values: (Float64Array | undefined)[];
  readonly isSet: Uint8Array[];
}

/** One workgroup at work. Values are arrays over lanes, a vector's elements side by side. */
interface Workgroup {
  readonly kernel: Kernel;
  readonly index: number;
  readonly lanes: number;
  readonly buffers: ReadonlyMap<string, StorageBuffer>;
  readonly scalars: ReadonlyMap<string, number>;
  readonly shared: ReadonlyMap<string, SharedMemory>;
  readonly sharedTypes: ReadonlyMap<string, ValueType>;
  readonly values: Map<string, Float64Array>;
  readonly registers: Map<string, Registers>;
  readonly subgroupSize: number | undefined;
}

export interface InterpretOptions {
  /**
   * Lanes of a subgroup, where the kernel does not say: it is one that `legalize` has made, whose reductions among neighbours
   * then have to stay inside a subgroup. Without it, all group reductions are what lowering means by them.
   */
  readonly subgroupSize?: number;
}

type Mask = Uint8Array;

/** Runs the kernel over `buffers` (by binding name), whose read_write entries it changes; missing ones are made. */
export function interpretKernel(
  kernel: Kernel,
  buffers: Map<string, Float64Array>,
  scalars: ReadonlyMap<string, number> = new Map(),
  options: InterpretOptions = {},
): void {
  const opened = new Map<string, StorageBuffer>();
  for (const binding of kernel.bindings) {
    const values = buffers.get(binding.name) ?? new Float64Array(binding.elements);
    buffers.set(binding.name, values);
    opened.set(binding.name, openBuffer(binding, values));
  }
  const known = new Map(
    kernel.scalars.map(({ name, dtype }) => [name, representScalar(dtype, scalars.get(name) ?? NaN)]),
  );
  for (let index = 0; index < kernel.workgroupCount; index++) {
    const workgroup: Workgroup = {
      kernel,
      index,
      lanes: kernel.workgroupSize,
      buffers: opened,
      scalars: known,
      shared: new Map(kernel.shared.map((array) => [array.name, openShared(array)])),
      sharedTypes: new Map(kernel.shared.map(({ name, type }) => [name, type])),
      values: new Map(),
      registers: new Map(),
      subgroupSize: kernel.subgroupSize ?? options.subgroupSize,
    };
    runBody(kernel.body, workgroup, new Uint8Array(kernel.workgroupSize).fill(1));
  }
}

function failIn(workgroup: Workgroup, problem: string): never {
  throw new CompilerBug(`kernel ${workgroup.kernel.name} does what no kernel may do`, [
    `${problem} (workgroup ${String(workgroup.index)})`,
  ]);
}

const find = <T>(table: ReadonlyMap<string, T>, name: string, workgroup: Workgroup): T =>
  table.get(name) ?? failIn(workgroup, `${name} is not declared`);

function runBody(body: readonly Stmt[], workgroup: Workgroup, mask: Mask): void {
  for (const stmt of body) runStmt(stmt, workgroup, mask);
}

function runStmt(stmt: Stmt, workgroup: Workgroup, mask: Mask): void {
  const { values, lanes } = workgroup;
  switch (stmt.kind) {
    case "let":
    case "var":
      values.set(stmt.name, evaluate(stmt.value, workgroup, mask).slice());
      return;
    case "assign": {
      const target = find(values, stmt.name, workgroup);
      copyLanes(evaluate(stmt.value, workgroup, mask), target, typeOf(stmt.value).width, mask);
      return;
    }
    case "registers":
      workgroup.registers.set(stmt.name, {
        type: stmt.type,
        values: new Array<Float64Array | undefined>(stmt.length),
        isSet: Array.from({ length: stmt.length }, () => new Uint8Array(lanes)),
      });
      return;
    case "setRegister":
      setRegister(stmt, workgroup, mask);
      return;
    case "load":
    case "sharedLoad": {
      const type = stmt.kind === "load" ? stmt.type : find(workgroup.sharedTypes, stmt.array, workgroup);
      const memory =
        stmt.kind === "load"
          ? find(workgroup.buffers, stmt.buffer, workgroup)
          : find(workgroup.shared, stmt.array, workgroup);
      const loaded = new Float64Array(lanes * type.width);
      const index = evaluate(stmt.index, workgroup, mask);
      forEachActive(workgroup, mask, (lane, place) => {
        memory.load(index[lane] ?? 0, place, loaded, lane * type.width);
      });
      values.set(stmt.name, loaded);
      return;
    }
    case "store":
    case "sharedStore": {
      const memory =
        stmt.kind === "store"
          ? find(workgroup.buffers, stmt.buffer, workgroup)
          : find(workgroup.shared, stmt.array, workgroup);
      const { width } = typeOf(stmt.value);
      const value = evaluate(stmt.value, workgroup, mask);
      const index = evaluate(stmt.index, workgroup, mask);
      forEachActive(workgroup, mask, (lane, place) => {
        memory.store(index[lane] ?? 0, place, value, lane * width);
      });
      return;
    }
    default:
      runStructured(stmt, workgroup, mask);
  }
}

type Structured = Extract<Stmt, { kind: "delinearize" | "for" | "if" | "barrier" | "groupReduce" }>;

function runStructured(stmt: Structured, workgroup: Workgroup, mask: Mask): void {
  switch (stmt.kind) {
    case "delinearize":
      delinearize(stmt, workgroup, mask);
      return;
    case "for":
      for (let k = 0; k < stmt.trips; k++) {
        workgroup.values.set(stmt.counter, new Float64Array(workgroup.lanes).fill(k));
        runBody(stmt.body, workgroup, mask);
      }
      return;
    case "if": {
      const condition = evaluate(stmt.condition, workgroup, mask);
      const inner = mask.map((active, lane) => (active === 1 && condition[lane] === 1 ? 1 : 0));
      if (inner.includes(1)) runBody(stmt.body, workgroup, inner);
      return;
    }
    case "barrier":
      if (mask.includes(0)) failIn(workgroup, "some lanes miss a barrier");
      for (const memory of workgroup.shared.values()) memory.pass();
      return;
    case "groupReduce": {
      if (mask.includes(0)) failIn(workgroup, "some lanes miss a group reduction");
      const rows = laneRows(stmt, workgroup, mask);
      for (const { fn, parts } of stmt.items) {
        const partials = parts.map(({ value }) => evaluate(value, workgroup, mask));
        const type = typeOf(parts[0]?.value ?? { kind: "lane" });
        const totals = reduceRows(rows, fn, type, partials);
        parts.forEach(({ result }, i) => workgroup.values.set(result, totals[i] ?? new Float64Array(0)));
      }
      return;
    }
    default:
      return stmt satisfies never;
  }
}

function forEachActive(workgroup: Workgroup, mask: Mask, visit: (lane: number, place: Place) => void): void {
  for (let lane = 0; lane < workgroup.lanes; lane++)
    if (mask[lane] === 1)
      visit(lane, {
        kernel: workgroup.kernel.name,
        workgroup: workgroup.index,
        lane,
        invocation: workgroup.index * workgroup.lanes + lane,
      });
}

function copyLanes(from: Float64Array, to: Float64Array, width: number, mask: Mask): void {
  for (let lane = 0; lane < mask.length; lane++)
    if (mask[lane] === 1) for (let c = lane * width; c < (lane + 1) * width; c++) to[c] = from[c] ?? 0;
}

/** Register indices become constants, so all lanes agree on them. */
function registerIndex(index: Expr, array: Registers, workgroup: Workgroup, mask: Mask): number {
  const k = evaluate(index, workgroup, mask)[0] ?? 0;
  return k < array.isSet.length ? k : failIn(workgroup, `register ${String(k)} does not exist`);
}

function setRegister(stmt: Stmt & { kind: "setRegister" }, workgroup: Workgroup, mask: Mask): void {
  const array = find(workgroup.registers, stmt.array, workgroup);
  const k = registerIndex(stmt.index, array, workgroup, mask);
  const held = array.values[k] ?? new Float64Array(workgroup.lanes * array.type.width);
  copyLanes(evaluate(stmt.value, workgroup, mask), held, array.type.width, mask);
  array.values[k] = held;
  mask.forEach((active, lane) => {
    const isSet = array.isSet[k];
    if (active === 1 && isSet !== undefined) isSet[lane] = 1;
  });
}

function delinearize(stmt: Stmt & { kind: "delinearize" }, workgroup: Workgroup, mask: Mask): void {
  let rest = evaluate(stmt.from, workgroup, mask);
  const product = stmt.sizes.reduce((n, size) => n * size, 1);
  mask.forEach((active, lane) => {
    if (active === 1 && (rest[lane] ?? 0) >= product)
      failIn(
        workgroup,
        `${String(rest[lane])} is split into ${stmt.names.join(", ")} of ${stmt.sizes.join(" x ")}`,
      );
  });
  for (let d = stmt.names.length - 1; d >= 0; d--) {
    const size = stmt.sizes[d] ?? 1;
    workgroup.values.set(stmt.names[d] ?? "", d === 0 ? rest : rest.map((n) => n % size));
    rest = rest.map((n) => Math.floor(n / size));
  }
}

function laneRows(stmt: Stmt & { kind: "groupReduce" }, workgroup: Workgroup, mask: Mask): LaneRows {
  const { order } = stmt;
  const { subgroupSize } = workgroup;
  let lanes = stmt.lanes;
  if (isSubgroupRuns(order)) {
    const size = subgroupSize ?? failIn(workgroup, "nothing says how large subgroups are");
    lanes = Math.min(size, evaluate(order.within, workgroup, mask)[0] ?? 0);
    if (size > stmt.lanes) failIn(workgroup, `a subgroup has ${String(size)} lanes`);
    if (workgroup.lanes % size !== 0) failIn(workgroup, "a subgroup is not full");
  } else if (subgroupSize !== undefined && stmt.method === "subgroup") {
    if (order !== "inner" || subgroupSize % lanes !== 0)
      failIn(workgroup, `${String(lanes)} lanes do not share a subgroup of ${String(subgroupSize)}`);
  }
  const rows = workgroup.lanes / lanes;
  return { rows, lanes, laneOf: laneFinder(isSubgroupRuns(order) ? "inner" : order, lanes, rows) };
}

/** The expression in every lane. The result may be a variable's own array: callers copy before they write. */
function evaluate(expr: Expr, workgroup: Workgroup, mask: Mask): Float64Array {
  const { lanes } = workgroup;
  const { scalar, width } = typeOf(expr);
  switch (expr.kind) {
    case "const":
      return new Float64Array(lanes * width).fill(expr.value);
    case "name":
      return find(workgroup.values, expr.name, workgroup);
    case "register": {
      const array = find(workgroup.registers, expr.array, workgroup);
      const k = registerIndex(expr.index, array, workgroup, mask);
      if (mask.some((active, lane) => active === 1 && array.isSet[k]?.[lane] !== 1))
        failIn(workgroup, `register ${expr.array}[${String(k)}] is read before it is set`);
      return array.values[k] ?? new Float64Array(lanes * width);
    }
    case "uniform":
      return new Float64Array(lanes).fill(find(workgroup.scalars, expr.name, workgroup));
    case "workgroup":
      return new Float64Array(lanes).fill(workgroup.index);
    case "lane":
      return Float64Array.from({ length: lanes }, (_, lane) => lane);
    case "subgroup": {
      const size = workgroup.subgroupSize ?? failIn(workgroup, "nothing says how large subgroups are");
      return Float64Array.from({ length: lanes }, (_, lane) =>
        expr.part === "size" ? size : expr.part === "id" ? Math.floor(lane / size) : lane % size,
      );
    }
    case "index": {
      const [a, b] = [evaluate(expr.args[0], workgroup, mask), evaluate(expr.args[1], workgroup, mask)];
      return a.map((x, lane) => evaluateIndex(expr.fn, x, b[lane] ?? 0));
    }
    case "op": {
      const args = expr.args.map((arg) => evaluate(arg, workgroup, mask));
      const operand = typeOf(expr.args.at(-1) ?? expr).scalar;
      const out = new Float64Array(lanes * width);
      for (let i = 0; i < out.length; i++)
        out[i] = evaluateElement(
          expr.fn,
          operand,
          args.map((arg) => arg[i] ?? 0),
        );
      return out;
    }
    case "cast": {
      const from = typeOf(expr.arg).scalar;
      const { round } = expr;
      const cast = evaluate(expr.arg, workgroup, mask).map((x) => castValue(from, scalar, x));
      return round === undefined ? cast : cast.map((x) => roundTo(round, x));
    }
    case "splat": {
      const arg = evaluate(expr.arg, workgroup, mask);
      return Float64Array.from({ length: lanes * width }, (_, i) => arg[Math.floor(i / width)] ?? 0);
    }
    case "vector": {
      const parts = expr.parts.map((part) => evaluate(part, workgroup, mask));
      return Float64Array.from(
        { length: lanes * width },
        (_, i) => parts[i % width]?.[Math.floor(i / width)] ?? 0,
      );
    }
    case "component": {
      const arg = evaluate(expr.arg, workgroup, mask);
      const from = typeOf(expr.arg).width;
      return Float64Array.from({ length: lanes }, (_, lane) => arg[lane * from + expr.component] ?? 0);
    }
    default:
      return expr satisfies never;
  }
}
