/**
 * Why a program runs as it does: kernels, traffic, coalescing, occupancy, and the reasons of fusion. Works without any
 * device. All figures are derived by walking the kernels, never from the plan.
 */
import type { Compiled, CompiledKernel } from "./compile.ts";
import { analyzeKernel, type KernelAnalysis } from "./ir/analyze-kernel.ts";
import { countFloor } from "./ir/count-floor.ts";
import { printReason, printRefusal, type FusionReason } from "./ir/fusion-reason.ts";
import { axisSizes, type FusionGroup } from "./ir/index-notation.ts";
import type { PlanTensor } from "./ir/plan.ts";
import { nameStatements, type NamedStatement } from "./ir/name-statements.ts";
import { printGraph } from "./ir/print-graph.ts";
import { printGroups, printIndexProgram } from "./ir/print-index.ts";
import { printKernel } from "./ir/print-kernel.ts";
import type { DeviceProfile } from "./ir/profile.ts";
import type { KernelSchedule } from "./ir/schedule.ts";
import { viewStages } from "./ir/stage-view.ts";
import { firstPart } from "./lower/split-kernel.ts";

export interface ExplainedKernel {
  readonly name: string;
  readonly gridAxes: readonly string[];
  readonly workgroups: readonly [number, number, number];
  readonly workgroupSize: number;
  /** More than 1 where the kernel is dispatched in parts; the last of `reasons` then says why. */
  readonly dispatches: number;
  readonly schedule: KernelSchedule;
  /** Whether the compiler chose the schedule, a tuning record had it, or the caller gave it. */
  readonly origin: CompiledKernel["origin"];
  /** Distinct elements per access site, in bytes: a tensor that three phases sweep counts three times. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** 32-byte sectors touched by subgroup-wide accesses over the least that the same bytes need; 1 = coalesced. */
  readonly sectors: number;
  /** Workgroups over those that could be busy at once: see `occupancyOf`. */
  readonly occupancy: number;
  /** What every workgroup computes for itself first: values for each coordinate of the group's pinned axes. */
  readonly stages: readonly ExplainedStage[];
  /** Bytes that workgroups read though another has read them: from caches, as far as these hold them. */
  readonly bytesReread: number;
  /** What it computes, in order: names of entries of the explanation's `statements`. */
  readonly statements: readonly string[];
  /** What fusion decided about it. */
  readonly decisions: readonly ExplainedDecision[];
  /** The decisions in words, which call statements by their labels; then why it is dispatched in parts, where it is. */
  readonly reasons: readonly string[];
}

/** A reason of fusion, with what stood in the way in words. Statements go by name, as in the explanation's `statements`. */
export type ExplainedDecision =
  | Exclude<FusionReason, { readonly kind: "not-fused" }>
  | (Omit<Extract<FusionReason, { readonly kind: "not-fused" }>, "why"> & { readonly why: string });

/** Reductions of equal form: `points` values of `terms` terms each. */
export interface ExplainedStage {
  readonly values: readonly string[];
  readonly points: number;
  readonly terms: number;
}

/** The contract of `weft explain --json`. */
export interface Explanation {
  readonly kernels: readonly ExplainedKernel[];
  /** What kernels compute and decisions speak of: what each statement does, at which place of the user's source. */
  readonly statements: readonly NamedStatement[];
  /** All that a call submits: kernels, fills and copies. */
  readonly dispatches: number;
  readonly bytes: { readonly moved: number; readonly floor: number };
  readonly inputs: readonly PlanTensor[];
  readonly outputs: readonly PlanTensor[];
  readonly wgsl: readonly string[];
}

function explainStages({ grouped: { program } }: Compiled, group: FusionGroup): ExplainedStage[] {
  const sizes = axisSizes(program);
  const count = (axes: readonly string[]): number => axes.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);
  const members = new Set(group.statements);
  return viewStages(
    group,
    program.statements.filter((s) => members.has(s.name)),
    [],
  ).stages.map(({ pointAxes, rowAxes, reductions }) => ({
    values: reductions.map((s) => s.name),
    points: count(pointAxes),
    terms: count(rowAxes),
  }));
}

/** Bytes that keep a workgroup busy: four f32 for each of 256 lanes. */
const BYTES_PER_WORKGROUP = 4096;

/**
 * Workgroups over those that fill the device or, where a kernel moves too little for so many, over one for each 4 KiB that
 * it moves. So a kernel that adds up 64 partial results with one workgroup has 1, and one that reads 10 MB with four has
 * 4 over all that fill the device. Lanes that the workgroups are short of do not count.
 */
