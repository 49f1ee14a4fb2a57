/**
 * A kernel that is dispatched in parts: the number of its first workgroup, and where its windows start, become scalars that
 * the plan sets for each dispatch. All parts share one text.
 *
 * Requires: a verified kernel, before legalisation, and parts that were chosen for it.
 * Ensures:  a kernel over the workgroups of one part, which computes for them what the whole kernel does. Indices stay in
 *           their bindings by their form, where the whole kernel's did.
 *
 *     kernel count=1000 { load %x = %v[workgroup * 64 + lane] }
 *       =>  kernel count=250 { scalar %first_workgroup
 *             load %x = %v[min(uniform %first_workgroup + workgroup, 999) * 64 + lane] }
 */
import type { DispatchPart, DispatchParts } from "../ir/dispatch-parts.ts";
import { storageBytes } from "../ir/dtype.ts";
import { U32, type Expr, type Kernel, type Stmt } from "../ir/kernel.ts";
import { BINDING_ALIGNMENT } from "../ir/plan.ts";
import {
  collectNames,
  makeIndex,
  rewriteExpr,
  rewriteExprsOf,
  rewriteStmts,
  takeName,
  u32,
  WORKGROUP,
} from "../ir/walk-kernel.ts";

/** Its last scalars are the dispatch's: the first workgroup, then where each window starts, in units of the alignment. */
export function splitKernel(whole: Kernel, { windows, parts }: DispatchParts): Kernel {
  const taken = collectNames(whole);
  const first = takeName(taken, "first_workgroup");
  const windowOf = new Map(
    windows.map(({ binding, elements }) => [
      binding,
      { elements, start: takeName(taken, `start_${binding}`) },
    ]),
  );
  // The bound tells the compiler of WGSL that indices stay in range.
  const workgroup = makeIndex(
    "min",
    makeIndex("add", uniform(first), WORKGROUP),
    u32(whole.workgroupCount - 1),
  );
  const shift = (stmt: Stmt & { readonly kind: "load" | "store" }): Stmt => {
    const window = windowOf.get(stmt.buffer);
    const binding = whole.bindings.find(({ name }) => name === stmt.buffer);
    if (window === undefined || binding === undefined) return stmt;
    const unit = BINDING_ALIGNMENT / storageBytes(binding.dtype);
    const start = makeIndex("mul", uniform(window.start), u32(unit));
    const inside = makeIndex("sub", stmt.index, start);
    // A guarded read whose value is dropped may stand outside of the window.
    const last = u32(window.elements - binding.width);
    return { ...stmt, index: stmt.kind === "load" ? makeIndex("min", inside, last) : inside };
  };
  const body = rewriteStmts(whole.body, (stmt): readonly Stmt[] => {
    const moved = rewriteExprsOf(stmt, (expr) =>
      rewriteExpr(expr, (e) => (e.kind === "workgroup" ? workgroup : e)),
    );
    return [moved.kind === "load" || moved.kind === "store" ? shift(moved) : moved];
  });
  const count = parts[0]?.count ?? whole.workgroupCount;
  const own = [first, ...[...windowOf.values()].map(({ start }) => start)];
  return {
    ...whole,
    workgroupCount: count,
    workgroups: [count, 1, 1],
    bindings: whole.bindings.map((b) => ({ ...b, elements: windowOf.get(b.name)?.elements ?? b.elements })),
    scalars: [...whole.scalars, ...own.map((name) => ({ name, dtype: "u32" as const }))],
    body,
  };
}

const uniform = (name: string): Expr => ({ kind: "uniform", type: U32, name });

/** What the scalars of the dispatch are for one of its parts, in order. */
export const partScalars = ({ first, offsets }: DispatchPart): readonly number[] => [
  first,
  ...offsets.map((offset) => offset / BINDING_ALIGNMENT),
];

/** The kernel of the first part, were it to have so many workgroups, with the dispatch's scalars in their places. */
export function firstPart(whole: Kernel, split: DispatchParts, workgroups: number): Kernel {
  const { body, ...kernel } = splitKernel(whole, split);
  const own = new Set(kernel.scalars.slice(whole.scalars.length).map(({ name }) => name));
  const fix = (expr: Expr): Expr => (expr.kind === "uniform" && own.has(expr.name) ? u32(0) : expr);
  return {
    ...kernel,
    workgroupCount: workgroups,
    workgroups: [workgroups, 1, 1],
    scalars: whole.scalars,
    body: rewriteStmts(body, (stmt) => [rewriteExprsOf(stmt, (expr) => rewriteExpr(expr, fix))]),
  };
}
