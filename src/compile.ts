/**
 * The pipeline, joined: graph -> graph passes -> index notation -> index passes -> groups -> schedule -> kernel -> WGSL -> plan.
 * Nothing here decides; each line of the lists below says why it stands where it stands.
 */
import { emitWgsl, type EmittedWgsl } from "./codegen/wgsl/emit-wgsl.ts";
import { CompilerBug } from "./diagnostics/diagnostic.ts";
import { elementCount, storageBytes } from "./ir/dtype.ts";
import type { Graph, ScalarNode } from "./ir/graph.ts";
import { viewGroup } from "./ir/group-view.ts";
import type { FusionGroup, GroupedProgram, IndexProgram } from "./ir/index-notation.ts";
import type { Kernel } from "./ir/kernel.ts";
import { bufferBytes, type Plan, type PlanBuffer, type PlanKernel, type PlanStep } from "./ir/plan.ts";
import { printGraph } from "./ir/print-graph.ts";
import { printIndexProgram } from "./ir/print-index.ts";
import type { DeviceProfile } from "./ir/profile.ts";
import { runPasses, runToFixpoint, type GraphPass } from "./ir/run-pass.ts";
import type { KernelSchedule } from "./ir/schedule.ts";
import { verifyIndexProgram } from "./ir/verify-index.ts";
import { verifyKernel } from "./ir/verify-kernel.ts";
import { lowerGroup } from "./lower/lower-group.ts";
import { canonicalize } from "./passes/graph/canonicalize.ts";
import { cse } from "./passes/graph/cse.ts";
import { dce } from "./passes/graph/dce.ts";
import { foldConstants } from "./passes/graph/fold-constants.ts";
import { nestConcats } from "./passes/graph/nest-concats.ts";
import { simplify } from "./passes/graph/simplify.ts";
import { alignAxes } from "./passes/index/align-axes.ts";
import { buildIndexNotation } from "./passes/index/build-index-notation.ts";
import { collapseAxes } from "./passes/index/collapse-axes.ts";
import { fuseStatements } from "./passes/index/fuse-statements.ts";
import { inlineReads } from "./passes/index/inline-reads.ts";
import { isolateGroups, type IsolatedGroup } from "./passes/index/isolate-groups.ts";
import { materialize } from "./passes/index/materialize.ts";
import { splitColumns } from "./passes/index/split-columns.ts";
import { splitReductions } from "./passes/index/split-reductions.ts";
import { chooseSchedule } from "./schedule/choose-schedule.ts";

export interface CompileOptions {
  readonly profile: DeviceProfile;
  /** Verify every artefact after every pass; always on in tests. */
  readonly check?: boolean | undefined;
  /** Called with each artefact's text after each pass that changed it. */
  readonly dump?: ((stage: string, text: string) => void) | undefined;
  /** false: one kernel per statement, to compare with. */
  readonly fuse?: boolean | undefined;
  /** Reductions are cut into pieces no shorter than this. */
  readonly shortestPiece?: number | undefined;
  /** Sums over rows are carried along by workgroups while their partial results stay within this share of the traffic. */
  readonly partialShare?: number | undefined;
  /** Overrides the chosen schedule of a group. */
  readonly schedule?: ((chosen: KernelSchedule, group: FusionGroup) => KernelSchedule) | undefined;
}

export interface CompiledKernel {
  readonly group: FusionGroup;
  readonly schedule: KernelSchedule;
  readonly kernel: Kernel;
  readonly emitted: EmittedWgsl;
}

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
  readonly run: (program: IndexProgram) => IndexProgram;
}
const INDEX_PASSES: readonly IndexPass[] = [
  { name: "align-axes", run: alignAxes }, // first: every later pass asks which axes are the same
  { name: "inline-reads", run: inlineReads }, // needs aligned axes to tell which reads are not by name
  { name: "align-axes", run: alignAxes }, // again: what was cloned reads tensors over axes that may be the same, too
  { name: "collapse-axes", run: collapseAxes }, // last: reads inlined above may be the ones that kept axes apart
];

export function optimizeGraph(graph: Graph, options: Pick<CompileOptions, "check" | "dump"> = {}): Graph {
  return runPasses(FINAL_PASSES, runToFixpoint(SIMPLIFY_PASSES, graph, options), options);
}

function checkIndex(program: IndexProgram, name: string, options: CompileOptions): IndexProgram {
  const problems = options.check === true ? verifyIndexProgram(program) : [];
  if (problems.length > 0)
    throw new CompilerBug(`pass "${name}" broke index notation`, problems, printIndexProgram(program));
  options.dump?.(name, printIndexProgram(program));
  return program;
}

