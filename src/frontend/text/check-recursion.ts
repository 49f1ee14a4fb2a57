/**
 * Finds functions that call themselves. Functions are inlined, so recursion would never end.
 *
 * Ensures: one diagnostic per cycle of calls that the search closes, at the call that closes it; linear, and without
 * recursion of its own (a chain of calls may be as long as the file).
 */
import { errorAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import type { Declaration } from "./ast.ts";
import type { UserFunction } from "./environment.ts";

export interface CallSite {
  readonly fn: UserFunction;
  readonly span: Span;
}

interface Visit {
  readonly fn: UserFunction;
  readonly calls: readonly CallSite[];
  next: number;
}

const LONGEST_PATH = 5;

function describeCycle(path: readonly Visit[], call: CallSite): Diagnostic {
  const start = path.findIndex(({ fn }) => fn.declaration === call.fn.declaration);
  const names = path.slice(start).map(({ fn }) => fn.declaration.name.text);
  const through = names.slice(1, LONGEST_PATH);
  const detour =
    through.length === 0 ? "" : ` through ${through.join(", ")}${names.length > LONGEST_PATH ? ", ..." : ""}`;
  return errorAt("recursion", `${call.fn.declaration.name.text} calls itself${detour}`, {
    span: call.span,
    help: "functions are inlined: write the steps out",
  });
}

/** Depth-first search over calls, with its stack on the heap. */
export function findRecursion(
  roots: readonly UserFunction[],
  callsOf: (fn: UserFunction) => readonly CallSite[],
): readonly Diagnostic[] {
  const state = new Map<Declaration, "open" | "done">();
  const diagnostics: Diagnostic[] = [];
  for (const root of roots) {
    if (state.has(root.declaration)) continue;
    const path: Visit[] = [{ fn: root, calls: callsOf(root), next: 0 }];
    state.set(root.declaration, "open");
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const call = top.calls[top.next++];
      if (call === undefined) {
        state.set(top.fn.declaration, "done");
        path.pop();
        continue;
      }
      const seen = state.get(call.fn.declaration);
      if (seen === "open") diagnostics.push(describeCycle(path, call));
      if (seen !== undefined) continue;
      state.set(call.fn.declaration, "open");
      path.push({ fn: call.fn, calls: callsOf(call.fn), next: 0 });
    }
  }
  return diagnostics;
}
