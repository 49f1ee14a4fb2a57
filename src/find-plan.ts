/**
 * Plans from the cache of a device, or compiled: for one size, for many, and under the schedules that tuning has found. Who
 * wants to see the passes at work (`check`, `dump`) gets them to work.
 */
import {
  type DynamicContent,
  type EntryContent,
  type PlanContent,
  type RefusalContent,
} from "./cache/entry.ts";
import { type PlanCache } from "./cache/plan-cache.ts";
import { type KeyParts, printPlanKey } from "./cache/plan-key.ts";
import { recordAnswers } from "./cache/tuned-answers.ts";
import { compileGraph, type CompileOptions } from "./compile.ts";
import { compileStandIns, type StandIns } from "./compile-dynamic.ts";
import type { Span } from "./diagnostics/diagnostic.ts";
import { paramGrowth, type Refusal, resultGrowth } from "./ir/compare-graphs.ts";
import { type DynamicPlan, planAt } from "./ir/dynamic-plan.ts";
import type { Graph } from "./ir/graph.ts";
import type { Plan } from "./ir/plan.ts";
import { printGraph } from "./ir/print-graph.ts";
import type { DeviceProfile } from "./ir/profile.ts";
import { verifyDynamicPlan } from "./ir/verify-dynamic-plan.ts";
import { compareInterfaces, interfaceOf } from "./ir/verify-plan.ts";
import { checkPlan } from "./runtime/check-plan.ts";
import type { Device } from "./runtime/device.ts";
import { loadTuning } from "./runtime/profile-store.ts";
import { PACKAGE_VERSION } from "./runtime/version.ts";
import type { TuneOptions } from "./tune.ts";
import type { TunedSchedules } from "./tuned-schedule.ts";

type PassOptions = Pick<CompileOptions, "check" | "dump">;

/** What plans are found for. */
export type PlanTarget = Pick<Device, "cache" | "profile" | "tuning">;

export interface FoundPlan {
  readonly plan: Plan;
  /** As in `Found` of the cache. */
  readonly renew: (() => Plan) | undefined;
}

export interface PlanSearch {
  /** Default: those of the device. */
  readonly tuned?: TunedSchedules | undefined;
  /** Whether its kernels are compiled ahead at the next start. Default true. */
  readonly isListed?: boolean | undefined;
}

/** What a compilation without tuned schedules hears. */
export const NOTHING_TUNED: TunedSchedules = { size: 0, find: () => undefined };

/** The cache and what prints its keys, or null where it is not to be asked. */
function keysOf(
  { cache, profile }: PlanTarget,
  { check, dump }: PassOptions,
): {
  readonly cache: PlanCache;
  readonly print: (graph: Graph, options: KeyParts["options"]) => string;
} | null {
  const buildId = cache?.buildId ?? null;
  if (cache === null || buildId === null || check === true || dump !== undefined) return null;
  const compiler = { version: PACKAGE_VERSION, buildId };
  return { cache, print: (graph, options) => printPlanKey(compiler, graph, { profile, options }) };
}

/** The plan of a graph. */
export function findPlan(
  target: PlanTarget,
  graph: Graph,
  options: PassOptions,
  { tuned = target.tuning, isListed = true }: PlanSearch = {},
): FoundPlan {
  const { profile } = target;
  const compile = (source: TunedSchedules): PlanContent => ({
    plan: compileGraph(graph, { ...options, profile, tuned: source, sources: options.check }).plan,
  });
  const keys = keysOf(target, options);
  if (keys === null) {
    target.cache?.countCompile();
    return { plan: compile(tuned).plan, renew: undefined };
  }
  const isTuned = tuned.size > 0; // else the compiler asks nothing
  const { content, renew } = keys.cache.find({
    key: keys.print(graph, { isTuned }),
    tuned,
    isListed,
    accept: acceptPlanOf(graph, profile),
    compile,
  });
  return { plan: content.plan, renew: renew === undefined ? undefined : () => renew().plan };
}

/** Whether a plan from anywhere can be run in place of a compilation of the graph. */
const acceptPlanOf =
  (graph: Graph, profile: DeviceProfile) =>
  (content: EntryContent): content is PlanContent =>
    "plan" in content &&
    compareInterfaces(content.plan, interfaceOf(graph)).length === 0 &&
    fits(content.plan, profile);

function fits(plan: Plan, profile: DeviceProfile): boolean {
  try {
    checkPlan(plan, profile);
    return true;
  } catch {
    return false;
  }
}

