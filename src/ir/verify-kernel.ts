/**
 * Checks a kernel and returns all problems found; an empty list means that the kernel is valid.
 *
 * Held: names are identifiers, unique in the kernel, and declared before use in an enclosing block; operands have the
 * types and widths that their op takes; conditions are scalar bools, indices scalar u32; bindings and shared arrays
 * exist, stores go to read_write bindings, accesses have the binding's width; a constant index is aligned to that width
 * and in range; assignments go to vars of the same type; register indices are made of constants and counters of
 * unrolled loops; barriers and group reductions stand in uniform control flow; lanes divide the workgroup, and so do
 * subgroups of a size that the kernel asks for; runs of a subgroup are as long in all of them; trip counts are integers; the grid covers the workgroups; nothing nests deeper than MAX_NESTING.
 *
 * Missing: bounds of indices that are not constant, and races (the interpreter finds both for the inputs it is run on).
 */
import type { GroupReduceItem, Kernel, Stmt, ValueType, LaneDigit } from "./kernel.ts";
import { computeType, isSubgroupRuns, typeOf } from "./kernel.ts";
import { monoidOf } from "./monoids.ts";
import { checkExpr, checkIndex, isUniform, printValueType, sameType } from "./verify-kernel-expr.ts";
import type { ArrayName, KernelScope } from "./verify-kernel-expr.ts";
import { MAX_NESTING } from "./walk-kernel.ts";

/** The type of what a binding's load gives: 16-bit floats are widened. */
export const loadedType = (binding: Kernel["bindings"][number]): ValueType => {
  const { dtype, width } = binding;
  return { scalar: computeType(dtype), width };
};

export function verifyKernel(kernel: Kernel): readonly string[] {
  const problems: string[] = [];
  const scope: KernelScope = {
    kernel,
    values: new Map(),
    arrays: new Map(),
    declared: new Set(),
    problems,
    uniform: true,
    depth: 0,
  };
  checkHeader(scope);
  checkBody(kernel.body, scope);
  return problems;
}

const isPowerOfTwo = (n: number): boolean => n >= 1 && Number.isInteger(Math.log2(n));
const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 1;

function checkHeader(scope: KernelScope): void {
  const { kernel, problems } = scope;
  const { workgroupSize, workgroupCount, workgroups } = kernel;
  if (!isCount(workgroupSize) || workgroupSize > 1024)
    problems.push(`workgroup size ${String(workgroupSize)} is not between 1 and 1024`);
  if (!isCount(workgroupCount)) problems.push(`workgroup count ${String(workgroupCount)} is not a count`);
  const { subgroupSize } = kernel;
  if (subgroupSize !== undefined && (!isPowerOfTwo(subgroupSize) || workgroupSize % subgroupSize !== 0))
    problems.push(`subgroups of ${String(subgroupSize)} do not make up the workgroup`);
  const [x, y, z] = workgroups;
  if (![x, y].every(isCount) || z !== 1 || x * y < workgroupCount)
    problems.push(`the grid ${workgroups.join(" x ")} does not cover ${String(workgroupCount)} workgroups`);
  for (const { name, elements, width } of kernel.bindings) {
    declare(name, scope);
    if (!isCount(elements) || elements % width !== 0)
      problems.push(`binding ${name} has ${String(elements)} elements, no positive multiple of its width`);
  }
  for (const { name } of kernel.scalars) declare(name, scope);
  for (const { name, type, length } of kernel.shared) {
    declare(name, scope);
    scope.arrays.set(name, { type, length, kind: "shared" });
    if (!isCount(length)) problems.push(`shared array ${name} has length ${String(length)}`);
  }
}

function declare(name: string, scope: KernelScope): void {
  if (!/^[A-Za-z_]\w*$/.test(name)) scope.problems.push(`${JSON.stringify(name)} is not an identifier`);
  if (scope.declared.has(name)) scope.problems.push(`${name} is declared twice`);
  scope.declared.add(name);
}

/** Names of a block end with it, so its scope starts as a view on the outer one that is taken back afterwards. */
function checkBody(body: readonly Stmt[], scope: KernelScope): void {
  if (scope.depth > MAX_NESTING) {
    scope.problems.push(`blocks nest deeper than ${String(MAX_NESTING)}`);
    return;
  }
  const own: string[] = [];
  for (const stmt of body) {
    const before = scope.problems.length;
    own.push(...checkStmt(stmt, scope));
    for (let i = before; i < scope.problems.length; i++) {
      const problem = scope.problems[i] ?? "";
      if (!problem.includes(" (in ")) scope.problems[i] = `${problem} (in ${describe(stmt)})`;
    }
  }
  for (const name of own) {
    scope.values.delete(name);
    if (scope.arrays.get(name)?.kind === "register") scope.arrays.delete(name);
  }
}

