/**
 * Row values that are kept in registers from one phase to the next instead of being computed again from what was loaded:
 * those whose computation has grown long since the last kept value. Without it a chain of dependent norms in one kernel
 * computes its whole history in every phase.
 *
 * Requires: a schedule with residency in registers. A kept value is live until the last phase that needs it, so a chain
 *           needs the registers of a few values, however long it is.
 */
import type { GroupView, Phase } from "../ir/group-view.ts";
import { valuesRead, visitScalar, type Statement } from "../ir/index-notation.ts";
import type { KernelSchedule } from "../ir/schedule.ts";

/** Ops that are cheaper to repeat than to keep a register for. */
const REPEATED_OPS = 16;

/** Statement -> name of its register array. */
export function chooseKept(view: GroupView, schedule: KernelSchedule): ReadonlyMap<string, string> {
  const kept = new Map<string, string>();
  if (schedule.residency !== "registers" || view.phases.length < 3) return kept;
  const phasesOf = new Map<string, number>();
  for (const phase of view.phases)
    for (const s of phase.statements) phasesOf.set(s.name, (phasesOf.get(s.name) ?? 0) + 1);
  const cost = new Map<string, number>();
  for (const statement of view.statements.values()) {
    const phases = phasesOf.get(statement.name);
    if (phases === undefined) continue;
    const below = valuesRead(statement).reduce((ops, name) => ops + (cost.get(name) ?? 0), 0);
    const ops = Math.min(below + countOps(statement), 1e6);
    const isKept = phases > 1 && ops > REPEATED_OPS;
    if (isKept) kept.set(statement.name, `kept${String(kept.size)}`);
    cost.set(statement.name, isKept ? 0 : ops);
  }
  return kept;
}

function countOps(statement: Statement): number {
  let ops = 0;
  visitScalar(statement.value, (e) => {
    if (e.kind === "map" || e.kind === "cast") ops++;
  });
  return ops;
}

/** The row values that a phase computes or takes from registers, in order: what it needs, back to what is kept already. */
export function statementsOf(phase: Phase, isFilled: (statement: string) => boolean): readonly Statement[] {
  const needed = new Set<string>([
    ...[...phase.reductions, ...phase.carried].flatMap(valuesRead),
    ...phase.stores.map((s) => s.statement),
  ]);
  for (const s of [...phase.statements].reverse()) {
    if (!needed.has(s.name) || isFilled(s.name)) continue;
    for (const name of valuesRead(s)) needed.add(name);
  }
  return phase.statements.filter((s) => needed.has(s.name));
}
