/**
 * Compiles a function once for all sizes of its dynamic dimension, such as a batch.
 *
 * The function is compiled up to its groups at two sizes, both prime, so that nothing divides them or equals them by
 * chance. Where all but sizes is equal in both, the dimension is an axis of the grid and nothing else, and the kernels of
 * the first serve every size: the bound of that axis becomes a scalar of the dispatch, and bindings have the length of
 * their buffers. The text of each kernel is made at two sizes as well, the largest among them, and has to be the same.
 *
 * Ensures: a plan for every size between `least` and `most`, or why there is none. Never a wrong one: what depends on the
 *          size in any other way differs at the two sizes.
 */
import { emitWgsl } from "./codegen/wgsl/emit-wgsl.ts";
import { type CompileOptions, groupGraph } from "./compile.ts";
import { CompilerBug, TensorweftError } from "./diagnostics/diagnostic.ts";
import {
  compareGraphs,
  growthOf,
  paramGrowth,
  type Refusal,
  resultGrowth,
  type Sizes,
} from "./ir/compare-graphs.ts";
import { elementCount, storageBytes, type TensorType } from "./ir/dtype.ts";
import { type DynamicPlan, foldGrid, type StepGrowth } from "./ir/dynamic-plan.ts";
import type { Graph, Node } from "./ir/graph.ts";
import { viewGroup } from "./ir/group-view.ts";
import type { GroupedProgram } from "./ir/index-notation.ts";
import { LONGEST_DISPATCH_US, modelKernelTime } from "./ir/kernel-time.ts";
import type { Kernel } from "./ir/kernel.ts";
import type { DeviceLimits, DeviceProfile } from "./ir/profile.ts";
import { pointsAlong } from "./ir/schedule.ts";
import { verifyKernel } from "./ir/verify-kernel.ts";
import { lowerGroup, type OpenGroup } from "./lower/lower-group.ts";
import { type CompiledKernel, makePlan } from "./make-plan.ts";
import { compareGrouped, type OpenProgram, resizeProgram } from "./passes/index/compare-grouped.ts";
import { isolateGroups, type IsolatedGroup } from "./passes/index/isolate-groups.ts";
import { chooseSchedule } from "./schedule/choose-schedule.ts";
import { verifySchedule } from "./schedule/verify-schedule.ts";

/** Sizes that share a kernel: those of a range, compiled at two sizes that stand for them. */
export interface SizeClass {
  readonly least: number;
  readonly most: number;
  /** Prime, the largest first; smaller ones serve where tensors of the others would be too large. */
  readonly pairs: readonly Sizes[];
}

/** Few rows leave a device idle whatever the kernel; many are worth wider accesses. */
export const SIZE_CLASSES: readonly SizeClass[] = [
  {
    least: 1,
    most: 4095,
    pairs: [
      [1021, 1031],
      [127, 131],
      [29, 31],
    ],
  },
  {
    least: 4096,
    most: 2 ** 31 - 1,
    pairs: [
      [65521, 65537],
      [8209, 8219],
    ],
  },
];

/** Graphs of a function at two sizes that stand for a range of them, and differ in nothing but lengths. */
export interface StandIns {
  /** A graph at another size is of the same form, or what is compiled for these does not fit it. */
  readonly graphs: readonly [Graph, Graph];
  readonly sizes: Sizes;
  readonly least: number;
  readonly most: number;
}

/** Most elements of a tensor: indices are 32 bits wide, and kernels look a little beyond the end before they turn back. */
const MOST_ELEMENTS = 2 ** 31 - 1;
/** Coordinates are exact in f32 up to here, and some rewrites know. */
const MOST_COORDINATE = 2 ** 24;

/** Runs no pass. */
export function findStandIns(
  graphAt: (size: number) => Graph,
  { least, most, pairs }: SizeClass,
  { limits }: DeviceProfile,
): StandIns | Refusal {
  for (const [position, sizes] of pairs.entries()) {
    const graphs = tryGraphs(graphAt, sizes);
    if ("reason" in graphs && graphs.isTooLarge && position < pairs.length - 1) continue;
    if ("reason" in graphs) return graphs;
    const refusal = compareGraphs(graphs[0], graphs[1], sizes);
    if (refusal !== undefined) return refusal;
    const fitting = Math.min(most, largestSize(graphs, sizes, limits));
    if (fitting < least)
      return { reason: "tensors of that size need a kernel of their own", span: undefined };
    // Decisions are made for sizes that occur.
    if (fitting < sizes[0] && position < pairs.length - 1) continue;
    return { graphs, sizes, least, most: fitting };
  }
  throw new CompilerBug("a class of sizes has no pair that stands for it", []);
}

