/**
 * The pipeline, joined: graph -> graph passes -> index notation -> index passes -> groups -> schedule -> kernel -> WGSL -> plan.
 * Nothing here decides; each line of the lists below says why it stands where it stands.
 */
import { emitWgsl } from "./codegen/wgsl/emit-wgsl.ts";
import { CompilerBug, fail } from "./diagnostics/diagnostic.ts";
import type { Graph } from "./ir/graph.ts";
import { viewGroup, type GroupView, type ViewOptions } from "./ir/group-view.ts";
import type { FusionGroup, GroupedProgram, IndexProgram } from "./ir/index-notation.ts";
import type { Kernel } from "./ir/kernel.ts";
import type { Plan } from "./ir/plan.ts";
import { findTuned, type TunedSchedules } from "./tuned-schedule.ts";
import { printGraph } from "./ir/print-graph.ts";
import { printIndexProgram } from "./ir/print-index.ts";
import type { DeviceProfile } from "./ir/profile.ts";
import { runPasses, runToFixpoint, type GraphPass } from "./ir/run-pass.ts";
import type { KernelSchedule } from "./ir/schedule.ts";
import { verifyIndexProgram, type VerifyIndexOptions } from "./ir/verify-index.ts";
import { verifyKernel } from "./ir/verify-kernel.ts";
import { lowerGroup } from "./lower/lower-group.ts";
import { splitKernel } from "./lower/split-kernel.ts";
import { makePlan, type CompiledKernel } from "./make-plan.ts";
import { canonicalize } from "./passes/graph/canonicalize.ts";
import { cse } from "./passes/graph/cse.ts";
import { dce } from "./passes/graph/dce.ts";
import { foldConstants } from "./passes/graph/fold-constants.ts";
import { nestConcats } from "./passes/graph/nest-concats.ts";
import { simplify } from "./passes/graph/simplify.ts";
import { alignAxes } from "./passes/index/align-axes.ts";
import { buildIndexNotation } from "./passes/index/build-index-notation.ts";
import { collapseAxes } from "./passes/index/collapse-axes.ts";
import { cutCrossings } from "./passes/index/cut-crossings.ts";
import { dropUnitAxes } from "./passes/index/drop-unit-axes.ts";
import { foldEmptyReductions } from "./passes/index/fold-empty-reductions.ts";
import { fuseStatements } from "./passes/index/fuse-statements.ts";
import { inlineReads } from "./passes/index/inline-reads.ts";
import { isolateGroups, type IsolatedGroup } from "./passes/index/isolate-groups.ts";
import { materialize } from "./passes/index/materialize.ts";
import { isBetterForm, modelCost, type ModelledCost } from "./passes/index/model-cost.ts";
import { moveValues } from "./passes/index/move-values.ts";
import { nestReductions } from "./passes/index/nest-reductions.ts";
import { mergeReductions } from "./passes/index/merge-reductions.ts";
import { overlayParts } from "./passes/index/overlay-parts.ts";
import { packTemporaries } from "./passes/index/pack-temporaries.ts";
import { reduceBroadcasts } from "./passes/index/reduce-broadcasts.ts";
import { shareSums } from "./passes/index/share-sums.ts";
import { splitColumns } from "./passes/index/split-columns.ts";
import { splitIndexSets } from "./passes/index/split-index-sets.ts";
import { splitReductions } from "./passes/index/split-reductions.ts";
import { widenValues } from "./passes/index/widen-values.ts";
import { chooseSchedule } from "./schedule/choose-schedule.ts";
import { chooseCandidates, enumerateSchedules } from "./schedule/schedule-space.ts";
import { chooseDispatches } from "./schedule/split-dispatch.ts";
import { verifySchedule } from "./schedule/verify-schedule.ts";