function describe(stmt: Stmt): string {
  switch (stmt.kind) {
    case "let":
    case "var":
    case "assign":
    case "load":
    case "sharedLoad":
    case "registers":
      return `${stmt.kind} ${stmt.name}`;
    case "store":
      return `store to ${stmt.buffer}`;
    case "sharedStore":
    case "setRegister":
      return `${stmt.kind} to ${stmt.array}`;
    case "for":
      return `for ${stmt.counter}`;
    case "delinearize":
      return `delinearize ${stmt.names.join(", ")}`;
    case "if":
    case "barrier":
    case "groupReduce":
      return stmt.kind;
    default:
      return stmt satisfies never;
  }
}

/** Checks one statement; gives the names that it declares in its block. */
function checkStmt(stmt: Stmt, scope: KernelScope): readonly string[] {
  switch (stmt.kind) {
    case "let":
    case "var": {
      checkExpr(stmt.value, scope);
      const uniform = stmt.kind === "let" && isUniform(stmt.value, scope);
      return [declareValue(stmt.name, typeOf(stmt.value), stmt.kind, uniform, scope)];
    }
    case "assign":
      checkExpr(stmt.value, scope);
      checkAssign(stmt, scope);
      return [];
    case "registers":
      declare(stmt.name, scope);
      if (!isCount(stmt.length)) scope.problems.push(`register array of length ${String(stmt.length)}`);
      scope.arrays.set(stmt.name, { type: stmt.type, length: stmt.length, kind: "register" });
      return [stmt.name];
    case "setRegister":
    case "sharedStore": {
      const kind = stmt.kind === "setRegister" ? "register" : "shared";
      const array = findArray(stmt.array, kind, scope);
      checkExpr(stmt.value, scope);
      expectType(typeOf(stmt.value), array?.type, scope);
      checkIndex(stmt.index, kind, array, scope);
      return [];
    }
    case "sharedLoad": {
      const array = findArray(stmt.array, "shared", scope);
      checkIndex(stmt.index, "shared", array, scope);
      return [declareValue(stmt.name, array?.type ?? { scalar: "f32", width: 1 }, "let", false, scope)];
    }
    case "load":
    case "store":
      return checkAccess(stmt, scope);
    case "delinearize":
      return checkDelinearize(stmt, scope);
    case "for":
    case "if":
      checkBlock(stmt, scope);
      return [];
    case "barrier":
      if (!scope.uniform) scope.problems.push("barrier in control flow that is not uniform");
      return [];
    case "groupReduce":
      return checkGroupReduce(stmt, scope);
    default:
      return stmt satisfies never;
  }
}

function declareValue(
  name: string,
  type: ValueType,
  kind: "let" | "var" | "counter" | "unrolled",
  uniform: boolean,
  scope: KernelScope,
): string {
  declare(name, scope);
  scope.values.set(name, { type, kind, uniform });
  return name;
}

function expectType(actual: ValueType, expected: ValueType | undefined, scope: KernelScope): void {
  if (expected !== undefined && !sameType(actual, expected))
    scope.problems.push(`expected ${printValueType(expected)}, found ${printValueType(actual)}`);
}

function findArray(name: string, kind: ArrayName["kind"], scope: KernelScope): ArrayName | undefined {
  const array = scope.arrays.get(name);
  if (array?.kind === kind) return array;
  scope.problems.push(`no ${kind} array ${name}`);
  return undefined;
}

function checkAssign(stmt: Stmt & { kind: "assign" }, scope: KernelScope): void {
  const target = scope.values.get(stmt.name);
  if (target?.kind !== "var") scope.problems.push(`${stmt.name} is no var in scope`);
  else expectType(typeOf(stmt.value), target.type, scope);
}

function checkAccess(stmt: Stmt & { kind: "load" | "store" }, scope: KernelScope): readonly string[] {
  const binding = scope.kernel.bindings.find(({ name }) => name === stmt.buffer);
  if (binding === undefined) scope.problems.push(`no binding ${stmt.buffer}`);
  else {
    checkIndex(stmt.index, "binding", { length: binding.elements, step: binding.width }, scope);
    if (stmt.kind === "load") expectType(stmt.type, loadedType(binding), scope);
    else expectType(typeOf(stmt.value), loadedType(binding), scope);
    if (stmt.kind === "store" && binding.access === "read")
      scope.problems.push(`binding ${stmt.buffer} is read-only`);
  }
  if (stmt.kind === "load") return [declareValue(stmt.name, stmt.type, "let", false, scope)];
  checkExpr(stmt.value, scope);
  return [];
}