/** A plan for many sizes, and what it was made of. */
export interface SharedKernels {
  readonly plan: DynamicPlan;
  readonly kernels: readonly CompiledKernel[];
  readonly grouped: GroupedProgram;
}

type DynamicOptions = Pick<CompileOptions, "profile" | "check" | "sources">;

export function compileStandIns(standIns: StandIns, options: DynamicOptions): DynamicPlan | Refusal {
  const made = compileShared(standIns, options);
  return "reason" in made ? made : made.plan;
}

export function compileShared(
  { graphs, sizes, least, most }: StandIns,
  options: DynamicOptions,
): SharedKernels | Refusal {
  const made = compilePair(graphs, sizes, { least, most }, options);
  if ("reason" in made || made.plan.most >= least) return made;
  return { reason: "kernels of that size are dispatched in parts", span: undefined };
}

/** What a function refuses at a size that stands for others, it refuses for all of them. */
function tryGraphs(
  graphAt: (size: number) => Graph,
  sizes: Sizes,
): readonly [Graph, Graph] | (Refusal & { readonly isTooLarge: boolean }) {
  try {
    return [graphAt(sizes[0]), graphAt(sizes[1])];
  } catch (error) {
    const [first] = error instanceof TensorweftError ? error.diagnostics : [];
    if (first === undefined) throw error;
    const reason = `it is refused for a size of ${String(sizes[0])}: ${first.message}`;
    return { reason, span: first.span, isTooLarge: first.code === "too-large" };
  }
}

/** The most that inputs, results and coordinates along the dimension allow. */
function largestSize([a, b]: readonly [Graph, Graph], sizes: Sizes, limits: DeviceLimits): number {
  let largest = MOST_ELEMENTS;
  const results = new Set(a.results.map(({ node }) => node));
  for (const [id, node] of a.nodes.entries()) {
    const other = b.nodes[id]?.type;
    if (other === undefined) continue;
    if (node.op === "param" || results.has(id))
      largest = Math.min(largest, largestTensor(node.type, other, sizes, limits));
    if (node.op === "iota") largest = Math.min(largest, largestCoordinate(node, other, sizes));
  }
  return largest;
}

function largestTensor(a: TensorType, b: TensorType, sizes: Sizes, limits: DeviceLimits): number {
  const growth = growthOf(elementCount(a.shape), elementCount(b.shape), sizes) ?? 0;
  return growth === 0 ? MOST_ELEMENTS : largestBy(growth, storageBytes(a.dtype), limits);
}

function largestBy(growth: number, bytes: number, limits: DeviceLimits): number {
  const room = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) - 16; // bindings are padded
  return Math.floor(Math.min(MOST_ELEMENTS / 2 / growth, room / (growth * bytes)));
}

function largestCoordinate(node: Node & { op: "iota" }, other: TensorType, sizes: Sizes): number {
  const growth = growthOf(node.type.shape[node.axis] ?? 1, other.shape[node.axis] ?? 1, sizes) ?? 0;
  return growth === 0 ? MOST_ELEMENTS : Math.floor(MOST_COORDINATE / growth);
}

function compilePair(
  graphs: readonly [Graph, Graph],
  sizes: Sizes,
  range: { readonly least: number; readonly most: number },
  options: DynamicOptions,
): SharedKernels | Refusal {
  const { profile } = options;
  const grouped = groupGraph(graphs[0], options);
  const open = compareGrouped(grouped, groupGraph(graphs[1], options), sizes);
  if ("reason" in open) return open;
  let most = range.most;
  for (const { name, dtype } of grouped.program.tensors)
    most = Math.min(most, largestBy(open.tensors.get(name) ?? 0, storageBytes(dtype), profile.limits));
  if (most < range.least) return { reason: "a temporary would be too large", span: undefined };
  const largest = isolateGroups(resizeProgram(grouped, open, most));
  const kernels: CompiledKernel[] = [];
  for (const [position, alone] of isolateGroups(resizeProgram(grouped, open, sizes[0])).entries()) {
    const made = compileOpen([alone, largest[position] ?? alone], open, options);
    if ("reason" in made) return made;
    kernels.push(made.compiled);
    most = Math.min(most, Math.floor(most * made.share));
  }
  const plan = makePlan(graphs[0], grouped, kernels, options);
  const parts = { graphs, sizes, grouped, open, kernels };
  return { plan: describeGrowth(parts, { ...range, most }, plan, profile), kernels, grouped };
}