export interface CompileOptions {
  readonly profile: DeviceProfile;
  /** Verify every artefact after every pass; always on in tests. */
  readonly check?: boolean | undefined;
  /** Called with each artefact's text after each pass that changed it. */
  readonly dump?: ((stage: string, text: string) => void) | undefined;
  /** Puts into the plan what each dispatch computes, and the lines of the user that it stems from. */
  readonly sources?: boolean | undefined;
  /** false: one kernel per op, and one more where a reduction is split, to compare with. */
  readonly fuse?: boolean | undefined;
  /** Reductions are cut into pieces no shorter than this. */
  readonly shortestPiece?: number | undefined;
  /** Sums over rows are carried along by workgroups while their partial results stay within this share of the traffic. */
  readonly partialShare?: number | undefined;
  /** Schedules that tuning has found, in place of the chosen ones. */
  readonly tuned?: TunedSchedules | undefined;
  /** Overrides the chosen schedule of a group. */
  readonly schedule?:
    ((chosen: KernelSchedule, group: FusionGroup, space: ScheduleSpace) => KernelSchedule) | undefined;
}

/** Legal schedules of a group, the default first. */
export interface ScheduleSpace {
  readonly enumerate: () => readonly KernelSchedule[];
  /** Those that are worth timing. */
  readonly candidates: () => readonly KernelSchedule[];
}

export type { CompiledKernel };

export interface Compiled {
  /** The graph after the graph passes; its params and scalars are those of the source. */
  readonly graph: Graph;
  readonly index: IndexProgram;
  readonly grouped: GroupedProgram;
  /** In the order in which they run. */
  readonly kernels: readonly CompiledKernel[];
  readonly plan: Plan;
}

/** Repeated until nothing changes. */
const SIMPLIFY_PASSES: readonly GraphPass[] = [
  { name: "canonicalize", run: canonicalize }, // constants right, axes sorted: later patterns have one spelling
  { name: "simplify", run: simplify },
  { name: "fold-constants", run: foldConstants }, // after simplify, which moves constants together
  { name: "cse", run: cse }, // after simplify: x * 1 and x must already be one node
  { name: "dce", run: dce }, // last: the others leave orphans behind
];

const FINAL_PASSES: readonly GraphPass[] = [
  { name: "nest-concats", run: nestConcats }, // after the fixpoint: canonicalize may join concats
  { name: "dce", run: dce }, // concats that were split
];

interface IndexPass {
  readonly name: string;
  readonly run: (program: IndexProgram, profile: DeviceProfile) => IndexProgram;
  /** Axes that it leaves are at least so long: 2, unless it says otherwise. */
  readonly leastSize?: VerifyIndexOptions["leastSize"];
}
/** What every program goes through, also where nothing is fused. */
const START_PASSES: readonly IndexPass[] = [
  { name: "fold-empty-reductions", run: foldEmptyReductions, leastSize: 1 }, // first: no index of them has to make sense
  { name: "drop-unit-axes", run: dropUnitAxes }, // before all that count points, or ask whether a read is by name
  { name: "widen-values", run: widenValues }, // before all that ask for the dtype of a value
];
const INDEX_PASSES: readonly IndexPass[] = [
  { name: "align-axes", run: alignAxes }, // first: every later pass asks which axes are the same
  { name: "move-values", run: moveValues }, // before inline-reads, which would clone what can be moved
  { name: "inline-reads", run: inlineReads }, // needs aligned axes to tell which reads are not by name
  { name: "reduce-broadcasts", run: reduceBroadcasts }, // needs operands without axes that only a value had
  { name: "align-axes", run: alignAxes }, // again: what was cloned reads tensors over axes that may be the same, too
  { name: "overlay-parts", run: overlayParts }, // needs reads inlined; before all that asks what shares a row
  { name: "merge-reductions", run: mergeReductions }, // needs aligned axes; collapsing then joins the axes of both
  { name: "nest-reductions", run: nestReductions }, // after merging, which makes rows longer
  { name: "collapse-axes", run: collapseAxes }, // last: reads inlined above may be the ones that kept axes apart
];

export function optimizeGraph(graph: Graph, options: Pick<CompileOptions, "check" | "dump"> = {}): Graph {
  return runPasses(FINAL_PASSES, runToFixpoint(SIMPLIFY_PASSES, graph, options), options);
}

