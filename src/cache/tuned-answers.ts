/**
 * What a compilation has heard from a tuning table. Which groups a program has is known only when it is compiled, so a
 * kept plan holds the groups that were asked for and the answers: it is right for whoever would hear the same.
 */
import { printExactly } from "./plan-key.ts";

/** Schedules by the canonical text of a group. */
export interface TunedSource {
  readonly size: number;
  readonly find: (group: string) => { readonly schedule: unknown } | undefined;
}

/** The text of each schedule, null where there was none. */
export type TunedAnswers = ReadonlyMap<string, string | null>;

/** A source that tells what `source` tells, and what it was asked. */
export function recordAnswers<S extends TunedSource>(
  source: S,
): { readonly source: Pick<S, "size" | "find">; readonly answers: TunedAnswers } {
  const answers = new Map<string, string | null>();
  const find = (group: string): ReturnType<S["find"]> => {
    const found = source.find(group);
    answers.set(group, spell(found));
    return found as ReturnType<S["find"]>;
  };
  const recorded = {
    get size() {
      return source.size; // a table may fill meanwhile
    },
    find,
  };
  return { source: recorded, answers };
}

export const hearsTheSame = (answers: TunedAnswers, source: TunedSource): boolean =>
  [...answers].every(([group, answer]) => spell(source.find(group)) === answer);

const spell = (found: { readonly schedule: unknown } | undefined): string | null =>
  found === undefined ? null : printExactly(found.schedule);
