/**
 * Coarsens a kernel's lanes: an invocation does the work of several, side by side. Each statement is repeated for the lanes that
 * differ in it; loops, and what all lanes compute alike, are there once.
 *
 *     workgroup_size 16                            workgroup_size 8
 *     var acc = 0                                  var acc = 0
 *     for k in 64 {                                var acc_1 = 0
 *       load v = x[k * 256 + lane]                 for k in 64 {
 *       acc = acc + v                       =>       load v = x[k * 256 + lane]
 *     }                                              load v_1 = x[k * 256 + lane + 8]
 *     store y[lane] = acc                            acc = acc + v
 *                                                    acc_1 = acc_1 + v_1
 *                                                  }
 *                                                  store y[lane] = acc
 *                                                  store y[lane + 8] = acc_1
 *
 * Requires: a kernel whose lanes share nothing: no barriers, no group reductions, no workgroup memory; `times` divides the
 *           workgroup size.
 * Ensures:  every lane's statements run in their order: results keep every bit.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Expr, Kernel, Stmt } from "../ir/kernel.ts";
import {
  collectNames,
  exprsOf,
  forEachExpr,
  makeIndex,
  namesOf,
  rewriteExpr,
  rewriteExprsOf,
  takeName,
  u32,
} from "../ir/walk-kernel.ts";

export function coarsenLanes(kernel: Kernel, times: number): Kernel {
  const { workgroupSize } = kernel;
  if (times === 1) return kernel;
  const lanes = workgroupSize / times;
  if (!Number.isInteger(lanes))
    throw new CompilerBug("lanes cannot be coarsened", [
      `${String(workgroupSize)} lanes, ${String(times)} each`,
    ]);
  const varying = findVarying(kernel.body);
  const taken = collectNames(kernel);
  const copies = Array.from({ length: times }, (_, copy): Copy => {
    const names = new Map(
      [...varying].map((name) => [name, copy === 0 ? name : takeName(taken, `${name}_${String(copy)}`)]),
    );
    return { names, lane: makeIndex("add", { kind: "lane" }, u32(copy * lanes)) };
  });
  return { ...kernel, workgroupSize: lanes, body: repeatVarying(kernel.body, varying, copies) };
}

/** The statements of one of the lanes that an invocation works for. */
interface Copy {
  /** Names and register arrays of which each lane has its own. */
  readonly names: ReadonlyMap<string, string>;
  readonly lane: Expr;
}

const isVarying = (expr: Expr, varying: ReadonlySet<string>): boolean => {
  let found = false;
  forEachExpr(expr, (e) => {
    if (e.kind === "lane" || e.kind === "subgroup") found = true;
    if (e.kind === "name" && varying.has(e.name)) found = true;
    if (e.kind === "register" && varying.has(e.array)) found = true;
  });
  return found;
};

/** Names and register arrays whose values differ between lanes. */
function findVarying(body: readonly Stmt[]): ReadonlySet<string> {
  const varying = new Set<string>();
  for (;;) {
    const before = varying.size;
    addVarying(body, false, varying);
    if (varying.size === before) return varying;
  }
}

function addVarying(body: readonly Stmt[], isInside: boolean, varying: Set<string>): void {
  for (const stmt of body) {
    const differs = isInside || exprsOf(stmt).some((expr) => isVarying(expr, varying));
    if (differs && stmt.kind !== "for")
      for (const name of [...namesOf(stmt), ...assignedBy(stmt)]) varying.add(name);
    if (isInside && stmt.kind === "for") varying.add(stmt.counter);
    if (stmt.kind === "for" || stmt.kind === "if") addVarying(stmt.body, differs, varying);
  }
}

const assignedBy = (stmt: Stmt): readonly string[] =>
  stmt.kind === "assign" ? [stmt.name] : stmt.kind === "setRegister" ? [stmt.array] : [];

function repeatVarying(body: readonly Stmt[], varying: ReadonlySet<string>, copies: readonly Copy[]): Stmt[] {
  return body.flatMap((stmt): Stmt[] => {
    const declares = [...namesOf(stmt), ...assignedBy(stmt)].some((name) => varying.has(name));
    const differs = declares || exprsOf(stmt).some((expr) => isVarying(expr, varying));
    if (differs) return copies.map((copy) => copyStmt(stmt, copy));
    if (stmt.kind !== "for" && stmt.kind !== "if") return [stmt];
    return [{ ...stmt, body: repeatVarying(stmt.body, varying, copies) }];
  });
}

function copyStmt(stmt: Stmt, copy: Copy): Stmt {
  const own = (name: string): string => copy.names.get(name) ?? name;
  const next = rewriteExprsOf(stmt, (expr) =>
    rewriteExpr(expr, (e) => {
      if (e.kind === "lane") return copy.lane;
      if (e.kind === "name") return { ...e, name: own(e.name) };
      if (e.kind === "register") return { ...e, array: own(e.array) };
      return e.kind === "index" ? makeIndex(e.fn, e.args[0], e.args[1]) : e;
    }),
  );
  switch (next.kind) {
    case "let":
    case "var":
    case "assign":
    case "registers":
    case "load":
      return { ...next, name: own(next.name) };
    case "setRegister":
      return { ...next, array: own(next.array) };
    case "delinearize":
      return { ...next, names: next.names.map(own) };
    case "for":
      return { ...next, counter: own(next.counter), body: next.body.map((inner) => copyStmt(inner, copy)) };
    case "if":
      return { ...next, body: next.body.map((inner) => copyStmt(inner, copy)) };
    case "store":
      return next;
    case "sharedLoad":
    case "sharedStore":
    case "barrier":
    case "groupReduce":
      throw new CompilerBug("lanes cannot be coarsened", [`they share something: ${next.kind}`]);
    default:
      return next satisfies never;
  }
}
