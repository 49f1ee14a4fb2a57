/** Operands that are made of what reductions have left, and of no tensor: sums of the results of rows. */
import { operandsOfScalar, type ScalarExpr, type Statement } from "../../ir/index-notation.ts";
import { readOwn, type StatementsByName } from "../../ir/expand-row.ts";

/** Statements behind an operand that are looked at. */
const SEARCH_LIMIT = 64;

/**
 * The values that such an operand reads, each once and at its own point; none where it reads anything else. Behind pointwise values
 * there have to be reductions as well.
 */
export function rowResults(statements: StatementsByName, operand: ScalarExpr): readonly Statement[] {
  const read = valuesOf(statements, operand);
  if (read === undefined) return [];
  const seen = new Set(read);
  let hasReduction = false;
  for (const at of seen) {
    if (seen.size > SEARCH_LIMIT) return [];
    if (at.reduce !== undefined) hasReduction = true;
    else {
      const behind = valuesOf(statements, at.value);
      if (behind === undefined) return [];
      for (const value of behind) seen.add(value);
    }
  }
  return hasReduction ? read : [];
}

/** The values that an expression reads; undefined where it reads a tensor, or a value elsewhere than at its own point. */
function valuesOf(statements: StatementsByName, expr: ScalarExpr): readonly Statement[] | undefined {
  const found = new Set<Statement>();
  const pending = [expr];
  for (let e = pending.pop(); e !== undefined; e = pending.pop()) {
    if (e.kind === "tensor" || e.kind === "guard" || e.kind === "index") return undefined;
    const value = readOwn(statements, e);
    if (e.kind === "value" && value === undefined) return undefined;
    if (value !== undefined) found.add(value);
    pending.push(...operandsOfScalar(e));
  }
  return [...found];
}
