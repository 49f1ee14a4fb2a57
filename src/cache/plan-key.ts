/**
 * What a plan depends on, as text: equal keys mean equal plans. The only other thing that a plan can depend on, the answers
 * of a tuning table, is known after the compilation and kept beside the plan (tuned-answers.ts).
 */
import type { Graph } from "../ir/graph.ts";
import { printNumber } from "../ir/number-text.ts";
import { printGraph } from "../ir/print-graph.ts";
import type { DeviceProfile } from "../ir/profile.ts";

/** Of keys and entries: another number makes everything that is kept unknown. */
export const CACHE_FORMAT = 1;

export interface Compiler {
  readonly version: string;
  readonly buildId: string;
}

export interface KeyParts {
  readonly profile: DeviceProfile;
  /** Options of the compilation that change its result. */
  readonly options: Readonly<Record<string, boolean | number | string>>;
}

/** What all programs of a compiler have in common. */
export const printCompiler = ({ version, buildId }: Compiler): string =>
  `tensorweft ${version} build ${buildId} format ${CACHE_FORMAT}\n`;

export function printPlanKey(compiler: Compiler, graph: Graph, { profile, options }: KeyParts): string {
  const context = `${printCompiler(compiler)}profile ${printExactly(profile)}\n`;
  return `${context}options ${printExactly(options)}\n${printGraph(graph)}`;
}

/** JSON with sorted keys, in which nan, infinities and -0 are told apart. */
export const printExactly = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "number" && (!Number.isFinite(part) || Object.is(part, -0)))
      return { number: printNumber(part, "f32") };
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
