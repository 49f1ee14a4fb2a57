/**
 * Walks over kernels that passes share: operands of expressions and statements, rewriting them, fresh names, and index
 * arithmetic that folds as it is built.
 *
 * Recursion is as deep as expressions and blocks nest, which `verifyKernel` bounds (MAX_NESTING); lists of statements,
 * which grow with the graph, are walked in loops.
 */
import { evaluateIndex } from "./kernel-values.ts";
import { U32, isSubgroupRuns, typeOf } from "./kernel.ts";
import type { Expr, GroupReducePart, IndexOp, Kernel, Stmt } from "./kernel.ts";

/** Deepest expression and deepest block of a valid kernel. WGSL compilers refuse little more (Tint: 127 blocks). */
export const MAX_NESTING = 100;

export const u32 = (value: number): Expr => ({ kind: "const", type: U32, value });
export const LANE: Expr = { kind: "lane" };
export const WORKGROUP: Expr = { kind: "workgroup" };

/** Operands of an expression. */
export function operandsOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "const":
    case "name":
    case "uniform":
    case "workgroup":
    case "lane":
    case "subgroup":
      return [];
    case "register":
      return [expr.index];
    case "index":
    case "op":
      return expr.args;
    case "cast":
    case "splat":
    case "component":
      return [expr.arg];
    case "vector":
      return expr.parts;
    default:
      return expr satisfies never;
  }
}

/** The expression with each operand replaced; the same object when none changed. */
export function rewriteOperands(expr: Expr, rewrite: (operand: Expr) => Expr): Expr {
  switch (expr.kind) {
    case "const":
    case "name":
    case "uniform":
    case "workgroup":
    case "lane":
    case "subgroup":
      return expr;
    case "register": {
      const index = rewrite(expr.index);
      return index === expr.index ? expr : { ...expr, index };
    }
    case "index": {
      const [a, b] = [rewrite(expr.args[0]), rewrite(expr.args[1])];
      return a === expr.args[0] && b === expr.args[1] ? expr : { ...expr, args: [a, b] };
    }
    case "op": {
      const args = rewriteEach(expr.args, rewrite);
      return args === expr.args ? expr : { ...expr, args };
    }
    case "vector": {
      const parts = rewriteEach(expr.parts, rewrite);
      return parts === expr.parts ? expr : { ...expr, parts };
    }
    case "cast":
    case "splat":
    case "component": {
      const arg = rewrite(expr.arg);
      return arg === expr.arg ? expr : { ...expr, arg };
    }
    default:
      return expr satisfies never;
  }
}

function rewriteEach(list: readonly Expr[], rewrite: (expr: Expr) => Expr): readonly Expr[] {
  const next = list.map(rewrite);
  return next.every((expr, i) => expr === list[i]) ? list : next;
}

/** Rewrites bottom-up: `rewrite` sees a node whose operands are rewritten already. */
export const rewriteExpr = (expr: Expr, rewrite: (expr: Expr) => Expr): Expr =>
  rewrite(rewriteOperands(expr, (operand) => rewriteExpr(operand, rewrite)));

/** Expressions that a statement evaluates itself, without those of its body. */
export function exprsOf(stmt: Stmt): readonly Expr[] {
  switch (stmt.kind) {
    case "let":
    case "var":
    case "assign":
      return [stmt.value];
    case "setRegister":
    case "store":
    case "sharedStore":
      return [stmt.index, stmt.value];
    case "load":
    case "sharedLoad":
      return [stmt.index];
    case "delinearize":
      return [stmt.from];
    case "if":
      return [stmt.condition];
    case "groupReduce":
      return [
        ...stmt.items.flatMap(({ parts }) => parts.map(({ value }) => value)),
        ...(isSubgroupRuns(stmt.order) ? [stmt.order.within] : []),
      ];
    case "registers":
    case "for":
    case "barrier":
      return [];
    default:
      return stmt satisfies never;
  }
}

/** The statement with its own expressions replaced, its body untouched; the same object when none changed. */
export function rewriteExprsOf(stmt: Stmt, rewrite: (expr: Expr) => Expr): Stmt {
  switch (stmt.kind) {
    case "let":
    case "var":
    case "assign": {
      const value = rewrite(stmt.value);
      return value === stmt.value ? stmt : { ...stmt, value };
    }
    case "setRegister":
    case "store":
    case "sharedStore": {
      const [index, value] = [rewrite(stmt.index), rewrite(stmt.value)];
      return index === stmt.index && value === stmt.value ? stmt : { ...stmt, index, value };
    }
    case "load":
    case "sharedLoad": {
      const index = rewrite(stmt.index);
      return index === stmt.index ? stmt : { ...stmt, index };
    }
    case "delinearize": {
      const from = rewrite(stmt.from);
      return from === stmt.from ? stmt : { ...stmt, from };
    }
    case "if": {
      const condition = rewrite(stmt.condition);
      return condition === stmt.condition ? stmt : { ...stmt, condition };
    }
    case "groupReduce": {
      const order = isSubgroupRuns(stmt.order) ? { within: rewrite(stmt.order.within) } : stmt.order;
      return mapParts({ ...stmt, order }, (part) => ({ ...part, value: rewrite(part.value) }));
    }
    case "registers":
    case "for":
    case "barrier":
      return stmt;
    default:
      return stmt satisfies never;
  }
}