function checkIndex(
  program: IndexProgram,
  name: string,
  options: CompileOptions,
  leastSize?: IndexPass["leastSize"],
): IndexProgram {
  const problems = options.check === true ? verifyIndexProgram(program, { leastSize }) : [];
  if (problems.length > 0)
    throw new CompilerBug(`pass "${name}" broke index notation`, problems, printIndexProgram(program));
  options.dump?.(name, printIndexProgram(program));
  return program;
}

/** Runs the passes in order. */
const runIndexPasses = (
  passes: readonly IndexPass[],
  start: IndexProgram,
  options: CompileOptions,
): IndexProgram =>
  passes.reduce((program, pass) => {
    const next = pass.run(program, options.profile);
    return next === program ? program : checkIndex(next, pass.name, options, pass.leastSize);
  }, start);

function startIndex(
  graph: Graph,
  options: CompileOptions,
  how?: { readonly everyOp: boolean },
): IndexProgram {
  const built = checkIndex(buildIndexNotation(graph, how), "build-index-notation", options, 0);
  return runIndexPasses(START_PASSES, built, options);
}

export const lowerToIndex = (graph: Graph, options: CompileOptions): IndexProgram =>
  runIndexPasses(INDEX_PASSES, startIndex(graph, options), options);

interface Fused {
  readonly index: IndexProgram;
  readonly grouped: GroupedProgram;
}

/** Results whole, or each side of their bounds by itself: whichever is better by the model. */
function fuseGraph(graph: Graph, options: CompileOptions): Fused {
  const whole = startIndex(graph, options);
  const split = splitIndexSets(whole);
  if (split === whole) return fuseProgram(whole, options);
  const tryForm = (form: (own: CompileOptions) => IndexProgram): TriedForm => {
    const dumped: [stage: string, text: string][] = [];
    const own = { ...options, dump: options.dump && ((...entry: [string, string]) => dumped.push(entry)) };
    const fused = fuseProgram(form(own), own);
    return { fused, cost: modelCost(fused.grouped, options.profile), dumped };
  };
  const one = tryForm(() => whole);
  const two = tryForm((own) => checkIndex(split, "split-index-sets", own));
  const { fused, dumped } = isBetterForm(two.cost, one.cost) ? two : one;
  for (const entry of dumped) options.dump?.(...entry);
  return fused;
}

interface TriedForm {
  readonly fused: Fused;
  readonly cost: ModelledCost;
  readonly dumped: readonly (readonly [stage: string, text: string])[];
}

function fuseProgram(start: IndexProgram, options: CompileOptions): Fused {
  const { profile } = options;
  const whole = runIndexPasses(INDEX_PASSES, start, options);
  const index = splitReductions(shareSums(splitColumns(whole, profile, options), profile), profile, options);
  if (index !== whole) checkIndex(index, "split-reductions", options);
  const cut = cutCrossings(index, fuseStatements(index, profile), profile);
  const placed = materialize(cut.program, cut.groups, { alignRows: !profile.software });
  const stored = checkGrouped(placed, "materialize", options);
  const grouped = packTemporaries(stored, profile.limits.maxStorageBuffersPerShaderStage);
  return { index, grouped: grouped === stored ? stored : checkGrouped(grouped, "pack-temporaries", options) };
}

/** Every op stores its result and reads those of others; within that, the same passes. */
function groupApart(graph: Graph, options: CompileOptions): Fused {
  const { profile } = options;
  const apart = (program: IndexProgram): GroupedProgram =>
    checkGrouped(
      materialize(program, fuseStatements(program, profile, { fuse: false })),
      "materialize",
      options,
    );
  const built = startIndex(graph, options, { everyOp: true });
  const collapsed = collapseAxes(alignAxes(apart(built).program));
  const index = splitReductions(collapsed, profile, options);
  return { index: checkIndex(index, "split-reductions", options), grouped: apart(index) };
}

