/**
 * Clones pointwise producers into reads that take their axes otherwise than by name: a transposed, shifted or sliced
 * read of a computed value is rewritten as the computation at that position. What is read so cannot share a kernel with
 * its producer, so without this pass the value would be stored first (which on the CPU may be cheaper: costly-moves.ts).
 *
 * Requires: aligned axes.
 * Ensures:  same values; non-identity reads remain only of reductions, and of producers too big or too costly to clone. Statements
 *           that nothing reads any more are dropped.
 *
 *     y[i,j] = x[8*i + j] * 2                   w[i,j] = x[8*i + j] * 2 + x[i + 8*j] * 2
 *     w[i,j] = y[i,j] + y[j,i]            =>
 */
import { indexSubstitute, type IndexExpr } from "../../ir/index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  visitScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { isIdentityRead } from "../../ir/expand-row.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { findCostlyMoves } from "./costly-moves.ts";
import { MAX_READS } from "./choose-statements.ts";

/** Largest expression, in nodes, that cloning may make: bounds both the work and how deep expressions nest. */
export const MAX_NODES = 64;

export function inlineReads(
  program: IndexProgram,
  { software }: Pick<DeviceProfile, "software"> = { software: false },
): IndexProgram {
  const sizes = axisSizes(program);
  const isCostly = findCostlyMoves(program, software);
  const done = new Map<string, Producer>();
  let changed = false;
  for (const statement of program.statements) {
    const value = inlineInto(
      statement.value,
      (read) => (isCostly(read) ? undefined : done.get(read.statement)),
      sizes,
    );
    if (value !== statement.value) changed = true;
    const inlined = value === statement.value ? statement : { ...statement, value };
    done.set(statement.name, { statement: inlined, nodes: countNodes(value) });
  }
  const statements = [...done.values()].map((d) => d.statement);
  return changed ? dropDead({ ...program, statements }) : program;
}

/** A statement that reads may be replaced by, and the size of its expression. */
interface Producer {
  readonly statement: Statement;
  readonly nodes: number;
}

function inlineInto(
  value: ScalarExpr,
  producerOf: (read: ScalarExpr & { readonly kind: "value" }) => Producer | undefined,
  sizes: ReadonlyMap<string, number>,
): ScalarExpr {
  let current = value;
  for (;;) {
    let budget = MAX_NODES - countNodes(current);
    const next = mapScalar(current, (e) => {
      if (e.kind !== "value") return e;
      const found = producerOf(e);
      if (found === undefined || found.nodes > budget) return e;
      const producer = found.statement;
      if (producer.reduce !== undefined || isIdentityRead(e.index, producer.axes)) return e;
      budget -= found.nodes;
      const at = new Map(
        producer.axes.map((axis, i): [string, IndexExpr] => [axis, e.index[i] ?? { offset: 0, terms: [] }]),
      );
      return mapIndices(producer.value, (index) => indexSubstitute(index, at, sizes));
    });
    if (next === current || countReads(next) > Math.max(MAX_READS, countReads(current))) return current;
    current = next;
  }
}

export function countNodes(expr: ScalarExpr): number {
  let count = 0;
  visitScalar(expr, () => count++);
  return count;
}

export function countReads(expr: ScalarExpr): number {
  const names = new Set<string>();
  visitScalar(expr, (e) => {
    if (e.kind === "tensor") names.add(e.tensor);
    if (e.kind === "value") names.add(e.statement);
  });
  return names.size;
}

/** Drops statements that no store depends on. */
export function dropDead(program: IndexProgram): IndexProgram {
  const live = new Set(program.stores.map((s) => s.statement));
  for (const statement of [...program.statements].reverse()) {
    if (!live.has(statement.name)) continue;
    visitScalar(statement.value, (e) => {
      if (e.kind === "value") live.add(e.statement);
    });
  }
  if (live.size === program.statements.length) return program;
  return { ...program, statements: program.statements.filter((s) => live.has(s.name)) };
}
