/**
 * An entry of the cache as text: the key in full, what tuning tables must say, the plan.
 *
 * Ensures: `readEntry` takes any text and gives only an entry of exactly this key whose plan has the form of one.
 */
import type { Plan } from "../ir/plan.ts";
import { isRecord, readEach, readText } from "../ir/read-json.ts";
import { printPlan, readPlanValue } from "../ir/read-plan.ts";
import type { TunedAnswers } from "./tuned-answers.ts";

export interface CacheEntry {
  readonly plan: Plan;
  readonly answers: TunedAnswers;
}

export const printEntry = (key: string, { plan, answers }: CacheEntry): string =>
  `{"key":${JSON.stringify(key)},"answers":${JSON.stringify([...answers])},"plan":${printPlan(plan)}}\n`;

/** The entry, or null. */
export function readEntry(text: string, key: string): CacheEntry | null {
  const entry = readAnyEntry(text);
  return entry?.key === key ? entry : null;
}

/** The entry of any key, or null. */
export function readAnyEntry(text: string): (CacheEntry & { readonly key: string }) | null {
  const value = parse(text);
  if (!isRecord(value)) return null;
  const key = readText(value["key"]);
  const answers = readEach(value["answers"], readAnswer);
  const plan = readPlanValue(value["plan"]);
  return key === null || answers === null || plan === null ? null : { key, answers: new Map(answers), plan };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readAnswer(value: unknown): readonly [string, string | null] | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [group, answer] = value as readonly unknown[];
  if (typeof group !== "string" || (answer !== null && typeof answer !== "string")) return null;
  return [group, answer];
}