export function lowerToIndex(graph: Graph, options: CompileOptions): IndexProgram {
  const built = checkIndex(buildIndexNotation(graph), "build-index-notation", options);
  return INDEX_PASSES.reduce((program, pass) => {
    const next = pass.run(program);
    return next === program ? program : checkIndex(next, pass.name, options);
  }, built);
}

/**
 * Compiles a graph for a device.
 *
 * @throws {TensorweftError} `too-large` when a tensor does not fit the device's bindings
 */
export function compileGraph(source: Graph, options: CompileOptions): Compiled {
  const { profile } = options;
  options.dump?.("graph", printGraph(source));
  const graph = optimizeGraph(source, options);
  const whole = lowerToIndex(graph, options);
  const index =
    options.fuse === false ? whole : splitReductions(splitColumns(whole, profile, options), profile, options);
  if (index !== whole) checkIndex(index, "split-reductions", options);
  const groups = fuseStatements(index, profile, { fuse: options.fuse ?? true });
  const grouped = materialize(index, groups);
  checkIndex(grouped.program, "materialize", options);
  const kernels = isolateGroups(grouped).map((alone) => compileGroup(alone, options));
  return { graph, index, grouped, kernels, plan: makePlan(source, grouped, kernels) };
}

function compileGroup({ program, group }: IsolatedGroup, options: CompileOptions): CompiledKernel {
  const { profile } = options;
  const grouped = { program, groups: [group] };
  const chosen = chooseSchedule((options) => viewGroup(grouped, group, options), profile);
  const schedule = options.schedule?.(chosen, group) ?? chosen;
  const kernel = lowerGroup(grouped, group, schedule, profile.limits);
  if (options.check === true) {
    const problems = verifyKernel(kernel);
    if (problems.length > 0)
      throw new CompilerBug(`lowering of ${group.name} broke the kernel`, problems, JSON.stringify(kernel));
  }
  return { group, schedule, kernel, emitted: emitWgsl(kernel, profile) };
}

/** Equal kernel texts are kept once; temporaries get a buffer each (the runtime's pool reuses them between calls). */
function makePlan(source: Graph, grouped: GroupedProgram, compiled: readonly CompiledKernel[]): Plan {
  const { program } = grouped;
  const buffers: PlanBuffer[] = [];
  const bufferOf = new Map<string, number>();
  const scalars = source.nodes.filter((n): n is ScalarNode => n.op === "scalar");
  // Kernels name scalars as index notation does, in the same order; the plan names them as the caller does.
  const scalarNames = new Map(program.scalars.map((s, i) => [s.name, scalars[i]?.name ?? s.name]));
  const counts = { input: 0, output: 0 };
  for (const tensor of program.tensors) {
    bufferOf.set(tensor.name, buffers.length);
    if (tensor.role === "temporary") {
      buffers.push({
        kind: "temporary",
        bytes: bufferBytes(elementCount(tensor.shape), storageBytes(tensor.dtype)),
      });
    } else buffers.push({ kind: tensor.role, index: counts[tensor.role]++ });
  }
  const kernels: PlanKernel[] = [];
  const known = new Map<string, number>();
  const steps = compiled.map(({ kernel, emitted }): PlanStep => {
    let position = known.get(emitted.wgsl);
    if (position === undefined) {
      position = kernels.length;
      known.set(emitted.wgsl, position);
      kernels.push({
        name: kernel.name,
        wgsl: emitted.wgsl,
        entryPoint: emitted.entryPoint,
        bindings: kernel.bindings.map((b) => ({
          access: b.access,
          bytes: bufferBytes(b.elements, storageBytes(b.dtype)),
        })),
        scalars: kernel.scalars.map(({ name, dtype }) => ({ name: scalarNames.get(name) ?? name, dtype })),
        features: emitted.features,
      });
    }
    const bound = kernel.bindings.map((b) => {
      const buffer = bufferOf.get(b.name);
      if (buffer === undefined) throw new CompilerBug("plan", [`no buffer for ${b.name}`]);
      return buffer;
    });
    return { kind: "dispatch", kernel: position, buffers: bound, workgroups: kernel.workgroups };
  });
  return {
    version: 1,
    name: source.name,
    inputs: source.nodes.flatMap((n) => (n.op === "param" ? [{ name: n.name, ...n.type }] : [])),
    scalars: program.scalars.map((s) => ({ ...s, name: scalarNames.get(s.name) ?? s.name })),
    outputs: source.results.map((r) => ({
      name: r.name,
      ...(source.nodes[r.node]?.type ?? { dtype: "f32", shape: [] }),
    })),
    buffers,
    kernels,
    steps,
  };
}