interface OpenKernel {
  readonly compiled: CompiledKernel;
  /** Of the largest size, what one dispatch may take. */
  readonly share: number;
}

/** A kernel whose text is the same at both sizes of its group, the second the largest. */
function compileOpen(
  [alone, largest]: readonly [IsolatedGroup, IsolatedGroup],
  { axisOf, tensors }: OpenProgram,
  { profile, check }: Pick<CompileOptions, "profile" | "check" | "sources">,
): OpenKernel | Refusal {
  const { group } = alone;
  const axis = axisOf.get(group.name);
  const openGroup: OpenGroup = { axis, tensors: new Set(tensors.keys()) };
  const groupedOf = ({ program }: IsolatedGroup): GroupedProgram => ({ program, groups: [group] });
  const schedule = chooseSchedule((view) => viewGroup(groupedOf(alone), group, view), profile);
  const [kernel, whole] = [alone, largest].map((one): Kernel => {
    const made = lowerGroup(groupedOf(one), group, schedule, profile.limits, openGroup);
    const problems = check === true ? verifyKernel(made) : [];
    if (problems.length > 0)
      throw new CompilerBug(`lowering of ${made.name} for many sizes broke the kernel`, problems);
    return made;
  }) as [Kernel, Kernel];
  const view = viewGroup(groupedOf(largest), group, { pairing: schedule.pairing });
  const emitted = emitWgsl(kernel, profile);
  const span = alone.program.statements[0]?.span;
  if (emitted.wgsl !== emitWgsl(whole, profile).wgsl || verifySchedule(view, schedule, profile).length > 0)
    return { reason: `kernel ${group.name} depends on the dynamic size`, span };
  const us = profile.software ? modelKernelTime(whole, profile) : 0;
  const compiled: CompiledKernel = {
    group,
    schedule,
    origin: "chosen",
    kernel,
    parts: undefined,
    dispatched: kernel,
    emitted,
  };
  return { compiled, share: us > LONGEST_DISPATCH_US && axis !== undefined ? LONGEST_DISPATCH_US / us : 1 };
}

interface Parts {
  readonly graphs: readonly [Graph, Graph];
  readonly sizes: Sizes;
  readonly grouped: GroupedProgram;
  readonly open: OpenProgram;
  readonly kernels: readonly CompiledKernel[];
}

function describeGrowth(
  { graphs: [a, b], sizes, grouped, open, kernels }: Parts,
  range: { readonly least: number; readonly most: number },
  plan: DynamicPlan["plan"],
  { limits }: DeviceProfile,
): DynamicPlan {
  const mostWorkgroups = limits.maxComputeWorkgroupsPerDimension;
  const { tensors } = grouped.program;
  const bytesOf = (name: string): number => {
    const dtype = tensors.find((t) => t.name === name)?.dtype ?? "f32";
    return (open.tensors.get(name) ?? 0) * storageBytes(dtype);
  };
  const bindings: (readonly number[])[] = plan.kernels.map(() => []);
  const steps = kernels.map((compiled, position): StepGrowth | null => {
    const step = plan.steps[position];
    if (step?.kind !== "dispatch") throw new CompilerBug("a kernel has no step of its own", []);
    bindings[step.kernel] = compiled.kernel.bindings.map(({ name }) => bytesOf(name));
    return growthOfStep(compiled, open, sizes[0]);
  });
  const fits = (size: number): boolean =>
    steps.every(
      (step) =>
        step === null ||
        foldGrid(Math.ceil((step.steps * size) / step.perWorkgroup) * step.others, mostWorkgroups)[1] <=
          mostWorkgroups,
    );
  return {
    plan,
    least: range.least,
    most: fits(range.most) ? range.most : range.least - 1,
    inputs: paramGrowth(a, b, sizes),
    outputs: resultGrowth(a, b, sizes),
    temporaries: tensors.map(({ name }) => bytesOf(name)),
    bindings,
    steps,
    mostWorkgroups,
  };
}

function growthOfStep(
  { group, schedule, kernel }: CompiledKernel,
  open: OpenProgram,
  size: number,
): StepGrowth | null {
  const axis = open.axisOf.get(group.name);
  if (axis === undefined) return null;
  const width = axis === schedule.vectorAxis ? schedule.vectorWidth : 1;
  const steps = (open.axes.get(axis) ?? 0) / width;
  const perWorkgroup = pointsAlong(schedule, axis);
  return { steps, perWorkgroup, others: kernel.workgroupCount / Math.ceil((steps * size) / perWorkgroup) };
}