/** A group reduction with its parts replaced. */
export const mapParts = (
  stmt: Stmt & { kind: "groupReduce" },
  edit: (part: GroupReducePart) => GroupReducePart,
): Stmt => ({ ...stmt, items: stmt.items.map((item) => ({ ...item, parts: item.parts.map(edit) })) });

export const bodyOf = (stmt: Stmt): readonly Stmt[] =>
  stmt.kind === "for" || stmt.kind === "if" ? stmt.body : [];

/** Visits every statement, outer before inner, in order. */
export function forEachStmt(body: readonly Stmt[], visit: (stmt: Stmt) => void): void {
  for (const stmt of body) {
    visit(stmt);
    forEachStmt(bodyOf(stmt), visit);
  }
}

/** Whether some statement, at any depth, is as asked. */
export const someStmt = (body: readonly Stmt[], holds: (stmt: Stmt) => boolean): boolean =>
  body.some((stmt) => holds(stmt) || someStmt(bodyOf(stmt), holds));

/** Visits an expression and all that it is made of. */
export function forEachExpr(expr: Expr, visit: (expr: Expr) => void): void {
  visit(expr);
  for (const operand of operandsOf(expr)) forEachExpr(operand, visit);
}

/** Replaces statements, bodies first; the same list when nothing changed. */
export function rewriteStmts(
  body: readonly Stmt[],
  rewrite: (stmt: Stmt) => readonly Stmt[],
): readonly Stmt[] {
  const out: Stmt[] = [];
  let changed = false;
  for (const stmt of body) {
    const inner = rewriteStmts(bodyOf(stmt), rewrite);
    const next =
      (stmt.kind === "for" || stmt.kind === "if") && inner !== stmt.body ? { ...stmt, body: inner } : stmt;
    const replaced = rewrite(next);
    changed ||= replaced.length !== 1 || replaced[0] !== stmt;
    for (const one of replaced) out.push(one);
  }
  return changed ? out : body;
}

/** Names that a statement declares. */
export function namesOf(stmt: Stmt): readonly string[] {
  switch (stmt.kind) {
    case "let":
    case "var":
    case "registers":
    case "load":
    case "sharedLoad":
      return [stmt.name];
    case "delinearize":
      return stmt.names;
    case "for":
      return [stmt.counter];
    case "groupReduce":
      return stmt.items.flatMap(({ parts }) => parts.map(({ result }) => result));
    case "assign":
    case "setRegister":
    case "store":
    case "sharedStore":
    case "if":
    case "barrier":
      return [];
    default:
      return stmt satisfies never;
  }
}

/** All names that a kernel declares, those of bindings, scalars and shared arrays included. */
export function collectNames(kernel: Kernel): Set<string> {
  const names = new Set<string>();
  for (const { name } of [...kernel.bindings, ...kernel.scalars, ...kernel.shared]) names.add(name);
  forEachStmt(kernel.body, (stmt) => {
    for (const name of namesOf(stmt)) names.add(name);
  });
  return names;
}

/** `base`, or the first of `base_`, `base__`, ... that is free; it is taken from then on. */
export function takeName(taken: Set<string>, base: string): string {
  let name = base;
  while (taken.has(name)) name += "_";
  taken.add(name);
  return name;
}

const constantOf = (expr: Expr): number | undefined =>
  expr.kind === "const" && typeOf(expr).scalar === "u32" ? expr.value : undefined;

/** Index arithmetic with constants folded and neutral elements gone. Exact: u32 wraps on both sides alike. */
export function makeIndex(fn: IndexOp, a: Expr, b: Expr): Expr {
  const [x, y] = [constantOf(a), constantOf(b)];
  if (x !== undefined && y !== undefined && !(y === 0 && (fn === "div" || fn === "mod")))
    return u32(evaluateIndex(fn, x, y));
  if (x !== undefined && (fn === "add" || fn === "mul")) return makeIndex(fn, b, a);
  if (y === 0 && (fn === "add" || fn === "sub")) return a;
  if (y === 1 && (fn === "mul" || fn === "div")) return a;
  if ((y === 0 && (fn === "mul" || fn === "min")) || (y === 1 && fn === "mod")) return u32(0);
  const inner = a.kind === "index" && a.fn === fn ? constantOf(a.args[1]) : undefined;
  if (a.kind === "index" && y !== undefined && inner !== undefined && (fn === "add" || fn === "mul"))
    return makeIndex(fn, a.args[0], u32(evaluateIndex(fn, inner, y)));
  return { kind: "index", fn, args: [a, b] };
}

/** `index / by` where every term shows that it is a multiple of `by`; undefined where that cannot be seen. */
export function divideExactly(index: Expr, by: number): Expr | undefined {
  if (by === 1) return index;
  const constant = constantOf(index);
  if (constant !== undefined) return constant % by === 0 ? u32(constant / by) : undefined;
  if (index.kind !== "index") return undefined;
  const [a, b] = index.args;
  if (index.fn === "mul") {
    const left = divideExactly(a, by);
    const right = left === undefined ? divideExactly(b, by) : b;
    return right === undefined ? undefined : makeIndex("mul", left ?? a, right);
  }
  if (index.fn === "div" || index.fn === "mod") return undefined;
  const [left, right] = [divideExactly(a, by), divideExactly(b, by)];
  return left === undefined || right === undefined ? undefined : makeIndex(index.fn, left, right);
}