export function occupancyOf(workgroups: number, bytesMoved: number, profile: DeviceProfile): number {
  const busy = Math.max(1, Math.floor(bytesMoved / BYTES_PER_WORKGROUP));
  return workgroups / Math.min(profile.usefulWorkgroups, busy);
}

export function explainCompiled(compiled: Compiled, profile: DeviceProfile): Explanation {
  const named = nameStatements(compiled.index.statements, compiled.grouped.program.statements);
  const labelOf = (name: string): string => named.get(name)?.label ?? name;
  const kernels = compiled.kernels.map((one): ExplainedKernel => {
    const { group, schedule, origin, kernel, parts } = one;
    const { bytesRead, bytesWritten, sectors } = analyzeDispatches(one, profile);
    const dispatches = parts?.parts.length ?? 1;
    const perDispatch = parts?.parts[0]?.count ?? kernel.workgroupCount;
    const alone = analyzeKernel({ ...kernel, workgroupCount: 1, workgroups: [1, 1, 1] }, profile);
    return {
      name: kernel.name,
      gridAxes: group.gridAxes,
      workgroups: kernel.workgroups,
      workgroupSize: kernel.workgroupSize,
      dispatches,
      schedule,
      origin,
      bytesRead,
      bytesWritten,
      sectors,
      // Of each dispatch: they do not run side by side.
      occupancy: occupancyOf(perDispatch, (bytesRead + bytesWritten) / dispatches, profile),
      stages: explainStages(compiled, group),
      bytesReread: Math.max(0, alone.bytesRead * kernel.workgroupCount - bytesRead),
      statements: group.statements,
      decisions: group.reasons.map((reason) =>
        reason.kind === "not-fused" ? { ...reason, why: printRefusal(reason.why, labelOf) } : reason,
      ),
      reasons: [
        ...group.reasons.map((reason) => printReason(reason, labelOf)),
        ...(parts === undefined ? [] : [parts.reason]),
      ],
    };
  });
  const copied = compiled.plan.steps.reduce(
    (bytes, step) => bytes + (step.kind === "copy" ? 2 * step.bytes : 0),
    0,
  );
  return {
    kernels,
    statements: [...named.values()],
    dispatches: compiled.plan.steps.length,
    bytes: {
      moved: kernels.reduce((bytes, k) => bytes + k.bytesRead + k.bytesWritten, copied),
      floor: countFloor(compiled.index),
    },
    inputs: compiled.plan.inputs,
    outputs: compiled.plan.outputs,
    wgsl: compiled.kernels.map((k) => k.emitted.wgsl),
  };
}

/** What every part reads counts once for each. Parts of one size are taken to move as much as the first. */
function analyzeDispatches(
  { kernel, parts }: CompiledKernel,
  profile: DeviceProfile,
): Pick<KernelAnalysis, "bytesRead" | "bytesWritten" | "sectors"> {
  if (parts === undefined) return analyzeKernel(kernel, profile);
  const times = new Map<number, number>();
  for (const { count } of parts.parts) times.set(count, (times.get(count) ?? 0) + 1);
  let [bytesRead, bytesWritten, weighed] = [0, 0, 0];
  for (const [count, n] of times) {
    const one = analyzeKernel(firstPart(kernel, parts, count), profile);
    bytesRead += n * one.bytesRead;
    bytesWritten += n * one.bytesWritten;
    weighed += n * one.sectors * (one.bytesRead + one.bytesWritten);
  }
  const bytes = bytesRead + bytesWritten;
  return { bytesRead, bytesWritten, sectors: bytes === 0 ? 1 : weighed / bytes };
}

export const STAGE_NAMES = ["graph", "index", "groups", "kernel", "wgsl", "plan"] as const;
export type StageName = (typeof STAGE_NAMES)[number] | "all";

/** The text of one artefact, or of all of them under headings. */
export function renderStage(compiled: Compiled, stage: StageName): string {
  switch (stage) {
    case "graph":
      return printGraph(compiled.graph);
    case "index":
      return printIndexProgram(compiled.index);
    case "groups":
      return printGroups(compiled.grouped);
    case "kernel":
      return compiled.kernels.map((k) => printKernel(k.kernel)).join("\n");
    case "wgsl":
      return compiled.kernels.map((k) => k.emitted.wgsl).join("\n");
    case "plan":
      return `${JSON.stringify(compiled.plan, null, 2)}\n`;
    case "all":
      return STAGE_NAMES.map((name) => `;; ${name}\n${renderStage(compiled, name)}`).join("\n");
  }
}