function checkGrouped(grouped: GroupedProgram, pass: string, options: CompileOptions): GroupedProgram {
  checkIndex(grouped.program, pass, options);
  return grouped;
}

/**
 * Compiles a graph for a device.
 *
 * @throws {TensorweftError} `too-large` when a kernel needs more of a tensor at once than the device binds
 */
export function compileGraph(source: Graph, options: CompileOptions): Compiled {
  options.dump?.("graph", printGraph(source));
  const graph = optimizeGraph(source, options);
  const { index, grouped } = options.fuse === false ? groupApart(graph, options) : fuseGraph(graph, options);
  const kernels = isolateGroups(grouped).map((alone) => compileGroup(alone, options));
  return { graph, index, grouped, kernels, plan: makePlan(source, grouped, kernels, options) };
}

/** The groups of a graph, without their kernels. */
export const groupGraph = (source: Graph, options: CompileOptions): GroupedProgram =>
  fuseGraph(optimizeGraph(source, options), options).grouped;

/** One kernel of a program, from its group alone. */
export function compileGroup(alone: IsolatedGroup, options: CompileOptions): CompiledKernel {
  const { program, group } = alone;
  const { profile } = options;
  const grouped = { program, groups: [group] };
  const viewWith = (options: ViewOptions): GroupView => viewGroup(grouped, group, options);
  const tuned = options.tuned === undefined ? undefined : findTuned(options.tuned, alone, viewWith, profile);
  const chosen = tuned ?? chooseSchedule(viewWith, profile);
  const schedule =
    options.schedule?.(chosen, group, {
      enumerate: () => enumerateSchedules(viewWith, profile),
      candidates: () => chooseCandidates(viewWith, profile),
    }) ?? chosen;
  if (options.check === true) {
    const problems = verifySchedule(viewWith({ pairing: schedule.pairing }), schedule, profile);
    if (problems.length > 0)
      throw new CompilerBug(`the schedule of ${group.name} is not legal`, problems, JSON.stringify(schedule));
  }
  const origin = schedule !== chosen ? "given" : tuned !== undefined ? "tuned" : "chosen";
  const kernel = checkKernel(lowerGroup(grouped, group, schedule, profile.limits), options);
  const choice = chooseDispatches(kernel, profile);
  if (choice.kind === "too-large") {
    // The parts of a kernel hang on its schedule: no record may be the reason that a program does not compile.
    if (origin === "tuned") return compileGroup(alone, { ...options, tuned: undefined });
    return failTooLarge(program, group, choice, profile);
  }
  const parts = choice.kind === "parts" ? choice.parts : undefined;
  const dispatched = parts === undefined ? kernel : checkKernel(splitKernel(kernel, parts), options);
  return { group, schedule, origin, kernel, parts, dispatched, emitted: emitWgsl(dispatched, profile) };
}

function checkKernel(kernel: Kernel, options: CompileOptions): Kernel {
  const problems = options.check === true ? verifyKernel(kernel) : [];
  if (problems.length > 0)
    throw new CompilerBug(`lowering of ${kernel.name} broke the kernel`, problems, JSON.stringify(kernel));
  return kernel;
}

function failTooLarge(
  { tensors, statements }: IndexProgram,
  group: FusionGroup,
  { binding, bytes }: { readonly binding: string; readonly bytes: number },
  { name, limits }: DeviceProfile,
): never {
  const tensor = tensors.find((t) => t.name === binding);
  const what = `${tensor?.role ?? "tensor"} "${binding}" ${tensor?.dtype ?? ""}[${(tensor?.shape ?? []).join(",")}]`;
  const most = limits.maxStorageBufferBindingSize;
  return fail(
    "too-large",
    `${what} has ${String(bytes)} bytes, all of which are needed at once, but kernels on ${name} reach at most ${String(most)} bytes of a tensor`,
    {
      span: statements.find((s) => group.statements.includes(s.name) && s.span !== undefined)?.span,
      help: "work on slices of it, or reduce over its last axes: rows that lie together can be taken in parts",
    },
  );
}