/** The plan for all sizes that the graphs stand for, or why there is none. */
export function findDynamicPlan(
  target: PlanTarget,
  standIns: StandIns,
  options: PassOptions,
): { readonly made: DynamicPlan | Refusal; readonly renew: (() => DynamicPlan | Refusal) | undefined } {
  const { profile } = target;
  const compile = (): DynamicPlan | Refusal =>
    compileStandIns(standIns, { ...options, profile, sources: options.check });
  const keys = keysOf(target, options);
  if (keys === null) {
    target.cache?.countCompile();
    return { made: compile(), renew: undefined };
  }
  const { sizes, graphs, least, most } = standIns;
  const [size, other] = sizes;
  const read = (content: DynamicContent | RefusalContent): DynamicPlan | Refusal =>
    "dynamic" in content ? content.dynamic : locate(content, graphs[0]);
  const { content, renew } = keys.cache.find({
    key: `${keys.print(graphs[0], { size, other, least, most })}${printGraph(graphs[1])}`,
    tuned: NOTHING_TUNED, // schedules of shared kernels are chosen
    accept: acceptDynamic(standIns, profile),
    compile: (): DynamicContent | RefusalContent => {
      const made = compile();
      return "reason" in made ? printRefusal(made, graphs[0]) : { dynamic: made };
    },
  });
  return { made: read(content), renew: renew === undefined ? undefined : () => read(renew()) };
}

const acceptDynamic =
  ({ graphs: [a, b], sizes, least, most }: StandIns, profile: DeviceProfile) =>
  (content: EntryContent): content is DynamicContent | RefusalContent => {
    if ("refusal" in content) return true; // at worst each size is compiled by itself
    if (!("dynamic" in content)) return false;
    const { dynamic } = content;
    return (
      dynamic.least === least &&
      dynamic.most <= most &&
      dynamic.mostWorkgroups === profile.limits.maxComputeWorkgroupsPerDimension &&
      JSON.stringify(dynamic.inputs) === JSON.stringify(paramGrowth(a, b, sizes)) &&
      JSON.stringify(dynamic.outputs) === JSON.stringify(resultGrowth(a, b, sizes)) &&
      compareInterfaces(dynamic.plan, interfaceOf(a)).length === 0 &&
      verifyDynamicPlan(dynamic).length === 0 &&
      [dynamic.least, dynamic.most].every((size) => fits(planAt(dynamic, size), profile))
    );
  };

/** Lines of the source move; the node that is to blame stays. */
function printRefusal({ reason, span }: Refusal, { nodes }: Graph): RefusalContent {
  const node = nodes.findIndex((one) => span !== undefined && isSameSpan(one.span, span));
  return { refusal: { reason, node: node < 0 ? null : node } };
}

const locate = ({ refusal: { reason, node } }: RefusalContent, { nodes }: Graph): Refusal => ({
  reason,
  span: node === null ? undefined : nodes[node]?.span,
});

const isSameSpan = (a: Span | undefined, b: Span): boolean =>
  a?.file === b.file && a.line === b.line && a.column === b.column && a.length === b.length;

/**
 * The plan under the fastest schedules: the one that is kept where tuning with these options has come to its end before, on a
 * device that the record in hand is of; else what tuning finds now. What times kernels is loaded by those who need it.
 */
export async function findTunedPlan(
  device: Device,
  graph: Graph,
  options: TuneOptions & Pick<CompileOptions, "check">,
): Promise<Plan> {
  const { cacheFolder, candidates = null, renew } = options;
  const keys = cacheFolder === null ? null : keysOf(device, { check: options.check, dump: undefined });
  const key = keys?.print(graph, { tune: candidates ?? "all" });
  if (keys !== null && key !== undefined && renew !== true) {
    await loadTuning(device.tuning, cacheFolder ?? undefined);
    const accept = acceptPlanOf(graph, device.profile);
    const kept = keys.cache.findKept({ key, tuned: device.tuning, accept });
    if (kept !== null) return kept.plan;
  }
  const { tuneGraph } = await import("./tune.ts");
  device.cache?.countCompile();
  const heard = recordAnswers<TunedSchedules>(device.tuning);
  const { compiled, isFinal } = await tuneGraph(device, graph, { ...options, tuned: heard.source });
  if (keys !== null && key !== undefined && isFinal)
    keys.cache.keep(key, { content: { plan: compiled.plan }, answers: heard.answers });
  return compiled.plan;
}
