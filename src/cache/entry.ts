/**
 * An entry of the cache as text: the key in full, what tuning tables must say, what was compiled.
 *
 *     {"key":"tensorweft 0.1.0 build ...","answers":[],"plan":{...}}         a plan
 *     {"key":"tensorweft 0.1.0 build ...","answers":[],"dynamic":{...}}      a plan for many sizes
 *     {"key":"tensorweft 0.1.0 build ...","answers":[],"refusal":{...}}      why there is none for many sizes
 *
 * Ensures: `readEntry` takes any text and gives only an entry of exactly this key whose content has the form of one.
 */
import type { DynamicPlan } from "../ir/dynamic-plan.ts";
import type { Plan } from "../ir/plan.ts";
import { readDynamicPlanValue } from "../ir/read-dynamic-plan.ts";
import { isRecord, readCount, readEach, readText } from "../ir/read-json.ts";
import { printPlan, readPlanValue } from "../ir/read-plan.ts";
import type { TunedAnswers } from "./tuned-answers.ts";

export interface PlanContent {
  readonly plan: Plan;
}

export interface DynamicContent {
  readonly dynamic: DynamicPlan;
}

/** Why a function has no plan for many sizes. */
export interface RefusalContent {
  readonly refusal: {
    readonly reason: string;
    /** Node of the graph whose place in the source is to blame; null where none is. */
    readonly node: number | null;
  };
}

export type EntryContent = PlanContent | DynamicContent | RefusalContent;

export interface CacheEntry {
  readonly content: EntryContent;
  readonly answers: TunedAnswers;
}

export const printEntry = (key: string, { content, answers }: CacheEntry): string =>
  `{"key":${JSON.stringify(key)},"answers":${JSON.stringify([...answers])},${printPlan(content).slice(1)}\n`;

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
  const content = readContent(value);
  return key === null || answers === null || content === null
    ? null
    : { key, answers: new Map(answers), content };
}

/** The plan whose kernels an entry holds, at some size; null where it holds none. */
export const planOfContent = (content: EntryContent): Plan | null =>
  "plan" in content ? content.plan : "dynamic" in content ? content.dynamic.plan : null;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function readContent(value: Readonly<Record<string, unknown>>): EntryContent | null {
  if ("dynamic" in value) {
    const dynamic = readDynamicPlanValue(value["dynamic"]);
    return dynamic === null ? null : { dynamic };
  }
  if ("refusal" in value) return readRefusal(value["refusal"]);
  const plan = readPlanValue(value["plan"]);
  return plan === null ? null : { plan };
}

function readRefusal(value: unknown): RefusalContent | null {
  if (!isRecord(value)) return null;
  const reason = readText(value["reason"]);
  const node = value["node"] === null ? null : readCount(value["node"]);
  return reason === null || (node === null && value["node"] !== null) ? null : { refusal: { reason, node } };
}

function readAnswer(value: unknown): readonly [string, string | null] | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [group, answer] = value as readonly unknown[];
  if (typeof group !== "string" || (answer !== null && typeof answer !== "string")) return null;
  return [group, answer];
}