function checkDelinearize(stmt: Stmt & { kind: "delinearize" }, scope: KernelScope): readonly string[] {
  checkIndex(stmt.from, "binding", undefined, scope);
  if (stmt.names.length !== stmt.sizes.length || stmt.names.length === 0)
    scope.problems.push("names and sizes do not match");
  if (!stmt.sizes.every(isCount)) scope.problems.push(`sizes ${stmt.sizes.join(", ")} are not counts`);
  const uniform = isUniform(stmt.from, scope);
  return stmt.names.map((name) => declareValue(name, { scalar: "u32", width: 1 }, "let", uniform, scope));
}

function checkBlock(stmt: Stmt & { kind: "for" | "if" }, scope: KernelScope): void {
  if (stmt.kind === "for") {
    if (!Number.isSafeInteger(stmt.trips) || stmt.trips < 0 || stmt.trips >= 2 ** 32)
      scope.problems.push(`${String(stmt.trips)} trips`);
    declareValue(
      stmt.counter,
      { scalar: "u32", width: 1 },
      stmt.unroll ? "unrolled" : "counter",
      true,
      scope,
    );
    checkBody(stmt.body, Object.assign(scope, { depth: scope.depth + 1 }));
    scope.values.delete(stmt.counter);
  } else {
    checkExpr(stmt.condition, scope);
    expectType(typeOf(stmt.condition), { scalar: "bool", width: 1 }, scope);
    const outer = scope.uniform;
    scope.uniform = outer && isUniform(stmt.condition, scope);
    checkBody(stmt.body, Object.assign(scope, { depth: scope.depth + 1 }));
    scope.uniform = outer;
  }
  scope.depth -= 1;
}

/** One part for each component of the monoid, of its type, all of one width. */
function checkState({ fn, parts }: GroupReduceItem, scope: KernelScope): void {
  const { operand, components } = monoidOf(fn);
  const types = parts.map(({ value }) => typeOf(value));
  for (const { value } of parts) checkExpr(value, scope);
  if (types.length !== components.length)
    scope.problems.push(
      `${fn} combines ${String(components.length)} components, not ${String(types.length)}`,
    );
  types.forEach(({ scalar, width }, i) => {
    const wanted = components[i];
    const fits =
      wanted === "operand"
        ? (operand === "bool") === (scalar === "bool")
        : wanted === undefined || scalar === wanted;
    if (!fits) scope.problems.push(`${fn} does not combine ${scalar} values`);
    if (width !== types[0]?.width) scope.problems.push(`components of ${fn} differ in width`);
  });
}

function checkGroupReduce(stmt: Stmt & { kind: "groupReduce" }, scope: KernelScope): readonly string[] {
  if (!scope.uniform) scope.problems.push("group reduction in control flow that is not uniform");
  if (!isCount(stmt.lanes) || scope.kernel.workgroupSize % stmt.lanes !== 0)
    scope.problems.push(
      `${String(stmt.lanes)} lanes do not divide workgroups of ${String(scope.kernel.workgroupSize)}`,
    );
  if (isSubgroupRuns(stmt.order)) {
    checkIndex(stmt.order.within, "binding", undefined, scope);
    if (!isUniform(stmt.order.within, scope)) scope.problems.push("runs of a subgroup differ in length");
    if (!isPowerOfTwo(stmt.lanes))
      scope.problems.push(`${String(stmt.lanes)} lanes are no size of a subgroup`);
  } else if (typeof stmt.order !== "string") {
    const count = (digits: readonly LaneDigit[]): number => digits.reduce((n, { size }) => n * size, 1);
    if (
      count(stmt.order) !== scope.kernel.workgroupSize ||
      count(stmt.order.filter((d) => d.shared)) !== stmt.lanes
    )
      scope.problems.push("the digits of a group reduction do not give its lanes and the workgroup size");
  }
  for (const item of stmt.items) checkState(item, scope);
  return stmt.items
    .flatMap(({ parts }) => parts)
    .map(({ result, value }) => declareValue(result, typeOf(value), "let", false, scope));
}
