/** What values depend on, through whatever stands between. */
import { valuesIn, valuesRead, type ScalarExpr, type Statement } from "../../ir/index-notation.ts";
import type { StatementsByName } from "../../ir/expand-row.ts";

/** Whether an expression needs such a statement, itself or through others; yes where more than `most` statements stand behind it. */
export function needs(
  statements: StatementsByName,
  expr: ScalarExpr,
  isWanted: (statement: Statement) => boolean,
  most = Infinity,
): boolean {
  const behind = new Set(valuesIn(expr));
  for (const name of behind) {
    const statement = statements.get(name);
    if (behind.size > most) return true;
    if (statement === undefined) continue;
    if (isWanted(statement)) return true;
    for (const read of valuesRead(statement)) behind.add(read);
  }
  return false;
}
