/**
 * Expands loops marked `unroll`, and turns register arrays into named variables.
 *
 * Requires: a verified kernel; register indices become constants once the loops around them are expanded.
 * Ensures:  no loop marked `unroll`, no `registers`, `setRegister` or `register` is left; names stay unique.
 *
 *     registers r : f32[2]                      var r_0 = 0
 *     for k in 2 unroll {                 =>    var r_1 = 0
 *       load x = v[k] : f32                     load x_0 = v[0] : f32
 *       r[k] = x                                r_0 = x_0
 *     }                                         load x_1 = v[1] : f32
 *                                               r_1 = x_1
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { Expr, Kernel, Stmt, ValueType } from "../../ir/kernel.ts";
import {
  bodyOf,
  collectNames,
  makeIndex,
  namesOf,
  rewriteExprsOf,
  rewriteOperands,
  someStmt,
  takeName,
  u32,
  mapParts,
} from "../../ir/walk-kernel.ts";

/** What the names of one expanded iteration stand for; looked up from the innermost iteration outwards. */
interface Scope {
  readonly parent: Scope | undefined;
  readonly suffix: string;
  readonly names: Map<string, string>;
  readonly constants: Map<string, Expr>;
  readonly registers: Map<string, readonly string[]>;
}

const openScope = (parent: Scope | undefined, suffix: string): Scope => ({
  parent,
  suffix,
  names: new Map(),
  constants: new Map(),
  registers: new Map(),
});

function find<T>(scope: Scope, tableOf: (scope: Scope) => Map<string, T>, name: string): T | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const found = tableOf(at).get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function unrollLoops(kernel: Kernel): Kernel {
  const isExpanded = (stmt: Stmt): boolean =>
    stmt.kind === "registers" || (stmt.kind === "for" && stmt.unroll);
  if (!someStmt(kernel.body, isExpanded)) return kernel;
  const body: Stmt[] = [];
  expandBody(kernel.body, openScope(undefined, ""), collectNames(kernel), body);
  return { ...kernel, body };
}

function expandBody(body: readonly Stmt[], scope: Scope, taken: Set<string>, out: Stmt[]): void {
  for (const stmt of body) {
    if (stmt.kind === "for" && stmt.unroll) {
      for (let k = 0; k < stmt.trips; k++) {
        const inner = openScope(scope, `${scope.suffix}_${String(k)}`);
        inner.constants.set(stmt.counter, u32(k));
        expandBody(stmt.body, inner, taken, out);
      }
    } else if (stmt.kind === "registers") {
      const names = Array.from({ length: stmt.length }, (_, i) =>
        takeName(taken, `${stmt.name}${scope.suffix}_${String(i)}`),
      );
      scope.registers.set(stmt.name, names);
      for (const name of names) out.push({ kind: "var", name, value: zeroOf(stmt.type) });
    } else {
      expandStmt(stmt, scope, taken, out);
    }
  }
}

const zeroOf = (type: ValueType): Expr => ({ kind: "const", type, value: 0 });

function expandStmt(stmt: Stmt, scope: Scope, taken: Set<string>, out: Stmt[]): void {
  const next = rewriteExprsOf(stmt, (expr) => substitute(expr, scope));
  if (next.kind === "setRegister") {
    out.push({ kind: "assign", name: registerName(scope, next.array, next.index), value: next.value });
    return;
  }
  // A let whose value became a constant index may be the index of a register.
  if (next.kind === "let" && next.value.kind === "const" && next.value.type.scalar === "u32") {
    scope.constants.set(next.name, next.value);
    return;
  }
  if (scope.suffix !== "")
    for (const name of namesOf(next)) scope.names.set(name, takeName(taken, name + scope.suffix));
  const renamed = renameDeclared(next, (name) => find(scope, (s) => s.names, name) ?? name);
  if (renamed.kind !== "for" && renamed.kind !== "if") {
    out.push(renamed);
    return;
  }
  const body: Stmt[] = [];
  expandBody(bodyOf(stmt), scope, taken, body);
  out.push({ ...renamed, body });
}

/** Names that a statement declares or assigns; those in expressions are `substitute`'s. */
function renameDeclared(stmt: Stmt, rename: (name: string) => string): Stmt {
  switch (stmt.kind) {
    case "let":
    case "var":
    case "assign":
    case "load":
    case "sharedLoad":
      return { ...stmt, name: rename(stmt.name) };
    case "delinearize":
      return { ...stmt, names: stmt.names.map(rename) };
    case "for":
      return { ...stmt, counter: rename(stmt.counter) };
    case "groupReduce":
      return mapParts(stmt, (part) => ({ ...part, result: rename(part.result) }));
    case "registers":
    case "setRegister":
    case "store":
    case "sharedStore":
    case "if":
    case "barrier":
      return stmt;
    default:
      return stmt satisfies never;
  }
}

function substitute(expr: Expr, scope: Scope): Expr {
  if (expr.kind === "name") {
    const constant = find(scope, (s) => s.constants, expr.name);
    if (constant !== undefined) return constant;
    const name = find(scope, (s) => s.names, expr.name);
    return name === undefined ? expr : { ...expr, name };
  }
  const next = rewriteOperands(expr, (operand) => substitute(operand, scope));
  if (next.kind === "index") return makeIndex(next.fn, next.args[0], next.args[1]);
  if (next.kind === "register")
    return { kind: "name", type: next.type, name: registerName(scope, next.array, next.index) };
  return next;
}

function registerName(scope: Scope, array: string, index: Expr): string {
  const names = find(scope, (s) => s.registers, array);
  const name = index.kind === "const" ? names?.[index.value] : undefined;
  if (name !== undefined) return name;
  const problem =
    index.kind === "const"
      ? `register ${array}[${String(index.value)}] does not exist`
      : `the index of register ${array} is not constant after unrolling`;
  throw new CompilerBug("loops cannot be unrolled", [problem]);
}
