/** How many walks over rows stand before the values of a group. */
import { valuesRead, type Statement } from "./index-notation.ts";

/** level(reduction) counts the walks that must end before its value exists; pointwise values inherit the largest. */
export function findLevels(statements: readonly Statement[]): Map<string, number> {
  const levels = new Map<string, number>();
  for (const statement of statements) {
    const level = Math.max(0, ...valuesRead(statement).map((name) => levels.get(name) ?? 0));
    levels.set(statement.name, statement.reduce === undefined ? level : level + 1);
  }
  return levels;
}
